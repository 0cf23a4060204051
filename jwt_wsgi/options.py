"""Checks for constructor options: invalid configuration is a `ValueError` at construction."""


def is_finite_number(value: object) -> bool:
    """Return True if `value` is a finite int or float; a bool is not a number."""
    return type(value) in (int, float) and abs(value) < float("inf")  # type: ignore[arg-type]
