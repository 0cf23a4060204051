"""The DPoP proof and the client certificate that a command is given."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from jwt_wsgi.cli.output import keep_secret
from jwt_wsgi.client_certificates.servers import read_der, read_pem

#: The most bytes that are read. A proof that is accepted has at most 8 KiB, a certificate 16.
_MAX_BYTES = 65_536

_Command = TypeVar("_Command", bound=Callable[..., Any])


def proof_option(command: _Command) -> _Command:
    """Add the option that holds a proof, or names the place of it."""
    option = click.option(
        "--proof",
        metavar="TEXT|@FILE|-",
        help="The DPoP proof that is sent with the token: its text, @FILE, or - (standard input).",
    )
    return option(command)


def read_proof(value: str | None) -> str | None:
    """Return the proof that `--proof` names, or None without the option.

    The name of the header may stand before it: `DPoP: eyJ…`.

    Raises:
        click.UsageError: It cannot be read, or is empty.
    """
    if value is None:
        return None
    text = _read_text(value).strip()
    name, colon, rest = text.partition(":")
    if colon and name.strip().lower() == "dpop":
        text = rest.strip()
    if not text:
        raise click.UsageError("--proof: empty; write the proof, @FILE, or -")
    keep_secret(text)
    return text


def read_certificate(file: str | None) -> bytes | None:
    """Return the DER of the certificate in a file, or None without a file.

    Raises:
        click.UsageError: The file cannot be read, or is not one certificate in PEM or DER.
    """
    if file is None:
        return None
    content = read_file("--certificate", file)
    der = read_der(content)
    if der is None:
        der = read_pem(content.decode("latin-1"))
    if der is None:
        raise click.UsageError(
            "--certificate: not exactly one certificate in PEM or DER; write the client's own"
        )
    return der


def read_file(option: str, name: str) -> bytes:
    """Return the content of a small file.

    Raises:
        click.UsageError: It cannot be read, or is large. The text does not repeat the name, which
            may be a secret, put there by mistake.
    """
    try:
        with Path(name).open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a file name"
        raise click.UsageError(
            f"{option}: cannot be read ({reason}); write the name of a file"
        ) from None
    if len(content) > _MAX_BYTES:
        raise click.UsageError(f"{option}: over {_MAX_BYTES} bytes; write the name of another file")
    return content


def _read_text(value: str) -> str:
    if value == "-":
        content = sys.stdin.buffer.read(_MAX_BYTES + 1)
    elif value.startswith("@"):
        content = read_file("--proof", value[1:])
    else:
        return value
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise click.UsageError("--proof: not UTF-8; provide the proof as text") from None
