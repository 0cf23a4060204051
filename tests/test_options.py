"""The checks that every layer makes of its options."""

from __future__ import annotations

import pytest

from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.options import is_finite_number


@pytest.mark.parametrize("option", ["clock", "app"])
def test_a_callable_option_is_accepted(option: str) -> None:
    check_callables(**{option: print})


def test_an_option_that_is_not_set_is_accepted_and_app_must_be_set() -> None:
    check_callables(clock=None)
    with pytest.raises(ValueError, match=r"^app=None: write a callable$"):
        check_callables(app=None)


@pytest.mark.parametrize("value", [7, "print", False, 0, ()], ids=repr)
def test_the_first_option_that_is_not_callable_is_a_value_error(value: object) -> None:
    with pytest.raises(ValueError, match=r"^clock=.*: write a callable$"):
        check_callables(exempt=print, clock=value, on_decision=value)


@pytest.mark.parametrize("value", [0, -1, 1.5, 10**400, 5e-324], ids=lambda value: str(value)[:8])
def test_an_int_or_a_finite_float_is_a_finite_number(value: object) -> None:
    assert is_finite_number(value)


@pytest.mark.parametrize("value", [True, "5", None, float("nan"), float("inf"), [1]], ids=repr)
def test_anything_else_is_not_a_finite_number(value: object) -> None:
    assert not is_finite_number(value)
