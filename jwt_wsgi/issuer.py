"""`Issuer`: whom to trust, where its keys are, and what its tokens must look like."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeGuard

from jwt_wsgi.jose.algorithms import ALGORITHMS, SYMMETRIC
from jwt_wsgi.jose.claims import ClaimName, TokenProfile
from jwt_wsgi.jwks import KeySource, LocalFirst, RemoteJWKS, SharedSecret, StaticJWKS


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

    __slots__ = ("algorithms", "issuer", "keys", "profile", "scope_claim")

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
        if not isinstance(issuer, str) or not issuer:
            raise ValueError(f"issuer={issuer!r}: write the exact text of the tokens' iss claim")
        self.issuer = issuer
        self.algorithms = _algorithms(algorithms)
        self.scope_claim = None if scope_claim is None else _claim_name("scope_claim", scope_claim)
        self.profile = _profile(audience, leeway, max_age, profile, claims or {})
        self.keys = _key_source(issuer, keys, allow_http)
        for source in keys if isinstance(keys, Sequence) else (self.keys,):
            _check_kind(source, self.algorithms)

    def __repr__(self) -> str:
        return f"Issuer({self.issuer!r}, algorithms={sorted(self.algorithms)!r})"


def _algorithms(algorithms: Iterable[str]) -> frozenset[str]:
    if isinstance(algorithms, str) or not isinstance(algorithms, Iterable):
        raise ValueError(f"algorithms={algorithms!r}: write a list of names, such as ('RS256',)")
    names = tuple(algorithms)
    if not names:
        raise ValueError("algorithms is empty: name at least one, such as ('RS256',)")
    for name in names:
        if not isinstance(name, str) or name not in ALGORITHMS:
            raise ValueError(f"algorithms holds {name!r}: choose from {', '.join(ALGORITHMS)}")
    return frozenset(names)


def _profile(
    audience: object,
    leeway: object,
    max_age: object,
    profile: object,
    claims: Mapping[ClaimName, Any],
) -> TokenProfile:
    if not _is_number(leeway) or not 0 <= leeway <= 300:
        raise ValueError(f"leeway={leeway!r}: write seconds, 0 to 300")
    if max_age is not None and (not _is_number(max_age) or not 0 < max_age < 2**53):
        raise ValueError(f"max_age={max_age!r}: write seconds above 0, or leave it out")
    if profile not in ("jwt", "at+jwt"):
        raise ValueError(f"profile={profile!r}: write 'jwt' or 'at+jwt'")
    if not isinstance(claims, Mapping):
        raise ValueError(f"claims={claims!r}: write a mapping of names to values")
    fixed: list[tuple[ClaimName, Any]] = []
    predicates: list[tuple[ClaimName, Callable[[Any], object]]] = []
    for name, wanted in claims.items():
        name = _claim_name("claims", name)
        if callable(wanted):
            predicates.append((name, wanted))
        else:
            fixed.append((name, copy.deepcopy(wanted)))
    return TokenProfile(
        audiences=_audiences(audience),
        leeway=leeway,
        max_age=max_age,
        name=str(profile),
        fixed=tuple(fixed),
        predicates=tuple(predicates),
    )


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _audiences(audience: object) -> frozenset[str] | None:
    if audience is ANY_AUDIENCE:
        return None
    names = (audience,) if isinstance(audience, str) else audience
    if isinstance(names, Iterable) and not isinstance(names, Mapping | bytes):
        names = tuple(names)
        if names and all(isinstance(name, str) and name for name in names):
            return frozenset(names)
    raise ValueError(
        f"audience={audience!r}: write the API's identifier, a list of them, "
        "or ANY_AUDIENCE to accept tokens that were meant for anyone"
    )


def _claim_name(option: str, name: object) -> ClaimName:
    path = name if isinstance(name, tuple) else (name,)
    if not path or not all(isinstance(member, str) and member for member in path):
        raise ValueError(
            f"{option}: {name!r} is no claim's name; write a string, or a tuple of them"
        )
    return name  # type: ignore[return-value]


def _key_source(issuer: str, keys: object, allow_http: bool) -> KeySource:
    if keys is None:
        return RemoteJWKS.discovered(issuer, allow_http=allow_http)
    if isinstance(keys, KeySource):
        return keys
    if isinstance(keys, Sequence) and keys and all(isinstance(each, KeySource) for each in keys):
        return LocalFirst(keys)
    raise ValueError(
        f"keys={type(keys).__name__}: write a RemoteJWKS, StaticJWKS or SharedSecret, "
        "or a list of them; wrap a mapping or KeySet in StaticJWKS"
    )


def _check_kind(source: KeySource, algorithms: frozenset[str]) -> None:
    symmetric = algorithms & SYMMETRIC
    if isinstance(source, SharedSecret):
        missing = algorithms - source.held().algorithms
        if missing:
            raise ValueError(
                f"algorithms {sorted(missing)} with a SharedSecret: it serves "
                f"{sorted(source.held().algorithms)} by its kind and length (RFC 7518 §3.2)"
            )
    elif isinstance(source, RemoteJWKS) and symmetric:
        raise ValueError(
            f"algorithms {sorted(symmetric)} with published keys: a secret cannot be "
            "published; use SharedSecret, or an RS, PS, ES or EdDSA algorithm"
        )
    elif isinstance(source, StaticJWKS):
        served = source.held().algorithms
        if not algorithms & served or (symmetric and not symmetric <= served):
            raise ValueError(
                f"algorithms {sorted(algorithms)} with keys that serve {sorted(served)}: "
                "name algorithms that the keys are made for"
            )
