"""`explain`: the walk of one request through the stack, and the answer that would be sent."""

import io
from typing import Any
from urllib.parse import unquote_to_bytes

import click

from jwt_wsgi.cli.issuer_options import (
    json_option,
    misuse,
    policy_in,
    policy_option,
    taken_from,
    trust_options,
)
from jwt_wsgi.cli.output import busy, plain, say, table, write_json
from jwt_wsgi.cli.times import at_option, clock_at
from jwt_wsgi.cli.tokens import Given, given_token, token_options
from jwt_wsgi.explain import Explainer, Explanation, Response
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import KeySource

_SIGNS = {True: "yes", False: "NO", None: "-"}


@click.command(short_help="Walk one request through the checks, and show the answer.")
@policy_option
@click.option(
    "--issuer",
    "issuer_name",
    metavar="URL",
    required=True,
    help="The issuer, exactly as tokens name it.",
)
@trust_options
@token_options
@click.option("--no-token", is_flag=True, help="Explain the request without any token.")
@click.option(
    "--mount", default="", metavar="PATH", help="SCRIPT_NAME, where the application is mounted."
)
@at_option
@json_option
@click.argument("method")
@click.argument("path")
def explain(
    policy_file: str,
    issuer_name: str,
    token_file: str | None,
    token_env: str | None,
    no_token: bool,
    mount: str,
    at: float | None,
    as_json: bool,
    method: str,
    path: str,
    **options: Any,
) -> None:
    """Show what METHOD PATH with the given token comes to: each check, and the response.

    It exits with 0 where the request would reach the application, with 1 where it is refused.
    """
    if not path.startswith("/"):
        raise click.UsageError(f"PATH {path!r}: write what follows the host, beginning with /")
    if no_token and (token_file or token_env):
        raise click.UsageError("--no-token: leave it out, or leave out where the token is")
    trust = taken_from(options)
    policy, keys = policy_in(policy_file), trust.keys(issuer_name)
    issuer = trust.issuer(issuer_name, keys)
    given = None if no_token else given_token(token_file, token_env)
    explainer = Explainer(issuer, policy, clock=clock_at(at))
    with busy(f"asking {issuer_name} for its keys"), misuse(""):
        explanation = explainer.explain(_environ(method, path, mount, given))
    problem = _problem(keys, explanation)
    if as_json:
        write_json(_document(method, path, given, explanation, problem))
    else:
        _print(method, path, given, explanation, problem)
    raise click.exceptions.Exit(0 if explanation.refusal is None else 1)


def _environ(method: str, path: str, mount: str, given: Given | None) -> dict[str, Any]:
    """The environ as a server makes it of this request (PEP 3333)."""
    path, _, query = path.partition("?")
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": mount,
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
    }
    if given is not None:
        environ["HTTP_AUTHORIZATION"] = f"Bearer {given.token}".encode().decode("latin-1")
    return environ


def _problem(keys: KeySource, explanation: Explanation) -> str | None:
    """Why the keys could not be had, where that decided."""
    if explanation.reason != "keys_unavailable" or not isinstance(keys, RemoteJWKS):
        return None
    return keys.status().last_error or "no answer in time"


def _document(
    method: str, path: str, given: Given | None, explanation: Explanation, problem: str | None
) -> dict[str, Any]:
    return {
        "method": method,
        "path": path,
        "token": given and {"source": given.source, "bytes": len(given.token.encode())},
        "allowed": explanation.refusal is None,
        "reason": explanation.reason,
        "would_be": explanation.would_be,
        "keys_problem": problem,
        "steps": [step._asdict() for step in explanation.steps],
        "response": explanation.refusal and _response(explanation.refusal),
    }


def _response(refusal: Response) -> dict[str, Any]:
    return {
        "status": refusal.status,
        "headers": dict(refusal.headers),
        "body": refusal.body.decode(),
    }


def _print(
    method: str, path: str, given: Given | None, explanation: Explanation, problem: str | None
) -> None:
    token = (
        "no token"
        if given is None
        else f"a token of {len(given.token.encode())} bytes from {given.source}"
    )
    say(plain(f"{method} {path}, with {token}"))
    say()
    rows = (
        (step.name, _SIGNS[step.passed], step.expected or "", step.found or "")
        for step in explanation.steps
    )
    table(("check", "holds", "expected", "found"), rows)
    say()
    if problem is not None:
        say(plain(f"The keys could not be had: {problem}"), "yellow")
    if explanation.would_be is not None:
        say(f"A rule that only reports would refuse it: {explanation.would_be}", "yellow")
    refusal = explanation.refusal
    if refusal is None:
        say("It reaches the application.", "green")
        return
    say(f"It is refused: {explanation.reason}. The response:", "red")
    say()
    say(f"{refusal.status}")
    for name, written in refusal.headers:
        say(plain(f"{name}: {written}", 2000))
    say()
    say(plain(refusal.body.decode(), 2000))
