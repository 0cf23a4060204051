"""Which test proves which line of conformance.toml; run as a program, it writes docs/conformance.md.

`python tests/conformance.py` runs the marked tests and fails where an applicable line has no test,
or one that does not pass. Marks are read from the text of the test files, so the page can be
checked without a run of the suite.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parent
CHECKOUT = TESTS.parent
PAGE = CHECKOUT / "docs" / "conformance.md"

HEAD = """# Conformance

This page lists what the standards require of a resource server, and the tests that prove each requirement. \
The requirements are the lines of `tests/conformance.toml`. \
`make conformance` runs the tests and writes this page. `make test` checks that the page is current.

| id | section | requirement | tests | result |
| --- | --- | --- | --- | --- |
"""


class Line(NamedTuple):
    """One requirement; `reason` says why it does not apply, where `applies` is false."""

    id: int
    source: str
    section: str
    text: str
    applies: bool = True
    reason: str = ""


def lines(file: Path = TESTS / "conformance.toml") -> list[Line]:
    """The requirements, in the order of the file."""
    return [Line(**entry) for entry in tomllib.loads(file.read_text("utf-8"))["line"]]


def marked(tests: Path = TESTS) -> dict[int, list[str]]:
    """The tests that name each id, `file::function`, in the order of their files."""
    proofs: dict[int, list[str]] = {}
    for file in sorted(tests.glob("test_*.py")):
        for function in ast.parse(file.read_text("utf-8")).body:
            if isinstance(function, ast.FunctionDef):
                for number in _named(function):
                    proofs.setdefault(number, []).append(f"{file.name}::{function.name}")
    return proofs


def _named(function: ast.FunctionDef) -> Iterator[int]:
    for decorator in function.decorator_list:
        if (
            isinstance(decorator, ast.Call)
            and ast.unparse(decorator.func) == "pytest.mark.conforms"
        ):
            yield from (ast.literal_eval(argument) for argument in decorator.args)


def page(
    requirements: Sequence[Line], proofs: Mapping[int, Sequence[str]], passed: Set[str]
) -> str:
    """The page: one row a line, with no date and no duration, so that it changes only with what it says."""
    rows = []
    for line in requirements:
        tests, result = proofs.get(line.id, ()), line.reason
        if line.applies:
            result = "passed" if tests and passed >= set(tests) else "failed"
        section = f"{line.source} §{line.section}" if line.section else line.source
        named = "<br>".join(f"`{test}`" for test in tests) or "–"
        rows.append(f"| {line.id} | {section} | {line.text} | {named} | {result} |\n")
    return HEAD + "".join(rows)


def lacking(
    requirements: Sequence[Line], proofs: Mapping[int, Sequence[str]], passed: Set[str]
) -> list[str]:
    """What is wrong, a sentence each: a line without a test, a test that did not pass, an id of nothing."""
    known = {line.id for line in requirements}
    wrong = [
        f"{number} is no line: {', '.join(tests)}"
        for number, tests in proofs.items()
        if number not in known
    ]
    for line in requirements:
        tests = proofs.get(line.id, ())
        if line.applies and not tests:
            wrong.append(f"line {line.id} has no test: {line.text}")
        wrong += [f"line {line.id}: {test} did not pass" for test in tests if test not in passed]
    return wrong


class Results:
    """A pytest plugin: of the marked tests, those that ran and passed in every row."""

    def __init__(self) -> None:
        self._passed: set[str] = set()
        self._not_passed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = report.nodeid.partition("[")[0].rpartition("/")[2]
        if not report.passed:
            self._not_passed.add(test)
        elif report.when == "call":
            self._passed.add(test)

    @property
    def passed(self) -> set[str]:
        return self._passed - self._not_passed


def main() -> int:
    """Run the marked tests, write the page, say what is lacking; the exit status."""
    results = Results()
    status = pytest.main(
        ["-q", "-m", "conforms", f"--rootdir={CHECKOUT}", str(TESTS)], plugins=[results]
    )
    requirements, proofs = lines(), marked()
    PAGE.write_text(page(requirements, proofs, results.passed), encoding="utf-8")
    wrong = lacking(requirements, proofs, results.passed)
    print(
        "\n".join(wrong)
        or f"{PAGE.relative_to(CHECKOUT)} is written; every applicable line is proven"
    )
    return 1 if wrong or status else 0


if __name__ == "__main__":
    sys.exit(main())
