"""`check`: the linter's findings on a policy, and problems of the live issuers."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, BinaryIO

import click

from jwt_wsgi.cli.applications import app_option, load_stack, printing_to_errors
from jwt_wsgi.cli.issuer_options import IssuerOptions, issuer_options
from jwt_wsgi.cli.issuer_report import IssuerReport, check_issuer, print_report
from jwt_wsgi.cli.output import escape, print_json, print_line
from jwt_wsgi.cli.policy_report import (
    Hierarchies,
    PolicyReport,
    check_policy,
    lint_policy,
    print_policy,
)
from jwt_wsgi.cli.possession_report import report_possession
from jwt_wsgi.cli.provider_presets import preset_option
from jwt_wsgi.cli.resource_report import (
    Expectation,
    ResourceReport,
    check_resource,
    expect_of_options,
    expect_of_stack,
    parse_resource,
    print_resource,
)
from jwt_wsgi.cli.shared_options import built_in_fetcher, json_option
from jwt_wsgi.cli.shared_state import check_introspections, warn_of_stores
from jwt_wsgi.explain.stack import Stack
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.policy.findings import ACCEPTABLE_CODES
from jwt_wsgi.resource import ProtectedResource
from jwt_wsgi.verifier import Verifier


def _validate_accepted(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    for value in values:
        if value.partition(":")[0] not in ACCEPTABLE_CODES:
            raise click.BadParameter(
                f"{escape(value)} does not begin with a code; choose from "
                f"{', '.join(ACCEPTABLE_CODES)}"
            )
    return values


@click.command(short_help="Check a policy and its issuers, or tell an issuer's provider.")
@click.argument("file", type=click.File("rb", lazy=True), required=False)
@app_option
@click.option(
    "--issuer",
    "names",
    metavar="URL",
    multiple=True,
    help="An issuer whose tokens the API accepts; repeatable.",
)
@preset_option
@click.option(
    "--accept",
    "accepted",
    metavar="CODE[:RULE]",
    multiple=True,
    callback=_validate_accepted,
    help="A finding of the linter that is intended, for all rules or for one; repeatable.",
)
@click.option(
    "--resource",
    metavar="URL",
    callback=parse_resource,
    help="The URL of the live API, whose metadata is compared with the configuration.",
)
@click.option("--offline", is_flag=True, help="Do not contact the issuers; only count them.")
@issuer_options
@json_option
def check(
    file: BinaryIO | None,
    application: str | None,
    names: tuple[str, ...],
    preset: str | None,
    accepted: tuple[str, ...],
    resource: ProtectedResource | None,
    offline: bool,
    as_json: bool,
    options: IssuerOptions,
) -> None:
    """Check the policy in FILE with the linter, and contact each --issuer as an API would.

    Each issuer's provider is recognised by its name and its metadata, with the preset or the lines
    for it and what goes wrong with its tokens. Without FILE, only the issuers are checked.

    With --app, check the policy, the issuers, the introspection endpoints and the shared stores of
    an application. Its module is imported, so its code runs.

    With --resource, fetch the metadata of the live API (RFC 9728), and compare it with the
    application, or with the policy and the issuers.

    The exit status is 0 if nothing is found, and 1 if something is. An --accept that matches no
    finding counts as one, so that it does not hide a later finding. Warnings about a store leave it
    as it is: a server may keep its settings to itself.
    """
    policy: PolicyReport | None
    expectation: Expectation | None = None
    warnings: list[str] = []
    if resource is not None and offline:
        raise click.UsageError("--resource: leave --offline out, the metadata is fetched")
    endpoints: Iterable[IssuerReport] = ()
    if application is not None and file is None:
        options.check_alone({"--preset": preset, "--issuer": names or None})
        policy, verifier, stack = _of_application(application, accepted)
        trusted = list(verifier.issuers)
        endpoints = check_introspections(verifier, offline=offline)
        if not offline:
            warnings = warn_of_stores(verifier)
        if resource is not None:
            expectation = expect_of_stack(resource, stack)
    elif application is None and any(each is not None for each in (file, *names, preset, resource)):
        trusted = _named_issuers(names, preset, options, needs_audience=file is not None)
        hierarchy = options.scope_hierarchy()
        hierarchies = None if hierarchy is None else (hierarchy,)
        policy = _check_file(file, accepted, hierarchies, issuer_count=max(1, len(trusted)))
        if resource is not None:
            policy_of_file = None if policy is None else policy.policy
            expectation = expect_of_options(resource, policy_of_file, trusted)
    else:
        raise click.UsageError(
            "FILE: write the policy's file, or --app; one of the two, or --issuer alone"
        )
    with printing_to_errors():
        issuers = [report for issuer in trusted for report in check_issuer(issuer, offline=offline)]
        issuers += endpoints
    live = _check_resource(resource, expectation, options)
    if as_json:
        print_json(_document(policy, warnings, issuers, live))
    else:
        _print_answer(policy, warnings, issuers, live)
    is_good = (policy is None or policy.is_good) and not any(issuer.problems for issuer in issuers)
    is_good = is_good and (live is None or not live.problems)
    raise click.exceptions.Exit(0 if is_good else 1)


def _named_issuers(
    names: tuple[str, ...], preset: str | None, options: IssuerOptions, *, needs_audience: bool
) -> list[Issuer]:
    """Return the issuers of --issuer and --preset."""
    trusted = [
        options.issuer(name, options.keys(name), needs_audience=needs_audience) for name in names
    ]
    if preset is not None:
        trusted.append(options.preset_issuer(preset))
    return trusted


def _check_resource(
    resource: ProtectedResource | None, expectation: Expectation | None, options: IssuerOptions
) -> ResourceReport | None:
    """Return the report on the live API of --resource, or None without the option."""
    if resource is None or expectation is None:
        return None
    return check_resource(resource, expectation, built_in_fetcher(options.ca_certs))


def _check_file(
    file: BinaryIO | None, accepted: tuple[str, ...], hierarchies: Hierarchies, *, issuer_count: int
) -> PolicyReport | None:
    """Return the report on the policy, or None without one."""
    if file is not None:
        return check_policy(file, accepted, hierarchies, issuer_count=issuer_count)
    if accepted:
        raise click.UsageError("--accept: leave it out, or write the policy's FILE")
    return None


def _of_application(
    application: str, accepted: tuple[str, ...]
) -> tuple[PolicyReport, Verifier, Stack]:
    """Return the report on an application's policy, its verifier, and its layers."""
    stack = load_stack(application)
    if stack.authorizer is None or stack.verifier is None:
        raise click.UsageError(
            f"--app {application!r}: a TokenVerifier and a ScopeAuthorizer must stand in it"
        )
    verifier = stack.verifier.verifier
    policy = stack.authorizer.policy
    hierarchies = verifier.scope_hierarchies
    report = lint_policy(application, policy, accepted, hierarchies, issuer_count=verifier.trusted)
    return replace(report, possession=report_possession(stack)), verifier, stack


