"""The test suite on docs/testing.md runs as it is written there, and passes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import pytest_jwt_wsgi
from jwt_wsgi.testing.shapes import SHAPES

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parent.parent / "docs" / "testing.md").read_text("utf-8")
FILES: dict[str, str] = dict(
    re.findall(r'^```python title="([a-z_]+\.py)"\n(.*?)^```$', PAGE, re.DOTALL | re.MULTILINE)
)

#: Faults to put into the page's API, and the test of the page that detects each.
BROKEN = {
    "no scope is required": ('scope("write:orders")', "AUTHENTICATED", "test_a_scope_is_required"),
    "everything is public": (
        "rules=RULES",
        'rules={"/": PUBLIC}',
        "test_a_request_without_a_token_is_refused",
    ),
    "another clock": ("clock=clock", "clock=time.time", "test_a_token_expires"),
    "nothing is public": ('"/health": PUBLIC', '"/health": AUTHENTICATED', "test_health_is_public"),
}


def run(folder: Path, *arguments: str) -> dict[str, bool]:
    """Run the page's tests in a process and a folder of their own; return which passed."""
    report = folder / "report.xml"
    warnings = ("-W", "error", "-W", "ignore:'cgi' is deprecated:DeprecationWarning:webob.compat")
    options = (
        "-q",
        *warnings,
        "-p",
        "no:cacheprovider",
        "-c",
        "/dev/null",
        "--rootdir",
        str(folder),
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        *options,
        f"--junitxml={report}",
        *(arguments or (".",)),
    ]
    ended = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert report.exists(), ended.stdout + ended.stderr
    cases = list(ET.parse(report).iter("testcase"))
    failures = {case.attrib["name"] for case in cases if len(case) > 0}
    if ended.returncode not in (0, 1) or (ended.returncode == 1) != bool(failures):
        pytest.fail(ended.stdout + ended.stderr)
    return {case.attrib["name"]: case.attrib["name"] not in failures for case in cases}


def write(folder: Path) -> None:
    for name, text in FILES.items():
        (folder / name).write_text(text)


def test_the_suite_of_the_page_passes(tmp_path: Path) -> None:
    write(tmp_path)
    results = run(tmp_path)
    written = re.findall(r"^def (test_\w+)", PAGE, re.MULTILINE)
    assert {name.partition("[")[0] for name in results} == set(written)
    assert [name for name, passed in results.items() if not passed] == []


@pytest.mark.parametrize(("original", "fault", "test"), BROKEN.values(), ids=BROKEN)
def test_the_suite_of_the_page_fails_for_a_broken_api(
    original: str, fault: str, test: str, tmp_path: Path
) -> None:
    write(tmp_path)
    assert FILES["api.py"].count(original) == 1
    (tmp_path / "api.py").write_text(FILES["api.py"].replace(original, fault))
    assert run(tmp_path, f"test_api.py::{test}") == {test: False}


def test_the_page_names_every_fixture_and_every_provider() -> None:
    fixtures = {name for name in vars(pytest_jwt_wsgi) if name.startswith("jwt_")}
    assert set(re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE)) == fixtures
    (listed,) = re.findall(r"`like` is one of (.*?)\. ", PAGE)
    assert re.findall(r"`([\w-]+)`", listed) == list(SHAPES)
