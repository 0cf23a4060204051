"""`inspect`: the readable content of a token and of a DPoP proof; no token is verified."""

from dataclasses import dataclass
from typing import Any

import click

from jwt_wsgi.cli.binding_report import BindingReport, report_binding
from jwt_wsgi.cli.decoded_proof import BoundToken, DecodedProof, decode_proof, is_proof
from jwt_wsgi.cli.decoded_token import DATES, DecodedToken, decode_token, remarks
from jwt_wsgi.cli.evidence import proof_option, read_proof
from jwt_wsgi.cli.output import escape, format_value, print_json, print_line, print_table
from jwt_wsgi.cli.shared_options import json_option
from jwt_wsgi.cli.times import at_option, clock_at, describe_date
from jwt_wsgi.cli.tokens import (
    Input,
    no_token_error,
    read_input,
    reads_standard_input,
    token_options,
)
from jwt_wsgi.jose.hints import Hint, hint_for

#: The most members of one object that are shown.
MAX_MEMBERS = 100
_MAX_NAME_CHARACTERS = 80
REMINDER = "Nothing of this is verified: anyone can write such a token."
_PROOF_REMINDER = (
    "The signature of the proof was checked with the key inside it: anyone can make such a key. "
    "Judge the proof with jwt-wsgi explain."
)
_PASSED_LABELS = {True: "yes", False: "NO", None: "-"}
_STYLES = {True: "", False: "bold red", None: "dim"}


@dataclass(frozen=True, slots=True)
class _TokenReport:
    """A decoded token, its binding, and remarks on it.

    `hint` is what the token seems to be, or None if nothing is unusual about its kind.
    """

    content: DecodedToken
    binding: BindingReport | None
    remarks: list[str]
    hint: Hint | None


@dataclass(frozen=True, slots=True)
class _Inspection:
    """The token, the proof, or both, and their place. Dates are compared with `now`."""

    source: str
    token: _TokenReport | None
    proof: DecodedProof | None
    now: float

    @property
    def is_readable(self) -> bool:
        contents = [part.content for part in (self.token, self.proof) if part is not None]
        return all(content.problem is None for content in contents)


@click.command(short_help="Show the content of a token or DPoP proof; no token is verified.")
@token_options
@proof_option
@at_option
@json_option
def inspect(
    token_file: str | None,
    token_env: str | None,
    proof: str | None,
    at: float | None,
    as_json: bool,
) -> None:
    """Show a token's header and claims, and what is unusual about them. Nothing is verified.

    A DPoP proof is recognised. With --proof, the proof is compared with the token, if a place of
    the token is named (--token-file, --token-env or the variable).

    The exit status is 0 if header and claims can be read, and 1 if they cannot.
    """
    sent_proof = read_proof(proof)
    given = None
    if sent_proof is None or not reads_standard_input(token_file, token_env) or token_file == "-":  # noqa: S105
        _check_standard_input(token_file, proof)
        given = read_input(token_file, token_env).with_proof(sent_proof)
    inspection = _inspect(given, sent_proof, clock_at(at)())
    if as_json:
        print_json(_document(inspection))
    else:
        _print(inspection)
    raise click.exceptions.Exit(0 if inspection.is_readable else 1)


def _check_standard_input(token_file: str | None, proof: str | None) -> None:
    if proof == "-" and token_file == "-":  # noqa: S105 (standard input)
        raise click.UsageError("--proof -: standard input has the token; write --proof @FILE")


def _inspect(given: Input | None, sent_proof: str | None, now: float) -> _Inspection:
    """Return what is to be shown of the input and of the value of --proof."""
    source = "--proof" if given is None else given.source
    proof = sent_proof
    token = None
    if given is not None:
        token = given.token
        proof = next(iter(given.proofs), None)
        if proof is None and token is not None and is_proof(decode_token(token)):
            proof = token
            token = None
    if token is None and proof is None and given is not None:
        raise no_token_error(given)
    report = None if token is None else _report_token(token, now)
    proof_source = source if sent_proof is None else "--proof"
    decoded_proof = _report_proof(proof, proof_source, token, report, now)
    return _Inspection(source, report, decoded_proof, now)


def _report_token(token: str, now: float) -> _TokenReport:
    content = decode_token(token)
    is_plain = content.problem is None and not content.is_padded
    reason = "" if is_plain else "token_malformed"
    binding = report_binding(content.claims)
    return _TokenReport(content, binding, remarks(content, now), hint_for(token, reason))


