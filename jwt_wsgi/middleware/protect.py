"""`protect`: the three layers in one call, and the metadata of the API outside them."""

from collections.abc import Callable, Iterable, Sequence
from wsgiref.types import WSGIApplication

from jwt_wsgi.auth import Auth
from jwt_wsgi.bindings import DPOP, UNBOUND
from jwt_wsgi.client_certificates import ClientCertificate
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.issuer_registry import Trusted
from jwt_wsgi.middleware.authorization import ScopeAuthorizer
from jwt_wsgi.middleware.decisions import OnDecision
from jwt_wsgi.middleware.extraction import GetToken, TokenExtractor
from jwt_wsgi.middleware.resource_metadata import ResourceMetadata, ready_resource
from jwt_wsgi.middleware.responses import OnError
from jwt_wsgi.middleware.verification import TokenVerifier
from jwt_wsgi.middleware.verifier_options import ready_verifier
from jwt_wsgi.policy.policy import Policy, Rules
from jwt_wsgi.policy.reporting import ReportOnly
from jwt_wsgi.possession.dpop import DPoP
from jwt_wsgi.resource.protected_resource import ProtectedResource
from jwt_wsgi.revocation_callback import IsRevoked
from jwt_wsgi.scope_hierarchy import ScopeImplies, read_hierarchy
from jwt_wsgi.sources import TokenSource, bearer
from jwt_wsgi.verifier import Verifier

_Trusted = str | Trusted | Iterable[str | Trusted] | Verifier


def protect(
    app: WSGIApplication,
    *,
    issuer: _Trusted,
    rules: Rules | Policy,
    audience: str | Iterable[str] | None = None,
    scope_implies: ScopeImplies | None = None,
    realm: str = "api",
    get_token: GetToken | None = None,
    token_sources: Iterable[TokenSource] | None = None,
    remote_user: Callable[[Auth], str] | None = None,
    is_revoked: IsRevoked | None = None,
    dpop: DPoP | None = None,
    client_certificate: ClientCertificate | None = None,
    resource: str | ProtectedResource | None = None,
    on_error: OnError | None = None,
    on_decision: OnDecision | None = None,
    clock: Callable[[], float] | None = None,
) -> WSGIApplication:
    """Wrap `app` in all three layers.

    Args:
        app: The WSGI application to protect.
        issuer: Whose tokens are accepted: the https URL of an authorization server, an `Issuer`, a
            resolver (takes the unverified `iss`, returns an `Issuer` or None), several of these, or
            a ready `Verifier`. One `Introspection` may be among several: it is asked about opaque
            tokens.
        rules: Maps paths to requirements, such as `{"/api": scope("read:api")}`; or a `Policy`.
        audience: This API's identifier, or several. It goes with an issuer that is a URL. Without
            it, `resource`.
        scope_implies: Maps a scope to a list of the scopes that it implies, as for `Issuer`. It
            goes with an issuer that is a URL.
        realm: The realm in challenges, printable ASCII.
        get_token: Takes the environ and returns the token, or None. An empty text is no token. It
            replaces the `Authorization` header.
        token_sources: The places where a token may stand, from `jwt_wsgi.sources`, such as
            `[bearer, from_cookie("__Host-session")]`. All are read, and different tokens are
            refused. Without it, `[bearer]`.
        remote_user: Takes the `Auth` and returns the value of `REMOTE_USER`. Without it, that
            variable is left alone.
        is_revoked: Called with the `Auth` of every token that is otherwise good; a true result
            refuses it. An `AuthError` that it raises is the answer, and anything else that it
            raises is answered with 503. `jwt_wsgi.revocation.DenyList` is ready-made.
        dpop: How DPoP proofs are checked, `DPoP("https://api.example.com")` (RFC 9449). Without it,
            the scheme DPoP is that of others, and tokens that are bound by DPoP are refused.
        client_certificate: Takes the environ and returns the client's certificate as DER, or None
            (`jwt_wsgi.client_certificates`). Without it, tokens that are bound to a certificate are
            refused (RFC 8705 §3).
        resource: The URL of this API as its clients write it, `https://api.example.com/mcp`, or a
            `ProtectedResource`. Its metadata is served at the well-known path and named in
            challenges (RFC 9728). Without it, no metadata is served.
        on_error: Called as `on_error(environ, error)`; may return a WSGI application that answers
            in place of the layers. It cannot change the decision.
        on_decision: Called as `on_decision(environ, decision)` for every decision.
        clock: Returns the time in seconds since the epoch, for tests.

    Raises:
        ValueError: For invalid arguments, such as `audience` or `scope_implies` beside an `Issuer`,
            `clock`, `is_revoked` or `dpop` beside a `Verifier`, which has its own, or
            `token_sources` beside `get_token`; for a rule or an issuer that this stack can never
            satisfy; and for a `resource` that no issuer accepts as an audience.
    """
    policy = rules if isinstance(rules, Policy) else Policy(rules)
    if resource is not None:
        resource = ready_resource(resource)
    trusted: Verifier | list[Trusted]
    if isinstance(issuer, Verifier):
        _refuse_beside("a Verifier: say it on its issuers", audience, scope_implies)
        trusted = issuer
    else:
        trusted = _issuers(issuer, audience, scope_implies, resource)
    verifier = ready_verifier(
        trusted,
        is_revoked=is_revoked,
        dpop=dpop,
        client_certificate=client_certificate,
        clock=clock,
    )
    policy.check_possession(verifier.bindings, verifier.demand)
    if get_token is not None or token_sources is not None:
        token_sources = None if token_sources is None else list(token_sources)
        _check_reach(policy, verifier, token_sources)
    authorizer = ScopeAuthorizer(
        app,
        policy,
        issuers=verifier.trusted,
        scope_implies=verifier.scope_hierarchies,
        realm=realm,
        on_error=on_error,
        on_decision=on_decision,
    )
    token_verifier = TokenVerifier(
        authorizer,
        verifier,
        allow_anonymous=True,
        exempt=policy.is_public if policy.has_public else None,
        report_only=policy.reports_only if _may_report_only(policy) else None,
        scopes_asked=policy.scopes_asked,
        possession_asked=policy.possession_asked if _may_demand_key(policy) else None,
        client_certificate=client_certificate,
        remote_user=remote_user,
        realm=realm,
        on_error=on_error,
        on_decision=on_decision,
    )
    extractor = TokenExtractor(
        token_verifier,
        get_token=get_token,
        token_sources=token_sources,
        dpop=verifier.dpop is not None,
    )
    if resource is None:
        return extractor
    _check_reads_header(extractor)
    return ResourceMetadata(
        extractor, resource, policy=policy, issuers=verifier, client_certificate=client_certificate
    )


