"""Presets for Microsoft's providers: Entra's clouds, External ID, Azure AD B2C and AD FS."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
from fetched import Fetched
from refusals import reason
from webtest import TestApp

from jwt_wsgi import Issuer, KeysUnavailable, Verifier, protect, scope
from jwt_wsgi.cli.provider_presets import preset_issuer
from jwt_wsgi.presets import ANY_TENANT, adfs, azure_b2c, entra, entra_external_id
from jwt_wsgi.testing import LocalIssuer, SigningKey

TENANT, OTHER = "72f988bf-86f1-41af-91ab-2d7cd011db47", "fa15d692-e9c7-4460-a743-29f29522229a"
API, CLIENT = "6e74172b-be56-4843-9ff4-e66a39bb12e3", "75dbe77f-10a3-4e59-85fd-8c127544f17c"
LOGIN = "https://login.microsoftonline.com"
USGOV, CHINA = "https://login.microsoftonline.us", "https://login.partner.microsoftonline.cn"
B2C, POLICY = "775527ff-9a37-4307-8b3d-cc311f58d925", "B2C_1_signupsignin1"
FARM = "http://adfs.example.com/adfs/services/trust"


class Case(NamedTuple):
    """A preset without its audience, the shape and issuer of its tokens, and the URL of its keys."""

    like: str
    preset: Callable[..., Issuer]
    issuer: str
    jwks_uri: str


CASES = {
    "entra usgov": Case(
        "entra-v2",
        partial(entra, TENANT, cloud="usgov"),
        f"{USGOV}/{TENANT}/v2.0",
        f"{USGOV}/{TENANT}/discovery/v2.0/keys",
    ),
    "entra usgov, version 1": Case(
        "entra-v1",
        partial(entra, TENANT, cloud="usgov", version=1),
        f"https://sts.windows.net/{TENANT}/",
        f"{USGOV}/{TENANT}/discovery/keys",
    ),
    "entra china": Case(
        "entra-v2",
        partial(entra, TENANT, cloud="china"),
        f"{CHINA}/{TENANT}/v2.0",
        f"{CHINA}/{TENANT}/discovery/v2.0/keys",
    ),
    "entra china, version 1": Case(
        "entra-v1",
        partial(entra, TENANT, cloud="china", version=1),
        f"https://sts.chinacloudapi.cn/{TENANT}/",
        f"{CHINA}/{TENANT}/discovery/keys",
    ),
    "entra with keys of the application": Case(
        "entra-v2",
        partial(entra, TENANT, application_keys=API),
        f"{LOGIN}/{TENANT}/v2.0",
        f"{LOGIN}/{TENANT}/discovery/v2.0/keys?appid={API}",
    ),
    "entra with keys of the application, version 1": Case(
        "entra-v1",
        partial(entra, TENANT, application_keys=API, version=1),
        f"https://sts.windows.net/{TENANT}/",
        f"{LOGIN}/{TENANT}/discovery/keys?appid={API}",
    ),
    "external id": Case(
        "entra-external-id",
        partial(entra_external_id, "contoso.ciamlogin.com", TENANT),
        f"https://{TENANT}.ciamlogin.com/{TENANT}/v2.0",
        f"https://contoso.ciamlogin.com/{TENANT}/discovery/v2.0/keys",
    ),
    "external id with a domain and keys of the application": Case(
        "entra-external-id",
        partial(entra_external_id, "login.example.com", TENANT, application_keys=API),
        f"https://{TENANT}.ciamlogin.com/{TENANT}/v2.0",
        f"https://login.example.com/{TENANT}/discovery/v2.0/keys?appid={API}",
    ),
    "b2c": Case(
        "azure-b2c",
        partial(azure_b2c, "contoso", B2C, POLICY),
        f"https://contoso.b2clogin.com/{B2C}/v2.0/",
        f"https://contoso.b2clogin.com/contoso.onmicrosoft.com/{POLICY}/discovery/v2.0/keys",
    ),
    "b2c with a domain": Case(
        "azure-b2c",
        partial(azure_b2c, "contoso", B2C, POLICY, domain="login.example.com"),
        f"https://login.example.com/{B2C}/v2.0/",
        f"https://login.example.com/contoso.onmicrosoft.com/{POLICY}/discovery/v2.0/keys",
    ),
    "adfs": Case(
        "adfs",
        partial(adfs, "adfs.example.com"),
        FARM,
        "https://adfs.example.com/adfs/discovery/keys",
    ),
    "adfs with another identifier": Case(
        "adfs",
        partial(adfs, "sts.example.com", identifier="urn:example:farm"),
        "urn:example:farm",
        "https://sts.example.com/adfs/discovery/keys",
    ),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@pytest.fixture
def key(local: LocalIssuer) -> SigningKey:
    return local.key()


def issuer_of(case: Case, key: SigningKey) -> LocalIssuer:
    return LocalIssuer(case.issuer, like=case.like, audience=API, client_id=CLIENT, keys=[key])


@every_case
def test_an_access_token_passes_with_keys_from_the_documented_url(
    case: Case, key: SigningKey
) -> None:
    local = issuer_of(case, key)
    fetched = Fetched(local)
    issuer = case.preset(audience=API, fetch=fetched)
    assert fetched == []
    auth = Verifier(issuer).verify(local.token("read write"))
    assert (auth.issuer, auth.scopes) == (case.issuer, {"read", "write"})
    assert fetched == [case.jwks_uri]


@every_case
def test_an_id_token_is_refused_even_if_its_client_is_an_audience(
    case: Case, key: SigningKey
) -> None:
    local = issuer_of(case, key)
    verifier = Verifier(case.preset(audience=[API, CLIENT], fetch=local.fetch))
    expected = "issuer_mismatch" if case.like == "adfs" else "claim_missing"
    assert reason(verifier, local.id_token()) == expected


@every_case
def test_a_token_of_another_tenant_is_refused_without_a_fetch(case: Case, key: SigningKey) -> None:
    local = issuer_of(case, key)
    fetched = Fetched(local)
    verifier = Verifier(case.preset(audience=API, fetch=fetched))
    for old, new in ((TENANT, OTHER), (B2C, OTHER), ("adfs.example", "evil.example"), ("urn:", "")):
        other = case.issuer.replace(old, new)
        if other != case.issuer:
            assert reason(verifier, local.token(iss=other)) == "issuer_mismatch"
    assert reason(verifier, local.token(iss=f"{case.issuer}x")) == "issuer_mismatch"
    assert fetched == []


@every_case
def test_a_token_for_another_api_is_refused(case: Case, key: SigningKey) -> None:
    local = issuer_of(case, key)
    verifier = Verifier(case.preset(audience=API, fetch=local.fetch))
    for audience in (OTHER, [OTHER, CLIENT], f"api://{API}"):
        assert reason(verifier, local.token(aud=audience)) == "audience_mismatch"
    assert reason(verifier, local.token(aud=None)) == "claim_missing"


@every_case
def test_a_token_that_another_key_signed_is_refused(case: Case, key: SigningKey) -> None:
    verifier = Verifier(case.preset(audience=API, fetch=issuer_of(case, key).fetch))
    forger = issuer_of(case, SigningKey("RS256"))
    assert reason(verifier, forger.token()) == "kid_unknown"
    assert reason(verifier, forger.token(header={"kid": key.kid})) == "signature_invalid"


@pytest.mark.parametrize(
    ("case", "bad", "expected"),
    [
        ("entra usgov", {"ver": "1.0"}, "claim_mismatch"),
        ("external id", {"ver": "1.0"}, "claim_mismatch"),
        ("b2c", {"tfp": "B2C_1_other"}, "claim_mismatch"),
        ("b2c", {"azp": None}, "claim_missing"),
        ("adfs", {"appid": None}, "claim_missing"),
    ],
)
def test_claims_of_the_caller_never_weaken_those_of_the_preset(
    case: str, bad: dict[str, Any], expected: str, key: SigningKey
) -> None:
    local = issuer_of(CASES[case], key)
    claims = {**dict.fromkeys(bad, lambda value: True), "org": "acme"}
    verifier = Verifier(CASES[case].preset(audience=API, fetch=local.fetch, claims=claims))
    assert verifier.verify(local.token(org="acme"))
    assert reason(verifier, local.token()) == "claim_missing"
    assert reason(verifier, local.token(org="acme", **bad)) == expected


# --- Entra


@pytest.mark.parametrize("cloud", ["global", "usgov", "china"])
def test_tokens_of_another_cloud_are_refused(cloud: Any, key: SigningKey) -> None:
    hosts = {"global": LOGIN, "usgov": USGOV, "china": CHINA}
    local = LocalIssuer(like="entra-v2", keys=[key])
    verifier = Verifier(entra(TENANT, audience=API, cloud=cloud, fetch=local.fetch))
    for name, host in hosts.items():
        expected = None if name == cloud else "issuer_mismatch"
        assert reason(verifier, local.token(iss=f"{host}/{TENANT}/v2.0")) == expected


def test_the_us_government_cloud_does_not_use_keys_of_the_global_cloud() -> None:
    clouds = {LOGIN: SigningKey("RS256", kid="global"), USGOV: SigningKey("RS256", kid="usgov")}

    def fetch(url: str) -> bytes:
        [key] = [key for host, key in clouds.items() if url.startswith(f"{host}/")]
        return json.dumps({"keys": [key.jwk]}).encode()

    tokens = {
        host: LocalIssuer(like="entra-v1", audience=API, keys=[key]).token()
        for host, key in clouds.items()
    }
    verifier = Verifier(entra(TENANT, audience=API, version=1, cloud="usgov", fetch=fetch))
    assert verifier.verify(tokens[USGOV])
    assert reason(verifier, tokens[LOGIN]) == "kid_unknown"


@pytest.mark.parametrize(
    ("owner", "serves"),
    [
        pytest.param(f"{USGOV}/{{tenantid}}/v2.0", {"one", "list", "any"}, id="every tenant"),
        pytest.param("https://sts.windows.net/{tenantid}/", {"one", "list", "any"}, id="version 1"),
        pytest.param(f"{USGOV}/{TENANT}/v2.0", {"one"}, id="this tenant"),
        pytest.param(f"{USGOV}/{OTHER}/v2.0", set(), id="another tenant"),
        pytest.param(f"{LOGIN}/{{tenantid}}/v2.0", set(), id="another cloud"),
    ],
)
@pytest.mark.parametrize("form", ["one", "list", "any"])
def test_a_key_of_a_national_cloud_serves_the_issuer_that_it_names(
    form: str, owner: str, serves: set[str], key: SigningKey
) -> None:
    document = json.dumps({"keys": [{**(key.jwk or {}), "issuer": owner}]}).encode()
    local = LocalIssuer(f"{USGOV}/{TENANT}/v2.0", like="entra-v2", keys=[key])
    tenants: Any = {"one": TENANT, "list": [TENANT], "any": ANY_TENANT}[form]
    verifier = Verifier(entra(tenants, audience=API, cloud="usgov", fetch=lambda url: document))
    if form in serves:
        assert verifier.verify(local.token())
    else:
        with pytest.raises(KeysUnavailable):
            verifier.verify(local.token())


@pytest.mark.parametrize("tenants", [[TENANT, OTHER], ANY_TENANT], ids=["list", "any"])
def test_tenants_of_a_national_cloud_share_one_fetch(tenants: Any, key: SigningKey) -> None:
    local = LocalIssuer(like="entra-v2", keys=[key])
    fetched = Fetched(local)
    verifier = Verifier(entra(tenants, audience=API, cloud="china", fetch=fetched))
    for tenant in (TENANT, OTHER):
        assert verifier.verify(local.token(iss=f"{CHINA}/{tenant}/v2.0"))
    assert fetched == [f"{CHINA}/common/discovery/v2.0/keys"]
    assert reason(verifier, local.token(iss=f"{LOGIN}/{TENANT}/v2.0")) == "issuer_mismatch"


def test_several_tenants_have_application_keys_of_their_own(key: SigningKey) -> None:
    local = LocalIssuer(like="entra-v2", keys=[key])
    fetched = Fetched(local)
    issuers = entra([TENANT, OTHER], audience=API, application_keys=API, fetch=fetched)
    verifier = Verifier(issuers)
    for tenant in (TENANT, OTHER):
        assert verifier.verify(local.token(iss=f"{LOGIN}/{tenant}/v2.0"))
    assert fetched == [
        f"{LOGIN}/{tenant}/discovery/v2.0/keys?appid={API}" for tenant in (TENANT, OTHER)
    ]


@pytest.mark.parametrize(
    ("owner", "good"),
    [
        (f"https://{TENANT}.ciamlogin.com/{TENANT}/v2.0", True),
        (f"{LOGIN}/{{tenantid}}/v2.0", True),
        (f"https://{OTHER}.ciamlogin.com/{OTHER}/v2.0", False),
        (f"{LOGIN}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", False),
    ],
)
def test_a_key_of_another_external_tenant_is_not_used(
    owner: str, good: bool, key: SigningKey
) -> None:
    document = json.dumps({"keys": [{**(key.jwk or {}), "issuer": owner}]}).encode()
    local = LocalIssuer(like="entra-external-id", keys=[key])
    issuer = entra_external_id(
        "contoso.ciamlogin.com", TENANT, audience=API, fetch=lambda url: document
    )
    if good:
        assert Verifier(issuer).verify(local.token())
    else:
        with pytest.raises(KeysUnavailable):
            Verifier(issuer).verify(local.token())


# --- Azure AD B2C


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        pytest.param({"tfp": "b2c_1_SIGNUPSIGNIN1"}, None, id="the policy in another case"),
        pytest.param({"tfp": "B2C_1_other"}, "claim_mismatch", id="another policy"),
        pytest.param({"tfp": f"{POLICY}1"}, "claim_mismatch", id="a policy that begins alike"),
        pytest.param({"tfp": [POLICY]}, "claim_mismatch", id="a list"),
        pytest.param({"tfp": None}, "claim_missing", id="no policy"),
        pytest.param({"tfp": None, "acr": POLICY}, "claim_missing", id="the policy in acr"),
    ],
)
def test_b2c_accepts_only_tokens_of_the_policy(
    claims: dict[str, Any], expected: str | None, key: SigningKey
) -> None:
    local = LocalIssuer(like="azure-b2c", audience=API, keys=[key])
    issuer = azure_b2c("contoso", B2C, POLICY, audience=API, fetch=local.fetch)
    assert reason(Verifier(issuer), local.token(**claims)) == expected


def test_b2c_reads_the_policy_from_acr_where_it_is_told_so(key: SigningKey) -> None:
    local = LocalIssuer(like="azure-b2c", audience=API, keys=[key])
    issuer = azure_b2c("contoso", B2C, POLICY, audience=API, policy_claim="acr", fetch=local.fetch)
    assert reason(Verifier(issuer), local.token(acr=POLICY.lower(), tfp=None)) is None
    assert reason(Verifier(issuer), local.token()) == "claim_missing"


def test_several_policies_of_b2c_may_have_keys_of_their_own() -> None:
    policies = {"B2C_1_one": SigningKey("RS256"), "B2C_1A_two": SigningKey("RS256")}

    def fetch(url: str) -> bytes:
        [key] = [key for name, key in policies.items() if f"/{name}/" in url]
        return json.dumps({"keys": [key.jwk]}).encode()

    verifier = Verifier(azure_b2c("contoso", B2C, policies, audience=API, fetch=fetch))
    for name, key in policies.items():
        local = LocalIssuer(like="azure-b2c", audience=API, keys=[key])
        assert verifier.verify(local.token(tfp=name))
        assert reason(verifier, local.token(tfp="B2C_1_three")) == "claim_mismatch"


def test_the_other_issuer_of_b2c_needs_no_preset(key: SigningKey) -> None:
    name = f"https://contoso.b2clogin.com/tfp/{B2C}/{POLICY.lower()}/v2.0/"
    issuer = Issuer(name, audience=API, claims={"azp": ...})
    assert issuer.discovers
    assert name in repr(issuer.keys)


# --- AD FS


def test_adfs_accepts_only_its_issuer_of_access_tokens(key: SigningKey) -> None:
    local = LocalIssuer(like="adfs", audience=API, keys=[key])
    verifier = Verifier(adfs("adfs.example.com", audience=API, fetch=local.fetch))
    assert verifier.verify(local.token())
    for issuer in ("https://adfs.example.com/adfs", FARM.replace("http:", "https:"), f"{FARM}/"):
        assert reason(verifier, local.token(iss=issuer)) == "issuer_mismatch"
    assert reason(verifier, local.token(appid=None)) == "claim_missing"


def test_adfs_protects_an_application_with_scopes(key: SigningKey) -> None:
    def plain(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"in"]

    local = LocalIssuer(like="adfs", keys=[key])
    issuer = adfs("adfs.example.com", audience=local.audience, fetch=local.fetch)
    app = TestApp(protect(plain, issuer=issuer, rules={"/": scope("read")}))
    assert app.get("/", headers=local.headers("openid read")).status_int == 200
    assert app.get("/", headers=local.headers("openid"), status=403)
    id_token = {"Authorization": f"Bearer {local.id_token(scp='read')}"}
    assert app.get("/", headers=id_token, status=401)


# --- arguments

WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "an unknown cloud": (
        lambda: entra(TENANT, audience="a", cloud="germany"),  # type: ignore[call-overload]
        "cloud='germany'",
    ),
    "a cloud that is a list": (
        lambda: entra(ANY_TENANT, audience="a", cloud=["usgov"]),  # type: ignore[call-overload]
        "cloud=",
    ),
    "keys of an application by its name": (
        lambda: entra(TENANT, audience="a", application_keys="api"),
        "application_keys='api'",
    ),
    "keys of an application for any tenant": (
        lambda: entra(ANY_TENANT, audience="a", application_keys=API),  # type: ignore[call-overload]
        "application_keys with ANY_TENANT",
    ),
    "an external tenant by a URL": (
        lambda: entra_external_id("https://contoso.ciamlogin.com", TENANT, audience="a"),
        "domain=",
    ),
    "an external tenant by its name": (
        lambda: entra_external_id("contoso.ciamlogin.com", "contoso", audience="a"),
        "tenant='contoso'",
    ),
    "keys of an application of an external tenant by name": (
        lambda: entra_external_id(
            "contoso.ciamlogin.com", TENANT, audience="a", application_keys="api"
        ),
        "application_keys=",
    ),
    "a tenant of B2C by its domain": (
        lambda: azure_b2c("contoso.onmicrosoft.com", B2C, POLICY, audience="a"),
        "tenant_name=",
    ),
    "a tenant of B2C by its name": (
        lambda: azure_b2c("contoso", "contoso", POLICY, audience="a"),
        "tenant='contoso'",
    ),
    "no policies": (lambda: azure_b2c("contoso", B2C, [], audience="a"), "policies="),
    "policies that are None": (
        lambda: azure_b2c("contoso", B2C, None, audience="a"),  # type: ignore[arg-type]
        "policies=None",
    ),
    "a policy with a slash": (lambda: azure_b2c("contoso", B2C, "a/b", audience="a"), "policies="),
    "a claim that names no policy": (
        lambda: azure_b2c("contoso", B2C, POLICY, audience="a", policy_claim="p"),  # type: ignore[arg-type]
        "policy_claim='p'",
    ),
    "a domain of B2C that is a URL": (
        lambda: azure_b2c("contoso", B2C, POLICY, audience="a", domain="https://a.example"),
        "domain=",
    ),
    "a farm by its URL": (lambda: adfs("https://adfs.example.com", audience="a"), "host="),
    "the issuer of ID tokens of a farm": (
        lambda: adfs("adfs.example.com", audience="a", identifier="https://adfs.example.com/adfs"),
        "identifier=",
    ),
    "an identifier that is a number": (
        lambda: adfs("adfs.example.com", audience="a", identifier=5),  # type: ignore[arg-type]
        "identifier=5",
    ),
}


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_an_invalid_argument_is_named_in_the_error(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("text", "case"),
    [
        (f"entra:{TENANT},2,usgov", "entra usgov"),
        (f"entra:{TENANT},1,china", "entra china, version 1"),
        (f"entra-external-id:contoso.ciamlogin.com,{TENANT}", "external id"),
        (f"azure-b2c:contoso,{B2C},{POLICY}", "b2c"),
        (f"azure-b2c:contoso,{B2C},{POLICY},B2C_1_two,B2C_1_three", "b2c"),
        ("adfs:adfs.example.com", "adfs"),
    ],
)
def test_the_command_line_takes_the_preset(text: str, case: str, key: SigningKey) -> None:
    local = issuer_of(CASES[case], key)
    issuer = preset_issuer(text, (API,), {"fetch": local.fetch})
    assert Verifier(issuer).verify(local.token()).issuer == CASES[case].issuer
