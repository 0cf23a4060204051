"""The mutants still fit the code, and the tests that must kill them exist; `make mutants` runs them."""

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
every_mutant = pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)


@cache
def text(file: str) -> str:
    return (CHECKOUT / file).read_text("utf-8")


@cache
def functions_in(file: str) -> frozenset[str]:
    return frozenset(
        node.name for node in ast.walk(ast.parse(text(file))) if isinstance(node, ast.FunctionDef)
    )


def test_there_are_enough_of_them_and_no_two_are_the_same() -> None:
    assert len(MUTANTS) >= 60
    assert set(
        Counter((mutant.file, mutant.replace, mutant.by) for mutant in MUTANTS).values()
    ) == {1}


@every_mutant
def test_a_mutant_fits_in_one_place_and_still_compiles(mutant: Mutant) -> None:
    source = text(mutant.file)
    assert source.count(mutant.replace) == 1
    mutated = mutant.applied(source)
    assert mutated is not None
    # The tree and not the text, for a comment or a space is no mistake.
    assert ast.dump(ast.parse(mutated)) != ast.dump(ast.parse(source))
    compile(mutated, mutant.file, "exec")


@every_mutant
def test_a_mutant_is_one_sentence_about_the_package_and_names_a_test(mutant: Mutant) -> None:
    assert mutant.file.startswith("jwt_wsgi/")
    assert mutant.mistake.endswith(".")
    file, _, test = mutant.killed_by.partition("::")
    name, _, row = test.partition("[")
    assert name in functions_in(file)
    assert name.startswith("test_")
    assert row.removesuffix("]") in text(file)


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


def test_a_test_that_fails_anyway_kills_nothing(sample: Path) -> None:
    (sample / "test_sample.py").write_text("def test_more():\n    assert False\n")
    with pytest.raises(SystemExit, match="do not pass without a mutant"):
        list(run.verdicts([of_the_sample("one >", "one >=", "test_more")], sample))


def test_an_unknown_name_is_said_to_be_one() -> None:
    command = (sys.executable, run.__file__, "no-such-mutant")
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (1, "no such mutant: no-such-mutant\n")
