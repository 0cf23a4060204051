"""`check`: the linter's findings on a policy, and problems of the live issuers."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import click

from jwt_wsgi.cli.applications import app_option, load_stack, printing_to_errors
from jwt_wsgi.cli.issuer_options import IssuerOptions, issuer_options
from jwt_wsgi.cli.issuer_report import IssuerReport, check_issuer, print_report
from jwt_wsgi.cli.output import escape, print_json, print_line, print_table
from jwt_wsgi.cli.possession_report import PossessionReport, report_possession
from jwt_wsgi.cli.provider_presets import preset_option
from jwt_wsgi.cli.shared_options import json_option
from jwt_wsgi.cli.shared_state import check_introspections, warn_of_stores
from jwt_wsgi.explain.dates import pluralize
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.policy.findings import ACCEPTABLE_CODES, Finding
from jwt_wsgi.policy.policy import Policy
from jwt_wsgi.policyfile import parse_policy
from jwt_wsgi.scope_hierarchy import ScopeHierarchy
from jwt_wsgi.verifier import Verifier

MAX_FILE_BYTES = 1_048_576

#: The scopes that imply others, for each issuer; None where they are unknown.
_Hierarchies = tuple[ScopeHierarchy, ...] | None


@dataclass(frozen=True, slots=True)
class PolicyReport:
    """A policy file and what is wrong with it.

    Attributes:
        file: The name of the file, or None without one.
        policy: The policy, or None if the file is not one.
        problem: Why the file is not a policy, or None.
        findings: The linter's findings that are not accepted.
        unused: The values of `--accept` that match no finding.
        possession: How the application checks the possession of keys, or None if it does not.
    """

    file: str | None
    policy: Policy | None = None
    problem: str | None = None
    findings: tuple[Finding, ...] = ()
    unused: tuple[str, ...] = ()
    possession: PossessionReport | None = None

    @property
    def is_good(self) -> bool:
        """True if the file is a policy without findings, and every `--accept` is used."""
        return self.problem is None and not self.findings and not self.unused


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
@click.option("--offline", is_flag=True, help="Do not contact the issuers; only count them.")
@issuer_options
@json_option
def check(
    file: BinaryIO | None,
    application: str | None,
    names: tuple[str, ...],
    preset: str | None,
    accepted: tuple[str, ...],
    offline: bool,
    as_json: bool,
    options: IssuerOptions,
) -> None:
    """Check the policy in FILE with the linter, and contact each --issuer as an API would.

    Each issuer's provider is recognised by its name and its metadata, with the preset or the lines
    for it and what goes wrong with its tokens. Without FILE, only the issuers are checked.

    With --app, check the policy, the issuers, the introspection endpoints and the shared stores of
    an application. Its module is imported, so its code runs.

    The exit status is 0 if nothing is found, and 1 if something is. An --accept that matches no
    finding counts as one, so that it does not hide a later finding. Warnings about a store leave it
    as it is: a server may keep its settings to itself.
    """
    policy: PolicyReport | None
    warnings: list[str] = []
    endpoints: Iterable[IssuerReport] = ()
    if application is not None and file is None:
        options.check_alone({"--preset": preset, "--issuer": names or None})
        policy, verifier = _of_application(application, accepted)
        trusted = list(verifier.issuers)
        endpoints = check_introspections(verifier, offline=offline)
        if not offline:
            warnings = warn_of_stores(verifier)
    elif application is None and (file is not None or names or preset is not None):
        trusted = _named_issuers(names, preset, options, needs_audience=file is not None)
        hierarchy = options.scope_hierarchy()
        hierarchies = None if hierarchy is None else (hierarchy,)
        policy = _check_file(file, accepted, hierarchies, issuer_count=max(1, len(trusted)))
    else:
        raise click.UsageError(
            "FILE: write the policy's file, or --app; one of the two, or --issuer alone"
        )
    with printing_to_errors():
        issuers = [report for issuer in trusted for report in check_issuer(issuer, offline=offline)]
        issuers += endpoints
    if as_json:
        print_json(_document(policy, warnings, issuers))
    else:
        _print_answer(policy, warnings, issuers)
    is_good = (policy is None or policy.is_good) and not any(issuer.problems for issuer in issuers)
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


def _check_file(
    file: BinaryIO | None,
    accepted: tuple[str, ...],
    hierarchies: _Hierarchies,
    *,
    issuer_count: int,
) -> PolicyReport | None:
    """Return the report on the policy, or None without one."""
    if file is not None:
        return _check_policy(file, accepted, hierarchies, issuer_count=issuer_count)
    if accepted:
        raise click.UsageError("--accept: leave it out, or write the policy's FILE")
    return None


def _of_application(application: str, accepted: tuple[str, ...]) -> tuple[PolicyReport, Verifier]:
    """Return the report on an application's policy, and its verifier."""
    stack = load_stack(application)
    if stack.authorizer is None or stack.verifier is None:
        raise click.UsageError(
            f"--app {application!r}: a TokenVerifier and a ScopeAuthorizer must stand in it"
        )
    verifier = stack.verifier.verifier
    policy = stack.authorizer.policy
    hierarchies = verifier.scope_hierarchies
    report = _lint(application, policy, accepted, hierarchies, issuer_count=verifier.trusted)
    return replace(report, possession=report_possession(stack)), verifier


