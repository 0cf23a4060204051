"""The package keeps the plain rules of style; `make style` counts the others beside their aims."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import style
from style import Module, Place

PACKAGE = style.modules()
Habit = Callable[[Module], Iterator[Place]]


def texts(habit: Habit, source: str) -> list[str]:
    return [place.text for place in habit(Module(source))]


@pytest.mark.parametrize(
    "habit",
    [
        style.questioning_docstrings,
        style.nested_conditional_expressions,
        style.boolean_arithmetic,
        style.repeated_by_a_condition,
    ],
    ids=lambda habit: habit.__name__.replace("_", " "),
)
def test_the_package_is_free_of(habit: Habit) -> None:
    assert [str(place) for module in PACKAGE for place in habit(module)] == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        pytest.param("a, b = 1, 2", 1, id="two values"),
        pytest.param("self.a, self.b = a, b", 1, id="two attributes"),
        pytest.param("a, b = b, a", 0, id="a swap"),
        pytest.param("a, b = pair()", 0, id="one value taken apart"),
        pytest.param("a = 1, 2", 0, id="a tuple as a value"),
    ],
)
def test_tuple_assignments_are_counted(source: str, count: int) -> None:
    assert len(texts(style.tuple_assignments, source)) == count


def test_nested_conditional_expressions_are_counted_once_each() -> None:
    source = "x = 1 if a else 2 if b else 3\ny = 1 if a else 2\nz = f(1 if a else (2 if b else 3))"
    assert len(texts(style.conditional_expressions, source)) == 5
    assert texts(style.nested_conditional_expressions, source) == [
        "1 if a else 2 if b else 3",
        "1 if a else (2 if b else 3)",
    ]


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("n + (a > b)", id="a comparison in a sum"),
        pytest.param("n - (not a)", id="a negation in a difference"),
        pytest.param("n += isinstance(a, str)", id="added in place"),
        pytest.param("n < (a == b)", id="compared by size"),
        pytest.param("def f(flag: bool): return limit - flag", id="an argument that is a bool"),
        pytest.param(
            "class C:\n    flag: bool\n    def f(self): return 1 + self.flag", id="a field"
        ),
        pytest.param("n * True", id="a constant"),
    ],
)
def test_arithmetic_with_a_condition_is_found(source: str) -> None:
    assert len(texts(style.boolean_arithmetic, source)) == 1


@pytest.mark.parametrize(
    "source",
    ["n + 1", "a > b > c", "a == (b > c)", "sum(a > b for a in c)", "a & (b > c)", "x < y"],
)
def test_other_expressions_are_no_arithmetic_with_conditions(source: str) -> None:
    assert texts(style.boolean_arithmetic, source) == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        pytest.param("['{$}'] * (a is None)", 1, id="a list"),
        pytest.param("'s' * (n != 1)", 1, id="a string"),
        pytest.param("f'{x}' * bool(a)", 1, id="a formatted string"),
        pytest.param("'=' * (-len(text) % 4)", 0, id="a number of times"),
    ],
)
def test_sequences_times_a_condition_are_found(source: str, count: int) -> None:
    assert len(texts(style.repeated_by_a_condition, source)) == count


def test_docstrings_that_begin_with_a_question_word_are_found() -> None:
    source = '"""Whatever."""\ndef f():\n    """Whether."""\nclass C:\n    """What it is.\n\n    More."""'
    assert texts(style.docstrings, source) == ["Whatever.", "Whether.", "What it is."]
    assert texts(style.questioning_docstrings, source) == ["Whether.", "What it is."]


def test_lines_of_code_are_neither_blank_nor_comment_nor_docstring() -> None:
    source = '"""Two\nlines."""\n\n# A comment.\nx = """one\ntwo"""\n\ndef f():\n    "Doc."\n    return 1\n'
    assert style.lines_of_code(Module(source)) == 4
    assert list(style.function_lengths(Module(source))) == [2]


def test_only_comments_switch_the_type_checker_off() -> None:
    source = "x = 1  # type: ignore[assignment]\ny = '# type: ignore'\n"
    assert len(texts(style.type_ignores, source)) == 1


def test_the_command_prints_every_count_beside_its_aim() -> None:
    command = (sys.executable, style.__file__)
    printed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    for name in (*style.PER_THOUSAND, *style.NONE_AT_ALL):
        assert name in printed
