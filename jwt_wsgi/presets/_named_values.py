"""Predicates for claims whose value must be one out of several."""

from collections.abc import Callable, Iterable


def names_of(option: str, names: str | Iterable[str], remedy: str) -> tuple[str, ...]:
    """Return the names that an option holds, which is one name or several.

    Args:
        option: The name of the option that the error names.
        names: The value of the option.
        remedy: The end of the error's text.

    Raises:
        ValueError: There is no name, or one is empty or not a string.
    """
    all_names: tuple[str, ...] = ()
    if isinstance(names, str):
        all_names = (names,)
    elif isinstance(names, Iterable):
        all_names = tuple(names)
    if not all_names or not all(isinstance(name, str) and name for name in all_names):
        raise ValueError(f"{option}={names!r}: {remedy}")
    return all_names


def is_one_of(names: Iterable[str]) -> Callable[[object], bool]:
    """Return the predicate that accepts exactly these strings."""
    allowed = frozenset(names)
    return lambda value: isinstance(value, str) and value in allowed


def is_one_of_ignoring_case(names: Iterable[str]) -> Callable[[object], bool]:
    """Return the predicate that accepts these strings in any case."""
    allowed = frozenset(name.lower() for name in names)
    return lambda value: isinstance(value, str) and value.isascii() and value.lower() in allowed