def _may_report_only(policy: Policy) -> bool:
    """Return False if the policy reports bad tokens on no path, so that it need not be asked."""
    if policy.report_only:
        return True
    requirements = (policy.default, *(rule.requirement for rule in policy.rules))
    return any(isinstance(requirement, ReportOnly) for requirement in requirements)


def _may_demand_key(policy: Policy) -> bool:
    """Return False if no rule demands possession of a key, so that the policy need not be asked."""
    requirements = (policy.default, *(rule.requirement for rule in policy.rules))
    return any(requirement.demand != UNBOUND for requirement in requirements)


def _check_reads_header(extractor: TokenExtractor) -> None:
    """Check that a client of the metadata, which names the header, is heard (RFC 9728 §2).

    Raises:
        ValueError: Tokens are read from other places alone.
    """
    if extractor.get_token is None and bearer not in extractor.token_sources:
        raise ValueError(
            "token_sources beside resource, whose clients send tokens in the header Authorization: "
            "add bearer"
        )


def _check_reach(
    policy: Policy, verifier: Verifier, token_sources: Sequence[TokenSource] | None
) -> None:
    """Check that a stack that does not read `Authorization` needs no token under DPoP.

    Raises:
        ValueError: A rule can be satisfied under DPoP alone.
    """
    # An issuer of FAPI 2.0 refuses other places by itself.
    if verifier.reads_header_only or (token_sources is not None and bearer in token_sources):
        return
    option = "get_token" if token_sources is None else "token_sources"
    remedy = "leave it out" if token_sources is None else "add bearer"
    for where, requirement in policy.unprovable(verifier.bindings - {DPOP}, verifier.demand):
        raise ValueError(
            f"{option}: {where}, {requirement!r}, needs a token under the scheme DPoP, which only "
            f"the header Authorization carries; {remedy}"
        )


def _issuers(
    issuer: str | Trusted | Iterable[str | Trusted],
    audience: str | Iterable[str] | None,
    scope_implies: ScopeImplies | None,
    resource: ProtectedResource | None,
) -> list[Trusted]:
    """Return the members of `issuer`, with an `Issuer` for each URL."""
    members: list[str | Trusted]
    if isinstance(issuer, Iterable) and not isinstance(issuer, str):
        members = list(issuer)
    else:
        members = [issuer]
    if not any(isinstance(member, str) for member in members):
        _refuse_beside("an Issuer: say it on the Issuer itself", audience, scope_implies)
    # Read once, because lists that can be read only once hold for every URL.
    implied = read_hierarchy(scope_implies).implied_scopes
    if audience is None and resource is not None:
        audience = resource.resource
    issuers: list[Trusted] = []
    for member in members:
        if isinstance(member, str):
            issuers.append(Issuer(member, audience=audience or (), scope_implies=implied))
        else:
            issuers.append(member)
    return issuers


def _refuse_beside(
    place: str, audience: str | Iterable[str] | None, scope_implies: ScopeImplies | None
) -> None:
    """Refuse the options of an issuer that is a URL where there is none.

    Args:
        place: What stands there instead, and the remedy.
        audience: The option of this name.
        scope_implies: The option of this name.

    Raises:
        ValueError: One of the options is given.
    """
    for option, value in (("audience", audience), ("scope_implies", scope_implies)):
        if value is not None:
            raise ValueError(f"{option}={value!r} beside {place}")
