"""`routes`: the endpoints of an application, and the rules that decide them."""

import importlib
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import click

from jwt_wsgi.cli.issuer_options import json_option, load_policy, policy_option
from jwt_wsgi.cli.output import escape, print_json, print_line, print_table, show_progress
from jwt_wsgi.coverage import Endpoint, Report, coverage
from jwt_wsgi.policy.policy import Policy

_MAX_DECISIONS = 3


@click.command(short_help="Show which rule decides each endpoint of an application.")
@policy_option
@click.option(
    "--accept",
    metavar="ENDPOINT",
    multiple=True,
    help="Accept that this endpoint is not covered; repeatable.",
)
@click.option("--urlconf", metavar="MODULE", help="Django's URLconf, by default the settings' own.")
@json_option
@click.argument("application", metavar="MODULE:APP")
def routes(
    policy_file: str, accept: tuple[str, ...], urlconf: str | None, as_json: bool, application: str
) -> None:
    """List the endpoints of MODULE:APP, or of the result of MODULE:FACTORY(), with their rules.

    The exit status is 0 if each endpoint is decided by a rule for its own path, and 1 otherwise.
    """
    policy = load_policy(policy_file)
    # The application may print while it is imported. That is not part of the answer.
    with show_progress(f"importing {application}"), redirect_stdout(sys.stderr):
        report = _coverage(application, policy, urlconf)
    uncovered = _without_accepted(report, accept)
    if as_json:
        print_json(
            {
                "endpoints": [_document(endpoint) for endpoint in report],
                "uncovered": [endpoint.key for endpoint in uncovered],
            }
        )
    else:
        _print(report, uncovered)
    raise click.exceptions.Exit(1 if uncovered else 0)


def _without_accepted(report: Report, accept: tuple[str, ...]) -> list[Endpoint]:
    stale = set(accept) - {endpoint.key for endpoint in report.uncovered}
    if stale:
        raise click.UsageError(
            f"--accept {min(stale)!r}: not an uncovered endpoint; copy one from the table"
        )
    return [endpoint for endpoint in report.uncovered if endpoint.key not in accept]


def _coverage(application: str, policy: Policy, urlconf: str | None) -> Report:
    app = _import_application(application)
    try:
        return coverage(app, policy, urlconf=urlconf)
    except (TypeError, ValueError, ImportError) as error:
        raise click.UsageError(f"MODULE:APP {application!r}: {error}") from None


def _import_application(application: str) -> Any:
    module, colon, target = application.partition(":")
    is_factory = target.endswith("()")
    attributes = target.removesuffix("()").split(".")
    if not colon or not all(part.isidentifier() for part in [*module.split("."), *attributes]):
        raise click.UsageError(
            f"MODULE:APP {application!r}: write a module and a name, such as shop.wsgi:application"
        )
    # As for a server, modules in the current folder can be imported.
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        app = _resolve(module, attributes)
        return app() if is_factory else app
    except (Exception, SystemExit) as error:  # noqa: BLE001 (user code may raise anything)
        raise click.UsageError(
            f"MODULE:APP {application!r}: {type(error).__name__}: {error};"
            " write MODULE:APP as for a server, and make sure that it can be imported here"
        ) from None


def _resolve(module: str, attributes: list[str]) -> Any:
    value: Any = importlib.import_module(module)
    for attribute in attributes:
        value = getattr(value, attribute)
    return value


def _document(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "endpoint": endpoint.key,
        "name": endpoint.name,
        "takes": endpoint.requirement,
        "decided_by": [str(decision) for decision in endpoint.decisions],
        "covered": endpoint.covered,
        "uncertain": endpoint.uncertain,
        "automatic": endpoint.automatic,
        "remedy": endpoint.remedy or None,
    }


def _print(report: Report, uncovered: list[Endpoint]) -> None:
    print_table(("endpoint", "takes", "decided by", "covered", "name"), map(_row, report))
    print_line()
    if not uncovered:
        print_line("Each endpoint is decided by a rule for its own path, or accepted.", "green")
        return
    for endpoint in uncovered:
        print_line(escape(f"{endpoint.key} is not covered: {_advice(endpoint)}"), "red")


def _row(endpoint: Endpoint) -> tuple[str, ...]:
    decisions = ", ".join(map(str, endpoint.decisions[:_MAX_DECISIONS])) or "outside the policy"
    covered = "yes" if endpoint.covered else "NO"
    return endpoint.key, endpoint.requirement, decisions, covered, endpoint.name


def _advice(endpoint: Endpoint) -> str:
    if endpoint.decisions and endpoint.remedy and not endpoint.uncertain:
        return f"write a rule for {endpoint.remedy!r}, or use --accept"
    return "simplify its route, put the layers in front of it, or use --accept"
