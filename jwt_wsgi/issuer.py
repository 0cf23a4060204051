"""`Issuer`: an authorization server to trust, its keys, and the form of its tokens."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from jwt_wsgi.http.urls import PlainHTTPError
from jwt_wsgi.introspection.introspection import Introspection
from jwt_wsgi.jose.algorithms import ALGORITHMS, FAPI2_ALGORITHMS, remedy_for
from jwt_wsgi.jose.claim_lookup import ClaimName, check_claim_name, required_values
from jwt_wsgi.jose.claims import NEVER_ACCESS_TOKENS, TokenProfile, media_type
from jwt_wsgi.jose.header_members import check_member_names
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.selection import select_keys
from jwt_wsgi.jwks.source import KeySource
from jwt_wsgi.options import is_finite_number
from jwt_wsgi.possession.judgement import BindingRules
from jwt_wsgi.scope_hierarchy import ScopeImplies, read_hierarchy
from jwt_wsgi.token_options import ANY_AUDIENCE as ANY_AUDIENCE
from jwt_wsgi.token_options import Audience, check_flag, check_issuer_name, token_profile

_PROFILES = ("jwt", "at+jwt", "fapi2")
#: The algorithms that are allowed by default.
_DEFAULT_ALGORITHMS = ("RS256",)
#: The section that the errors about "fapi2" name.
_FAPI2_RESOURCE_SERVERS: Final = "FAPI 2.0 Security Profile §5.3.4"


class Issuer:
    """One authorization server whose tokens are accepted, and the form they must have.

    Args:
        issuer: Compared exactly with the token's `iss`. Without `keys` it is also the https URL
            that the keys are discovered from.
        audience: The API's identifier, or several; one of them must be in the token's `aud`.
            `ANY_AUDIENCE` waives the check.
        keys: A key source, or several, which are asked in order. Without it, the keys are
            discovered (OpenID Connect Discovery 1.0 §4, RFC 8414 §3).
        algorithms: The signature algorithms that are allowed. By default `RS256` alone; under the
            profile "fapi2" PS256, ES256, EdDSA and Ed25519.
        leeway: Seconds, 0 to 300, that every date is off at most.
        max_age: Seconds that may have passed since the token's `iat`. Without it, any number.
        profile: "jwt"; "at+jwt" for access tokens as RFC 9068 specifies them; or "fapi2", which
            holds tokens and stack to the FAPI 2.0 Security Profile (§5.3.4 and §5.4).
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
        sender_constrained: True refuses tokens that are not bound to a key, and requests that do
            not prove it.
        accept_unproven_binding: True accepts tokens that are bound in a way that the stack does not
            check: `cnf.jkt` where `dpop` is not configured, `cnf.x5t#S256` where
            `client_certificate` is not. Whoever holds such a token can use it.
        padded: True if the issuer pads the segments of its tokens (`=`), as load balancers of AWS
            do. Then each segment must have exactly its padding; without it, none may have any.
        introspect: The `Introspection` whose endpoint is asked as well whether a token is active
            (RFC 7662), so that a revoked token is refused once its cached answer has ended. The
            claims of the token are those that count.
        scope_implies: Maps a scope to a list of the scopes that it implies, such as
            `{"admin": ["write"], "write": ["read"]}`. A token of this issuer with `admin` then
            satisfies `scope("read")`, too. Without it, each scope implies itself alone.

    Attributes:
        issuer: The issuer's name, as tokens write it in `iss`.
        algorithms: The allowed algorithms.
        keys: The key source.
        discovers: True if the keys are discovered from `issuer`.
        binding_rules: The rules about tokens that are bound to a key.
        scope_hierarchy: The scopes that imply others, with all that follows from `scope_implies`.
        introspect: The `Introspection` that is asked as well, or None.
        is_fapi2: True for the profile "fapi2".

    Raises:
        ValueError: For invalid arguments; the text names the option, the value and the remedy.
    """

    def __init__(
        self,
        issuer: str,
        *,
        audience: Audience,
        keys: KeySource | Sequence[KeySource] | None = None,
        algorithms: Iterable[str] | None = None,
        leeway: float = 30,
        max_age: float | None = None,
        profile: Literal["jwt", "at+jwt", "fapi2"] = "jwt",
        claims: Mapping[ClaimName, Any] | None = None,
        scope_claim: ClaimName | None = None,
        types: Iterable[str] | None = None,
        allow_id_tokens: bool = False,
        allow_http: bool = False,
        header: Mapping[ClaimName, Any] | None = None,
        padded: bool = False,
        sender_constrained: bool = False,
        accept_unproven_binding: bool = False,
        introspect: Introspection | None = None,
        scope_implies: ScopeImplies | None = None,
    ) -> None:
        self.issuer = check_issuer_name(issuer)
        self.is_fapi2 = profile == "fapi2"
        self.algorithms = _check_algorithms(_or_default(algorithms, is_fapi2=self.is_fapi2))
        self.binding_rules = _binding_rules(
            sender_constrained, accept_unproven_binding, is_fapi2=self.is_fapi2
        )
        self.profile = _token_profile(audience, leeway, max_age, profile, claims)
        self.profile = _with_types(self.profile, types)
        self.profile = _with_id_tokens(self.profile, allow_id_tokens, is_fapi2=self.is_fapi2)
        self.profile = _with_header(self.profile, header, padded)
        if introspect is not None and not isinstance(introspect, Introspection):
            raise ValueError(f"introspect={introspect!r}: write an Introspection, or leave it out")
        self.introspect = introspect
        self.scope_claim = None
        if scope_claim is not None:
            self.scope_claim = check_claim_name("scope_claim", scope_claim)
        self.scope_hierarchy = read_hierarchy(scope_implies)
        self.discovers = keys is None
        if keys is None:
            keys = _discovered_keys(issuer, allow_http)
        self.keys: KeySource = select_keys(keys, self.algorithms)

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


def _or_default(algorithms: Iterable[str] | None, *, is_fapi2: bool) -> Iterable[str]:
    if algorithms is not None:
        return algorithms
    return FAPI2_ALGORITHMS if is_fapi2 else _DEFAULT_ALGORITHMS


def _binding_rules(
    sender_constrained: bool, accept_unproven_binding: bool, *, is_fapi2: bool
) -> BindingRules:
    check_flag("sender_constrained", sender_constrained)
    check_flag("accept_unproven_binding", accept_unproven_binding)
    if accept_unproven_binding and is_fapi2:
        raise ValueError(
            "accept_unproven_binding=True beside profile='fapi2', which demands the proof "
            f"({_FAPI2_RESOURCE_SERVERS}): leave accept_unproven_binding out"
        )
    if accept_unproven_binding and sender_constrained:
        raise ValueError(
            "accept_unproven_binding=True beside sender_constrained=True, which demands the proof: "
            "leave one of them out"
        )
    if is_fapi2:
        return BindingRules(True, False, frozenset(FAPI2_ALGORITHMS), header_only=True)
    return BindingRules(sender_constrained, accept_unproven_binding)


def _token_profile(
    audience: object,
    leeway: float,
    max_age: float | None,
    profile: str,
    claims: Mapping[ClaimName, Any] | None,
) -> TokenProfile:
    if max_age is not None and (not is_finite_number(max_age) or not 0 < max_age < 2**53):
        raise ValueError(f"max_age={max_age!r}: write seconds above 0, or leave it out")
    if profile not in _PROFILES:
        raise ValueError(f"profile={profile!r}: write 'jwt', 'at+jwt' or 'fapi2'")
    name = "jwt" if profile == "fapi2" else profile
    return replace(token_profile(name, audience, leeway, claims), max_age=max_age)


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


def _with_id_tokens(
    profile: TokenProfile, allow_id_tokens: bool, *, is_fapi2: bool
) -> TokenProfile:
    check_flag("allow_id_tokens", allow_id_tokens)
    if not allow_id_tokens:
        return profile
    if is_fapi2:
        raise ValueError(
            "allow_id_tokens=True beside profile='fapi2', which accepts access tokens alone "
            f"({_FAPI2_RESOURCE_SERVERS}): leave allow_id_tokens out"
        )
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
    check_flag("padded", padded)
    fixed, predicates = required_values("header", header)
    check_member_names(name for name, _ in (*fixed, *predicates))
    return replace(profile, header_fixed=fixed, header_predicates=predicates, padded=padded)
