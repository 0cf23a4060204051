"""The tokens of load balancers of AWS: one load balancer, one client, padded, from one header."""

from __future__ import annotations

from typing import Any

import pytest
from refusals import reason
from webtest import TestApp

from jwt_wsgi import AUTHENTICATED, Issuer, RemotePEM, StaticJWKS, Verifier, has, protect
from jwt_wsgi.presets import aws_alb, cognito
from jwt_wsgi.sources import from_header
from jwt_wsgi.testing import LocalIssuer, SigningKey

REGION = "eu-west-1"
ARN = (
    f"arn:aws:elasticloadbalancing:{REGION}:123456789012:"
    "loadbalancer/app/my-load-balancer/50dc6c495c0c9188"
)
HEADER = "x-amzn-oidc-data"


@pytest.fixture
def balancer() -> LocalIssuer:
    return LocalIssuer(like="aws-alb")


def trusted(balancer: LocalIssuer, **options: Any) -> Issuer:
    given = {"issuer": balancer.issuer, "client_ids": balancer.client_id, "fetch": balancer.fetch}
    return aws_alb(REGION, ARN, **{**given, **options})


def test_a_token_passes_with_the_key_from_the_documented_url(balancer: LocalIssuer) -> None:
    fetched: list[str] = []

    def fetch(url: str) -> bytes:
        fetched.append(url)
        return balancer.fetch(url)

    verifier = Verifier(trusted(balancer, fetch=fetch))
    auths = [verifier.verify(balancer.token()) for _ in range(2)]
    assert {auth.issuer for auth in auths} == {balancer.issuer}
    assert fetched == [f"https://public-keys.auth.elb.{REGION}.amazonaws.com/{balancer.key().kid}"]
    assert balancer.jwks_uri.replace("{kid}", balancer.key().kid) == fetched[0]


REFUSED = {
    "another load balancer": ({"header": {"signer": ARN[:-1] + "0"}}, "claim_mismatch"),
    "no signer": ({"header": {"signer": None}}, "claim_missing"),
    "another client": ({"header": {"client": "another"}}, "claim_mismatch"),
    "no client": ({"header": {"client": None}}, "claim_missing"),
    "another issuer in the header": ({"header": {"iss": "https://x.test"}}, "claim_mismatch"),
    "no issuer in the header": ({"header": {"iss": None}}, "claim_missing"),
    "another issuer in both": ({"iss": "https://x.test"}, "issuer_mismatch"),
    "no issuer in the payload": ({"iss": None}, "claim_missing"),
    "no exp in the payload": ({"exp": None}, "claim_missing"),
    "an expired one": ({"expires_in": -3600}, "token_expired"),
    "signer as a claim": ({"header": {"signer": None}, "signer": ARN}, "claim_missing"),
    "a kid that is not a UUID": ({"header": {"kid": "../x"}}, "kid_unknown"),
    "no kid": ({"header": {"kid": None}}, "kid_unknown"),
}


@pytest.mark.parametrize(("options", "expected"), REFUSED.values(), ids=REFUSED)
def test_every_other_token_is_refused(
    options: dict[str, Any], expected: str, balancer: LocalIssuer
) -> None:
    verifier = Verifier(trusted(balancer))
    assert [reason(verifier, balancer.token(**options)) for _ in range(2)] == [expected] * 2


def test_the_form_without_padding_is_refused(balancer: LocalIssuer) -> None:
    verifier = Verifier(trusted(balancer))
    text = balancer.token()
    assert reason(verifier, text.replace("=", "")) == "token_malformed"
    auth = verifier.verify(text)
    payload = b'{"iss":"%s","exp":%d,"sub":"u1"}' % (auth.issuer.encode(), auth.claims["exp"])
    unpadded = balancer.sign(payload, header=auth.header)
    assert reason(verifier, unpadded) == "token_malformed"
    assert reason(verifier, balancer.sign(payload, header=auth.header, padded=True)) is None


def test_tokens_of_the_identity_provider_are_refused_without_a_fetch() -> None:
    balancer = LocalIssuer(like="aws-alb")
    pool = LocalIssuer(like="cognito")
    assert pool.issuer == balancer.issuer
    verifier = Verifier(trusted(balancer))
    assert reason(verifier, pool.id_token()) == "algorithm_not_allowed"
    assert reason(verifier, pool.token()) == "algorithm_not_allowed"
    elliptic = LocalIssuer(like="cognito", algorithms=("ES256",))
    assert reason(verifier, elliptic.token()) == "token_malformed"
    assert reason(verifier, balancer.id_token()) == "token_malformed"
    assert balancer.requests == []


def test_the_pool_refuses_the_token_of_the_load_balancer(balancer: LocalIssuer) -> None:
    pool = LocalIssuer(like="cognito")
    issuer = cognito(REGION, f"{REGION}_AbCdEf123", client_ids=pool.client_id, fetch=pool.fetch)
    assert reason(Verifier(issuer), balancer.token()) == "token_malformed"


