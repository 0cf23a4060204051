"""Every line of conformance.toml that applies is proven by a test, and docs/conformance.md says by which."""

from __future__ import annotations

import re
from pathlib import Path

import conformance
import pytest
from conformance import CHECKOUT, PAGE, TESTS, Line, Results

REQUIREMENTS = conformance.lines()
PROOFS = conformance.marked()
EVERY_TEST = {test for tests in PROOFS.values() for test in tests}

SAMPLE = """
import pytest

@pytest.mark.conforms(1)
def test_good():
    pass

@pytest.mark.conforms(1, 2)
@pytest.mark.parametrize("row", [True, False])
def test_bad_in_one_row(row):
    assert row

@pytest.mark.conforms(3)
def test_skipped():
    pytest.skip("not here")

def test_without_a_mark():
    pass
"""
LINES = [
    Line(1, "RFC 1", "1", "One."),
    Line(2, "RFC 1", "", "Two."),
    Line(3, "RFC 1", "3", "Three.", False, "Later."),
]


def test_the_lines_are_numbered_and_say_why_they_do_not_apply() -> None:
    assert [line.id for line in REQUIREMENTS] == list(range(1, len(REQUIREMENTS) + 1))
    assert [line.id for line in REQUIREMENTS if line.applies is bool(line.reason)] == []
    assert [line.id for line in REQUIREMENTS if not line.text.endswith(".")] == []


def test_every_applicable_line_has_a_test_and_every_mark_a_line() -> None:
    assert conformance.lacking(REQUIREMENTS, PROOFS, EVERY_TEST) == []


def test_the_page_is_current() -> None:
    # Names alone are compared: that they pass is what this run shows, and `make conformance` wrote.
    expected = conformance.page(REQUIREMENTS, PROOFS, EVERY_TEST)
    assert PAGE.read_text("utf-8") == expected, "run `make conformance`"


def test_every_mark_is_a_literal() -> None:
    for file in TESTS.glob("test_*.py"):
        read = sum(name.startswith(f"{file.name}::") for name in EVERY_TEST)
        written = re.findall(r"^ *(?!#).*mark\.conforms\(", file.read_text("utf-8"), re.MULTILINE)
        assert file == Path(__file__) or read == len(written), file.name


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    (tmp_path / "test_sample.py").write_text(SAMPLE)
    return tmp_path


def test_marks_are_found_in_the_text_of_a_test_file(sample: Path) -> None:
    one, two, three = (
        f"test_sample.py::test_{name}" for name in ("good", "bad_in_one_row", "skipped")
    )
    assert conformance.marked(sample) == {1: [one, two], 2: [two], 3: [three]}


def report(test: str, outcome: str, when: str = "call") -> pytest.TestReport:
    return pytest.TestReport(f"tests/{test}", ("", 0, ""), {}, outcome, None, when)  # type: ignore[arg-type]


def test_a_test_passed_if_it_ran_and_passed_in_every_row() -> None:
    results = Results()
    for told in (
        *(report("test_a.py::test_good", "passed", when) for when in ("setup", "call", "teardown")),
        report("test_a.py::test_rows[a/b]", "passed"),
        report("test_a.py::test_rows[c::d]", "failed"),
        report("test_a.py::test_skipped", "skipped", "setup"),
        report("test_a.py::test_left_a_mess", "passed"),
        report("test_a.py::test_left_a_mess", "failed", "teardown"),
        report("test_a.py::test_never_called", "passed", "setup"),
    ):
        results.pytest_runtest_logreport(told)
    assert results.passed == {"test_a.py::test_good"}


def test_a_line_fails_without_a_test_and_with_one_that_does_not_pass(sample: Path) -> None:
    proofs = {**conformance.marked(sample), 9: ["test_sample.py::test_odd"]}
    good = {"test_sample.py::test_good", "test_sample.py::test_skipped", "test_sample.py::test_odd"}
    page = conformance.page(LINES, proofs, good)
    assert [row.split("|")[-2].strip() for row in page.splitlines()[-3:]] == [
        "failed",
        "failed",
        "Later.",
    ]
    assert conformance.lacking(LINES, proofs, good) == [
        "9 is no line: test_sample.py::test_odd",
        "line 1: test_sample.py::test_bad_in_one_row did not pass",
        "line 2: test_sample.py::test_bad_in_one_row did not pass",
    ]
    assert conformance.lacking(LINES, {1: ["test_sample.py::test_good"]}, good) == [
        "line 2 has no test: Two."
    ]
    assert "failed" in conformance.page(LINES, {}, good)


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = re.findall(
        r"`(test_\w+\.py)::(test_\w+)`", (CHECKOUT / "docs/security.md").read_text("utf-8")
    )
    assert len(named) >= 20
    for file, test in named:
        assert f"\ndef {test}(" in (TESTS / file).read_text("utf-8"), f"{file}::{test}"
