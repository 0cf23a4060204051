"""`check`: the linter's findings on a policy, and problems of the live issuers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import click

from jwt_wsgi.cli.applications import app_option, load_stack, printing_to_errors
from jwt_wsgi.cli.issuer_options import IssuerOptions, issuer_options
from jwt_wsgi.cli.output import escape, print_json, print_line, print_table, show_progress
from jwt_wsgi.cli.provider_presets import preset_option
from jwt_wsgi.cli.published_keys import PublishedKeys, published_keys_of
from jwt_wsgi.cli.shared_options import json_option
from jwt_wsgi.cli.times import describe_clock_skew
from jwt_wsgi.explain.dates import pluralize
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import single_sources
from jwt_wsgi.policy.findings import ACCEPTABLE_CODES, Finding
from jwt_wsgi.policy.policy import Policy
from jwt_wsgi.policyfile import parse_policy

MAX_FILE_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class PolicyReport:
    """A policy file and what is wrong with it.

    Attributes:
        file: The name of the file.
        policy: The policy, or None if the file is not one.
        problem: Why the file is not a policy, or None.
        findings: The linter's findings that are not accepted.
        unused: The values of `--accept` that match no finding.
    """

    file: str
    policy: Policy | None = None
    problem: str | None = None
    findings: tuple[Finding, ...] = ()
    unused: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """True if the file is a policy without findings, and every `--accept` is used."""
        return self.problem is None and not self.findings and not self.unused


@dataclass(frozen=True, slots=True)
class IssuerReport:
    """An issuer and what is wrong with it.

    Attributes:
        name: The issuer's name.
        published: The keys that it publishes, or None if it was not asked.
        problems: Sentences.
    """

    name: str
    published: PublishedKeys | None = None
    problems: tuple[str, ...] = ()


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


@click.command(short_help="Check a policy, and the issuers that go with it.")
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

    With --app, check the policy and the issuers of an application. Its module is imported, so its
    code runs.

    The exit status is 0 if nothing is found, and 1 if something is. An --accept that matches no
    finding counts as one, so that it does not hide a later finding.
    """
    if application is not None and file is None:
        options.check_alone({"--preset": preset, "--issuer": names or None})
        policy, trusted = _of_application(application, accepted)
    elif file is not None and application is None:
        trusted = [options.issuer(name, options.keys(name)) for name in names]
        if preset is not None:
            trusted.append(options.preset_issuer(preset))
        policy = _check_policy(file, accepted, issuer_count=max(1, len(trusted)))
    else:
        raise click.UsageError("FILE: write the policy's file, or --app; one of the two")
    with printing_to_errors():
        issuers = [report for issuer in trusted for report in _check_issuer(issuer, offline)]
    if as_json:
        print_json(_document(policy, issuers))
    else:
        _print_policy(policy)
        for issuer in issuers:
            _print_issuer(issuer)
    is_good = policy.is_good and not any(issuer.problems for issuer in issuers)
    raise click.exceptions.Exit(0 if is_good else 1)


def _of_application(
    application: str, accepted: tuple[str, ...]
) -> tuple[PolicyReport, list[Issuer]]:
    """Return the report on an application's policy, and the issuers that it trusts."""
    stack = load_stack(application)
    if stack.authorizer is None or stack.verifier is None:
        raise click.UsageError(
            f"--app {application!r}: a TokenVerifier and a ScopeAuthorizer must stand in it"
        )
    verifier = stack.verifier.verifier
    policy = stack.authorizer.policy
    report = _lint(application, policy, accepted, issuer_count=verifier.trusted)
    return report, list(verifier.issuers)


def _check_policy(file: BinaryIO, accepted: tuple[str, ...], *, issuer_count: int) -> PolicyReport:
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
    return _lint(file.name, policy, accepted, issuer_count=issuer_count)