def test_a_key_of_someone_else_under_the_same_kid_is_refused(balancer: LocalIssuer) -> None:
    stranger = LocalIssuer(like="aws-alb", keys=[SigningKey("ES256", balancer.key().kid)])
    assert reason(Verifier(trusted(balancer)), stranger.token()) == "signature_invalid"


def test_several_clients_are_asked_for_each_request(balancer: LocalIssuer) -> None:
    verifier = Verifier(trusted(balancer, client_ids=["another", balancer.client_id]))
    text = balancer.token()
    assert [reason(verifier, text) for _ in range(3)] == [None] * 3
    for client in ("third", ["another"], 5):
        other = balancer.token(header={"client": client})
        assert reason(verifier, other) == "claim_mismatch"


@pytest.mark.parametrize("region", ["us-gov-west-1", "us-gov-east-1"])
def test_the_keys_of_govcloud_are_in_s3(region: str) -> None:
    arn = ARN.replace("arn:aws:", "arn:aws-us-gov:").replace(REGION, region)
    issuer = aws_alb(region, arn, issuer="https://idp.test", client_ids="c")
    url = f"https://s3-{region}.amazonaws.com/aws-elb-public-keys-prod-{region}/{{kid}}"
    assert repr(issuer.keys) == repr(RemotePEM(url))


def test_the_token_is_read_from_its_header_alone(balancer: LocalIssuer) -> None:
    def plain(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"in"]

    rules = {"/": AUTHENTICATED, "/groups": has("custom:groups", "admin")}
    sources = [from_header(HEADER)]
    app = TestApp(protect(plain, issuer=trusted(balancer), rules=rules, token_sources=sources))
    assert app.get("/", headers={HEADER: balancer.token()}, status=200)
    assert app.get("/groups", headers={HEADER: balancer.token()}, status=403)
    admin = balancer.token(**{"custom:groups": ["admin"]})
    assert app.get("/groups", headers={HEADER: admin}, status=200)
    bearer = {"Authorization": f"Bearer {balancer.token()}"}
    assert app.get("/", headers=bearer, status=401).json["reason"] == "missing_token"
    access = LocalIssuer(like="cognito").token()
    refused = app.get("/", headers={HEADER: access}, status=401)
    assert refused.json["reason"] == "algorithm_not_allowed"


def test_options_of_the_caller_are_kept_and_never_replace_those_of_the_preset(
    balancer: LocalIssuer,
) -> None:
    header = {"signer": ..., "client": lambda _: True, "v": "1"}
    issuer = trusted(balancer, header=header, leeway=0, padded=True)
    assert issuer.profile.leeway == 0
    verifier = Verifier(issuer)
    assert reason(verifier, balancer.token()) == "claim_missing"
    assert reason(verifier, balancer.token(header={"v": "1"})) is None
    keys = StaticJWKS(balancer.jwks)
    assert reason(Verifier(trusted(balancer, keys=keys)), balancer.token()) is None
    refusing = Verifier(trusted(balancer, header={"client": lambda _: False}))
    assert reason(refusing, balancer.token()) == "claim_mismatch"
    for name in ("signer", "client", "iss"):
        with pytest.raises(ValueError, match="the preset requires"):
            trusted(balancer, header={name: "mine"})


CHINA = ARN.replace(REGION, "cn-north-1").replace("arn:aws:", "arn:aws-cn:")
WRONG: dict[str, tuple[tuple[Any, Any], dict[str, Any], str]] = {
    "no region": (("Ireland", ARN), {}, "region="),
    "a region of None": ((None, ARN), {}, "region="),
    "a load balancer elsewhere": (("us-east-1", ARN), {}, "load_balancer_arn="),
    "a name for the ARN": ((REGION, "my-load-balancer"), {}, "load_balancer_arn="),
    "a network load balancer": ((REGION, ARN.replace("/app/", "/net/")), {}, "load_balancer_arn="),
    "an ARN with a line end": ((REGION, ARN + "\n"), {}, "load_balancer_arn="),
    "several ARNs": ((REGION, [ARN]), {}, "load_balancer_arn="),
    "no client": ((REGION, ARN), {"client_ids": []}, "client_ids="),
    "an empty client": ((REGION, ARN), {"client_ids": ""}, "client_ids="),
    "clients that are numbers": ((REGION, ARN), {"client_ids": [5]}, "client_ids="),
    "no issuer": ((REGION, ARN), {"issuer": ""}, "issuer="),
    "no padding": ((REGION, ARN), {"padded": False}, "padded="),
    "China without its keys": (("cn-north-1", CHINA), {}, "keys="),
}


@pytest.mark.parametrize(("arguments", "options", "message"), WRONG.values(), ids=WRONG)
def test_an_invalid_argument_is_named_in_the_error(
    arguments: tuple[Any, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        aws_alb(*arguments, **{"issuer": "https://idp.test", "client_ids": "c", **options})


def test_china_works_with_its_keys_by_name() -> None:
    keys = RemotePEM("https://keys.example.com/{kid}")
    issuer = aws_alb("cn-north-1", CHINA, issuer="https://i.test", client_ids="c", keys=keys)
    assert issuer.keys is keys
