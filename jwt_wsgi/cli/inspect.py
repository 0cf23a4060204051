"""`inspect`: what a token says of itself, which nobody has verified."""

from typing import Any

import click

from jwt_wsgi.cli.decoded_token import DATES, Opened, opened, unusual
from jwt_wsgi.cli.issuer_options import json_option
from jwt_wsgi.cli.output import plain, say, table, value, write_json
from jwt_wsgi.cli.times import at_option, clock_at, in_words
from jwt_wsgi.cli.tokens import Given, given_token, token_options

#: Members that are shown of one object.
MAX_MEMBERS = 100
REMINDER = "Nothing of this is verified: anyone can write such a token."


@click.command(short_help="Show what a token says; nothing is verified.")
@token_options
@at_option
@json_option
def inspect(token_file: str | None, token_env: str | None, at: float | None, as_json: bool) -> None:
    """Show the header, the claims and what is unusual of the given token. Nothing is verified.

    It exits with 0 where header and claims can be read, with 1 where they cannot.
    """
    given, now = given_token(token_file, token_env), clock_at(at)()
    token = opened(given.token)
    remarks = unusual(token, now)
    if as_json:
        write_json(_document(given, token, remarks, now))
    else:
        _print(given, token, remarks, now)
    raise click.exceptions.Exit(0 if token.problem is None else 1)


def _document(given: Given, token: Opened, remarks: list[str], now: float) -> dict[str, Any]:
    return {
        "verified": False,
        "source": given.source,
        "bytes": token.size,
        "header": token.header,
        "claims": token.claims,
        "times": {
            name: in_words(token.claims[name], now)
            for name in DATES
            if token.claims and name in token.claims
        },
        "signature_bytes": token.signature,
        "unusual": remarks,
        "problem": token.problem,
    }


def _print(given: Given, token: Opened, remarks: list[str], now: float) -> None:
    say(plain(f"A token of {token.size} bytes from {given.source}"))
    for title, members in (("header", token.header), ("claims", token.claims)):
        if members is not None:
            say()
            table((title, "value", ""), _rows(members, now if title == "claims" else None))
    if token.signature is not None:
        say()
        say(f"The signature has {token.signature} bytes.")
    if remarks:
        say()
        say("Unusual:", "yellow")
        for remark in remarks:
            say(f"  {plain(remark)}")
    say()
    if token.problem is not None:
        say(f"It cannot be read: {token.problem}.", "red")
    say(REMINDER, "bold")


def _rows(members: dict[str, Any], now: float | None) -> list[tuple[str, str, str]]:
    rows = [
        (
            plain(name, 80),
            value(found),
            in_words(found, now) if now is not None and name in DATES else "",
        )
        for name, found in list(members.items())[:MAX_MEMBERS]
    ]
    left = len(members) - len(rows)
    return [*rows, ("…", f"and {left} more", "")] if left else rows
