"""How wrong configuration fails: at construction, with a `ValueError` that says what to write."""


def must(holds: bool, otherwise: str) -> None:
    """Raises `ValueError` with the text `otherwise` unless `holds`."""
    if not holds:
        raise ValueError(otherwise)


def is_finite_number(value: object) -> bool:
    """Whether it is a finite int or float, and no bool."""
    return type(value) in (int, float) and abs(value) < float("inf")  # type: ignore[arg-type]
