"""Reading the token, or a request with one, from a file, a variable or standard input.

No command takes a token as an argument: shells remember arguments, and other users see them.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from jwt_wsgi.auth import Credentials
from jwt_wsgi.bindings import BEARER_SCHEME, DPOP_SCHEME
from jwt_wsgi.cli.curl import is_curl, parse_curl
from jwt_wsgi.cli.output import keep_secret
from jwt_wsgi.cli.pasted import Pasted, is_request, parse_request
from jwt_wsgi.jose.strict_json import read_document
from jwt_wsgi.middleware.authorization_header import ACCEPTED_SCHEMES, parse_authorization

#: The environment variable that is read unless --token-file or --token-env is used.
VARIABLE = "JWT_WSGI_TOKEN"
#: The kind of an input that is a token alone.
_ALONE = "a token"
#: The most bytes that are read. The library's own limit is far lower, and has its own message.
MAX_BYTES = 131072

#: The names of the accepted schemes in lower case. A stack without DPoP ignores that one.
_SCHEMES = ACCEPTED_SCHEMES[True]

_Command = TypeVar("_Command", bound=Callable[..., Any])


class TokenInput(NamedTuple):
    """A token and the place it was read from. Its repr shows the place only."""

    token: str
    source: str

    @property
    def size(self) -> int:
        """The token's length in bytes."""
        return len(self.token.encode())

    def __repr__(self) -> str:
        return f"a token from {self.source}"


class Input(NamedTuple):
    """The input: a request, or a token as the one header of a request.

    Attributes:
        source: The place that it was read from.
        pasted: The request.
        token: The token, or None if there is not exactly one under Bearer or DPoP.
    """

    source: str
    pasted: Pasted
    token: str | None

    @property
    def proofs(self) -> list[str]:
        """The values of the header `DPoP`."""
        return [value for name, value in self.pasted.headers if name.lower() == "dpop"]

    def with_proof(self, proof: str | None) -> "Input":
        """Return this input with the proof of `--proof`; a token alone moves to the scheme DPoP.

        Args:
            proof: The proof, or None to leave the input as it is.

        Raises:
            click.UsageError: The input has a proof.
        """
        if proof is None:
            return self
        if self.proofs:
            raise click.UsageError(
                f"--proof: leave it out, {self.pasted.kind} from {self.source} has a header DPoP"
            )
        headers = self.pasted.headers
        if self.pasted.kind == _ALONE:
            headers = [("Authorization", f"{DPOP_SCHEME} {self.token}")]
        pasted = replace(self.pasted, headers=[*headers, ("DPoP", proof)])
        return self._replace(pasted=pasted)

    def __repr__(self) -> str:
        return f"{self.pasted.kind} from {self.source}"


def token_options(command: _Command) -> _Command:
    """Add the options that name the place of the token."""
    file = click.option(
        "--token-file",
        "token_file",
        metavar="FILE",
        help="Read the token from FILE; - is standard input.",
    )
    variable = click.option(
        "--token-env",
        "token_env",
        metavar="NAME",
        help=f"Read the token from this environment variable, {VARIABLE} by default.",
    )
    return file(variable(command))


def read_token(token_file: str | None, token_env: str | None) -> TokenInput:
    """Return the token in the input, which may be a whole request.

    Arguments and exceptions are those of `read_input`.
    """
    given = read_input(token_file, token_env)
    if given.token is None:
        raise no_token_error(given)
    return TokenInput(given.token, given.source)


def no_token_error(given: Input) -> click.UsageError:
    """Return the error for an input that is a request without a token."""
    return click.UsageError(
        f"{given.source}: {given.pasted.kind} without one Bearer or DPoP token; provide the token"
    )


