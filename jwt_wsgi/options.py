"""Checks for constructor options: invalid configuration is a `ValueError` at construction."""


def must(holds: bool, otherwise: str) -> None:
    """Raise `ValueError` with the text `otherwise` unless `holds`."""
    if not holds:
        raise ValueError(otherwise)


def check_callables(**options: object) -> None:
    """Raise `ValueError` for the first option that is not a callable.

    None stands for an option that is not set, except for `app`, which is required.
    """
    for option, value in options.items():
        is_unset = value is None and option != "app"
        if not is_unset and not callable(value):
            raise ValueError(f"{option}={value!r}: write a callable")


def is_finite_number(value: object) -> bool:
    """Return whether `value` is a finite int or float; a bool is not a number."""
    return type(value) in (int, float) and abs(value) < float("inf")  # type: ignore[arg-type]


#: The former name, until every module uses the new one.
is_number = is_finite_number
