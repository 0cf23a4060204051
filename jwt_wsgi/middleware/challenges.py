"""Challenges: the `WWW-Authenticate` headers of a refusal (RFC 9110 §11.6.1, RFC 6750 §3).

A refusal has one challenge for each authentication scheme that could help the client.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from jwt_wsgi.auth import (
    AUTH_KEY,
    CHALLENGE_KEY,
    CREDENTIALS_KEY,
    METADATA_KEY,
    REALM_KEY,
    Auth,
    Credentials,
)
from jwt_wsgi.bindings import (
    BEARER_SCHEME,
    DPOP,
    DPOP_SCHEME,
    MTLS,
    UNBOUND,
    Alternatives,
    Binding,
    require_both,
    schemes,
)
from jwt_wsgi.errors import AuthError, InsufficientAuthentication
from jwt_wsgi.possession.nonces import DPoPNonces

_REALM = re.compile(r"[ -~]+")
_SCOPE = re.compile(r"[!#-\[\]-~]+")
_NOT_PRINTABLE = re.compile(r"[^ -~]")
_QUOTED_PAIR = re.compile(r'(["\\])')

#: Refusals of which the path, the method or the body is the cause, so no credentials would help.
_WITHOUT_CHALLENGE: Final = frozenset(
    {
        "path_ambiguous",
        "method_ambiguous",
        "mount_unknown",
        "message_malformed",
        "message_mismatch",
        "length_required",
        "message_too_large",
        "content_type_unsupported",
    }
)

#: The refusals that another token can help, so that the client must know who issues it.
_STATUSES_WITH_METADATA: Final = (401, 403)

#: The order of the challenges, which is that of RFC 9449 §7.1.
_ORDER: Final = (BEARER_SCHEME, DPOP_SCHEME)

#: How many lists of schemes are cached. Two bindings make few of them.
_MAX_CACHED: Final = 128

DEFAULT_REALM: Final = "api"


@dataclass(frozen=True, slots=True)
class ChallengeOptions:
    """The ingredients of a stack's challenges; it is `jwt_wsgi.challenge` in the environ.

    Attributes:
        realm: The realm.
        bindings: The bindings of tokens that the stack checks: `dpop`, `mtls`.
        demand: The keys whose possession the stack demands of every token, as alternatives.
        proof_algorithms: The algorithms that DPoP proofs may have.
        nonces: Issues the nonces of DPoP proofs; None demands none.
        clock: Returns the time in seconds since the epoch.
        metadata_url: The URL of the metadata of the resource (RFC 9728), or None.
    """

    realm: str = DEFAULT_REALM
    bindings: Binding = frozenset()
    demand: Alternatives = UNBOUND
    proof_algorithms: tuple[str, ...] = ()
    nonces: DPoPNonces | None = None
    clock: Callable[[], float] = time.time
    metadata_url: str | None = None

    def with_realm(self, realm: str) -> "ChallengeOptions":
        """Return the same options with another realm."""
        return self if realm == self.realm else replace(self, realm=realm)

    def with_metadata(self, url: str) -> "ChallengeOptions":
        """Return the same options with the URL of the metadata."""
        return self if url == self.metadata_url else replace(self, metadata_url=url)

    def offered_schemes(self, error: AuthError, token_scheme: str | None) -> tuple[str, ...]:
        """Return the schemes that can satisfy rule, issuer and stack, in their order.

        Args:
            error: The refusal.
            token_scheme: The scheme that the verified token demands, or None.
        """
        # An application may write the demand of its own refusal as a set, which has no hash.
        demand = frozenset(error.demand)
        offered = _schemes_in_order(demand, self.demand, self.bindings)
        if token_scheme in offered:
            return (token_scheme,)
        return offered


_DEFAULTS: Final = ChallengeOptions()


def options_of(environ: Mapping[str, Any]) -> ChallengeOptions:
    """Return the options that the layers left in the environ, with the realm beside them.

    A URL of metadata that no verifier or authorizer has taken yet is part of them.
    """
    options = environ.get(CHALLENGE_KEY)
    if not isinstance(options, ChallengeOptions):
        options = _DEFAULTS
    url = environ.get(METADATA_KEY)
    if url is not None:
        options = options.with_metadata(url)
    realm = environ.get(REALM_KEY, options.realm)
    if realm == options.realm:
        return options
    return options.with_realm(realm)


def validate_realm(realm: str) -> str:
    """Return `realm` if it can stand in a header; raise `ValueError` otherwise."""
    if not isinstance(realm, str) or _REALM.fullmatch(realm) is None:
        raise ValueError(f"realm={realm!r}: write printable ASCII, such as 'api'")
    return realm


@lru_cache(_MAX_CACHED)
def _schemes_in_order(
    demand: Alternatives, own: Alternatives, bindings: Binding
) -> tuple[str, ...]:
    """Return the schemes that can satisfy a refusal's demand and the stack's own one."""
    offered = schemes(require_both(demand, own), bindings)
    # A challenge must not be missing, even where no scheme can help.
    offered = offered or schemes(own, bindings) or frozenset({BEARER_SCHEME})
    return tuple(scheme for scheme in _ORDER if scheme in offered)


def has_challenge(error: AuthError) -> bool:
    """Return whether credentials could help, so that the answer has a challenge."""
    if error.code in ("forbidden", "temporarily_unavailable"):
        return False
    return error.reason not in _WITHOUT_CHALLENGE


def schemes_for(
    error: AuthError, environ: Mapping[str, Any], options: ChallengeOptions
) -> tuple[tuple[str, ...], str | None]:
    """Return the schemes that the challenges of a refusal name, and the one that was used.

    Args:
        error: The refusal.
        environ: The environ of the request.
        options: The options of the stack.
    """
    if not has_challenge(error):
        return (), None
    used = used_scheme(environ)
    if error.status == 403:
        return (used or BEARER_SCHEME,), used
    return options.offered_schemes(error, demanded_scheme(error, environ)), used


def used_scheme(environ: Mapping[str, Any]) -> str | None:
    """Return the scheme of the request's credentials, or None if it has none."""
    credentials = environ.get(CREDENTIALS_KEY)
    return credentials.scheme if isinstance(credentials, Credentials) else None