def _lint(
    name: str, policy: Policy, accepted: tuple[str, ...], *, issuer_count: int
) -> PolicyReport:
    """Return the findings of the linter that are not accepted."""
    findings = policy.lint(issuers=issuer_count)
    # As in `Policy(accept=...)`: with one issuer, `any_issuer` may be accepted beforehand.
    possible = {name for each in policy.lint(issuers=max(issuer_count, 2)) for name in _names(each)}
    return PolicyReport(
        name,
        policy,
        findings=tuple(each for each in findings if _names(each).isdisjoint(accepted)),
        unused=tuple(value for value in accepted if value not in possible),
    )


def _names(finding: Finding) -> set[str]:
    """Return the values of `--accept` that name a finding."""
    return {finding.code, f"{finding.code}:{finding.rule}"}


def _check_issuer(issuer: Issuer, offline: bool) -> Iterator[IssuerReport]:
    """Yield a report for each remote key source of an issuer; one without keys if it has none."""
    sources = [each for each in single_sources(issuer.keys) if isinstance(each, RemoteJWKS)]
    if offline or not sources:
        yield IssuerReport(issuer.issuer)
        return
    is_alone = len(single_sources(issuer.keys)) == 1
    for source in sources:
        with show_progress(f"asking {issuer.issuer}"):
            published = published_keys_of(source, issuer.issuer)
        problems = (
            published.problem,
            _missing_algorithms(issuer, published) if is_alone else None,
            _clock_problem(published, issuer.profile.leeway),
        )
        yield IssuerReport(
            issuer.issuer, published, tuple(problem for problem in problems if problem is not None)
        )


def _missing_algorithms(issuer: Issuer, published: PublishedKeys) -> str | None:
    missing = sorted(issuer.algorithms - published.algorithms)
    if not published.keys or not missing:
        return None
    present = ", ".join(sorted(published.algorithms)) or "none"
    return f"no key for {', '.join(missing)}; there are keys for {present}"


def _clock_problem(published: PublishedKeys, leeway: float) -> str | None:
    skew = published.clock_skew
    if skew is None or abs(skew) <= leeway:
        return None
    difference = describe_clock_skew(skew)
    return f"its clock is {difference}, over the leeway of {leeway:g} s; synchronize the clocks"


def _document(report: PolicyReport, issuers: list[IssuerReport]) -> dict[str, Any]:
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
        "issuers": [_issuer_document(issuer) for issuer in issuers],
    }


def _issuer_document(issuer: IssuerReport) -> dict[str, Any]:
    live = None if issuer.published is None else issuer.published.as_json()
    return {"issuer": issuer.name, "problems": issuer.problems, "live": live}


def _print_policy(report: PolicyReport) -> None:
    if report.policy is None:
        print_line(escape(f"{report.file}: {report.problem}", 2000), "red")
        return
    rules = pluralize(len(report.policy.rules), "rule")
    print_line(escape(f"{report.file}: {rules}, default {report.policy.default!r}"))
    for value in report.unused:
        print_line(escape(f"--accept {value}: there is no such finding; remove the option"), "red")
    if not report.findings:
        print_line("The linter found no problems.", "green")
        return
    print_line()
    print_table(("finding", "rule", "problem", "remedy"), report.findings)
    print_line()
    print_line("Is a finding intended? Accept it: --accept CODE:RULE, or accept in the policy.")


def _print_issuer(issuer: IssuerReport) -> None:
    print_line()
    if issuer.published is None:
        print_line(escape(f"Issuer {issuer.name}"))
    else:
        usable = f"{len(issuer.published.usable)} of {len(issuer.published.keys)}"
        print_line(escape(f"Issuer {issuer.name}: {usable} keys are usable"))
    for problem in issuer.problems:
        print_line(f"  {escape(problem, 500)}", "red")
    if issuer.published is None:
        return
    for key in issuer.published.keys:
        if key.why_skipped is not None:
            print_line(escape(f"  keys[{key.position}] is skipped: {key.why_skipped}"))
