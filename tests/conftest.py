"""Fixtures that several test files use, `--fail-on-skip`, and what is said of skipped tests."""

from __future__ import annotations

import re
import signal
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings

from jwt_wsgi import Issuer, StaticJWKS
from jwt_wsgi.jose.raw_keys import UNAVAILABLE
from jwt_wsgi.testing import Clock, LocalIssuer

ASYMMETRIC = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
    "Ed448",
    "ML-DSA-44",
    "ML-DSA-65",
    "ML-DSA-87",
)
SYMMETRIC = ("HS256", "HS384", "HS512")

# No test asserts how long an example takes: on a busy machine, any of them takes long now and then.
settings.register_profile("without deadlines", deadline=None)
settings.load_profile("without deadlines")


@pytest.fixture
def clock() -> Clock:
    return Clock(1_800_000_000.0)


@pytest.fixture(scope="session")
def every_algorithm() -> LocalIssuer:
    """Return an issuer with a key for every installed algorithm; never rotate it."""
    installed = (name for name in (*ASYMMETRIC, *SYMMETRIC) if name not in UNAVAILABLE)
    return LocalIssuer(algorithms=tuple(installed))


@pytest.fixture(scope="session")
def local() -> LocalIssuer:
    """Return an RS256 issuer on the real clock; never rotate it."""
    return LocalIssuer()


@pytest.fixture
def trusted(local: LocalIssuer) -> Issuer:
    """Return what an API configures to trust `local`."""
    return Issuer(local.issuer, audience=local.audience, keys=StaticJWKS(local.jwks))


def pytest_configure() -> None:
    # A background job of a shell ignores Ctrl-C, and programs that the tests start would inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


#: Files that take minutes. Each runs in one process, so they begin first and none is the last.
LONG = ("test_soak.py", "test_matrix.py", "test_docs_browser.py", "test_deployment.py")


#: Words in the names of rows that need ML-DSA. A test whose name has none of them has the mark.
ML_DSA_ROWS = ("AKP", "ML-DSA")
needs_ml_dsa = pytest.mark.skipif(
    bool(UNAVAILABLE), reason="the installed cryptography lacks ML-DSA"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files; refuse names that differ between the processes."""
    for item in items:
        if " at 0x" in item.name:
            raise pytest.UsageError(f"{item.nodeid}: the id has an address; name the row")
        if any(word in item.name for word in ML_DSA_ROWS):
            item.add_marker(needs_ml_dsa)
    # The sort is stable: the tests of a file keep their order.
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fail-on-skip", action="store_true", help="a skipped test fails the run")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--fail-on-skip") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


#: The reason of a test that needs a program: "needs nginx: .ci/servers".
NEED = re.compile(r"needs (?P<program>.+?): (?P<remedy>.+)", re.DOTALL)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what was not tried, and how to get it."""
    counts: Counter[tuple[str, str]] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        counts[program_and_remedy(reason_of(report))] += 1
    if not counts:
        return
    terminalreporter.section("not tried")
    for (program, remedy), count in sorted(counts.items()):
        terminalreporter.write_line(f"{program} ({count} skipped){remedy}")


def reason_of(report: Any) -> str:
    """Return the reason of a skipped test, which another process may have run."""
    place = report.longrepr
    reason = place[-1] if isinstance(place, tuple) else str(place)
    return reason.removeprefix("Skipped: ")


def program_and_remedy(reason: str) -> tuple[str, str]:
    """Return what a test needs, and the end of the line that says how to get it."""
    need = NEED.fullmatch(reason)
    if need is None:
        return reason, ""
    return need["program"], f"; to try: {need['remedy']}"
