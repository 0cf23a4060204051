"""Where a token is read from: never from an argument, which shells remember and other users see."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from jwt_wsgi.jose.strict_json import read_object

#: The environment variable that is looked at unless another one is named.
VARIABLE = "JWT_WSGI_TOKEN"
#: Bytes of what is read for a token: far over what the library takes, so that it can say so.
MAX_BYTES = 131072

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Given(NamedTuple):
    """A token, and where it came from. Its repr shows the second alone."""

    token: str
    source: str

    def __repr__(self) -> str:
        return f"a token from {self.source}"


def token_options(command: _Command) -> _Command:
    """The options that say where the token is."""
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
        help=f"Read the token from this environment variable; {VARIABLE} is looked at anyway.",
    )
    return file(variable(command))


def given_token(token_file: str | None, token_env: str | None) -> Given:
    """The token that was given; raises `click.UsageError` where there is none."""
    if token_file is not None and token_env is not None:
        raise click.UsageError(
            "--token-file and --token-env: the token is in one place; leave one of them out"
        )
    if token_file is not None and token_file != "-":  # noqa: S105 (standard input)
        return _found(_file(token_file), token_file)
    if token_env is not None:
        if token_env not in os.environ:
            raise click.UsageError(
                "--token-env: no such environment variable; write its name and export it"
            )
        return _found(os.environ[token_env].encode("utf-8", "surrogateescape"), token_env)
    if token_file is None and os.environ.get(VARIABLE):
        return _found(os.environ[VARIABLE].encode("utf-8", "surrogateescape"), VARIABLE)
    if sys.stdin.isatty():
        raise _none()
    return _found(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input")


def _file(name: str) -> bytes:
    try:
        with Path(name).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        # The name is not repeated: it may be a token, put there by mistake.
        reason = getattr(error, "strerror", None) or "no file's name"
        raise click.UsageError(
            f"--token-file: cannot be read ({reason}); write the name of a file"
        ) from None


def _found(octets: bytes, source: str) -> Given:
    if len(octets) > MAX_BYTES:
        raise click.UsageError(
            f"{source}: over {MAX_BYTES} bytes; a token is shorter, so give the token alone"
        )
    try:
        text = octets.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise click.UsageError(f"{source}: not UTF-8; give the token as text") from None
    if text.startswith("{"):
        text = _answered(text, source)
    scheme, _, rest = text.partition(" ")
    if scheme.lower() == "bearer":
        text = rest.strip()
    if not text:
        raise _none()
    return Given(text, source)


def _answered(text: str, source: str) -> str:
    """The token in the answer of a token endpoint (RFC 6749 §5.1)."""
    try:
        token = read_object(text.encode()).get("access_token")
    except ValueError:
        token = None
    if not isinstance(token, str):
        raise click.UsageError(
            f"{source}: JSON without an access_token; give the token, or a token endpoint's answer"
        )
    return token.strip()


def _none() -> click.UsageError:
    return click.UsageError(
        f"no token: write it to standard input, name a --token-file, or export {VARIABLE}"
    )