def read_input(token_file: str | None, token_env: str | None) -> Input:
    """Return what is in the place that the options name: a token, or a request.

    Args:
        token_file: The value of --token-file; "-" is standard input.
        token_env: The value of --token-env. Without either option, the variable
            `JWT_WSGI_TOKEN` is read if it is set, else standard input.

    Raises:
        click.UsageError: There is no token, or it cannot be read.
    """
    if token_file is not None and token_env is not None:
        raise click.UsageError("--token-file and --token-env: use only one of them")
    if token_file is not None and token_file != "-":  # noqa: S105 (standard input)
        return _parse_input(_read_file(token_file), token_file)
    if token_env is not None:
        return _read_variable(token_env)
    if token_file is None and os.environ.get(VARIABLE):
        return _read_variable(VARIABLE)
    if sys.stdin.isatty():
        raise _empty_input_error()
    return _parse_input(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input")


def reads_standard_input(token_file: str | None, token_env: str | None) -> bool:
    """Return True if the token comes from standard input; the arguments are as for `read_input`."""
    if token_file is None and token_env is None:
        return not os.environ.get(VARIABLE)
    return token_file == "-"  # noqa: S105 (standard input)


def _read_variable(name: str) -> Input:
    # The name is not repeated: it may be a token, put there by mistake.
    if name not in os.environ:
        raise click.UsageError(
            "--token-env: no such environment variable; write its name and export it"
        )
    return _parse_input(os.environ[name].encode("utf-8", "surrogateescape"), name)


def _read_file(name: str) -> bytes:
    try:
        with Path(name).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        # The name is not repeated: it may be a token, put there by mistake.
        reason = getattr(error, "strerror", None) or "not a file name"
        raise click.UsageError(
            f"--token-file: cannot be read ({reason}); write the name of a file"
        ) from None


def _parse_input(content: bytes, source: str) -> Input:
    if len(content) > MAX_BYTES:
        raise click.UsageError(f"{source}: over {MAX_BYTES} bytes; provide the token alone")
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise click.UsageError(f"{source}: not UTF-8; provide the token as text") from None
    try:
        pasted = _parse_pasted(text)
    except ValueError as error:
        raise click.UsageError(f"{source}: {error}") from None
    if pasted is not None:
        return Input(source, pasted, _sent_token(pasted))
    scheme, token = _bare_token(text, source)
    keep_secret(token)
    return Input(source, Pasted(_ALONE, headers=[("Authorization", f"{scheme} {token}")]), token)


def _parse_pasted(text: str) -> Pasted | None:
    """Return the request that a text holds, or None if it is a token alone."""
    if is_curl(text):
        return parse_curl(text)
    if is_request(text):
        return parse_request(text)
    return None


def _sent_token(pasted: Pasted) -> str | None:
    """Return the token of a request, or None if there is not exactly one."""
    values = [value for name, value in pasted.headers if name.lower() == "authorization"]
    credentials = parse_authorization(", ".join(values), _SCHEMES)
    if not isinstance(credentials, Credentials):
        return None
    keep_secret(credentials.token)
    return credentials.token


def _bare_token(text: str, source: str) -> tuple[str, str]:
    """Return the scheme and the token of a text that is not a request."""
    scheme = BEARER_SCHEME
    if text.startswith("{"):
        scheme, text = _access_token(text, source)
    name, _, credentials = text.partition(" ")
    if name.lower() in _SCHEMES:
        scheme = _SCHEMES[name.lower()]
        text = credentials.strip()
    if not text:
        raise _empty_input_error()
    return scheme, text


def _access_token(text: str, source: str) -> tuple[str, str]:
    """Return the scheme and the token in the response of a token endpoint (RFC 6749 §5.1)."""
    try:
        document = read_document(text.encode())
    except ValueError:
        document = {}
    token = document.get("access_token")
    if not isinstance(token, str):
        raise click.UsageError(
            f"{source}: JSON without an access_token;"
            " provide the token, or the response of a token endpoint"
        )
    scheme = _SCHEMES.get(str(document.get("token_type")).lower(), BEARER_SCHEME)
    return scheme, token.strip()


def _empty_input_error() -> click.UsageError:
    return click.UsageError(
        f"no token: write it to standard input, use --token-file, or export {VARIABLE}"
    )
