"""Presets: access tokens in the shape of each provider pass, and its ID tokens are refused."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from refusals import reason
from webtest import TestApp

from jwt_wsgi import (
    AUTHENTICATED,
    InvalidToken,
    Issuer,
    KeysUnavailable,
    RemoteJWKS,
    StaticJWKS,
    Verifier,
    has,
    permission,
    protect,
    scope,
)
from jwt_wsgi.http.fetching import FetchError, Reply
from jwt_wsgi.policy.requirements import Requirement
from jwt_wsgi.presets import ANY_TENANT, CONSUMERS, auth0, cognito, entra, keycloak, okta
from jwt_wsgi.presets._entra_keys import OwnersKeysFetcher
from jwt_wsgi.presets._preset_issuer import IssuerOptions
from jwt_wsgi.testing import LocalIssuer, SigningKey
from jwt_wsgi.testing.shapes import SHAPES

TENANT, OTHER = "72f988bf-86f1-41af-91ab-2d7cd011db47", "fa15d692-e9c7-4460-a743-29f29522229a"
API = "6e74172b-be56-4843-9ff4-e66a39bb12e3"
CLIENT = "0123456789abcdefghijklmnop"

#: The call of each preset, without the audience.
PRESETS: dict[str, Callable[..., Issuer]] = {
    "auth0": partial(auth0, "tenant.eu.auth0.com"),
    "okta": partial(okta, "org.okta.com"),
    "entra-v2": partial(entra, TENANT),
    "entra-v1": partial(entra, TENANT, version=1),
    "cognito": partial(cognito, "eu-west-1", "eu-west-1_AbCdEf123", client_ids=[CLIENT, "another"]),
    "keycloak": partial(keycloak, "https://sso.example.com", "main"),
}
AUDIENCES = {
    "auth0": "https://api.example.com", "okta": "api://default", "entra-v2": API, "entra-v1": f"api://{API}",
    "keycloak": "my-api",
}  # fmt: skip
KEYS = {
    "auth0": "https://tenant.eu.auth0.com/.well-known/jwks.json",
    "okta": "https://org.okta.com/oauth2/default/v1/keys",
    "entra-v2": f"https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys",
    "entra-v1": f"https://login.microsoftonline.com/{TENANT}/discovery/keys",
    "cognito": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123/.well-known/jwks.json",
    "keycloak": "https://sso.example.com/realms/main/protocol/openid-connect/certs",
}
every_provider = pytest.mark.parametrize("name", PRESETS)


class Provider:
    """Local issuers with the shape of each provider and one key; `fetched` lists the fetched URLs."""

    def __init__(self, local: LocalIssuer) -> None:
        self._issuers = {name: LocalIssuer(like=name, keys=[local.key()]) for name in PRESETS}
        self.fetched: list[str] = []
        self.members: dict[str, Any] = {}

    def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        (name, *_) = (
            name for name, issuer in self._issuers.items() if url.endswith(issuer.shape.keys_path)
        )
        keys = json.loads(self._issuers[name].fetch(url))["keys"]
        return json.dumps({"keys": [{**key, **self.members} for key in keys]}).encode()

    def token(self, name: str, kind: str = "access", **claims: Any) -> str:
        issuer = self._issuers[name]
        return issuer.token(**claims) if kind == "access" else issuer.id_token(**claims)


@pytest.fixture
def provider(local: LocalIssuer) -> Provider:
    return Provider(local)


def preset(name: str, provider: Provider | None, **options: Any) -> Issuer:
    if name in AUDIENCES:
        options = {"audience": AUDIENCES[name], **options}
    return PRESETS[name](fetch=provider and provider.fetch, **options)


# --- every preset


def refusal(issuer: Any, token: str) -> str | None:
    verifier = issuer if isinstance(issuer, Verifier) else Verifier(issuer)
    return reason(verifier, token)


@every_provider
def test_an_access_token_passes_with_keys_from_the_documented_url(
    name: str, provider: Provider
) -> None:
    auth = Verifier(preset(name, provider)).verify(provider.token(name))
    assert auth.issuer == SHAPES[name].example.issuer
    assert provider.fetched == [KEYS[name]]


@every_provider
def test_keys_are_not_fetched_before_the_first_token(name: str) -> None:
    source = preset(name, None).keys
    assert isinstance(source, RemoteJWKS)
    assert KEYS[name] in repr(source)
    assert source.status().attempts == 0


@every_provider
def test_an_id_token_is_refused(name: str, provider: Provider) -> None:
    reason = refusal(preset(name, provider), provider.token(name, "id"))
    assert reason in {"audience_mismatch", "claim_missing", "claim_mismatch"}


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "auth0"])
def test_an_id_token_is_refused_even_if_its_client_is_the_audience(
    name: str, provider: Provider
) -> None:
    client = SHAPES[name].example.client
    asked = {} if name == "cognito" else {"audience": [client, "another"]}
    assert refusal(preset(name, provider, **asked), provider.token(name, "id")) in {
        "claim_missing",
        "claim_mismatch",
    }


@every_provider
def test_a_token_of_another_issuer_is_refused_without_a_fetch(
    name: str, provider: Provider
) -> None:
    token = provider.token(
        name, iss=SHAPES[name].example.issuer.replace("7", "8").replace("ma", "na") + "x"
    )
    assert refusal(preset(name, provider), token) == "issuer_mismatch"
    assert provider.fetched == []


@pytest.mark.parametrize("name", AUDIENCES)
def test_a_token_for_another_api_is_refused(name: str, provider: Provider) -> None:
    assert (
        refusal(preset(name, provider), provider.token(name, aud="https://other.example.com"))
        == "audience_mismatch"
    )


@every_provider
def test_claims_of_the_caller_are_required_beside_those_of_the_preset(
    name: str, provider: Provider
) -> None:
    issuer = preset(name, provider, claims={"org": "acme"})
    assert Verifier(issuer).verify(provider.token(name, org="acme"))
    assert refusal(issuer, provider.token(name)) == "claim_missing"


@every_provider
def test_a_stricter_value_of_the_caller_holds_for_a_claim_of_the_preset(
    name: str, provider: Provider
) -> None:
    profile = preset(name, provider).profile
    token = provider.token(name)
    for claim, value in (*profile.fixed, *profile.predicates):
        refusing = preset(name, provider, claims={claim: lambda _: False})
        assert refusal(refusing, token) == "claim_mismatch", claim
        assert refusal(preset(name, provider, claims={claim: ...}), token) is None
        assert refusal(preset(name, provider, claims={claim: lambda _: True}), token) is None
        if value is ... or callable(value):
            other = preset(name, provider, claims={claim: "nobody"})
            assert refusal(other, token) == "claim_mismatch", claim
        else:
            with pytest.raises(ValueError, match="the preset requires"):
                preset(name, provider, claims={claim: "nobody"})


@every_provider
def test_other_options_are_passed_to_the_issuer(
    name: str, provider: Provider, local: LocalIssuer
) -> None:
    issuer = preset(
        name, provider, leeway=0, keys=StaticJWKS(local.jwks), algorithms=["RS256", "PS256"]
    )
    assert (issuer.profile.leeway, issuer.algorithms) == (0, {"RS256", "PS256"})
    assert Verifier(issuer).verify(provider.token(name))
    assert provider.fetched == []
    with pytest.raises(TypeError):
        preset(name, provider, lifetime=5)


@pytest.mark.parametrize(
    ("name", "rule", "granted"),
    [
        ("auth0", scope("read:messages"), {"scope": "openid profile read:messages"}),
        ("auth0", permission("read:messages"), {"permissions": ["read:messages"]}),
        ("okta", scope("read:messages"), {"scope": "openid read:messages"}),
        ("entra-v2", scope("access_as_user"), {"scope": "access_as_user"}),
        ("entra-v1", scope("user_impersonation"), {"scope": "user_impersonation"}),
        ("entra-v2", has("roles", "Reader"), {"roles": ["Reader"]}),
        ("cognito", scope("api/read"), {"scope": "openid api/read"}),
        ("cognito", has("cognito:groups", "admin"), {"cognito:groups": ["admin"]}),
        ("keycloak", scope("read:messages"), {"scope": "openid read:messages"}),
        (
            "keycloak",
            has(("realm_access", "roles"), "admin"),
            {"realm_access": {"roles": ["admin"]}},
        ),
        (
            "keycloak",
            has(("resource_access", "my-api", "roles"), "editor"),
            {"resource_access": {"my-api": {"roles": ["editor"]}}},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rules_read_grants_from_the_claims_of_the_provider(
    name: str, rule: Requirement, granted: dict[str, Any], provider: Provider
) -> None:
    def plain(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"in"]

    app = TestApp(protect(plain, issuer=preset(name, provider), rules={"/": rule}))
    for claims, status in ((granted, 200), ({}, 403)):
        token = provider.token(name, **claims)
        assert app.get("/", headers={"Authorization": f"Bearer {token}"}, status=status)


def test_presets_take_every_option_of_an_issuer() -> None:
    parameters = set(inspect.signature(Issuer).parameters) - {"issuer", "audience"}
    assert set(IssuerOptions.__annotations__) == parameters


async def _fetch_later(url: str) -> Any:
    """Return nothing: it is never awaited."""


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "a URL for a domain": (lambda: auth0("https://tenant.auth0.com/", audience="a"), "domain="),
    "a domain in capitals": (lambda: auth0("Tenant.auth0.com", audience="a"), "domain="),
    "no domain": (lambda: okta("", audience="a"), "domain="),
    "a path in a domain": (lambda: okta("org.okta.com/oauth2", audience="a"), "domain="),
    "the org authorization server": (
        lambda: okta("o.okta.com", authorization_server="", audience="a"),
        "authorization",
    ),
    "a segment of dots": (
        lambda: okta("o.okta.com", authorization_server="..", audience="a"),
        "authorization_server=",
    ),
    "a tenant by its domain": (lambda: entra("contoso.example", audience="a"), "tenant="),
    "common": (lambda: entra("common", audience="a"), "tenant="),
    "a tenant in capitals": (lambda: entra(TENANT.upper(), audience="a"), "tenant="),
    "no tenant": (lambda: entra([], audience="a"), "tenant is empty"),
    "a list with an invalid tenant": (lambda: entra([TENANT, "x"], audience="a"), "tenant='x'"),
    "version 3": (lambda: entra(TENANT, audience="a", version=3), "version=3"),  # type: ignore[call-overload]
    "no audience for any tenant": (lambda: entra(ANY_TENANT, audience=""), "audience="),
    "an invalid region": (lambda: cognito("Ireland", "x_y", client_ids="a"), "region="),
    "a pool elsewhere": (lambda: cognito("eu-west-1", "us-east-1_Abc", client_ids="a"), "pool="),
    "a coroutine function for Entra": (
        lambda: entra(TENANT, audience="a", fetch=_fetch_later),
        "fetch=.*coroutine function",
    ),
    "no clients": (lambda: cognito("eu-west-1", "eu-west-1_Abc", client_ids=[]), "client_ids="),
    "an empty client": (
        lambda: cognito("eu-west-1", "eu-west-1_Abc", client_ids=""),
        "client_ids=",
    ),
    "Keycloak over http": (
        lambda: keycloak("http://sso.example.com", "main", audience="a"),
        "http",
    ),
    "a realm of two segments": (
        lambda: keycloak("https://sso.example.com", "a/b", audience="a"),
        "realm=",
    ),
    "a base URL of None": (lambda: keycloak(None, "main", audience="a"), "base_url="),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_an_invalid_argument_is_named_in_the_error(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


# --- single presets


@pytest.mark.parametrize(
    "client", ["another client", None, ["0123456789abcdefghijklmnop"], 5], ids=repr
)
def test_cognito_refuses_tokens_of_other_clients(client: object, provider: Provider) -> None:
    reason = refusal(preset("cognito", provider), provider.token("cognito", client_id=client))
    assert reason in {"claim_missing", "claim_mismatch"}


def test_cognito_in_china_has_another_domain(provider: Provider) -> None:
    issuer = cognito("cn-north-1", "cn-north-1_Abc", client_ids=CLIENT, fetch=provider.fetch)
    assert issuer.issuer == "https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_Abc"


@pytest.mark.parametrize("typ", ["ID", "Refresh", "Offline", "Logout", "bearer", None])
def test_keycloak_accepts_only_tokens_with_typ_bearer(typ: str | None, provider: Provider) -> None:
    assert refusal(preset("keycloak", provider), provider.token("keycloak", typ=typ)).startswith(
        "claim_m"
    )


@pytest.mark.parametrize("base_url", ["https://sso.example.com/", "https://sso.example.com"])
def test_keycloak_takes_a_base_url_with_or_without_a_slash(
    base_url: str, provider: Provider
) -> None:
    assert keycloak(base_url, "main", audience="my-api").issuer == SHAPES["keycloak"].example.issuer
    old = keycloak(base_url.rstrip("/") + "/auth", "main", audience="my-api")
    assert old.issuer == "https://sso.example.com/auth/realms/main"


def test_keycloak_takes_http_on_localhost_or_if_allowed() -> None:
    assert keycloak("http://localhost:8080", "main", audience="a")
    assert keycloak("http://sso.internal", "main", audience="a", allow_http=True)


@pytest.mark.parametrize("name", ["entra-v1", "entra-v2"])
def test_entra_refuses_tokens_of_the_other_version(name: str, provider: Provider) -> None:
    other = "2.0" if name == "entra-v1" else "1.0"
    assert refusal(preset(name, provider), provider.token(name, ver=other)) == "claim_mismatch"


V2 = "https://login.microsoftonline.com/{}/v2.0"
MINE, TEMPLATE, THEIRS, PERSONAL = (
    V2.format(TENANT),
    V2.format("{tenantid}"),
    V2.format(OTHER),
    V2.format(CONSUMERS),
)


@pytest.mark.parametrize(
    ("owner", "serves"),
    [
        pytest.param(None, {TENANT, OTHER, CONSUMERS}, id="no issuer"),
        pytest.param(TEMPLATE, {TENANT, OTHER, CONSUMERS}, id="every tenant"),
        pytest.param(PERSONAL, {CONSUMERS}, id="personal accounts"),
        pytest.param("https://login.example.com/{tenantid}/v2.0", set(), id="another cloud"),
        pytest.param(5, set(), id="a number"),
        pytest.param({"a": "b"}, set(), id="an object"),
    ],
)
@pytest.mark.parametrize("form", ["one", "list", "any"])
def test_an_entra_key_serves_the_issuer_that_it_names(
    form: str, owner: object, serves: set[str], provider: Provider
) -> None:
    provider.members = {} if owner is None else {"issuer": owner}
    for tenant in (TENANT, OTHER, CONSUMERS):
        asked: Any = {"one": tenant, "list": [TENANT, OTHER, CONSUMERS], "any": ANY_TENANT}[form]
        verifier = Verifier(entra(asked, audience=API, fetch=provider.fetch))
        token = provider.token("entra-v2", iss=V2.format(tenant), tid=tenant)
        if tenant in serves:
            assert verifier.verify(token).issuer == V2.format(tenant)
        else:
            with pytest.raises(KeysUnavailable):
                verifier.verify(token)


@pytest.mark.parametrize(("owner", "good"), [(MINE, True), (THEIRS, False), (TEMPLATE, True)])
def test_an_entra_key_of_another_tenant_is_not_used(
    owner: str, good: bool, provider: Provider
) -> None:
    provider.members = {"issuer": owner}
    verifier = Verifier(preset("entra-v2", provider))
    if good:
        assert verifier.verify(provider.token("entra-v2"))
    else:
        with pytest.raises(KeysUnavailable):
            verifier.verify(provider.token("entra-v2"))


def test_several_tenants_share_one_fetch_and_other_tenants_are_refused(provider: Provider) -> None:
    verifier = Verifier(entra([TENANT, OTHER], audience=API, fetch=provider.fetch))
    for tenant in (TENANT, OTHER):
        assert verifier.verify(provider.token("entra-v2", iss=V2.format(tenant), tid=tenant))
    assert provider.fetched == ["https://login.microsoftonline.com/common/discovery/v2.0/keys"]
    third = V2.format("8eaef023-2b34-4da1-9baa-8bc8c9d6a490")
    assert (
        refusal(entra([TENANT, OTHER], audience=API), provider.token("entra-v2", iss=third))
        == "issuer_mismatch"
    )


@pytest.mark.parametrize("version", [1, 2])
def test_any_tenant_accepts_every_guid_of_its_version_with_one_fetch(
    version: Any, provider: Provider
) -> None:
    name = f"entra-v{version}"
    verifier = Verifier(
        entra(ANY_TENANT, audience=AUDIENCES[name], version=version, fetch=provider.fetch)
    )
    right = SHAPES[name].example.issuer
    for number in range(50):
        tenant = f"00000000-0000-0000-0000-{number:012}"
        assert verifier.verify(provider.token(name, iss=right.replace(TENANT, tenant), tid=tenant))
    assert len(provider.fetched) == 1
    wrong = SHAPES["entra-v2" if version == 1 else "entra-v1"].example.issuer
    for issuer in (
        wrong,
        right.replace(TENANT, "contoso"),
        right + "/",
        right.replace("https://", "https://evil.test/"),
    ):
        with pytest.raises(InvalidToken, match="issuer_mismatch"):
            verifier.verify(provider.token(name, iss=issuer))


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'{"keys": 5}', b'{"keys": [5]}', b"nonsense", b'{"keys": []}']
)
def test_the_key_source_reports_a_reply_of_entra_that_is_not_a_key_set(body: bytes) -> None:
    issuer = entra(TENANT, audience=API, fetch=lambda url: body)
    assert isinstance(issuer.keys, RemoteJWKS)
    status = issuer.keys.warm_up()
    assert (status.usable, status.failures) == (False, 1)
    assert status.last_error not in (None, "TypeError", "AttributeError")


ODD_ENTRIES = {
    "U21 a number": 5,
    "U21 null": None,
    "U21 text": "key",
    "U21 a list": [{"issuer": 5}],
    "U21 an object without members": {},
    "U21 an object whose issuer is a list": {"issuer": [THEIRS]},
    "U21 an object whose issuer is null": {"issuer": None},
    "U21 a truth value": True,
}


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("entry", ODD_ENTRIES.values(), ids=ODD_ENTRIES)
@pytest.mark.parametrize("form", ["one", "list", "any"])
def test_an_odd_entry_of_entra_does_not_let_the_key_of_another_tenant_verify(
    form: str, entry: Any, first: bool, local: LocalIssuer
) -> None:
    mine, theirs = SigningKey("RS256", kid="mine"), SigningKey("RS256", kid="theirs")
    owned = [{**(mine.jwk or {}), "issuer": TEMPLATE}, {**(theirs.jwk or {}), "issuer": THEIRS}]
    document = json.dumps({"keys": [entry, *owned] if first else [*owned, entry]}).encode()
    tenants: Any = {"one": TENANT, "list": [TENANT], "any": ANY_TENANT}[form]
    verifier = Verifier(entra(tenants, audience=API, fetch=lambda url: document))
    good, forged = (LocalIssuer(like="entra-v2", keys=[key]).token() for key in (mine, theirs))
    assert verifier.verify(good).issuer == MINE
    assert refusal(verifier, forged) == "kid_unknown"


UNFILTERABLE = {
    "U21 no list": b'{"keys": 5}',
    "U21 a list at the top": b"[]",
    "U21 no keys": b"{}",
    "U21 no JSON": b"nonsense",
    "U21 a member twice": b'{"keys": [], "keys": []}',
    "U21 only keys of others": json.dumps({"keys": [{"issuer": THEIRS}]}).encode(),
    "U21 too many bytes": b'{"keys": []}' + b" " * 524288,
    "U21 text": '{"keys": []}',
    "U21 None": None,
    "U21 a generator": (number for number in ()),
}


@pytest.mark.parametrize("body", UNFILTERABLE.values(), ids=UNFILTERABLE)
def test_a_reply_of_entra_that_cannot_be_filtered_is_a_failed_fetch(body: Any) -> None:
    fetch = OwnersKeysFetcher(TENANT, MINE.__eq__, lambda url: body)
    with pytest.raises(FetchError) as raised:
        fetch("https://login.test/keys")
    assert raised.value.outcome == "bad_reply"


def test_the_filter_of_entra_keeps_the_lifetime_and_the_headers_of_the_reply_u21() -> None:
    document = json.dumps({"keys": [SigningKey("RS256").jwk]}).encode()
    reply = Reply(document, 86400.0, {"Date": "Wed, 25 Nov 2026 12:00:00 GMT"})
    filtered = OwnersKeysFetcher(TENANT, MINE.__eq__, lambda url: reply)("https://login.test/keys")
    assert json.loads(filtered.body) == json.loads(document)
    assert (filtered.max_age, filtered.headers) == (reply.max_age, reply.headers)


def test_protect_accepts_every_result_of_the_entra_preset(provider: Provider) -> None:
    def plain(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"in"]

    for issuer in (
        entra([TENANT], audience=API, fetch=provider.fetch),
        entra(ANY_TENANT, audience=API, fetch=provider.fetch),
        [preset("auth0", provider), entra(ANY_TENANT, audience=API, fetch=provider.fetch)],
    ):
        app = TestApp(protect(plain, issuer=issuer, rules={"/": AUTHENTICATED}))
        token = provider.token("entra-v2")
        assert app.get("/", headers={"Authorization": f"Bearer {token}"}).status_int == 200


def test_any_tenant_has_its_name_as_repr() -> None:
    assert repr(ANY_TENANT) == "ANY_TENANT"
