"""`routes`: the endpoints of an application, and the rules that decide them."""

import json
from pathlib import Path
from typing import Any

import click

from jwt_wsgi.cli.applications import app_option, import_application, printing_to_errors
from jwt_wsgi.cli.output import escape, print_json, print_line, print_table
from jwt_wsgi.cli.shared_options import json_option, load_policy, policy_option
from jwt_wsgi.coverage import Endpoint, Report, coverage
from jwt_wsgi.explain.stack import find_stack
from jwt_wsgi.policy.openapi import is_document
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
@click.option("--strict", is_flag=True, help="Require a rule for the own path of every endpoint.")
@click.option(
    "--openapi",
    "document_file",
    metavar="FILE",
    type=click.Path(),
    help="Read the endpoints from an OpenAPI 3 document in JSON, instead of an application.",
)
@json_option
@app_option
@click.argument("argument", metavar="[MODULE:APP]", required=False)
def routes(
    policy_file: str | None,
    accept: tuple[str, ...],
    urlconf: str | None,
    strict: bool,
    document_file: str | None,
    as_json: bool,
    application: str | None,
    argument: str | None,
) -> None:
    """List the endpoints of MODULE:APP, or of the result of MODULE:FACTORY(), with their rules.

    The application is an argument, or the value of --app. Without --policy, the policy is that of
    the layers in it. Its module is imported, so its code runs. With --openapi, nothing is
    imported, and --policy is needed.

    The exit status is 0 if a rule decides each endpoint, and 1 otherwise. A catch-all, that is, a
    rule such as "/", counts only if it requires more than a valid token.
    """
    policy = None if policy_file is None else load_policy(policy_file)
    if document_file is not None:
        report = _coverage_of_document(document_file, policy, application, argument)
    else:
        report = _coverage_of_application(policy, application, argument, urlconf)
    candidates = report.without_own_rule if strict else report.uncovered
    uncovered = _without_accepted(candidates, accept)
    if as_json:
        print_json(
            {
                "endpoints": [_document(endpoint) for endpoint in report],
                "uncovered": [endpoint.key for endpoint in uncovered],
                "unmatched_rules": [rule.key for rule in report.unmatched_rules],
            }
        )
    else:
        _print(report, uncovered)
    raise click.exceptions.Exit(1 if uncovered else 0)


def _coverage_of_application(
    policy: Policy | None, application: str | None, argument: str | None, urlconf: str | None
) -> Report:
    if (application is None) == (argument is None):
        raise click.UsageError("MODULE:APP: write it as an argument, or with --app; one of the two")
    name = application or argument or ""
    app = import_application(name, "MODULE:APP")
    with printing_to_errors():
        return _coverage(app, f"MODULE:APP {name!r}", policy or _policy_in(app, name), urlconf)


def _coverage_of_document(
    document_file: str, policy: Policy | None, application: str | None, argument: str | None
) -> Report:
    if application is not None or argument is not None:
        raise click.UsageError("--openapi: leave out MODULE:APP; the document replaces it")
    if policy is None:
        raise click.UsageError("--openapi: write the policy with --policy FILE")
    where = f"--openapi {document_file!r}"
    return _coverage(_read_document(document_file, where), where, policy, None)


def _read_document(document_file: str, where: str) -> Any:
    try:
        document = json.loads(Path(document_file).read_bytes())
    except OSError as error:
        raise click.UsageError(f"{where}: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise click.UsageError(f"{where}: not JSON; convert the document to JSON first") from None
    if not is_document(document):
        raise click.UsageError(f"{where}: not an OpenAPI 3 document, which has a member openapi")
    return document


def _without_accepted(candidates: tuple[Endpoint, ...], accept: tuple[str, ...]) -> list[Endpoint]:
    stale = set(accept) - {endpoint.key for endpoint in candidates}
    if stale:
        raise click.UsageError(
            f"--accept {min(stale)!r}: not an uncovered endpoint; copy one from the table"
        )
    return [endpoint for endpoint in candidates if endpoint.key not in accept]


def _coverage(app: Any, where: str, policy: Policy, urlconf: str | None) -> Report:
    try:
        return coverage(app, policy, urlconf=urlconf)
    except (TypeError, ValueError, ImportError) as error:
        raise click.UsageError(f"{where}: {error}") from None


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
        "covered_by": str(endpoint.covered_by),
        "catch_all": endpoint.catch_all,
        "covered": endpoint.covered,
        "uncertain": endpoint.uncertain,
        "automatic": endpoint.automatic,
        "remedy": endpoint.remedy or None,
    }


def _print(report: Report, uncovered: list[Endpoint]) -> None:
    print_table(("endpoint", "takes", "decided by", "covered by", "name"), map(_row, report))
    print_line()
    for rule in report.unmatched_rules:
        print_line(escape(f"The rule {rule.key} matches no route."))
    if not uncovered:
        print_line("A rule decides each endpoint, or you accepted it.", "green")
        return
    for endpoint in uncovered:
        print_line(escape(f"{endpoint.key} is not covered: {_advice(endpoint)}"), "red")


def _row(endpoint: Endpoint) -> tuple[str, ...]:
    decisions = ", ".join(map(str, endpoint.decisions[:_MAX_DECISIONS])) or "outside the policy"
    return endpoint.key, endpoint.requirement, decisions, _coverage_text(endpoint), endpoint.name


def _coverage_text(endpoint: Endpoint) -> str:
    if endpoint.uncertain:
        return "uncertain"
    if endpoint.catch_all:
        return "a catch-all"
    return str(endpoint.covered_by)


def _advice(endpoint: Endpoint) -> str:
    if endpoint.decisions and endpoint.remedy and not endpoint.uncertain:
        return f"write a rule for {endpoint.remedy!r}, or use --accept"
    return "simplify its route, put the layers in front of it, or use --accept"
