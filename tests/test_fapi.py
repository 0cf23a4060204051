"""`Issuer(profile="fapi2")`: the lines for resource servers of the FAPI 2.0 Security Profile (final)."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from typing import Any

import conformance
import pytest
from conftest import ASYMMETRIC
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from possession_stacks import (
    BASE,
    CERTIFICATE,
    CERTIFICATE_KEY,
    OTHER_CERTIFICATE,
    app,
    challenges,
    read_certificate,
)
from webob import Request, Response

from jwt_wsgi import (
    AUTHENTICATED,
    DPoP,
    Issuer,
    Policy,
    ScopeAuthorizer,
    StaticJWKS,
    TokenExtractor,
    TokenVerifier,
    Verifier,
    protect,
    scope,
)
from jwt_wsgi.jose import encoding
from jwt_wsgi.jose.raw_keys import UNAVAILABLE
from jwt_wsgi.jose.thumbprint import jwk_thumbprint
from jwt_wsgi.sources import bearer, from_cookie, from_header
from jwt_wsgi.testing import Clock, DPoPKey, LocalIssuer

ALLOWED = ("PS256", "ES256", "EdDSA", "Ed25519")
FORBIDDEN = tuple(name for name in ASYMMETRIC if name not in ALLOWED)
#: The first one signs by default.
EVERY = ("ES256", *(name for name in ASYMMETRIC if name not in ("ES256", *UNAVAILABLE)))
BANK = LocalIssuer("https://bank.example.com/", algorithms=EVERY)
OTHER = LocalIssuer("https://other.example.com/", algorithms=EVERY)
NOW = 1_800_000_000.0
PAGE = conformance.CHECKOUT / "docs" / "fapi.md"


def fapi(**options: Any) -> Issuer:
    """Return the issuer of the bank under the profile, with the options left out by default."""
    usual = {"audience": BANK.audience, "keys": StaticJWKS(BANK.jwks), "profile": "fapi2"}
    return Issuer(BANK.issuer, **{**usual, **options})


def never(auth: Any) -> bool:
    return False


def stack(issuer: Any = None, **options: Any) -> Any:
    """Return a stack for the profile; None removes an option."""
    usual: dict[str, Any] = {
        "issuer": issuer or fapi(),
        "rules": {"/x": scope("a")},
        "is_revoked": never,
        "dpop": DPoP(BASE),
    }
    chosen = {**usual, **options}
    return protect(app, **{name: value for name, value in chosen.items() if value is not None})


def send(protected: Any, token: str, key: DPoPKey | None = None, **proof: Any) -> Response:
    """Send a token under DPoP with a proof of the key, or under Bearer without a key."""
    request = Request.blank("/x", base_url=BASE)
    request.headers["Authorization"] = f"{'Bearer' if key is None else 'DPoP'} {token}"
    if key is not None:
        request.headers["DPoP"] = key.proof("GET", f"{BASE}/x", token, **proof)
    return request.get_response(protected)  # type: ignore[no-any-return]


def send_certificate(protected: Any, token: str, certificate: bytes | None) -> Response:
    request = Request.blank("/x", base_url=BASE, headers={"Authorization": f"Bearer {token}"})
    if certificate is not None:
        request.environ[CERTIFICATE_KEY] = certificate
    return request.get_response(protected)  # type: ignore[no-any-return]


def told(response: Response) -> str:
    """Return what the application said, or the reason of the refusal."""
    return response.text if response.status_int == 200 else response.json["reason"]


KEY = DPoPKey()


# --- §5.3.4, first and second line: the header only


@pytest.mark.conforms(97)
def test_97_a_token_in_the_header_is_accepted_under_both_schemes() -> None:
    protected = stack(client_certificate=read_certificate)
    assert told(send(protected, BANK.token("a", cnf=KEY), KEY)) == "dpop"
    token = BANK.token("a", cnf=CERTIFICATE.der)
    assert told(send_certificate(protected, token, CERTIFICATE.der)) == "mtls"


@pytest.mark.conforms(97)
def test_97_a_token_in_the_query_the_body_or_a_cookie_is_not_looked_at() -> None:
    token = BANK.token("a", cnf=CERTIFICATE.der)
    protected = stack(client_certificate=read_certificate)
    requests = [
        Request.blank(f"/x?access_token={token}", base_url=BASE),
        Request.blank("/x", base_url=BASE, method="POST", POST={"access_token": token}),
        Request.blank("/x", base_url=BASE, headers={"Cookie": f"access_token={token}"}),
    ]
    for request in requests:
        request.environ[CERTIFICATE_KEY] = CERTIFICATE.der
        assert told(request.get_response(protected)) == "missing_token"


def take(environ: Any) -> str | None:
    return None


ELSEWHERE: dict[str, dict[str, Any]] = {
    "get_token": {"get_token": take},
    "a cookie": {"token_sources": [from_cookie("__Host-session")]},
    "a header beside": {"token_sources": [bearer, from_header("X-Token")]},
}


@pytest.mark.conforms(97)
@pytest.mark.parametrize("name", ELSEWHERE)
def test_97_other_places_are_refused_at_construction(name: str) -> None:
    layer = TokenVerifier(app, fapi(), is_revoked=never, dpop=DPoP(BASE))
    for build in (
        lambda: stack(**ELSEWHERE[name]),
        lambda: TokenExtractor(layer, **ELSEWHERE[name]),
    ):
        with pytest.raises(ValueError, match=r"§5\.3\.4.*leave them out"):
            build()
    TokenExtractor(layer, token_sources=[bearer], dpop=True)


def resolve(name: str) -> Issuer | None:
    return fapi() if name == BANK.issuer else None


@pytest.mark.conforms(97)
@pytest.mark.parametrize(
    ("place", "status"),
    [
        pytest.param({"Authorization": "Bearer {}"}, 200, id="the header"),
        pytest.param({"Cookie": "session={}"}, 503, id="a cookie"),
        pytest.param({"X-Token": "{}"}, 503, id="another header"),
        pytest.param({"Authorization": "Bearer {}", "Cookie": "session={}"}, 200, id="both"),
    ],
)
@pytest.mark.parametrize("hides", ["a resolver", "a layer between"])
def test_97_other_places_that_construction_cannot_see_are_503(
    place: dict[str, str], status: int, hides: str, caplog: pytest.LogCaptureFixture
) -> None:
    issuer = resolve if hides == "a resolver" else fapi()
    verifier = TokenVerifier(app, issuer, is_revoked=never, client_certificate=read_certificate)
    inner: Any = verifier if hides == "a resolver" else lambda *arguments: verifier(*arguments)
    protected = TokenExtractor(
        inner, token_sources=[bearer, from_cookie("session"), from_header("X-Token")]
    )
    token = BANK.token("a", cnf=CERTIFICATE.der)
    headers = {name: value.format(token) for name, value in place.items()}
    request = Request.blank("/x", base_url=BASE, headers=headers)
    request.environ[CERTIFICATE_KEY] = CERTIFICATE.der
    with caplog.at_level(logging.ERROR):
        response = request.get_response(protected)
    assert response.status_int == status
    assert ("§5.3.4" in caplog.text) is (status == 503)
    assert token not in caplog.text


def test_a_mark_of_an_outer_stack_does_not_reach_an_inner_one() -> None:
    inner = stack(dpop=None, client_certificate=read_certificate)
    outer = TokenExtractor(inner, get_token=lambda environ: "a.b.c")
    token = BANK.token("a", cnf=CERTIFICATE.der)
    assert told(send_certificate(outer, token, CERTIFICATE.der)) == "mtls"


# --- third line: validity, integrity, expiration and revocation


INVALID: list[Any] = [
    ("a good one", {}, None, "dpop"),
    ("another audience", {"aud": "https://other.example.com"}, None, "audience_mismatch"),
    ("expired", {"exp": NOW - 3600}, None, "token_expired"),
    ("without exp", {"exp": None}, None, "claim_missing"),
    ("not yet valid", {"nbf": NOW + 3600}, None, "token_not_yet_valid"),
    ("from the future", {"iat": NOW + 3600}, None, "token_not_yet_valid"),
    ("an ID token", {"at_hash": "x"}, None, "id_token"),
    ("revoked", {}, lambda auth: True, "token_revoked"),
    ("revocation unknown", {}, lambda auth: 1 / 0, "revocation_unknown"),
]


@pytest.mark.conforms(98)
@pytest.mark.parametrize(
    ("claims", "is_revoked", "expected"), [pytest.param(*row, id=name) for name, *row in INVALID]
)
def test_98_validity_expiration_and_revocation_are_checked(
    claims: dict[str, Any], is_revoked: Any, expected: str
) -> None:
    clock = Clock(NOW)
    local = LocalIssuer(BANK.issuer, algorithms=("ES256",), clock=clock)
    key = DPoPKey(clock=clock)
    issuer = fapi(audience=local.audience, keys=StaticJWKS(local.jwks))
    protected = stack(issuer, is_revoked=is_revoked or never, clock=clock)
    token = local.token("a", **{"cnf": key, **claims})
    assert told(send(protected, token, key)) == expected
    if expected == "dpop":
        # A cached token is checked again.
        assert told(send(protected, token, key)) == "dpop"
        clock.advance(400)
        assert told(send(protected, token, key)) == "token_expired"


@pytest.mark.conforms(98)
def test_98_integrity_is_checked() -> None:
    header, payload, signature = BANK.token("a", cnf=KEY, algorithm="ES256").split(".")
    claims = json.loads(encoding.decode(payload))
    forged = encoding.encode(json.dumps({**claims, "scope": "a b"}).encode())
    token = f"{header}.{forged}.{signature}"
    assert told(send(stack(), token, KEY)) == "signature_invalid"


# --- fourth line: the authorization suffices


@pytest.mark.conforms(99)
def test_99_a_token_without_the_rights_is_refused_as_rfc_6750_says() -> None:
    protected = stack(rules={"/x": scope("b")})
    response = send(protected, BANK.token("a", cnf=KEY), KEY)
    assert (response.status_int, response.json["error"]) == (403, "insufficient_scope")
    [challenge] = challenges(response)
    assert (challenge.parameters["error"], challenge.parameters["scope"]) == (
        "insufficient_scope",
        "b",
    )
    response = send(protected, BANK.expired("b", cnf=KEY), KEY)
    assert (response.status_int, response.json["error"]) == (401, "invalid_token")
    response = Request.blank("/y", base_url=BASE).get_response(protected)
    assert (response.status_int, told(response)) == (401, "missing_token")


# --- fifth line: sender-constrained tokens

BINDINGS: list[Any] = [
    ("unbound", None, None, None, "token_not_bound"),
    ("jkt with a proof", "key", KEY, None, "dpop"),
    ("jkt as Bearer", "key", None, None, "token_bound"),
    ("jkt with a proof of another key", "key", DPoPKey(), None, "binding_mismatch"),
    ("x5t with its certificate", "certificate", None, CERTIFICATE.der, "mtls"),
    ("x5t with another certificate", "certificate", None, OTHER_CERTIFICATE.der,
     "binding_mismatch"),
    ("x5t without a certificate", "certificate", None, None, "token_bound"),
]  # fmt: skip


@pytest.mark.conforms(100)
@pytest.mark.parametrize(
    ("bound_to", "key", "certificate", "expected"),
    [pytest.param(*row, id=name) for name, *row in BINDINGS],
)
def test_100_tokens_must_be_bound_and_their_keys_proven(
    bound_to: str | None, key: DPoPKey | None, certificate: bytes | None, expected: str
) -> None:
    cnf: Any = {"key": KEY, "certificate": CERTIFICATE.der, None: None}[bound_to]
    token = BANK.token("a", cnf=cnf)
    protected = stack(client_certificate=read_certificate)
    if key is None:
        assert told(send_certificate(protected, token, certificate)) == expected
    else:
        assert told(send(protected, token, key)) == expected


@pytest.mark.conforms(100)
@pytest.mark.parametrize("rule", [AUTHENTICATED, scope("a") | scope("b")], ids=repr)
def test_100_no_rule_lets_an_unbound_token_in(rule: Any) -> None:
    protected = stack(rules={"/x": rule})
    response = send(protected, BANK.token("a"))
    assert (response.status_int, told(response)) == (401, "token_not_bound")
    assert [challenge.scheme for challenge in challenges(response)] == ["DPoP"]


# --- §5.4.1: algorithms and keys


@pytest.mark.conforms(101)
@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_101_the_default_algorithms_of_tokens_are_those_of_the_profile(algorithm: str) -> None:
    response = send(stack(), BANK.token("a", cnf=KEY, algorithm=algorithm), KEY)
    assert told(response) == ("dpop" if algorithm in ALLOWED else "algorithm_not_allowed")


@pytest.mark.conforms(101)
@pytest.mark.parametrize("others", [False, True], ids=["alone", "beside an issuer without it"])
@pytest.mark.parametrize(
    "algorithm", [name for name in ASYMMETRIC if name[:3] not in ("ML-", "Ed4")]
)
def test_101_proofs_for_its_tokens_have_the_algorithms_of_the_profile(
    algorithm: str, others: bool
) -> None:
    issuers = [fapi(), OTHER.trusted()] if others else fapi()
    protected = stack(issuers)
    key = DPoPKey(algorithm)
    response = send(protected, BANK.token("a", cnf=key), key)
    is_allowed = algorithm in ALLOWED
    assert told(response) == ("dpop" if is_allowed else "proof_algorithm_not_allowed")
    if not is_allowed:
        [challenge] = challenges(response)
        assert (algorithm in challenge.parameters["algs"].split()) is others
    if others:
        # Proofs for tokens of the other issuer are not narrowed.
        assert told(send(protected, OTHER.token("a", cnf=key), key)) == "dpop"


@pytest.mark.conforms(101)
def test_101_a_token_without_a_signature_is_refused() -> None:
    _, payload, _ = BANK.token("a", cnf=KEY).split(".")
    header = encoding.encode(b'{"alg":"none","typ":"at+jwt"}')
    for signature in ("", "AAAA"):
        response = send(stack(), f"{header}.{payload}.{signature}", KEY)
        assert told(response) in ("algorithm_not_allowed", "token_malformed")


def number(value: int) -> str:
    return encoding.encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def rsa_jwk(key: rsa.RSAPrivateKey) -> dict[str, str]:
    public = key.public_key().public_numbers()
    return {"kty": "RSA", "n": number(public.n), "e": number(public.e)}


def signed(key: rsa.RSAPrivateKey, header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = (json.dumps({"alg": "PS256", **part}).encode() for part in (header,))
    signing_input = ".".join(map(encoding.encode, (*parts, json.dumps(claims).encode())))
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    return (
        f"{signing_input}.{encoding.encode(key.sign(signing_input.encode(), pss, hashes.SHA256()))}"
    )


SIZES = {bits: rsa.generate_private_key(65537, bits) for bits in (1024, 2048)}


@pytest.mark.conforms(101)
@pytest.mark.parametrize(("bits", "is_accepted"), [(1024, False), (2048, True)])
def test_101_rsa_keys_of_tokens_have_2048_bits(bits: int, is_accepted: bool) -> None:
    key = SIZES[bits]
    jwks = {"keys": [{**rsa_jwk(key), "kid": "1"}, BANK.jwks["keys"][0]]}
    claims = json.loads(encoding.decode(BANK.token("a", cnf=KEY).split(".")[1]))
    token = signed(key, {"kid": "1", "typ": "at+jwt"}, claims)
    response = send(stack(fapi(keys=StaticJWKS(jwks))), token, KEY)
    assert told(response) == ("dpop" if is_accepted else "kid_unknown")


@pytest.mark.conforms(101)
@pytest.mark.parametrize(("bits", "is_accepted"), [(1024, False), (2048, True)])
def test_101_rsa_keys_of_proofs_have_2048_bits(bits: int, is_accepted: bool) -> None:
    key = SIZES[bits]
    jwk = rsa_jwk(key)
    token = BANK.token("a", cnf={"jkt": jwk_thumbprint(jwk)})
    _, payload, _ = KEY.proof("GET", f"{BASE}/x", token).split(".")
    proof = signed(key, {"typ": "dpop+jwt", "jwk": jwk}, json.loads(encoding.decode(payload)))
    request = Request.blank("/x", base_url=BASE)
    request.headers.update({"Authorization": f"DPoP {token}", "DPoP": proof})
    response = request.get_response(stack())
    assert told(response) == ("dpop" if is_accepted else "proof_malformed")


@pytest.mark.conforms(101)
@pytest.mark.parametrize(
    "curve", [ec.SECP192R1(), ec.SECP224R1(), ec.SECP256K1()], ids=lambda curve: curve.name
)
def test_101_elliptic_curves_are_those_of_the_algorithms(curve: ec.EllipticCurve) -> None:
    numbers = ec.generate_private_key(curve).public_key().public_numbers()
    size = (curve.key_size + 7) // 8
    jwk = {
        "kty": "EC",
        "crv": {192: "P-192", 224: "P-224", 256: "secp256k1"}[curve.key_size],
        "x": encoding.encode(numbers.x.to_bytes(size, "big")),
        "y": encoding.encode(numbers.y.to_bytes(size, "big")),
    }
    keys = StaticJWKS({"keys": [{**jwk, "kid": "1"}, BANK.jwks["keys"][0]]})
    assert keys.find("1", "ES256") == ()
    token = BANK.token("a", cnf={"jkt": jwk_thumbprint(jwk)})
    proof = KEY.proof("GET", f"{BASE}/x", token, header={"jwk": jwk})
    request = Request.blank("/x", base_url=BASE)
    request.headers.update({"Authorization": f"DPoP {token}", "DPoP": proof})
    assert told(request.get_response(stack())) == "proof_malformed"


# --- §5.3.2.1: clock offsets


@pytest.mark.parametrize("leeway", [10, 30, 60])
@pytest.mark.parametrize("seconds", [0, 10, 30, 31, 60, 61])
@pytest.mark.parametrize("date", ["iat", "nbf", "iat of the proof"])
def test_dates_up_to_ten_seconds_ahead_are_accepted_and_beyond_sixty_never(
    date: str, seconds: int, leeway: int
) -> None:
    clock = Clock(NOW)
    local = LocalIssuer(BANK.issuer, algorithms=("ES256",), clock=clock)
    key = DPoPKey(clock=clock)
    issuer = fapi(audience=local.audience, keys=StaticJWKS(local.jwks), leeway=leeway)
    protected = stack(issuer, dpop=DPoP(BASE, leeway=leeway), clock=clock)
    is_of_proof = date == "iat of the proof"
    claims = {} if is_of_proof else {date: int(NOW) + seconds}
    proof = {"iat": int(NOW) + seconds} if is_of_proof else {}
    response = send(protected, local.token("a", cnf=key, **claims), key, **proof)
    assert (response.status_int == 200) is (seconds <= leeway)


# --- construction: each error names its line and a remedy that works

LINE = {
    "resource servers": r"§5\.3\.4",
    "cryptography": r"§5\.4\.1",
    "clock offsets": r"§5\.3\.2\.1",
}
RULES_OF_RS, CRYPTOGRAPHY, CLOCKS = LINE
MIXED = {"others": True}
ERRORS: list[Any] = [
    # name, line, what the error names, the mistake, remedies
    ("no possession", RULES_OF_RS, ["dpop=DPoP", "client_certificate=", "client_certificates=True"],
     {"dpop": None}, [{"dpop": DPoP(BASE)}, {"client_certificate": read_certificate}]),
    ("no revocation", RULES_OF_RS, ["is_revoked="], {"is_revoked": None}, [{"is_revoked": never}]),
    ("a short leeway", CLOCKS, ["leeway", "10 to 60"], {"leeway": 9},
     [{"leeway": 10}, {"leeway": 60}]),
    ("no leeway", CLOCKS, ["leeway", "10 to 60"], {"leeway": 0}, [{"leeway": 10}]),
    ("a long leeway", CLOCKS, ["leeway", "10 to 60"], {"leeway": 60.5}, [{"leeway": 60}]),
    ("a short leeway of proofs", CLOCKS, ["DPoP(leeway", "10 to 60"],
     {"dpop": DPoP(BASE, leeway=9)}, [{"dpop": DPoP(BASE, leeway=10)}]),
    ("a long leeway of proofs", CLOCKS, ["DPoP(leeway", "10 to 60"],
     {"dpop": DPoP(BASE, leeway=61)}, [{"dpop": DPoP(BASE, leeway=60)}]),
    ("RS256", CRYPTOGRAPHY, ["'RS256'", "PS256, ES256, EdDSA, Ed25519"],
     {"algorithms": ["ES256", "RS256"]}, [{"algorithms": [name]} for name in ALLOWED]),
    ("a forbidden algorithm of proofs", CRYPTOGRAPHY, ["DPoP", "'ES384'", "leave algorithms"],
     {"dpop": DPoP(BASE, algorithms=["ES256", "ES384"])},
     [{"dpop": DPoP(BASE)}, *({"dpop": DPoP(BASE, algorithms=[name])} for name in ALLOWED)]),
    ("forbidden algorithms of proofs alone", CRYPTOGRAPHY, ["DPoP(algorithms", "leave algorithms"],
     {"dpop": DPoP(BASE, algorithms=["ES384"])},
     [{"dpop": DPoP(BASE)}, *({"dpop": DPoP(BASE, algorithms=[name])} for name in ALLOWED)]),
    ("forbidden algorithms of proofs alone, beside another issuer", CRYPTOGRAPHY,
     ["DPoP(algorithms", "leave algorithms"], {"dpop": DPoP(BASE, algorithms=["ES384"]), **MIXED},
     [{"dpop": DPoP(BASE)}, *({"dpop": DPoP(BASE, algorithms=[name])} for name in ALLOWED)]),
    ("ID tokens", RULES_OF_RS, ["leave allow_id_tokens out"], {"allow_id_tokens": True},
     [{"allow_id_tokens": False}]),
    ("unproven bindings", RULES_OF_RS, ["leave accept_unproven_binding out"],
     {"accept_unproven_binding": True}, [{"accept_unproven_binding": False}]),
]  # fmt: skip
_OF_ISSUER = ("leeway", "algorithms", "allow_id_tokens", "accept_unproven_binding")


def _trusted(options: dict[str, Any]) -> list[Issuer]:
    """Return the issuers, and take their options out of all options."""
    others = [OTHER.trusted()] if options.pop("others", False) else []
    mine = {name: options.pop(name) for name in _OF_ISSUER if name in options}
    return [fapi(**mine), *others]


def _with_protect(options: dict[str, Any]) -> Any:
    return protect(app, issuer=_trusted(options), rules={"/x": AUTHENTICATED}, **options)


def _by_hand(options: dict[str, Any]) -> Any:
    policy = Policy({"/x": AUTHENTICATED})
    verifier = TokenVerifier(ScopeAuthorizer(app, policy), _trusted(options), **options)
    return TokenExtractor(verifier, dpop="dpop" in options)


def _with_verifier(options: dict[str, Any]) -> Any:
    if options.pop("client_certificate", None) is not None:
        options["client_certificates"] = True
    return Verifier(_trusted(options), **options)


BUILDERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "protect": _with_protect,
    "by hand": _by_hand,
    "a Verifier": _with_verifier,
}


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize(
    ("line", "named", "mistake", "remedies"), [pytest.param(*row, id=name) for name, *row in ERRORS]
)
def test_what_the_profile_forbids_names_its_line_and_a_remedy_that_works(
    line: str, named: list[str], mistake: dict[str, Any], remedies: list[Any], builder: str
) -> None:
    def build(**changes: Any) -> Any:
        options = {"is_revoked": never, "dpop": DPoP(BASE), **changes}
        given = {name: value for name, value in options.items() if value is not None}
        return BUILDERS[builder](given)

    with pytest.raises(ValueError, match=LINE[line]) as refused:
        build(**mistake)
    assert [text for text in named if text not in str(refused.value)] == []
    for remedy in remedies:
        build(**{**mistake, **remedy})


@pytest.mark.parametrize("name", ["ES256", "ES384"])
def test_a_mixed_stack_may_name_algorithms_that_the_profile_forbids(name: str) -> None:
    dpop = DPoP(BASE, algorithms=["ES256", "ES384"])
    protected = stack([fapi(), OTHER.trusted()], dpop=dpop)
    key = DPoPKey(name)
    expected = "dpop" if name == "ES256" else "proof_algorithm_not_allowed"
    assert told(send(protected, BANK.token("a", cnf=key), key)) == expected
    assert told(send(protected, OTHER.token("a", cnf=key), key)) == "dpop"
    # With a resolver, other issuers may come.
    stack(resolve, dpop=dpop)
    stack([fapi(), resolve], dpop=dpop)


def test_a_header_seen_with_another_issuer_does_not_widen_the_algorithms() -> None:
    protected = stack([fapi(), OTHER.trusted()])
    key = DPoPKey("ES384")
    assert told(send(protected, OTHER.token("a", cnf=key), key)) == "dpop"
    assert told(send(protected, BANK.token("a", cnf=key), key)) == "proof_algorithm_not_allowed"


UNFIT: list[Any] = [
    ("no possession", {"dpop": None}, {}),
    ("no revocation", {"is_revoked": None}, {}),
    ("a long leeway of proofs", {"dpop": DPoP(BASE, leeway=61)}, {}),
    ("no algorithm of proofs", {"dpop": DPoP(BASE, algorithms=["ES384"])}, {}),
    ("a long leeway", {}, {"leeway": 61}),
    ("a forbidden algorithm", {}, {"algorithms": ["RS256"]}),
]


@pytest.mark.parametrize(
    ("options", "issuer"), [pytest.param(*row, id=name) for name, *row in UNFIT]
)
def test_an_issuer_of_a_resolver_that_does_not_fit_is_503_and_an_error_in_the_log(
    options: dict[str, Any], issuer: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    protected = stack(lambda name: fapi(**issuer), **options)
    token = BANK.token("a", cnf=KEY)
    with caplog.at_level(logging.ERROR):
        response = send(protected, token, KEY if options.get("dpop", KEY) else None)
    assert (response.status_int, told(response)) == (503, "keys_unavailable")
    assert re.search(r"FAPI 2\.0 Security Profile §5", caplog.text)
    assert token not in caplog.text


def test_the_profile_takes_the_types_of_the_profile_jwt() -> None:
    for typ in ("at+jwt", "JWT", None):
        token = BANK.token("a", cnf=KEY, header={"typ": typ})
        assert told(send(stack(), token, KEY)) == "dpop"
    assert fapi().algorithms == set(ALLOWED)
    assert Issuer("https://a.example.com/", audience="b").algorithms == {"RS256"}
    with pytest.raises(ValueError, match="'fapi2'"):
        fapi(profile="fapi1")


# --- the page


def test_the_tests_that_the_page_names_exist() -> None:
    text = PAGE.read_text("utf-8")
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", text)
    assert len(named) >= 20
    for file, test in named:
        assert f"\ndef {test}(" in (conformance.TESTS / file).read_text("utf-8"), f"{file}::{test}"
    own = re.findall(
        r"\ndef (test_(?:\d+_)\w+)\(", (conformance.TESTS / "test_fapi.py").read_text("utf-8")
    )
    assert {test for file, test in named if file == "test_fapi.py"} >= set(own)
