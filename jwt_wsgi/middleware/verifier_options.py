"""The `Verifier` of a stack, and what the challenges of the stack are made of."""

import time
from collections.abc import Callable, Iterable

from jwt_wsgi.client_certificates import ClientCertificate
from jwt_wsgi.issuer_registry import Trusted
from jwt_wsgi.middleware.challenges import ChallengeOptions
from jwt_wsgi.possession.dpop import DPoP
from jwt_wsgi.revocation_callback import IsRevoked
from jwt_wsgi.verifier import Verifier


def ready_verifier(
    issuers: Trusted | Iterable[Trusted] | Verifier,
    *,
    is_revoked: IsRevoked | None,
    clock: Callable[[], float] | None,
    dpop: DPoP | None = None,
    client_certificate: ClientCertificate | None = None,
) -> Verifier:
    """Return the given `Verifier`, or one for these issuers.

    Raises:
        ValueError: For an option beside a ready `Verifier`, which would ignore it, and for a
            `client_certificate` that it does not ask for, or lacks.
    """
    if not isinstance(issuers, Verifier):
        return Verifier(
            issuers,
            is_revoked=is_revoked,
            dpop=dpop,
            client_certificates=client_certificate is not None,
            clock=clock or time.time,
        )
    for option, value in (("is_revoked", is_revoked), ("clock", clock), ("dpop", dpop)):
        if value is not None:
            raise ValueError(
                f"{option}={value!r} beside a Verifier: give it to the Verifier itself"
            )
    if client_certificate is not None and not issuers.client_certificates:
        raise ValueError(
            f"client_certificate={client_certificate!r} beside a Verifier that checks none: write "
            "Verifier(..., client_certificates=True)"
        )
    if client_certificate is None and issuers.client_certificates:
        raise ValueError(
            "a Verifier with client_certificates=True, but no client_certificate=...: say where "
            "the certificate stands, such as from_environ('SSL_CLIENT_CERT')"
        )
    return issuers


def challenge_options(verifier: Verifier, realm: str) -> ChallengeOptions:
    """Return what the challenges of a stack are made of."""
    dpop = verifier.dpop
    return ChallengeOptions(
        realm=realm,
        bindings=verifier.bindings,
        demand=verifier.demand,
        proof_algorithms=verifier.proof_algorithms,
        nonces=None if dpop is None else dpop.nonces,
        clock=verifier.clock,
    )
