"""`Issuer`: an authorization server to trust, its keys, and the form of its tokens."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from jwt_wsgi.http.urls import PlainHTTPError
from jwt_wsgi.jose.algorithms import ALGORITHMS, SYMMETRIC, remedy_for
from jwt_wsgi.jose.claim_lookup import ClaimName, check_claim_name, required_values
from jwt_wsgi.jose.claims import NEVER_ACCESS_TOKENS, TokenProfile, media_type
from jwt_wsgi.jose.header_members import check_member_names
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.remote_pem import RemotePEM
from jwt_wsgi.jwks.source import FilteredSource, KeySource, KeySourceChain
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
        types: The values of the token's `typ` that are accepted, instead of the profile's. They are
            compared as media types, and a token without `typ` counts as `JWT`.
        allow_id_tokens: Accept ID tokens as well, which are meant for a client and not for an API.
            Whoever holds a user's ID token can then call this API. It needs an audience.
        allow_http: Discover over plain http, too. Loopback is always allowed.
        header: Maps a member of the token's header to its required value, to a predicate of the
            value, or to `...`, as `claims` does. `alg`, `kid`, `typ` and members that are never
            accepted are refused here, because they have options of their own.
        padded: True if the issuer pads the segments of its tokens (`=`), as load balancers of AWS
            do. Then each segment must have exactly its padding; without it, none may have any.

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
        types: Iterable[str] | None = None,
        allow_id_tokens: bool = False,
        allow_http: bool = False,
        header: Mapping[ClaimName, Any] | None = None,
        padded: bool = False,
    ) -> None:
        if not isinstance(issuer, str) or issuer == "":
            raise ValueError(f"issuer={issuer!r}: write the tokens' exact iss")
        self.issuer = issuer
        self.algorithms = _check_algorithms(algorithms)
        self.profile = _token_profile(audience, leeway, max_age, profile, claims)
        self.profile = _with_types(self.profile, types)
        self.profile = _with_id_tokens(self.profile, allow_id_tokens)
        self.profile = _with_header(self.profile, header, padded)
        self.scope_claim = None
        if scope_claim is not None:
            self.scope_claim = check_claim_name("scope_claim", scope_claim)
        self.discovers = keys is None
        if keys is None:
            keys = _discovered_keys(issuer, allow_http)
        self.keys: KeySource = _key_source(keys, self.algorithms)

    def __repr__(self) -> str:
        return f"Issuer({self.issuer!r}, algorithms={sorted(self.algorithms)!r})"


def _discovered_keys(issuer: str, allow_http: bool) -> RemoteJWKS:
    # The remedies name `Issuer`, because `protect` and resolvers take an issuer's name as well.
    try:
        return RemoteJWKS.discovered(issuer, allow_http=allow_http)
    except PlainHTTPError:
        raise ValueError(
            f"issuer={issuer!r:.200}: must be https, because its keys are discovered there (http "
            "only on loopback); if the network is trusted, write "
            f"Issuer({issuer!r:.200}, audience=…, allow_http=True)"
        ) from None
    except ValueError as error:
        raise ValueError(
            f"{error}; if tokens write their iss so, name the keys: "
            f"Issuer({issuer!r:.200}, audience=…, keys=RemoteJWKS('https://…'))"
        ) from None


def _check_algorithms(algorithms: Iterable[str]) -> frozenset[str]:
    names = () if isinstance(algorithms, str) else tuple(algorithms)
    if not names:
        raise ValueError(f"algorithms={algorithms!r}: write a list of names, such as ('RS256',)")
    for name in names:
        # A list: a name that cannot be hashed must be refused like any other.
        if name not in list(ALGORITHMS):
            raise ValueError(f"algorithms holds {name!r}: choose from {', '.join(ALGORITHMS)}")
        remedy = remedy_for(name)
        if remedy is not None:
            raise ValueError(
                f"algorithms holds {name!r}, which the installed cryptography lacks: {remedy}"
            )
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
    fixed, predicates = required_values("claims", claims)
    return TokenProfile(
        audiences=_audiences(audience),
        leeway=leeway,
        max_age=max_age,
        name=profile,
        fixed=fixed,
        predicates=predicates,
    )


def _with_types(profile: TokenProfile, types: Iterable[str] | None) -> TokenProfile:
    if types is None:
        return profile
    names = [] if isinstance(types, str) or not isinstance(types, Iterable) else list(types)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"types={types!r}: write a list of values of typ, such as ['JWT']")
    accepted = frozenset(media_type(name) for name in names)
    refused = sorted(accepted & NEVER_ACCESS_TOKENS)
    if refused:
        raise ValueError(f"types holds {refused[0]!r}: such a token is never an access token")
    return replace(profile, types=accepted)


def _with_id_tokens(profile: TokenProfile, allow_id_tokens: bool) -> TokenProfile:
    if not isinstance(allow_id_tokens, bool):
        raise ValueError(f"allow_id_tokens={allow_id_tokens!r}: write True or False")
    if not allow_id_tokens:
        return profile
    if profile.audiences is None:
        raise ValueError(
            "allow_id_tokens=True with ANY_AUDIENCE accepts the ID tokens of every client: "
            "name the audience"
        )
    if profile.name == "at+jwt":
        raise ValueError(
            "allow_id_tokens=True with profile='at+jwt', which no ID token has: leave one out"
        )
    return replace(profile, allow_id_tokens=True)


def _with_header(
    profile: TokenProfile, header: Mapping[ClaimName, Any] | None, padded: bool
) -> TokenProfile:
    if not isinstance(padded, bool):
        raise ValueError(f"padded={padded!r}: write True or False")
    fixed, predicates = required_values("header", header)
    check_member_names(name for name, _ in (*fixed, *predicates))
    return replace(profile, header_fixed=fixed, header_predicates=predicates, padded=padded)


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
    served: frozenset[str] = frozenset()
    filtered = []
    for source in sources:
        source_algorithms = _source_algorithms(source, algorithms)
        served |= source_algorithms
        filtered.append(FilteredSource(source, source_algorithms))
    _check_served(algorithms, served)
    if len(sources) == 1:
        return sources[0]
    return KeySourceChain(filtered)


def _source_algorithms(source: object, algorithms: frozenset[str]) -> frozenset[str]:
    """Return the allowed algorithms that this kind of source can serve.

    Secrets serve the symmetric algorithms and public keys serve the others, so no source is asked
    for a key of the other kind.
    """
    if not isinstance(source, KeySource):
        raise ValueError(
            f"keys={type(source).__name__}: write a RemoteJWKS, StaticJWKS or SharedSecret, "
            "or a list; wrap a mapping or KeySet in StaticJWKS"
        )
    if isinstance(source, RemoteJWKS | RemotePEM):
        source_algorithms = algorithms - SYMMETRIC
        if not source_algorithms:
            raise ValueError(_published_secret(algorithms))
        return source_algorithms
    if not isinstance(source, StaticJWKS | SharedSecret):
        return algorithms
    key_set = source.held()
    source_algorithms = algorithms & SYMMETRIC if key_set.symmetric else algorithms - SYMMETRIC
    # A secret never changes, so each of its algorithms must be one that it is long enough for.
    is_complete = source_algorithms <= key_set.algorithms or not key_set.symmetric
    if not is_complete or key_set.algorithms.isdisjoint(source_algorithms):
        raise ValueError(
            f"algorithms {sorted(algorithms)}, but these keys serve {sorted(key_set.algorithms)} "
            "by their kind and size: name those"
        )
    return source_algorithms


def _check_served(algorithms: frozenset[str], served: frozenset[str]) -> None:
    """Refuse symmetric algorithms that no source has a secret for, and the other way round."""
    missing = algorithms - served
    if missing & SYMMETRIC:
        raise ValueError(_published_secret(algorithms))
    if missing:
        raise ValueError(
            f"algorithms {sorted(algorithms)}, but a secret cannot serve {sorted(missing)}: "
            "name a source of public keys too, or leave them out"
        )


def _published_secret(algorithms: frozenset[str]) -> str:
    return (
        f"algorithms {sorted(algorithms)} with published keys: a secret cannot be published; "
        "use SharedSecret"
    )