def _check_policy(
    file: BinaryIO, accepted: tuple[str, ...], hierarchies: _Hierarchies, *, issuer_count: int
) -> PolicyReport:
    content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        return PolicyReport(
            file.name, problem=f"over {MAX_FILE_BYTES} bytes; write a policy with fewer rules"
        )
    try:
        policy = parse_policy(content.decode("utf-8"))
    except UnicodeDecodeError:
        return PolicyReport(file.name, problem="not UTF-8; save the file as UTF-8")
    except ValueError as error:
        return PolicyReport(file.name, problem=str(error))
    return _lint(file.name, policy, accepted, hierarchies, issuer_count=issuer_count)


def _lint(
    name: str,
    policy: Policy,
    accepted: tuple[str, ...],
    hierarchies: _Hierarchies,
    *,
    issuer_count: int,
) -> PolicyReport:
    """Return the findings of the linter that are not accepted."""
    findings = policy.lint(issuers=issuer_count, scope_implies=hierarchies)
    # As in `Policy(accept=...)`: with one issuer, `any_issuer` may be accepted beforehand.
    of_several = policy.lint(issuers=max(issuer_count, 2), scope_implies=hierarchies)
    possible = {name for each in of_several for name in _names(each)}
    return PolicyReport(
        name,
        policy,
        findings=tuple(each for each in findings if _names(each).isdisjoint(accepted)),
        unused=tuple(value for value in accepted if value not in possible),
    )


def _names(finding: Finding) -> set[str]:
    """Return the values of `--accept` that name a finding."""
    return {finding.code, f"{finding.code}:{finding.rule}"}


def _document(
    report: PolicyReport | None, warnings: list[str], issuers: list[IssuerReport]
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
    }


def _print_answer(
    policy: PolicyReport | None, warnings: list[str], issuers: list[IssuerReport]
) -> None:
    if policy is not None:
        _print_policy(policy)
    for warning in warnings:
        print_line()
        print_line(escape(f"Warning: {warning}", 2000), "yellow")
    for position, issuer in enumerate(issuers):
        if position > 0 or policy is not None:
            print_line()
        print_report(issuer)


def _print_policy(report: PolicyReport) -> None:
    if report.policy is None:
        print_line(escape(f"{report.file}: {report.problem}", 2000), "red")
        return
    rules = pluralize(len(report.policy.rules), "rule")
    print_line(escape(f"{report.file}: {rules}, default {report.policy.default!r}"))
    if report.possession is not None:
        for sentence in report.possession.lines():
            print_line(escape(sentence, 1000))
    for value in report.unused:
        print_line(escape(f"--accept {value}: there is no such finding; remove the option"), "red")
    if not report.findings:
        print_line("The linter found no problems.", "green")
        return
    print_line()
    print_table(("finding", "rule", "problem", "remedy"), report.findings)
    print_line()
    print_line("Is a finding intended? Accept it: --accept CODE:RULE, or accept in the policy.")
