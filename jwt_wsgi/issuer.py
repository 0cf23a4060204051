"""`Issuer`: whom to trust, where its keys are, and what its tokens must look like."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from jwt_wsgi.jose.algorithms import ALGORITHMS, SYMMETRIC
from jwt_wsgi.jose.claims import ClaimName, TokenProfile, check_claim_name
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import KeySource, KeySourceChain
from jwt_wsgi.jwks.static import SharedSecret, StaticJWKS
from jwt_wsgi.options import is_number, must


class _AnyAudience:
    def __repr__(self) -> str:
        return "ANY_AUDIENCE"


#: Waives the audience by name: tokens meant for any API of this issuer are accepted.
ANY_AUDIENCE: Final = _AnyAudience()


class Issuer:
    """One authorization server whose tokens are accepted, and the form they must have.

    `issuer` is compared exactly with `iss`; without `keys` it is the https URL
    that keys are discovered from. `audience` is a string, several, or
    `ANY_AUDIENCE`. `keys` is a key source or several, asked in order.
    `algorithms` is the allow-list. `leeway` (seconds, 0 to 300) is granted to
    every date, `max_age` (seconds) bounds the time since `iat`. `profile` is
    "jwt", or "at+jwt" for RFC 9068. `claims` maps a claim's name (a tuple is a
    path) to its value, to a predicate, or to `...` for "present".
    `scope_claim` names the claim that grants scopes.

    Raises `ValueError` that names the option, the value and the remedy.
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
        must(
            isinstance(issuer, str) and issuer != "",
            f"issuer={issuer!r}: write the tokens' exact iss",
        )
        self.issuer = issuer
        self.algorithms = _algorithms(algorithms)
        self.profile = _profile(
            audience, leeway, max_age, profile, {} if claims is None else claims
        )
        self.scope_claim = (
            None if scope_claim is None else check_claim_name("scope_claim", scope_claim)
        )
        self.discovers = keys is None
        given = RemoteJWKS.discovered(issuer, allow_http=allow_http) if keys is None else keys
        sources: Sequence[Any] = given if isinstance(given, list | tuple) else [given]
        for source in sources:
            _check_source(source, self.algorithms)
        must(len(sources) > 0, "keys is empty: name a key source, or leave it out for discovery")
        self.keys: KeySource = sources[0] if len(sources) == 1 else KeySourceChain(sources)

    def __repr__(self) -> str:
        return f"Issuer({self.issuer!r}, algorithms={sorted(self.algorithms)!r})"


def _algorithms(algorithms: Iterable[str]) -> frozenset[str]:
    names = () if isinstance(algorithms, str) else tuple(algorithms)
    must(names != (), f"algorithms={algorithms!r}: write a list of names, such as ('RS256',)")
    for name in names:
        must(
            name in list(ALGORITHMS),
            f"algorithms holds {name!r}: choose from {', '.join(ALGORITHMS)}",
        )
    return frozenset(names)


def _profile(
    audience: object,
    leeway: float,
    max_age: float | None,
    profile: str,
    claims: Mapping[ClaimName, Any],
) -> TokenProfile:
    must(is_number(leeway) and 0 <= leeway <= 300, f"leeway={leeway!r}: write seconds, 0 to 300")
    must(
        max_age is None or (is_number(max_age) and 0 < max_age < 2**53),
        f"max_age={max_age!r}: write seconds above 0, or leave it out",
    )
    must(profile in ("jwt", "at+jwt"), f"profile={profile!r}: write 'jwt' or 'at+jwt'")
    must(isinstance(claims, Mapping), f"claims={claims!r}: write a mapping of names to values")
    wanted = [(check_claim_name("claims", name), value) for name, value in claims.items()]
    return TokenProfile(
        audiences=_audiences(audience),
        leeway=leeway,
        max_age=max_age,
        name=profile,
        fixed=tuple((name, copy.deepcopy(value)) for name, value in wanted if not callable(value)),
        predicates=tuple((name, value) for name, value in wanted if callable(value)),
    )


def _audiences(audience: object) -> frozenset[str] | None:
    if audience is ANY_AUDIENCE:
        return None
    listed = [audience] if isinstance(audience, str) else audience
    names = list(listed) if isinstance(listed, Iterable) and not isinstance(listed, Mapping) else []
    named = names != [] and all(isinstance(name, str) and name for name in names)
    must(
        named,
        f"audience={audience!r}: write the API's identifier, a list of them, or ANY_AUDIENCE for anyone's",
    )
    return frozenset(names)


def _check_source(source: object, algorithms: frozenset[str]) -> None:
    remedy = "write a RemoteJWKS, StaticJWKS or SharedSecret, or a list; wrap a mapping or KeySet in StaticJWKS"
    must(isinstance(source, KeySource), f"keys={type(source).__name__}: {remedy}")
    symmetric, wanted = algorithms & SYMMETRIC, sorted(algorithms)
    published = isinstance(source, RemoteJWKS) and symmetric != frozenset()
    must(
        not published,
        f"algorithms {wanted} with published keys: a secret cannot be published; use SharedSecret",
    )
    if isinstance(source, StaticJWKS | SharedSecret):
        served = source.held().algorithms
        needed = algorithms if isinstance(source, SharedSecret) else symmetric
        fits = needed <= served and not served.isdisjoint(algorithms)
        must(
            fits,
            f"algorithms {wanted}, but these keys serve {sorted(served)} by their kind and size: name those",
        )
