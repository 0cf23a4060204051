"""`check`: the policy as the linter sees it, the configuration, and the live issuers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from jwt_wsgi.cli.issuer_options import Trust, json_option, taken_from, trust_options
from jwt_wsgi.cli.keys import skew_in_words
from jwt_wsgi.cli.output import busy, plain, say, table, write_json
from jwt_wsgi.cli.published_keys import Published, published
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.policy.lint import Finding
from jwt_wsgi.policy.policy import Policy
from jwt_wsgi.policyfile import parse_policy

MAX_FILE_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class Checked:
    """One issuer: what it publishes, where that was asked, and what is wrong with it, a sentence each."""

    name: str
    live: Published | None
    problems: tuple[str, ...]


@click.command(short_help="Check a policy, and the issuers that go with it.")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--issuer",
    "names",
    metavar="URL",
    multiple=True,
    help="An issuer whose tokens are taken; repeatable.",
)
@click.option("--offline", is_flag=True, help="Do not ask the issuers; count them only.")
@trust_options
@json_option
def check(file: Any, names: tuple[str, ...], offline: bool, as_json: bool, **options: Any) -> None:
    """Check the policy in FILE with the linter, and each --issuer as an API would use it.

    It exits with 0 where nothing is found, with 1 where something is.
    """
    trust = taken_from(options)
    policy, problem = _policy(file)
    findings = () if policy is None else policy.lint(issuers=max(1, len(names)))
    issuers = [_checked(name, trust, offline=offline) for name in names]
    if as_json:
        write_json({"policy": file.name, **_document(policy, problem, findings, issuers)})
    else:
        _print_policy(file.name, policy, problem, findings)
        _print_issuers(issuers)
    wrong = problem is not None or bool(findings) or any(each.problems for each in issuers)
    raise click.exceptions.Exit(1 if wrong else 0)


def _document(
    policy: Policy | None,
    problem: str | None,
    findings: Sequence[Finding],
    issuers: Sequence[Checked],
) -> dict[str, Any]:
    rules = () if policy is None else policy.rules
    return {
        "problem": problem,
        "rules": [{"rule": rule.key, "asks": repr(rule.requirement)} for rule in rules],
        "default": None if policy is None else repr(policy.default),
        "findings": [finding._asdict() for finding in findings],
        "issuers": [
            {
                "issuer": each.name,
                "problems": each.problems,
                "live": each.live and each.live.as_json(),
            }
            for each in issuers
        ],
    }


def _policy(file: Any) -> tuple[Policy | None, str | None]:
    content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        return None, f"over {MAX_FILE_BYTES} bytes; write fewer rules"
    try:
        return parse_policy(content.decode("utf-8")), None
    except UnicodeDecodeError:
        return None, "not UTF-8; save it as UTF-8"
    except ValueError as error:
        return None, str(error)


def _checked(name: str, trust: Trust, *, offline: bool) -> Checked:
    keys = trust.keys(name)
    issuer = trust.issuer(name, keys)
    if offline or not isinstance(keys, RemoteJWKS):
        return Checked(name, None, ())
    with busy(f"asking {name}"):
        live = published(trust.jwks, name, allow_http=trust.allow_http)
    problems = [] if live.problem is None else [live.problem]
    lacking = sorted(issuer.algorithms - live.serves)
    if live.keys and lacking:
        problems.append(
            f"no key for {', '.join(lacking)}; it has keys for {', '.join(sorted(live.serves)) or 'none'}"
        )
    if live.clock_skew is not None and abs(live.clock_skew) > trust.leeway:
        off = skew_in_words(live.clock_skew)
        problems.append(
            f"its clock is {off}, over the leeway of {trust.leeway:g} s; set the clocks right"
        )
    return Checked(name, live, tuple(problems))


def _print_policy(
    name: str, policy: Policy | None, problem: str | None, findings: Sequence[Finding]
) -> None:
    if policy is None:
        say(plain(f"{name}: {problem}", 2000), "red")
        return
    count = len(policy.rules)
    say(plain(f"{name}: {count} rule{'s' * (count != 1)}, otherwise {policy.default!r}"))
    if not findings:
        say("The linter finds nothing.", "green")
        return
    say()
    table(("finding", "rule", "problem", "remedy"), findings)


def _print_issuers(issuers: Sequence[Checked]) -> None:
    for each in issuers:
        say()
        used = (
            ""
            if each.live is None
            else f": {len(each.live.usable)} of {len(each.live.keys)} keys are usable"
        )
        say(plain(f"Issuer {each.name}{used}"))
        for problem in each.problems:
            say(f"  {plain(problem, 500)}", "red")
        for key in each.live.keys if each.live else ():
            if key.why_skipped is not None:
                say(plain(f"  keys[{key.position}] is skipped: {key.why_skipped}"))
