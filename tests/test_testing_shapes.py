"""Issuers that are like a provider: their tokens, their keys, and the presets that accept them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from conftest import ASYMMETRIC, SYMMETRIC
from refusals import reason

from jwt_wsgi import Auth, Issuer, RemoteJWKS, RemotePEM, Verifier, presets
from jwt_wsgi.presets import (
    adfs,
    auth0,
    aws_alb,
    azure_b2c,
    cognito,
    entra,
    entra_external_id,
    firebase,
    google_iap,
    google_self_signed,
    google_service_account,
    keycloak,
    okta,
)
from jwt_wsgi.testing import Clock, LocalIssuer, SigningKey
from jwt_wsgi.testing.shapes import SHAPES

#: A tenant of each provider, and the preset that trusts it.
TENANT = "fa15d692-e9c7-4460-a743-29f29522229a"
CLIENT = "abcdefghijklmnop0123456789"
#: The time of the fixture `clock`.
NOW = 1_800_000_000.0
SIGNER = (
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:"
    "loadbalancer/app/my-load-balancer/50dc6c495c0c9188"
)
OWN: dict[str, tuple[dict[str, str], Callable[..., Issuer]]] = {
    "auth0": (
        {"issuer": "https://acme.us.auth0.com/", "audience": "orders"},
        lambda fetch: auth0("acme.us.auth0.com", audience="orders", fetch=fetch),
    ),
    "okta": (
        {"issuer": "https://acme.okta.com/oauth2/aus1", "audience": "orders"},
        lambda fetch: okta(
            "acme.okta.com", authorization_server="aus1", audience="orders", fetch=fetch
        ),
    ),
    "entra-v2": (
        {"issuer": f"https://login.microsoftonline.com/{TENANT}/v2.0", "audience": "orders"},
        lambda fetch: entra(TENANT, audience="orders", fetch=fetch),
    ),
    "entra-v1": (
        {"issuer": f"https://sts.windows.net/{TENANT}/", "audience": "orders"},
        lambda fetch: entra(TENANT, audience="orders", version=1, fetch=fetch),
    ),
    "cognito": (
        {
            "issuer": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Acme",
            "client_id": CLIENT,
        },
        lambda fetch: cognito("us-east-1", "us-east-1_Acme", client_ids=CLIENT, fetch=fetch),
    ),
    "keycloak": (
        {"issuer": "https://id.example.com/auth/realms/acme", "audience": "orders"},
        lambda fetch: keycloak(
            "https://id.example.com/auth", "acme", audience="orders", fetch=fetch
        ),
    ),
    "entra-external-id": (
        {"issuer": f"https://{TENANT}.ciamlogin.com/{TENANT}/v2.0", "audience": "orders"},
        lambda fetch: entra_external_id(
            "acme.ciamlogin.com", TENANT, audience="orders", fetch=fetch
        ),
    ),
    "azure-b2c": (
        {"issuer": f"https://acme.b2clogin.com/{TENANT}/v2.0/", "audience": "orders"},
        lambda fetch: azure_b2c(
            "acme", TENANT, "B2C_1_signupsignin1", audience="orders", fetch=fetch
        ),
    ),
    "adfs": (
        {"issuer": "http://fs.acme.example/adfs/services/trust", "audience": "orders"},
        lambda fetch: adfs("fs.acme.example", audience="orders", fetch=fetch),
    ),
    "google-iap": (
        {"issuer": "https://cloud.google.com/iap", "audience": "/projects/9/apps/acme"},
        lambda fetch: google_iap("/projects/9/apps/acme", fetch=fetch),
    ),
    "google-service-account": (
        {"issuer": "https://accounts.google.com", "audience": "orders"},
        lambda fetch: google_service_account(
            "caller@my-project.iam.gserviceaccount.com", audience="orders", fetch=fetch
        ),
    ),
    "google-self-signed": (
        {"issuer": "ci@acme.iam.gserviceaccount.com", "audience": "orders"},
        lambda fetch: google_self_signed(
            "ci@acme.iam.gserviceaccount.com", audience="orders", fetch=fetch
        ),
    ),
    "firebase": (
        {"issuer": "https://securetoken.google.com/acme", "audience": "acme"},
        lambda fetch: firebase("acme", clock=lambda: NOW, fetch=fetch),
    ),
    "cloudflare-access": (
        {"issuer": "https://acme.cloudflareaccess.com", "audience": "0a1b"},
        lambda fetch: presets.cloudflare_access(
            "acme.cloudflareaccess.com", audience="0a1b", fetch=fetch
        ),
    ),
    "supabase": (
        {"issuer": "https://auth.example.com/auth/v1"},
        lambda fetch: presets.supabase("https://auth.example.com/", fetch=fetch),
    ),
    "clerk": (
        {"issuer": "https://acme-00.clerk.accounts.dev", "client_id": "http://localhost:3000"},
        lambda fetch: presets.clerk(
            "https://acme-00.clerk.accounts.dev",
            authorized_parties="http://localhost:3000",
            fetch=fetch,
        ),
    ),
    "kubernetes-service-accounts": (
        {"issuer": "https://cluster.example.com", "audience": "orders", "client_id": "acme:web"},
        lambda fetch: presets.kubernetes_service_accounts(
            audience="orders",
            service_accounts="acme:web",
            issuer="https://cluster.example.com",
            fetch=fetch,
        ),
    ),
    "github-actions": (
        {
            "issuer": "https://github.example.com/_services/token",
            "audience": "orders",
            "client_id": "acme/web",
        },
        lambda fetch: presets.github_actions(
            audience="orders",
            repositories="acme/web",
            url="https://github.example.com/_services/token",
            fetch=fetch,
        ),
    ),
    "gitlab-ci": (
        {"issuer": "https://git.example.com", "audience": "orders", "client_id": "acme/shop/web"},
        lambda fetch: presets.gitlab_ci(
            audience="orders", namespaces="acme/shop", url="https://git.example.com/", fetch=fetch
        ),
    ),
    "aws-alb": (
        {"issuer": "https://id.acme.example", "client_id": CLIENT},
        lambda fetch: aws_alb(
            "eu-west-1", SIGNER, issuer="https://id.acme.example", client_ids=CLIENT, fetch=fetch
        ),
    ),
}
#: The providers whose ID tokens, or what they have instead, have another issuer.
OTHER_ISSUER = {"adfs", "google-iap", "firebase"}
every_provider = pytest.mark.parametrize("name", SHAPES)


def claims(token: str) -> dict[str, Any]:
    read: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return read


@pytest.fixture
def like(jwt_key: SigningKey, clock: Clock) -> Callable[..., LocalIssuer]:
    return lambda name, **options: LocalIssuer(like=name, keys=[jwt_key], clock=clock, **options)


def test_there_is_a_tenant_for_every_shape() -> None:
    assert OWN.keys() == SHAPES.keys()


@every_provider
def test_the_preset_of_a_tenant_accepts_only_its_access_tokens(
    name: str, like: Callable[..., LocalIssuer], clock: Clock
) -> None:
    options, preset = OWN[name]
    issuer = like(name, **options)
    verifier = Verifier(preset(fetch=issuer.fetch), clock=clock)
    auth = verifier.verify(issuer.token("read write"))
    assert (auth.issuer, auth.scopes) == (options["issuer"], {"read", "write"})
    refusals = {"audience_mismatch", "claim_missing", "claim_mismatch"}
    if name in OTHER_ISSUER:
        refusals = {"issuer_mismatch"}
    elif SHAPES[name].padded:
        refusals = {"token_malformed"}
    assert reason(verifier, issuer.id_token()) in refusals
    assert reason(verifier, issuer.expired()) == "token_expired"
    assert reason(verifier, issuer.not_yet_valid()) == "token_not_yet_valid"
    assert len(issuer.requests) == 1


@every_provider
def test_a_token_grants_only_what_the_test_asks_for(
    name: str, like: Callable[..., LocalIssuer]
) -> None:
    said = claims(like(name).token())
    assert said.keys().isdisjoint({"scope", "scp", "roles", "groups", "cognito:groups"})
    assert said.get("permissions", []) == []
    assert not any("admin" in str(value) for value in said.values())


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("auth0", {"scope": "a b"}),
        ("okta", {"scp": ["a", "b"]}),
        ("entra-v2", {"scp": "a b"}),
        ("entra-v1", {"scp": "a b"}),
        ("cognito", {"scope": "a b"}),
        ("keycloak", {"scope": "a b"}),
        ("entra-external-id", {"scp": "a b"}),
        ("azure-b2c", {"scp": "a b"}),
        ("adfs", {"scp": "a b"}),
    ],
)
def test_scopes_are_written_as_the_provider_writes_them(
    name: str, written: dict[str, Any], like: Callable[..., LocalIssuer]
) -> None:
    said = claims(like(name).token("a b"))
    assert {claim: said[claim] for claim in ("scope", "scp") if claim in said} == written


@pytest.mark.parametrize(
    ("name", "claim", "access", "id_token"),
    [
        ("okta", "cid", "0oa0123456789abcdef0", None),
        ("entra-v2", "azp", "75dbe77f-10a3-4e59-85fd-8c127544f17c", None),
        ("entra-v1", "appid", "75dbe77f-10a3-4e59-85fd-8c127544f17c", None),
        ("cognito", "token_use", "access", "id"),
        ("keycloak", "typ", "Bearer", "ID"),
        ("entra-external-id", "azp", "75dbe77f-10a3-4e59-85fd-8c127544f17c", None),
        ("azure-b2c", "azp", "975251ed-e4f5-4efd-abcb-5f1a8f566ab7", None),
        (
            "adfs",
            "iss",
            "http://adfs.example.com/adfs/services/trust",
            "https://adfs.example.com/adfs",
        ),
        ("cloudflare-access", "type", "app", "org"),
        ("supabase", "role", "authenticated", None),
        ("clerk", "sts", "active", None),
        ("gitlab-ci", "project_path", "my-group/my-project", None),
    ],
)
def test_the_claim_that_distinguishes_access_tokens_from_id_tokens(
    name: str, claim: str, access: str, id_token: str | None, like: Callable[..., LocalIssuer]
) -> None:
    issuer = like(name)
    assert (claims(issuer.token())[claim], claims(issuer.id_token()).get(claim)) == (
        access,
        id_token,
    )


@every_provider
def test_keys_are_served_at_the_jwks_uri_of_the_metadata(
    name: str, like: Callable[..., LocalIssuer]
) -> None:
    issuer = like(name)
    if "{kid}" in issuer.jwks_uri:
        key = issuer.key()
        assert issuer.fetch(issuer.jwks_uri.replace("{kid}", key.kid)) == key.pem
    else:
        assert json.loads(issuer.fetch(issuer.jwks_uri)) == issuer.jwks
    assert issuer.metadata == {
        "issuer": SHAPES[name].example.issuer,
        "jwks_uri": issuer.jwks_uri,
        "introspection_endpoint": issuer.introspection_uri,
    }
    assert issuer.jwks_uri.startswith("https://")


@every_provider
def test_dates_follow_the_clock_and_an_expired_token_was_issued_in_time(
    name: str, like: Callable[..., LocalIssuer], clock: Clock
) -> None:
    for token in (like(name).token(), like(name).id_token()):
        said = claims(token)
        begun = {said[time] for time in ("iat", *SHAPES[name].times) if time in said}
        assert (begun or {clock.now}, said["exp"]) == ({clock.now}, clock.now + 300)
    late = claims(like(name).expired())
    begun = {late[time] for time in ("iat", *SHAPES[name].times) if time in late}
    assert (begun or {late["exp"]}) == {late["exp"]} == {clock.now - 3600}


@pytest.mark.parametrize(
    ("name", "typ"),
    [
        ("auth0", "JWT"),
        ("okta", None),
        ("cognito", None),
        ("keycloak", "JWT"),
        ("kubernetes-service-accounts", None),
        ("github-actions", "JWT"),
    ],
)
def test_the_header_is_that_of_the_provider(
    name: str, typ: str | None, like: Callable[..., LocalIssuer]
) -> None:
    issuer = like(name)
    for token in (issuer.token(), issuer.id_token()):
        header = jwt.get_unverified_header(token)
        assert (header.get("typ"), header["alg"], header["kid"]) == (typ, "RS256", issuer.key().kid)
    assert jwt.get_unverified_header(issuer.token(header={"typ": "at+jwt"}))["typ"] == "at+jwt"


def test_tokens_are_signed_with_the_algorithm_of_the_provider() -> None:
    issuer = LocalIssuer(like="google-iap")
    assert jwt.get_unverified_header(issuer.token())["alg"] == "ES256"
    assert [key["crv"] for key in issuer.jwks["keys"]] == ["P-256"]


def test_the_keys_of_one_application_are_those_of_the_provider(
    like: Callable[..., LocalIssuer],
) -> None:
    issuer = like("entra-v2")
    assert json.loads(issuer.fetch(f"{issuer.jwks_uri}?appid=a")) == issuer.jwks


@pytest.mark.parametrize(
    ("issuer", "host"),
    [
        (f"https://sts.windows.net/{TENANT}/", "login.microsoftonline.com"),
        (f"https://sts.chinacloudapi.cn/{TENANT}/", "login.partner.microsoftonline.cn"),
        (f"https://login.microsoftonline.us/{TENANT}/v2.0", "login.microsoftonline.us"),
    ],
)
def test_the_keys_of_entra_are_those_of_the_cloud(
    issuer: str, host: str, like: Callable[..., LocalIssuer]
) -> None:
    assert like("entra-v1", issuer=issuer).jwks_uri == f"https://{host}/{TENANT}/discovery/keys"


def test_a_load_balancer_pads_and_repeats_claims_in_the_header() -> None:
    issuer = LocalIssuer(like="aws-alb")
    token = issuer.token(exp=5)
    assert [len(segment) % 4 for segment in token.split(".")] == [0, 0, 0]
    assert token.endswith("==")
    header = Auth(token, issuer.issuer).header
    expected = {"alg": "ES256", "iss": issuer.issuer, "exp": 5, "client": issuer.client_id}
    assert {name: header[name] for name in expected} == expected
    assert uuid.UUID(header["kid"]).version == 4
    issuer.rotate(overlap=True)
    assert uuid.UUID(issuer.key().kid) != uuid.UUID(header["kid"])
    assert issuer.fetch(issuer.jwks_uri.replace("{kid}", header["kid"])).startswith(b"-----BEGIN")
    with pytest.raises(LookupError):
        issuer.fetch(issuer.jwks_uri.replace("{kid}", str(uuid.uuid4())))


def test_a_load_balancer_publishes_each_key_over_http() -> None:
    issuer = LocalIssuer(like="aws-alb")
    with issuer.serve() as url:
        source = RemotePEM(f"{url}{{kid}}")
        assert source.find(issuer.key().kid, "ES256")
        assert source.find(str(uuid.uuid4()), "ES256") == ()


def test_serve_keeps_the_name_of_the_provider(like: Callable[..., LocalIssuer]) -> None:
    issuer = like("okta")
    with issuer.serve() as url:
        assert issuer.issuer == "https://org.okta.com/oauth2/default"
        assert RemoteJWKS(f"{url}oauth2/default/v1/keys").find(issuer.key().kid, "RS256")


def test_trusted_refers_to_the_preset_for_an_issuer_like_a_provider(
    like: Callable[..., LocalIssuer],
) -> None:
    with pytest.raises(
        ValueError, match=r"an issuer like okta: use its preset, with fetch=issuer.fetch"
    ):
        like("okta").trusted()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"like": "google"},
            "like='google': choose from auth0, okta, entra-v2, entra-v1, cognito, keycloak",
        ),
        ({"algorithms": "RS256"}, "algorithms='RS256': write a list of names"),
        ({"algorithms": ()}, r"algorithms=\(\): write a list of names"),
        ({"algorithms": ("none",)}, "algorithm='none': choose one that jwt_wsgi supports"),
    ],
    ids=str,
)
def test_invalid_arguments_are_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LocalIssuer(**options)


# --- an issuer that is not like a provider


@pytest.mark.parametrize("algorithm", [*ASYMMETRIC, *SYMMETRIC])
def test_trusted_accepts_tokens_of_every_algorithm(
    algorithm: str, every_algorithm: LocalIssuer
) -> None:
    issuer = LocalIssuer(algorithms=(algorithm,), keys=[every_algorithm.key(algorithm)])
    assert issuer.key() is every_algorithm.key(algorithm)
    verifier = Verifier(issuer.trusted())
    assert verifier.verify(issuer.token("a")).scopes == {"a"}
    assert reason(verifier, issuer.id_token()) == "audience_mismatch"


def test_trusted_prefers_published_keys_to_a_secret(every_algorithm: LocalIssuer) -> None:
    verifier = Verifier(every_algorithm.trusted())
    assert verifier.verify(every_algorithm.token(algorithm="EdDSA"))
    assert reason(verifier, every_algorithm.token(algorithm="HS256")) == "algorithm_not_allowed"


def test_trusted_accepts_the_options_of_an_issuer(jwt_issuer: LocalIssuer) -> None:
    issuer = jwt_issuer.trusted(audience="other", profile="at+jwt", leeway=0)
    assert (issuer.profile.audiences, issuer.profile.name, issuer.profile.leeway) == (
        {"other"},
        "at+jwt",
        0,
    )
    assert (
        reason(Verifier(jwt_issuer.trusted(profile="at+jwt")), jwt_issuer.id_token())
        == "type_mismatch"
    )


def test_an_algorithm_without_a_key_is_refused_by_name(jwt_issuer: LocalIssuer) -> None:
    with pytest.raises(ValueError, match="algorithm='ES256': it has keys for RS256"):
        jwt_issuer.token(algorithm="ES256")
