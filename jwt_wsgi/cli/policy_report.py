"""The report of `check` on a policy: the linter's findings that are not accepted."""

from dataclasses import dataclass
from typing import BinaryIO

from jwt_wsgi.cli.output import escape, print_line, print_table
from jwt_wsgi.cli.possession_report import PossessionReport
from jwt_wsgi.explain.dates import pluralize
from jwt_wsgi.policy.findings import Finding
from jwt_wsgi.policy.policy import Policy
from jwt_wsgi.policyfile import parse_policy
from jwt_wsgi.scope_hierarchy import ScopeHierarchy

MAX_FILE_BYTES = 1_048_576

#: The scopes that imply others, for each issuer; None where they are unknown.
Hierarchies = tuple[ScopeHierarchy, ...] | None


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


def check_policy(
    file: BinaryIO, accepted: tuple[str, ...], hierarchies: Hierarchies, *, issuer_count: int
) -> PolicyReport:
    """Return the report on the policy in a file.

    Args:
        file: The file, in TOML.
        accepted: The values of `--accept`.
        hierarchies: The scopes that imply others.
        issuer_count: How many issuers are trusted.
    """
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
    return lint_policy(file.name, policy, accepted, hierarchies, issuer_count=issuer_count)


def lint_policy(
    name: str,
    policy: Policy,
    accepted: tuple[str, ...],
    hierarchies: Hierarchies,
    *,
    issuer_count: int,
) -> PolicyReport:
    """Return the findings of the linter that are not accepted.

    Args:
        name: The name of the file, or of the application.
        policy: The policy.
        accepted: The values of `--accept`.
        hierarchies: The scopes that imply others.
        issuer_count: How many issuers are trusted.
    """
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


def print_policy(report: PolicyReport) -> None:
    """Print the report for people."""
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
