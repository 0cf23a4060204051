"""The options that say how an API checks the possession of keys, where no application says it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from wsgiref.types import WSGIEnvironment

import click

from jwt_wsgi.cli.shared_options import usage_errors, with_options
from jwt_wsgi.client_certificates import ClientCertificate
from jwt_wsgi.possession.dpop import PROOF_ALGORITHMS, DPoP

_Command = Callable[..., Any]

#: Seconds, the defaults of `DPoP`.
_MAX_AGE = 300.0
_LEEWAY = 30.0

_OPTIONS = (
    click.option(
        "--dpop-base-url",
        "dpop_base_urls",
        metavar="URL",
        multiple=True,
        help="Accept DPoP proofs for this public base URL of the API; repeatable.",
    ),
    click.option(
        "--dpop-required", is_flag=True, help="Accept only tokens that are bound by DPoP."
    ),
    click.option(
        "--dpop-algorithm",
        "dpop_algorithms",
        metavar="NAME",
        multiple=True,
        help="An accepted signature algorithm of proofs, instead of the usual; repeatable.",
    ),
    click.option(
        "--dpop-max-age",
        type=float,
        default=_MAX_AGE,
        metavar="SECONDS",
        help="How far iat of a proof may lie in the past, 300 by default.",
    ),
    click.option(
        "--dpop-leeway",
        type=float,
        default=_LEEWAY,
        metavar="SECONDS",
        help="How far iat of a proof may lie in the future, 30 by default.",
    ),
    click.option(
        "--client-certificates", is_flag=True, help="The API sees the certificates of clients."
    ),
)


@dataclass(frozen=True)
class PossessionOptions:
    """The values of the options about DPoP and client certificates."""

    dpop_base_urls: tuple[str, ...]
    dpop_required: bool
    dpop_algorithms: tuple[str, ...]
    dpop_max_age: float
    dpop_leeway: float
    client_certificates: bool

    def given(self) -> dict[str, object]:
        """Return the options by name; the value is None where one has its default."""
        others = {
            "--dpop-base-url": bool(self.dpop_base_urls),
            "--client-certificates": self.client_certificates,
        }
        return {name: is_given or None for name, is_given in {**others, **self._details()}.items()}

    def dpop(self) -> DPoP | None:
        """Return how proofs are checked, or None where they are not.

        There is no replay check: used proofs are known to the API alone.

        Raises:
            click.UsageError: For invalid values, and for details without a base URL.
        """
        if self.dpop_base_urls:
            with usage_errors("--dpop-base-url and the other options of DPoP: "):
                return DPoP(
                    self.dpop_base_urls,
                    required=self.dpop_required,
                    algorithms=self.dpop_algorithms or PROOF_ALGORITHMS,
                    max_age=self.dpop_max_age,
                    leeway=self.dpop_leeway,
                    replay=None,
                )
        for name, is_given in self._details().items():
            if is_given:
                raise click.UsageError(f"{name}: write --dpop-base-url, too, or leave it out")
        return None

    def client_certificate(self, *, is_given: bool) -> ClientCertificate | None:
        """Return the source of certificates of the described API, or None if it has none.

        Args:
            is_given: True if the command has a certificate, and so the API sees them.
        """
        if self.client_certificates or is_given:
            return _no_certificate
        return None

    def _details(self) -> dict[str, bool]:
        return {
            "--dpop-required": self.dpop_required,
            "--dpop-algorithm": bool(self.dpop_algorithms),
            "--dpop-max-age": self.dpop_max_age != _MAX_AGE,
            "--dpop-leeway": self.dpop_leeway != _LEEWAY,
        }


def possession_options(command: _Command) -> _Command:
    """Add the options; the command takes them as `possession`, a `PossessionOptions`."""
    return with_options(command, PossessionOptions, "possession", _OPTIONS)


def _no_certificate(_environ: WSGIEnvironment) -> bytes | None:
    """Return no certificate: `--certificate` hands it in."""
    return None
