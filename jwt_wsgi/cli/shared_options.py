"""Options and checks that several commands share: the policy, `--json`, certificates, errors."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import wraps
from typing import Any

import click

from jwt_wsgi.fapi import CHECK_KEYS
from jwt_wsgi.http.client import Fetcher
from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.jwks.static import MAX_FILE_BYTES
from jwt_wsgi.policy.policy import Policy
from jwt_wsgi.policyfile import read_policy

#: A command of click, before click has wrapped it.
Command = Callable[..., Any]

#: Seconds for one reply.
_TIMEOUT = 10.0
#: Remedies in the library's errors, and the options that do the same here.
_REMEDIES = {
    "name the file of that authority's root: ca_certs=": (
        "name the file of that authority's root: --ca-certs FILE"
    ),
    "with allow_http=True": "with --allow-http",
    "use SharedSecret": "use --secret-env",
    "pass it to StaticJWKS": "write its public part to a file, and name that with --jwks",
    CHECK_KEYS: "write --dpop-base-url URL or --client-certificates",
    "or ANY_AUDIENCE for anyone's": "or --any-audience",
}

policy_option = click.option(
    "--policy", "policy_file", metavar="FILE", help="The policy, a TOML file (jwt_wsgi.policyfile)."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
ca_certs_option = click.option(
    "--ca-certs", metavar="FILE", help="Trust these certificates, in PEM, in place of the system's."
)
allow_http_option = click.option(
    "--allow-http", is_flag=True, help="Allow plain http to hosts other than loopback."
)


def load_policy(file: str) -> Policy:
    """Return the policy in `file`; raise `click.UsageError` if it is invalid."""
    with usage_errors("--policy: "):
        return read_policy(file)


@contextmanager
def usage_errors(prefix: str = "", suffix: str = "") -> Iterator[None]:
    """Turn a `ValueError` of the block into a `click.UsageError`.

    Args:
        prefix: The option that the error is about, with a colon and a space; the library's
            own text follows it.
        suffix: Another remedy that this place has.
    """
    try:
        yield
    except ValueError as error:
        raise click.UsageError(f"{prefix}{in_options(str(error))}{suffix}") from None


def in_options(text: str) -> str:
    """Return an error of the library with remedies that can be written here."""
    for remedy, option in _REMEDIES.items():
        text = text.replace(remedy, option)
    return text


def built_in_fetcher(ca_certs: str | None) -> Fetch:
    """Return the HTTP client for one look at a document.

    Raises:
        click.UsageError: `ca_certs` is not a file of certificates.
    """
    with usage_errors("--ca-certs: "):
        return Fetcher(_TIMEOUT, MAX_FILE_BYTES, ca_certs=ca_certs)


def is_url(location: str) -> bool:
    """Return True for a URL, False for the name of a file."""
    return "://" in location


def with_options(command: Command, kind: type[Any], name: str, options: Sequence[Any]) -> Command:
    """Return a command with more options, which it takes as one value.

    Args:
        command: The command.
        kind: The dataclass of the value; its fields are named as the options.
        name: The parameter of the command that takes the value.
        options: The options, in the order in which the help shows them.
    """
    names = [field.name for field in fields(kind)]

    @wraps(command)
    def with_value(**arguments: Any) -> Any:
        values = {each: arguments.pop(each) for each in names}
        return command(**{name: kind(**values)}, **arguments)

    decorated: Command = with_value
    # click shows the options in the reverse order of their decorators.
    for option in reversed(options):
        decorated = option(decorated)
    return decorated
