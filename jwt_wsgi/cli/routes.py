"""`routes`: the endpoints of an application, and the rules that decide them."""

from typing import Any

import click

from jwt_wsgi.cli.applications import app_option, import_application, printing_to_errors
from jwt_wsgi.cli.output import escape, print_json, print_line, print_table
from jwt_wsgi.cli.shared_options import json_option, load_policy, policy_option
from jwt_wsgi.coverage import Endpoint, Report, coverage
from jwt_wsgi.explain.stack import find_stack
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
@app_option
@click.argument("argument", metavar="[MODULE:APP]", required=False)
def routes(
    policy_file: str | None,
    accept: tuple[str, ...],
    urlconf: str | None,
    as_json: bool,
    application: str | None,
    argument: str | None,
) -> None:
    """List the endpoints of MODULE:APP, or of the result of MODULE:FACTORY(), with their rules.

    The application is an argument, or the value of --app. Without --policy, the policy is that of
    the layers in it. Its module is imported, so its code runs.

    The exit status is 0 if each endpoint is decided by a rule for its own path, and 1 otherwise.
    """
    if (application is None) == (argument is None):
        raise click.UsageError("MODULE:APP: write it as an argument, or with --app; one of the two")
    name = application or argument or ""
    policy = None if policy_file is None else load_policy(policy_file)
    app = import_application(name, "MODULE:APP")
    with printing_to_errors():
        report = _coverage(app, name, policy or _policy_in(app, name), urlconf)
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


def _coverage(app: Any, name: str, policy: Policy, urlconf: str | None) -> Report:
    try:
        return coverage(app, policy, urlconf=urlconf)
    except (TypeError, ValueError, ImportError) as error:
        raise click.UsageError(f"MODULE:APP {name!r}: {error}") from None


def _policy_in(app: Any, name: str) -> Policy:
    """Return the policy of the layers in an application."""
    try:
        authorizer = find_stack(app).authorizer
    except ValueError as error:
        raise click.UsageError(
            f"MODULE:APP {name!r}: {error}; or write the policy with --policy FILE"
        ) from None
    if authorizer is None:
        raise click.UsageError(
            f"MODULE:APP {name!r}: no ScopeAuthorizer stands in it; write the policy with "
            "--policy FILE"
        )
    return authorizer.policy


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
