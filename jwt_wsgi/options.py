"""How wrong configuration fails: at construction, with a `ValueError` that says what to write."""


def must(holds: bool, otherwise: str) -> None:
    """Raises `ValueError` with the text `otherwise` unless `holds`."""
    if not holds:
        raise ValueError(otherwise)


def check_callables(**options: object) -> None:
    """Raises `ValueError` for the first option that is neither None nor callable; `app` must be."""
    for option, value in options.items():
        must(
            callable(value) or (value is None and option != "app"),
            f"{option}={value!r}: write a callable",
        )


def is_finite_number(value: object) -> bool:
    """Whether it is a finite int or float, and no bool."""
    return type(value) in (int, float) and abs(value) < float("inf")  # type: ignore[arg-type]
