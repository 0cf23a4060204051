"""The shared stores and the introspection endpoint of an application, as `check` asks them."""

from collections.abc import Iterator

from jwt_wsgi.cli.issuer_report import PROVIDERS, IssuerReport
from jwt_wsgi.cli.output import show_progress
from jwt_wsgi.cli.recognition import recognise
from jwt_wsgi.introspection.introspection import Introspection
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import single_sources
from jwt_wsgi.revocation import DenyList
from jwt_wsgi.stores import RedisStore
from jwt_wsgi.verifier import Verifier


def warn_of_stores(verifier: Verifier) -> list[str]:
    """Return what may make the shared stores of an application forget entries.

    Each store is asked once, whatever it is used for.

    Args:
        verifier: The application's verifier.
    """
    stores = {id(store): store for store in _stores(verifier) if isinstance(store, RedisStore)}
    warnings = [warning for store in stores.values() for warning in store.warnings()]
    # Two stores may be at one server.
    return list(dict.fromkeys(warnings))


def _stores(verifier: Verifier) -> Iterator[object]:
    """Yield the stores of used proofs, of denials and of key sets."""
    if verifier.dpop is not None:
        yield verifier.dpop.replay
    if isinstance(verifier.is_revoked, DenyList):
        yield verifier.is_revoked.store
    for issuer in verifier.issuers:
        for source in single_sources(issuer.keys):
            if isinstance(source, RemoteJWKS):
                yield source.store


def check_introspections(verifier: Verifier, *, offline: bool) -> Iterator[IssuerReport]:
    """Yield a report for each introspection endpoint of an application.

    The endpoint is asked about a random token.

    Args:
        verifier: The application's verifier.
        offline: True to contact nobody.
    """
    introspections = [verifier.introspection, *(issuer.introspect for issuer in verifier.issuers)]
    for introspection in dict.fromkeys(introspections):
        if introspection is not None:
            yield _check_introspection(introspection, offline=offline)


def _check_introspection(introspection: Introspection, *, offline: bool) -> IssuerReport:
    recognition = recognise(introspection.issuer, {}, PROVIDERS)
    problems: tuple[str, ...] = ()
    if not offline:
        with show_progress(f"asking {introspection.issuer}"):
            status = introspection.warm_up()
        if not status.usable:
            problems = (f"introspection: {status.last_error}",)
    return IssuerReport(
        introspection.issuer,
        recognition,
        problems=problems,
        scope_hierarchy=introspection.scope_hierarchy,
    )
