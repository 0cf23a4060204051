"""Checks for constructor options: invalid configuration is a `ValueError` at construction."""


def must(holds: bool, otherwise: str) -> None:
    """Raise `ValueError` with the text `otherwise` unless `holds`."""
    if not holds:
        raise ValueError(otherwise)


def is_finite_number(value: object) -> bool:
    """Return True if `value` is a finite int or float; a bool is not a number."""
    return type(value) in (int, float) and abs(value) < float("inf")  # type: ignore[arg-type]
