"""The mutants fit the code, and the tests that must kill them exist; `make mutants` runs them."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from mutants import run
from mutants.run import CHECKOUT, Mutant

MUTANTS = run.mutants()


@cache
def text(file: str) -> str:
    return (CHECKOUT / file).read_text("utf-8")


@cache
def functions_in(file: str) -> frozenset[str]:
    return frozenset(
        node.name for node in ast.walk(ast.parse(text(file))) if isinstance(node, ast.FunctionDef)
    )


def problem(mutant: Mutant) -> str | None:
    """Return why a mutant cannot be judged, or None."""
    source = text(mutant.file)
    if source.count(mutant.replace) != 1:
        return f"its text stands {source.count(mutant.replace)} times in {mutant.file}"
    # The tree and not the text is compared, since a comment or a space is no mistake.
    if ast.dump(ast.parse(mutant.applied(source) or "")) == ast.dump(ast.parse(source)):
        return "it changes nothing"
    file, _, test = mutant.killed_by.partition("::")
    name, _, row = test.partition("[")
    if name not in functions_in(file) or row.removesuffix("]") not in text(file):
        return f"there is no test {mutant.killed_by}"
    return None


def test_no_two_mutants_are_the_same() -> None:
    changes = Counter((mutant.file, mutant.replace, mutant.by) for mutant in MUTANTS)
    assert set(changes.values()) == {1}


def test_every_mutant_fits_the_code_and_names_an_existing_test() -> None:
    problems = {mutant.name: problem(mutant) for mutant in MUTANTS}
    assert {name: said for name, said in problems.items() if said} == {}


def test_every_mistake_is_a_sentence_about_the_package() -> None:
    for mutant in MUTANTS:
        assert mutant.file.startswith("jwt_wsgi/"), mutant.name
        assert mutant.mistake.endswith("."), mutant.name


MODULE = "def is_more(one: int, other: int) -> bool:\n    return one > other\n"
TESTS = """
from sample import is_more

def test_more():
    assert is_more(2, 1)

def test_the_same_is_not_more():
    assert not is_more(1, 1)
"""


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A checkout of one module and its tests."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "sample.py").write_text(MODULE)
    (checkout / "test_sample.py").write_text(TESTS)
    return checkout


def of_the_sample(replace: str, by: str, test: str) -> Mutant:
    return Mutant("sample", "sample.py", "A mistake.", replace, by, f"test_sample.py::{test}")


@pytest.mark.slow
def test_only_a_failing_test_kills(sample: Path) -> None:
    same = of_the_sample("one >", "one >=", "test_the_same_is_not_more")
    expected = [
        (same, run.KILLED),
        (same._replace(killed_by="test_sample.py::test_more"), "SURVIVED"),
        (of_the_sample("one >", "two >", "test_more"), run.KILLED),
        (of_the_sample("is_more", "is_less", "test_more"), "NOT RUN (pytest: 4)"),
        (of_the_sample("one", "two", "test_more"), "NOT APPLICABLE"),
        (of_the_sample("three", "two", "test_more"), "NOT APPLICABLE"),
    ]
    assert list(run.verdicts([mutant for mutant, _ in expected], sample)) == expected
    assert (sample / "sample.py").read_text() == MODULE


@pytest.mark.slow
def test_a_test_that_fails_anyway_kills_nothing(sample: Path) -> None:
    (sample / "test_sample.py").write_text("def test_more():\n    assert False\n")
    with pytest.raises(SystemExit, match="do not pass without a mutant"):
        list(run.verdicts([of_the_sample("one >", "one >=", "test_more")], sample))


def test_an_unknown_name_is_said_to_be_one() -> None:
    command = (sys.executable, run.__file__, "no-such-mutant")
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (1, "no such mutant: no-such-mutant\n")
