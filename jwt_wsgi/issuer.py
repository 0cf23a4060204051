"""`Issuer`: an authorization server to trust, its keys, and the form of its tokens."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.jose.algorithms import ALGORITHMS, SYMMETRIC
from jwt_wsgi.jose.claims import ClaimName, TokenProfile, check_claim_name
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import KeySource, KeySourceChain
from jwt_wsgi.jwks.static import SharedSecret, StaticJWKS
from jwt_wsgi.options import is_finite_number

_PROFILES = ("jwt", "at+jwt")
#: Seconds; a longer leeway would keep expired tokens alive.
_MAX_LEEWAY = 300


class _AnyAudience:
    def __repr__(self) -> str:
        return "ANY_AUDIENCE"


#: Waives the audience by name: tokens meant for any API of this issuer are accepted.
ANY_AUDIENCE: Final = _AnyAudience()


class Issuer:
    """One authorization server whose tokens are accepted, and the form they must have.

    Args:
        issuer: Compared exactly with the token's `iss`. Without `keys` it is also the https URL
            that the keys are discovered from.
        audience: The API's identifier, or several; one of them must be in the token's `aud`.
            `ANY_AUDIENCE` waives the check.
        keys: A key source, or several, which are asked in order. Without it, the keys are
            discovered (OpenID Connect Discovery 1.0 §4, RFC 8414 §3).
        algorithms: The signature algorithms that are allowed.
        leeway: Seconds, 0 to 300, that every date is off at most.
        max_age: Seconds that may have passed since the token's `iat`. Without it, any number.
        profile: "jwt", or "at+jwt" for access tokens as RFC 9068 specifies them.
        claims: Maps a claim's name (a tuple is a path into nested objects) to its required value,
            to a predicate of the value, or to `...`, which requires that the claim is present.
        scope_claim: The claim that grants scopes, instead of `scope` or else `scp`.
        allow_http: Discover over plain http, too. Loopback is always allowed.

    Attributes:
        issuer: The issuer's name, as tokens write it in `iss`.
        algorithms: The allowed algorithms.
        keys: The key source.
        discovers: True if the keys are discovered from `issuer`.

    Raises:
        ValueError: For invalid arguments; the text names the option, the value and the remedy.
    """

    def __init__(
        self,
        issuer: str,
        *,
        audience: str | Iterable[str] | _AnyAudience,
        keys: KeySource | Sequence[KeySource] | None = None,
        algorithms: Iterable[str] = ("RS256",),
        leeway: float = 30,
        max_age: float | None = None,
        profile: Literal["jwt", "at+jwt"] = "jwt",
        claims: Mapping[ClaimName, Any] | None = None,
        scope_claim: ClaimName | None = None,
        allow_http: bool = False,
    ) -> None:
        if not isinstance(issuer, str) or issuer == "":
            raise ValueError(f"issuer={issuer!r}: write the tokens' exact iss")
        self.issuer = issuer
        self.algorithms = _check_algorithms(algorithms)
        self.profile = _token_profile(audience, leeway, max_age, profile, claims)
        self.scope_claim = None
        if scope_claim is not None:
            self.scope_claim = check_claim_name("scope_claim", scope_claim)
        self.discovers = keys is None
        if keys is None:
            keys = RemoteJWKS.discovered(issuer, allow_http=allow_http)
        self.keys: KeySource = _key_source(keys, self.algorithms)

    def __repr__(self) -> str:
        return f"Issuer({self.issuer!r}, algorithms={sorted(self.algorithms)!r})"


def _check_algorithms(algorithms: Iterable[str]) -> frozenset[str]:
    names = () if isinstance(algorithms, str) else tuple(algorithms)
    if not names:
        raise ValueError(f"algorithms={algorithms!r}: write a list of names, such as ('RS256',)")
    for name in names:
        # A list: a name that cannot be hashed must be refused like any other.
        if name not in list(ALGORITHMS):
            raise ValueError(f"algorithms holds {name!r}: choose from {', '.join(ALGORITHMS)}")
    return frozenset(names)


def _token_profile(
    audience: object,
    leeway: float,
    max_age: float | None,
    profile: str,
    claims: Mapping[ClaimName, Any] | None,
) -> TokenProfile:
    if not is_finite_number(leeway) or not 0 <= leeway <= _MAX_LEEWAY:
        raise ValueError(f"leeway={leeway!r}: write seconds, 0 to {_MAX_LEEWAY}")
    if max_age is not None and (not is_finite_number(max_age) or not 0 < max_age < 2**53):
        raise ValueError(f"max_age={max_age!r}: write seconds above 0, or leave it out")
    if profile not in _PROFILES:
        raise ValueError(f"profile={profile!r}: write 'jwt' or 'at+jwt'")
    fixed, predicates = _required_claims({} if claims is None else claims)
    return TokenProfile(
        audiences=_audiences(audience),
        leeway=leeway,
        max_age=max_age,
        name=profile,
        fixed=fixed,
        predicates=predicates,
    )


def _required_claims(
    claims: Mapping[ClaimName, Any],
) -> tuple[tuple[tuple[ClaimName, Any], ...], tuple[tuple[ClaimName, Any], ...]]:
    """Return the claims with a fixed value, and those with a predicate."""
    if not isinstance(claims, Mapping):
        raise ValueError(f"claims={claims!r}: write a mapping of names to values")
    fixed = []
    predicates = []
    for name, value in claims.items():
        check_claim_name("claims", name)
        if callable(value):
            check_callables(**{f"claims[{name!r}]": value})
            predicates.append((name, value))
        else:
            fixed.append((name, copy.deepcopy(value)))
    return tuple(fixed), tuple(predicates)


def _audiences(audience: object) -> frozenset[str] | None:
    if audience is ANY_AUDIENCE:
        return None
    names: list[Any] = []
    if isinstance(audience, str):
        names = [audience]
    elif isinstance(audience, Iterable) and not isinstance(audience, Mapping):
        names = list(audience)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(
            f"audience={audience!r}: write the API's identifier, a list of them, "
            "or ANY_AUDIENCE for anyone's"
        )
    return frozenset(names)


def _key_source(keys: KeySource | Sequence[KeySource], algorithms: frozenset[str]) -> KeySource:
    sources: Sequence[KeySource] = keys if isinstance(keys, list | tuple) else [keys]  # type: ignore[list-item]
    if len(sources) == 0:
        raise ValueError("keys is empty: name a key source, or leave it out for discovery")
    for source in sources:
        _check_source(source, algorithms)
    if len(sources) == 1:
        return sources[0]
    return KeySourceChain(sources)


def _check_source(source: object, algorithms: frozenset[str]) -> None:
    if not isinstance(source, KeySource):
        raise ValueError(
            f"keys={type(source).__name__}: write a RemoteJWKS, StaticJWKS or SharedSecret, "
            "or a list; wrap a mapping or KeySet in StaticJWKS"
        )
    if isinstance(source, RemoteJWKS) and algorithms & SYMMETRIC:
        raise ValueError(
            f"algorithms {sorted(algorithms)} with published keys: a secret cannot be published; "
            "use SharedSecret"
        )
    if isinstance(source, SharedSecret):
        _check_served(source, algorithms, needed=algorithms)
    elif isinstance(source, StaticJWKS):
        _check_served(source, algorithms, needed=algorithms & SYMMETRIC)


def _check_served(
    source: StaticJWKS | SharedSecret, algorithms: frozenset[str], *, needed: frozenset[str]
) -> None:
    """Refuse algorithms that the keys at hand do not serve."""
    served = source.held().algorithms
    if not needed <= served or served.isdisjoint(algorithms):
        raise ValueError(
            f"algorithms {sorted(algorithms)}, but these keys serve {sorted(served)} "
            "by their kind and size: name those"
        )
