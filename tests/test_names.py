"""Names of tests: short, unique, and every number in one is a line of tests/conformance.toml."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import conformance

TESTS = Path(__file__).resolve().parent
FILES = sorted(TESTS.glob("test_*.py"))
MAX_CHARACTERS = 80


def names(file: Path) -> list[str]:
    """Return the names of the tests of a file."""
    tree = ast.parse(file.read_text("utf-8"))
    functions = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [name for name in functions if name.startswith("test_")]


def test_names_have_at_most_80_characters() -> None:
    long = [
        f"{file.name}::{name}"
        for file in FILES
        for name in names(file)
        if len(name) > MAX_CHARACTERS
    ]
    assert long == []


def test_no_file_defines_a_name_twice() -> None:
    for file in FILES:
        body = ast.parse(file.read_text("utf-8")).body
        top = [node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        assert sorted(top) == sorted(set(top)), file.name


def test_a_number_in_a_name_is_a_line_of_the_standards_that_the_test_is_marked_with() -> None:
    marked = {(test, number) for number, tests in conformance.marked().items() for test in tests}
    for file in FILES:
        for name in names(file):
            match = re.match(r"test_(\d+)_", name)
            if match is not None:
                assert (f"{file.name}::{name}", int(match[1])) in marked, name
