"""Names of tests: short, and every number in one refers to a list in the repository."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import conformance

TESTS = Path(__file__).resolve().parent
FILES = sorted(TESTS.glob("test_*.py"))
MAX_CHARACTERS = 80
#: The files whose numbers are clauses of tests/path_rule.toml; elsewhere they are lines of conformance.toml.
ABOUT_PATHS = ("test_paths.py", "test_patterns.py", "test_policy.py")


def clauses() -> dict[int, str]:
    read = tomllib.loads((TESTS / "path_rule.toml").read_text("utf-8"))
    return {clause["id"]: clause["text"] for clause in read["clause"]}


def names(file: Path) -> list[str]:
    tree = ast.parse(file.read_text("utf-8"))
    functions = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [name for name in functions if name.startswith("test_")]


def numbered(file: Path) -> dict[str, int]:
    """Return the tests of a file that begin with a number."""
    found = {name: re.match(r"test_(\d+)_", name) for name in names(file)}
    return {name: int(match[1]) for name, match in found.items() if match is not None}


def test_names_have_at_most_80_characters() -> None:
    long = [f"{file.name}::{name}" for file in FILES for name in names(file)]
    assert [name for name in long if len(name.partition("::")[2]) > MAX_CHARACTERS] == []


def test_no_file_defines_a_name_twice() -> None:
    for file in FILES:
        body = ast.parse(file.read_text("utf-8")).body
        top = [node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        assert sorted(top) == sorted(set(top)), file.name


def test_a_number_in_a_name_is_a_clause_of_the_path_rule_or_a_line_that_is_marked() -> None:
    marked = {(test, number) for number, tests in conformance.marked().items() for test in tests}
    for file in FILES:
        for name, number in numbered(file).items():
            if file.name in ABOUT_PATHS:
                assert number in clauses(), name
            else:
                assert (f"{file.name}::{name}", number) in marked, name


def test_every_clause_of_the_path_rule_has_a_test_or_a_row() -> None:
    said: set[int] = set()
    for name in ABOUT_PATHS:
        said.update(numbered(TESTS / name).values())
        text = (TESTS / name).read_text("utf-8")
        said.update(int(number) for number in re.findall(r'(?:id=|\()"(\d) \w', text))
    assert sorted(said) == sorted(clauses()) == list(range(1, 10))
