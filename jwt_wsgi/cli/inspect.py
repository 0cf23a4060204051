"""`inspect`: the readable content of a token, without verification."""

from dataclasses import dataclass
from typing import Any

import click

from jwt_wsgi.cli.decoded_token import DATES, DecodedToken, decode_token, remarks
from jwt_wsgi.cli.output import escape, format_value, print_json, print_line, print_table
from jwt_wsgi.cli.shared_options import json_option
from jwt_wsgi.cli.times import at_option, clock_at, describe_date
from jwt_wsgi.cli.tokens import read_token, token_options
from jwt_wsgi.jose.hints import Hint, hint_for

#: The most members of one object that are shown.
MAX_MEMBERS = 100
_MAX_NAME_CHARACTERS = 80
REMINDER = "Nothing of this is verified: anyone can write such a token."


@dataclass(frozen=True, slots=True)
class _Inspection:
    """A decoded token, the place it came from, and remarks on it at the time `now`.

    `hint` is what the token seems to be, or None if nothing is unusual about its kind.
    """

    source: str
    token: DecodedToken
    remarks: list[str]
    hint: Hint | None
    now: float


@click.command(short_help="Show the content of a token; nothing is verified.")
@token_options
@at_option
@json_option
def inspect(token_file: str | None, token_env: str | None, at: float | None, as_json: bool) -> None:
    """Show a token's header and claims, and what is unusual about them. Nothing is verified.

    The exit status is 0 if header and claims can be read, and 1 if they cannot.
    """
    token_input = read_token(token_file, token_env)
    now = clock_at(at)()
    token = decode_token(token_input.token)
    is_plain = token.problem is None and not token.is_padded
    reason = "" if is_plain else "token_malformed"
    hint = hint_for(token_input.token, reason)
    inspection = _Inspection(token_input.source, token, remarks(token, now), hint, now)
    if as_json:
        print_json(_document(inspection))
    else:
        _print(inspection)
    raise click.exceptions.Exit(0 if token.problem is None else 1)


def _document(inspection: _Inspection) -> dict[str, Any]:
    token = inspection.token
    return {
        "verified": False,
        "source": inspection.source,
        "bytes": token.size,
        "header": token.header,
        "claims": token.claims,
        "times": _dates_in_words(token.claims or {}, inspection.now),
        "signature_bytes": token.signature_size,
        "unusual": inspection.remarks,
        "hint": None if inspection.hint is None else inspection.hint._asdict(),
        "problem": token.problem,
    }


def _dates_in_words(claims: dict[str, Any], now: float) -> dict[str, str]:
    return {name: describe_date(claims[name], now) for name in DATES if name in claims}


def _print(inspection: _Inspection) -> None:
    token = inspection.token
    print_line(escape(f"A token of {token.size} bytes from {inspection.source}"))
    if token.header is not None:
        _print_members("header", token.header, {})
    if token.claims is not None:
        _print_members("claims", token.claims, _dates_in_words(token.claims, inspection.now))
    if token.signature_size is not None:
        print_line()
        print_line(f"The signature has {token.signature_size} bytes.")
    if inspection.remarks:
        print_line()
        print_line("Unusual:", "yellow")
        for remark in inspection.remarks:
            print_line(f"  {escape(remark)}")
    print_line()
    if token.problem is not None:
        print_line(f"The token cannot be read: {token.problem}.", "red")
    if inspection.hint is not None:
        print_line(f"What it seems to be: {inspection.hint.meaning}", "yellow")
        print_line(f"What to do: {inspection.hint.remedy}", "yellow")
    print_line(REMINDER, "bold")


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