def _report_proof(
    proof: str | None, source: str, token: str | None, report: _TokenReport | None, now: float
) -> DecodedProof | None:
    if proof is None:
        return None
    bound_token = None
    if token is not None and report is not None:
        confirmation = None if report.binding is None else report.binding.confirmation
        bound_token = BoundToken(token, confirmation)
    return decode_proof(proof, source, bound_token, now)


def _document(inspection: _Inspection) -> dict[str, Any]:
    report = inspection.token
    content = DecodedToken(0) if report is None else report.content
    hint = None if report is None else report.hint
    binding = None if report is None else report.binding
    return {
        "verified": False,
        "source": inspection.source,
        "bytes": None if report is None else content.size,
        "header": content.header,
        "claims": content.claims,
        "times": _dates_in_words(content.claims or {}, inspection.now),
        "signature_bytes": content.signature_size,
        "binding": None if binding is None else binding.as_json(),
        "proof": _proof_document(inspection.proof),
        "unusual": [] if report is None else report.remarks,
        "hint": None if hint is None else hint._asdict(),
        "problem": content.problem,
    }


def _proof_document(proof: DecodedProof | None) -> dict[str, Any] | None:
    if proof is None:
        return None
    content = proof.content
    return {
        "bytes": content.size,
        "header": content.header,
        "claims": content.claims,
        "jkt": proof.thumbprint,
        "checks": [check._asdict() for check in proof.checks],
        "problem": content.problem,
    }


def _dates_in_words(claims: dict[str, Any], now: float) -> dict[str, str]:
    return {name: describe_date(claims[name], now) for name in DATES if name in claims}


def _print(inspection: _Inspection) -> None:
    if inspection.token is not None:
        _print_token(inspection.token, inspection.source, inspection.now)
    if inspection.proof is not None:
        _print_proof(inspection.proof, inspection.now)
        print_line(_PROOF_REMINDER, "bold")
    if inspection.token is not None:
        print_line(REMINDER, "bold")


def _print_token(report: _TokenReport, source: str, now: float) -> None:
    content = report.content
    print_line(escape(f"A token of {content.size} bytes from {source}"))
    _print_content(content, now)
    if report.binding is not None:
        print_line()
        for sentence in report.binding.lines():
            print_line(escape(sentence, 1000))
    if report.remarks:
        print_line()
        print_line("Unusual:", "yellow")
        for remark in report.remarks:
            print_line(f"  {escape(remark)}")
    print_line()
    if content.problem is not None:
        print_line(f"The token cannot be read: {content.problem}.", "red")
    if report.hint is not None:
        print_line(f"What it seems to be: {report.hint.meaning}", "yellow")
        print_line(f"What to do: {report.hint.remedy}", "yellow")


def _print_proof(proof: DecodedProof, now: float) -> None:
    content = proof.content
    print_line(escape(f"A DPoP proof of {content.size} bytes from {proof.source}"))
    _print_content(content, now)
    print_line()
    if proof.thumbprint is not None:
        print_line(f"The key in it has the thumbprint {proof.thumbprint}.")
        print_line()
    rows = [(check.name, _PASSED_LABELS[check.passed], check.found) for check in proof.checks]
    print_table(("check", "right", "found"), rows, [_STYLES[each.passed] for each in proof.checks])
    print_line()
    if content.problem is not None:
        print_line(f"The proof cannot be read: {content.problem}.", "red")


def _print_content(content: DecodedToken, now: float) -> None:
    if content.header is not None:
        _print_members("header", content.header, {})
    if content.claims is not None:
        _print_members("claims", content.claims, _dates_in_words(content.claims, now))
    if content.signature_size is not None:
        print_line()
        print_line(f"The signature has {content.signature_size} bytes.")


def _print_members(title: str, members: dict[str, Any], dates: dict[str, str]) -> None:
    rows = [
        (escape(name, _MAX_NAME_CHARACTERS), format_value(value), dates.get(name, ""))
        for name, value in list(members.items())[:MAX_MEMBERS]
    ]
    omitted = len(members) - len(rows)
    if omitted:
        rows.append(("…", f"and {omitted} more", ""))
    print_line()
    print_table((title, "value", ""), rows)
