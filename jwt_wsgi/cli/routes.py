"""`routes`: which rule guards which endpoint of an application."""

import importlib
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import click

from jwt_wsgi.cli.issuer_options import json_option, policy_in, policy_option
from jwt_wsgi.cli.output import busy, plain, say, table, write_json
from jwt_wsgi.coverage import Endpoint, Report, coverage


@click.command(short_help="Show which rule guards which endpoint of an application.")
@policy_option
@click.option(
    "--accept", metavar="ENDPOINT", multiple=True, help="Let this one be uncovered; repeatable."
)
@click.option("--urlconf", metavar="MODULE", help="Django's, where it is not that of the settings.")
@json_option
@click.argument("application", metavar="MODULE:APP")
def routes(
    policy_file: str, accept: tuple[str, ...], urlconf: str | None, as_json: bool, application: str
) -> None:
    """List the endpoints of MODULE:APP, or of what MODULE:FACTORY() returns, with the rules that decide them.

    It exits with 0 where a rule for its own path decides each endpoint, with 1 otherwise.
    """
    policy = policy_in(policy_file)
    # What the application prints while it is imported is no part of the answer.
    with busy(f"importing {application}"), redirect_stdout(sys.stderr):
        report = _report(_imported(application), application, policy, urlconf)
    uncovered = [endpoint for endpoint in report.uncovered if endpoint.key not in accept]
    stale = sorted(set(accept) - {endpoint.key for endpoint in report.uncovered})
    if stale:
        raise click.UsageError(
            f"--accept {stale[0]!r}: no uncovered endpoint; write one as the table has it"
        )
    if as_json:
        write_json(
            {
                "endpoints": [_document(each) for each in report],
                "uncovered": [each.key for each in uncovered],
            }
        )
    else:
        _print(report, uncovered)
    raise click.exceptions.Exit(1 if uncovered else 0)


def _imported(application: str) -> Any:
    module, colon, name = application.partition(":")
    call = name.endswith("()")
    names = name.removesuffix("()").split(".")
    if not colon or not all(part.isidentifier() for part in [*module.split("."), *names]):
        raise click.UsageError(f"MODULE:APP {application!r}: write such as shop.wsgi:application")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(module)
        for part in names:
            found = getattr(found, part)
        return found() if call else found
    except Exception as error:  # noqa: BLE001 (a stranger's module may raise anything)
        why = f"{type(error).__name__}: {error}"
        remedy = "write MODULE:APP as a server has it, and see that it can be imported here"
        raise click.UsageError(f"MODULE:APP {application!r}: {why}; {remedy}") from None


def _report(app: Any, application: str, policy: Any, urlconf: str | None) -> Report:
    try:
        return coverage(app, policy, urlconf=urlconf)
    except (TypeError, ValueError, ImportError) as error:
        raise click.UsageError(f"MODULE:APP {application!r}: {error}") from None


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
    table(("endpoint", "takes", "decided by", "covered", "name"), map(_row, report))
    say()
    if not uncovered:
        say("A rule for its own path decides each endpoint, or it was accepted.", "green")
        return
    for endpoint in uncovered:
        say(plain(f"{endpoint.key} is not covered: {_advice(endpoint)}"), "red")


def _row(endpoint: Endpoint) -> tuple[str, ...]:
    decided = ", ".join(map(str, endpoint.decisions[:3])) or "outside the policy"
    return (
        endpoint.key,
        endpoint.requirement,
        decided,
        "yes" if endpoint.covered else "NO",
        endpoint.name,
    )


def _advice(endpoint: Endpoint) -> str:
    if endpoint.decisions and endpoint.remedy and not endpoint.uncertain:
        return f"write a rule for {endpoint.remedy!r}, or --accept it"
    return "write its route plainly, put the layers in front of it, or --accept it"