def _document(
    report: PolicyReport | None,
    warnings: list[str],
    issuers: list[IssuerReport],
    live: ResourceReport | None,
) -> dict[str, Any]:
    if report is None:
        report = PolicyReport(None)
    rules: list[dict[str, str]] = []
    default = None
    if report.policy is not None:
        rules = [{"rule": rule.key, "asks": repr(rule.requirement)} for rule in report.policy.rules]
        default = repr(report.policy.default)
    return {
        "policy": report.file,
        "problem": report.problem,
        "rules": rules,
        "default": default,
        "findings": [finding._asdict() for finding in report.findings],
        "unused": report.unused,
        "possession": None if report.possession is None else report.possession.as_json(),
        "warnings": warnings,
        "issuers": [issuer.as_json() for issuer in issuers],
        "resource": None if live is None else live.as_json(),
    }


def _print_answer(
    policy: PolicyReport | None,
    warnings: list[str],
    issuers: list[IssuerReport],
    live: ResourceReport | None,
) -> None:
    if policy is not None:
        print_policy(policy)
    for warning in warnings:
        print_line()
        print_line(escape(f"Warning: {warning}", 2000), "yellow")
    for position, issuer in enumerate(issuers):
        if position > 0 or policy is not None:
            print_line()
        print_report(issuer)
    if live is not None:
        print_line()
        print_resource(live)