def demanded_scheme(error: AuthError, environ: Mapping[str, Any]) -> str | None:
    """Return the scheme under which the request's token must be sent, or None if it is unknown.

    Args:
        error: The refusal.
        environ: The environ of the request.
    """
    if error.token_scheme is None and AUTH_KEY in environ:
        return _proven_scheme(environ[AUTH_KEY])
    return error.token_scheme


def compose_challenges(
    error: AuthError, offered: tuple[str, ...], used: str | None, options: ChallengeOptions
) -> list[str]:
    """Return the values of `WWW-Authenticate`, one for each scheme.

    Every value in them is quoted, and stripped of characters that a header or the parameter must
    not hold, so no text can add another parameter or another line. The error stands at the scheme
    that was used, or at all of them where none was, or where that scheme is not offered.

    Args:
        error: The refusal.
        offered: The schemes.
        used: The scheme of the request, or None.
        options: The options of the stack.
    """
    values = []
    for scheme in offered:
        parameters = [("realm", options.realm)]
        if used not in offered or scheme == used:
            parameters += _error_parameters(error)
        parameters += _demanded_parameters(error)
        if options.metadata_url is not None and error.status in _STATUSES_WITH_METADATA:
            parameters.append(("resource_metadata", options.metadata_url))
        if scheme == DPOP_SCHEME:
            parameters.append(("algs", " ".join(options.proof_algorithms)))
        listed = ", ".join(f"{name}={_quoted(value)}" for name, value in parameters if value)
        values.append(f"{scheme} {listed}")
    return values


def _error_parameters(error: AuthError) -> list[tuple[str, str]]:
    if error.code is None:
        return []
    # RFC 6750 §3 allows neither quote nor backslash in a description.
    description = error.description.replace('"', "'").replace("\\", "/")
    return [("error", error.code), ("error_description", description)]


def _demanded_parameters(error: AuthError) -> list[tuple[str, str]]:
    """Return what a client must ask its issuer for; it stands in every challenge."""
    scopes = [name for name in error.scopes if _SCOPE.fullmatch(name)]
    parameters = [("scope", " ".join(scopes))]
    if isinstance(error, InsufficientAuthentication):
        parameters.append(("acr_values", " ".join(error.acr_values)))
        if error.max_age is not None:
            parameters.append(("max_age", str(error.max_age)))
    return parameters


def _proven_scheme(auth: object) -> str | None:
    """Return the scheme that a verified token demands, or None if it is not bound."""
    if not isinstance(auth, Auth):
        return None
    if DPOP in auth.possession.bindings:
        return DPOP_SCHEME
    return BEARER_SCHEME if MTLS in auth.possession.bindings else None


def _quoted(text: str) -> str:
    printable = _NOT_PRINTABLE.sub("", text)
    escaped = _QUOTED_PAIR.sub(r"\\\1", printable)
    return f'"{escaped}"'
