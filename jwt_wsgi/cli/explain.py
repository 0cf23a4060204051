"""`explain`: every check of one request, and the response that it would get."""

import io
import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

import click

from jwt_wsgi.cli.issuer_options import (
    IssuerOptions,
    issuer_options,
    json_option,
    load_policy,
    policy_option,
    usage_errors,
)
from jwt_wsgi.cli.output import escape, print_json, print_line, print_table, show_progress
from jwt_wsgi.cli.times import at_option, clock_at
from jwt_wsgi.cli.tokens import TokenInput, read_token, token_options
from jwt_wsgi.explain import Explainer, Explanation, Response
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import KeySource

_PASSED_LABELS = {True: "yes", False: "NO", None: "-"}


@dataclass(frozen=True, slots=True)
class _Request:
    """The request to explain. `path` may have a query; `token_input` is None without a token."""

    method: str
    path: str
    mount: str
    token_input: TokenInput | None


@dataclass(frozen=True, slots=True)
class _Result:
    """The explanation of a request, and why the issuer's keys could not be fetched, if so."""

    request: _Request
    explanation: Explanation
    keys_problem: str | None


@click.command(short_help="Show each check of one request, and the response.")
@policy_option
@click.option(
    "--issuer",
    "issuer_name",
    metavar="URL",
    required=True,
    help="The issuer, exactly as it stands in tokens.",
)
@issuer_options
@token_options
@click.option("--no-token", is_flag=True, help="Explain the request without a token.")
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
    options: IssuerOptions,
) -> None:
    """Show how the request METHOD PATH is decided: each check, and the response.

    The exit status is 0 if the request would reach the application, and 1 if it is refused.
    """
    if not path.startswith("/"):
        raise click.UsageError(f"PATH {path!r}: write the part after the host, beginning with /")
    if no_token and (token_file or token_env):
        raise click.UsageError("--no-token: remove it, or remove --token-file and --token-env")
    policy = load_policy(policy_file)
    keys = options.keys(issuer_name)
    issuer = options.issuer(issuer_name, keys)
    token_input = None if no_token else read_token(token_file, token_env)
    request = _Request(method, path, mount, token_input)
    explainer = Explainer(issuer, policy, clock=clock_at(at))
    with show_progress(f"asking {issuer_name} for its keys"), usage_errors():
        explanation = explainer.explain(_environ(request))
    result = _Result(request, explanation, _keys_problem(keys, explanation))
    if as_json:
        print_json(_document(result))
    else:
        _print(result)
    raise click.exceptions.Exit(0 if explanation.refusal is None else 1)


def _environ(request: _Request) -> dict[str, Any]:
    """Return the environ that a server makes of the request (PEP 3333)."""
    path, _, query = request.path.partition("?")
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": request.mount,
        # Arguments that are not UTF-8 have surrogates in place of their bytes.
        "PATH_INFO": unquote_to_bytes(os.fsencode(path)).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
    }
    if request.token_input is not None:
        credentials = f"Bearer {request.token_input.token}"
        environ["HTTP_AUTHORIZATION"] = credentials.encode().decode("latin-1")
    return environ


def _keys_problem(keys: KeySource, explanation: Explanation) -> str | None:
    """Return why the keys could not be fetched, if that decided the request."""
    if explanation.reason != "keys_unavailable" or not isinstance(keys, RemoteJWKS):
        return None
    return keys.status().last_error or "no answer in time"


def _document(result: _Result) -> dict[str, Any]:
    request = result.request
    explanation = result.explanation
    return {
        "method": request.method,
        "path": request.path,
        "token": _token_document(request.token_input),
        "allowed": explanation.refusal is None,
        "reason": explanation.reason,
        "would_be": explanation.would_be,
        "keys_problem": result.keys_problem,
        "steps": [step._asdict() for step in explanation.steps],
        "response": _response_document(explanation.refusal),
    }


def _token_document(token_input: TokenInput | None) -> dict[str, Any] | None:
    if token_input is None:
        return None
    return {"source": token_input.source, "bytes": token_input.size}


def _response_document(response: Response | None) -> dict[str, Any] | None:
    if response is None:
        return None
    return {
        "status": response.status,
        "headers": dict(response.headers),
        "body": response.body.decode(),
    }


def _print(result: _Result) -> None:
    _print_request(result.request)
    print_line()
    rows = (
        (step.name, _PASSED_LABELS[step.passed], step.expected or "", step.found or "")
        for step in result.explanation.steps
    )
    print_table(("check", "passed", "expected", "found"), rows)
    print_line()
    if result.keys_problem is not None:
        print_line(
            escape(f"The issuer's keys could not be fetched: {result.keys_problem}"), "yellow"
        )
    _print_outcome(result.explanation)


def _print_request(request: _Request) -> None:
    token = "no token"  # noqa: S105 (a description)
    if request.token_input is not None:
        token = f"a token of {request.token_input.size} bytes from {request.token_input.source}"
    print_line(escape(f"{request.method} {request.path}, with {token}"))


def _print_outcome(explanation: Explanation) -> None:
    if explanation.would_be is not None:
        print_line(
            "The rule is report-only. If it were enforced, it would refuse the request:"
            f" {explanation.would_be}",
            "yellow",
        )
    if explanation.refusal is None:
        print_line("The request reaches the application.", "green")
        return
    print_line(f"The request is refused: {explanation.reason}. The response:", "red")
    print_line()
    _print_response(explanation.refusal)


def _print_response(response: Response) -> None:
    print_line(f"{response.status}")
    for name, value in response.headers:
        print_line(escape(f"{name}: {value}", 2000))
    print_line()
    print_line(escape(response.body.decode(), 2000))
