"""The checks of one DPoP proof, in the order of RFC 9449 §4.3."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from dpop_proofs import RawKey, changed, digest
from hypothesis import example, given
from hypothesis import strategies as st

from jwt_wsgi import AuthError, DPoP, DPoPNonces
from jwt_wsgi.errors import InvalidProof, InvalidToken, NonceRequired
from jwt_wsgi.jose.algorithms import SYMMETRIC
from jwt_wsgi.jose.encoding import decode, encode
from jwt_wsgi.possession.dpop import PROOF_ALGORITHMS
from jwt_wsgi.possession.proof import (
    MAX_PROOF_BYTES,
    ProofClaims,
    ProofLimits,
    ProvenRequest,
    check_proof,
)
from jwt_wsgi.possession.proof_headers import ProofHeaders

NOW = 1_800_000_000.25
URL = "https://api.example.com/orders"
TOKEN = "header.payload.signature"
KEY, OTHER = RawKey(), RawKey()
LIMITS = DPoP("https://api.example.com").limits()
#: The order of the group of P-256.
N_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def request_of(key: RawKey = KEY, **values: Any) -> ProvenRequest:
    """Return the request that the proofs are for, whose token is bound to `key`."""
    usual = ProvenRequest(TOKEN, key.thumbprint, "GET", URL.__eq__, "/orders", NOW)
    return usual._replace(**values)


def claims(**values: Any) -> dict[str, Any]:
    """Return the claims of a good proof with others instead; `...` removes one."""
    usual = {"jti": "1", "htm": "GET", "htu": URL, "iat": NOW, "ath": digest(TOKEN.encode())}
    return changed(usual, values)


def proof(key: RawKey = KEY, **values: Any) -> str:
    return key.sign(key.header(), claims(**values))


def judge(
    text: str,
    request: ProvenRequest | None = None,
    limits: ProofLimits = LIMITS,
    known: ProofHeaders | None = None,
) -> ProofClaims:
    known = ProofHeaders() if known is None else known
    return check_proof(text, request or request_of(), limits, known)


def refusal(*arguments: Any, **options: Any) -> AuthError:
    with pytest.raises(AuthError) as caught:
        judge(*arguments, **options)
    return caught.value


def assert_malformed(text: str) -> None:
    error = refusal(text)
    assert (type(error), error.reason) == (InvalidProof, "proof_malformed")
    assert (error.status, error.code) == (401, "invalid_dpop_proof")


def test_a_good_proof_is_accepted() -> None:
    assert judge(proof(jti="jti-1")) == ProofClaims("jti-1", None)


def test_unknown_members_of_header_and_claims_are_ignored() -> None:
    header = KEY.header(kid="1", x5c=["AAAA"], jku="https://attacker.example.com", cty="x")
    text = KEY.sign(header, claims(exp=0, nbf=9e9, iss=1, aud=[], sub=None, nonce=1, scope={}))
    assert judge(text).jti == "1"


# --- one well-formed JWT

GOOD = proof()
HEADER, PAYLOAD, SIGNATURE = GOOD.split(".")
SHAPES = {
    "nothing": "",
    "one dot": ".",
    "two dots": "..",
    "one segment": HEADER,
    "two segments": f"{HEADER}.{PAYLOAD}",
    "four segments": f"{GOOD}.{SIGNATURE}",
    "five segments": f"{HEADER}.{PAYLOAD}.{PAYLOAD}.{PAYLOAD}.{SIGNATURE}",
    "no header": f".{PAYLOAD}.{SIGNATURE}",
    "no payload": KEY.sign(KEY.header(), b""),
    "no signature": f"{HEADER}.{PAYLOAD}.",
    "not a JWT": "this-is-not-a-jwt",
    "the JSON serialization": json.dumps({"protected": HEADER, "payload": PAYLOAD}),
    "a blank inside": f"{HEADER} .{PAYLOAD}.{SIGNATURE}",
    "a line end": f"{GOOD}\n",
    "a scheme in front": f"DPoP {GOOD}",
    "quotes": f'"{GOOD}"',
    "beyond ASCII": f"{GOOD}\xe9",
    "a NUL": f"{GOOD}\0",
    "padding": f"{HEADER}=.{PAYLOAD}.{SIGNATURE}",
    "the alphabet of base64": f"{HEADER}.{PAYLOAD}.+{SIGNATURE[1:]}",
    "stray bits": f"{HEADER}.{PAYLOAD}.{SIGNATURE[:-1]}B",
    "two proofs": f"{GOOD}, {GOOD}",
    "two proofs without a blank": f"{GOOD},{GOOD}",
    "a comma at the end": f"{GOOD},",
    "a comma in front": f",{GOOD}",
}


@pytest.mark.conforms(59)
@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES)
def test_a_proof_is_exactly_one_compact_jws(text: str) -> None:
    assert_malformed(text)


GOOD_HEADER, GOOD_CLAIMS = json.dumps(KEY.header()), json.dumps(claims())
OBJECTS = {
    "a list": "[]",
    "a text": '"x"',
    "null": "null",
    "nothing": " ",
    "a member twice": '{"a":1,"a":1}',
    "trailing text": "{}x",
    "two objects": "{}{}",
    "NaN": '{"iat":NaN}',
    "Infinity": '{"iat":Infinity}',
    "a number that no float holds": '{"iat":1e999}',
    "a lone surrogate": '{"jti":"\\ud800"}',
    "nested deeply": '{"a":' + "[" * 40 + "]" * 40 + "}",
    "single quotes": "{'a':1}",
    "a comment": "{}//",
    "a byte order mark": "\ufeff{}",
    "a control character": '{"a":"\n"}',
}


@pytest.mark.parametrize("octets", OBJECTS.values(), ids=OBJECTS)
@pytest.mark.parametrize("place", ["header", "claims"])
def test_header_and_claims_are_strict_json_objects(place: str, octets: str) -> None:
    good = GOOD_HEADER if place == "header" else GOOD_CLAIMS
    # Everything besides is good: the object is opened, and goes on with the good members.
    text = octets.replace("{", "{" + good[1:-1] + ",", 1) if '":' in octets else octets
    if place == "header":
        assert_malformed(KEY.sign(text.encode(), claims()))
    else:
        assert_malformed(KEY.sign(KEY.header(), text.encode()))


DOUBLED = {
    "typ": (GOOD_HEADER[:-1] + ',"typ":"dpop+jwt"}', GOOD_CLAIMS),
    "alg": (GOOD_HEADER[:-1] + ',"alg":"ES256"}', GOOD_CLAIMS),
    "jwk": (GOOD_HEADER[:-1] + f',"jwk":{json.dumps(KEY.jwk)}' + "}", GOOD_CLAIMS),
    "a member of jwk": (GOOD_HEADER[:-2] + ',"kty":"EC"}}', GOOD_CLAIMS),
    "jti": (GOOD_HEADER, GOOD_CLAIMS[:-1] + ',"jti":"1"}'),
    "htu": (GOOD_HEADER, f'{{"htu":"https://x.example.com",{GOOD_CLAIMS[1:]}'),
    "ath": (GOOD_HEADER, GOOD_CLAIMS[:-1] + ',"ath":"x"}'),
}


@pytest.mark.parametrize(("header", "payload"), DOUBLED.values(), ids=DOUBLED)
def test_no_member_stands_twice(header: str, payload: str) -> None:
    assert_malformed(KEY.sign(header.encode(), payload.encode()))


@pytest.mark.parametrize("octets", [b"\xff", b'{"jti":"\xe9"}', '{"a":1}'.encode("utf-16")], ids=repr)  # fmt: skip
def test_header_and_claims_are_utf_8(octets: bytes) -> None:
    assert_malformed(KEY.sign(octets, claims()))
    assert_malformed(KEY.sign(KEY.header(), octets))


def proof_of_size(size: int) -> str:
    for pad in range(4):
        header = KEY.header(pad="x" * pad)
        filler = "x" * (3 * size // 4)
        while len(text := KEY.sign(header, claims(filler=filler))) > size:
            filler = filler[: -max(1, (len(text) - size) * 3 // 4)]
        if len(text) == size:
            return text
    raise AssertionError(size)


def test_a_proof_has_8192_bytes_at_most() -> None:
    assert MAX_PROOF_BYTES == 8192
    assert judge(proof_of_size(8192)).jti == "1"
    assert_malformed(proof_of_size(8193))


@pytest.mark.parametrize("value", [["exp"], ["b64"], [], None, True, False, "DEF", ""], ids=str)
@pytest.mark.parametrize("name", ["crit", "b64", "zip"])
def test_a_header_that_changes_the_signature_is_refused(name: str, value: object) -> None:
    assert_malformed(KEY.sign(KEY.header(**{name: value}), claims()))


# --- the required claims

OTHER_TYPES: dict[str, Any] = {
    "missing": ...,
    "null": None,
    "true": True,
    "false": False,
    "a list": ["1"],
    "an object": {"1": 1},
    "no object": {},
}
CLAIMS = {
    "jti": {**OTHER_TYPES, "a number": 1},
    "htm": {**OTHER_TYPES, "a number": 1},
    "htu": {**OTHER_TYPES, "a number": 1},
    "ath": {**OTHER_TYPES, "a number": 1},
    "iat": {
        **OTHER_TYPES,
        "a text": str(int(NOW)),
        "the text NaN": "NaN",
        "beyond what dates have": 2**53,
        "before what dates have": -(2**53),
        "beyond 64 bits": 2**64 + int(NOW),
        "4000 digits": 10**4000,
        "a huge float": 1e300,
    },
}
MISTYPED = {
    f"{name}: {case}": {name: value}
    for name, cases in CLAIMS.items()
    for case, value in cases.items()
}


@pytest.mark.conforms(60)
@pytest.mark.parametrize("changes", MISTYPED.values(), ids=MISTYPED)
def test_a_claim_that_is_missing_or_of_another_type_is_refused(changes: dict[str, Any]) -> None:
    assert_malformed(proof(**changes))


LENGTHS = {0: False, 1: True, 36: True, 256: True, 257: False, 4000: False}


@pytest.mark.conforms(72)
@pytest.mark.parametrize(("length", "is_good"), LENGTHS.items(), ids=map(str, LENGTHS))
@pytest.mark.parametrize("character", ["x", "\0", "\u20ac"], ids=["x", "NUL", "euro"])
def test_jti_has_1_to_256_characters(length: int, is_good: bool, character: str) -> None:
    text = proof(jti=character * length)
    if is_good:
        assert judge(text).jti == character * length
    else:
        assert_malformed(text)


# --- typ

TYPES = {
    "missing": ...,
    "null": None,
    "empty": "",
    "JWT": "JWT",
    "jwt": "jwt",
    "an access token": "at+jwt",
    "without the suffix": "dpop",
    "a blank": "dpop+jwt ",
    "a parameter": "dpop+jwt;charset=utf-8",
    "another tree": "text/dpop+jwt",
    "two slashes": "application/x/dpop+jwt",
    "a number": 1,
    "a list": ["dpop+jwt"],
}


@pytest.mark.conforms(61)
@pytest.mark.parametrize("typ", TYPES.values(), ids=TYPES)
def test_another_typ_is_refused(typ: object) -> None:
    assert_malformed(KEY.sign(KEY.header(typ=typ), claims()))


@pytest.mark.parametrize("typ", ["dpop+jwt", "DPoP+JWT", "application/dpop+jwt"])
def test_typ_is_a_media_type(typ: str) -> None:
    assert judge(KEY.sign(KEY.header(typ=typ), claims())).jti == "1"


# --- alg

ALGORITHMS = {
    "missing": ...,
    "null": None,
    "empty": "",
    **{name: name for name in ("none", "None", "NONE", "nOnE")},
    **{name: name for name in sorted(SYMMETRIC)},
    **{name.lower(): name.lower() for name in sorted(SYMMETRIC)},
    "lower case": "es256",
    "a blank": "ES256 ",
    "ES256K": "ES256K",
    "an encryption": "RSA-OAEP",
    "off the default list": "Ed448",
    "a number": 256,
    "a list": ["ES256"],
    "an object": {"ES256": 1},
    "true": True,
}


@pytest.mark.conforms(62)
@pytest.mark.parametrize("alg", ALGORITHMS.values(), ids=ALGORITHMS)
def test_an_algorithm_that_is_not_on_the_list_is_refused(alg: object) -> None:
    error = refusal(KEY.sign(KEY.header(alg=alg), claims()))
    assert (type(error), error.reason) == (InvalidProof, "proof_algorithm_not_allowed")


@pytest.mark.parametrize("alg", sorted(SYMMETRIC))
def test_a_proof_with_the_public_key_as_secret_is_refused(alg: str) -> None:
    signing_input = KEY.sign(KEY.header(alg=alg), claims()).rpartition(".")[0]
    for secret in (json.dumps(KEY.jwk).encode(), decode(KEY.jwk["x"]), b""):
        mac = hmac.digest(secret, signing_input.encode(), f"sha{alg[2:]}")
        error = refusal(f"{signing_input}.{encode(mac)}")
        assert error.reason == "proof_algorithm_not_allowed"


@pytest.mark.parametrize("name", PROOF_ALGORITHMS)
def test_every_default_algorithm_is_accepted(name: str) -> None:
    key = RawKey(name)
    assert judge(proof(key), request_of(key)).jti == "1"


@pytest.mark.parametrize("name", ["Ed448", "ML-DSA-44"])
def test_other_asymmetric_algorithms_are_accepted_by_name(name: str) -> None:
    try:
        key = RawKey(name)
    except ValueError as error:
        pytest.skip(str(error))
    limits = DPoP("https://api.example.com", algorithms=[name]).limits()
    assert judge(proof(key), request_of(key), limits).jti == "1"


def test_the_list_of_the_stack_decides() -> None:
    narrow = LIMITS._replace(algorithms=frozenset({"ES384"}))
    assert refusal(GOOD, limits=narrow).reason == "proof_algorithm_not_allowed"


# --- the signature

R, S = decode(SIGNATURE)[:32], decode(SIGNATURE)[32:]
SIGNATURES = {
    "a bit of r flipped": bytes([R[0] ^ 1]) + R[1:] + S,
    "a bit of s flipped": R + S[:-1] + bytes([S[-1] ^ 1]),
    "r and s swapped": S + R,
    "r is zero": bytes(32) + S,
    "s is zero": R + bytes(32),
    "r and s are zero": bytes(64),
    "r is the order": N_P256.to_bytes(32, "big") + S,
    "truncated": R + S[:-1],
    "half": R,
    "one octet more": R + S + b"\0",
    "a leading zero": b"\0" + R + b"\0" + S,
    "DER": encode_dss_signature(int.from_bytes(R, "big"), int.from_bytes(S, "big")),
    "one octet": b"\0",
    "of another key": decode(OTHER.sign(KEY.header(), claims()).rpartition(".")[2]),
    "of other claims": decode(proof(jti="2").rpartition(".")[2]),
}


@pytest.mark.conforms(63)
@pytest.mark.parametrize("signature", SIGNATURES.values(), ids=SIGNATURES)
def test_a_signature_that_the_key_did_not_make_is_refused(signature: bytes) -> None:
    error = refusal(f"{HEADER}.{PAYLOAD}.{encode(signature)}")
    assert (type(error), error.reason) == (InvalidProof, "proof_signature_invalid")


REWRITTEN = {
    "another method": claims(htm="POST"),
    "another date": claims(iat=NOW + 1),
    "the same in another order": dict(reversed(claims().items())),
    "not even JSON": b"x",
}


@pytest.mark.parametrize("payload", REWRITTEN.values(), ids=REWRITTEN)
def test_the_signature_covers_the_claims_as_received(payload: dict[str, Any] | bytes) -> None:
    text = KEY.sign(KEY.header(), payload)
    header, payload_segment, _ = text.split(".")
    error = refusal(f"{header}.{payload_segment}.{SIGNATURE}")
    assert error.reason == "proof_signature_invalid"


def test_the_signature_covers_the_header_as_received() -> None:
    header = encode(json.dumps(KEY.header(), indent=1).encode())
    assert refusal(f"{header}.{PAYLOAD}.{SIGNATURE}").reason == "proof_signature_invalid"


def test_the_second_signature_of_ecdsa_is_the_same_proof() -> None:
    # (r, n - s) verifies whenever (r, s) does. The replay check looks at jti, not at the signature.
    second = R + (N_P256 - int.from_bytes(S, "big")).to_bytes(32, "big")
    assert judge(f"{HEADER}.{PAYLOAD}.{encode(second)}") == judge(GOOD)


@pytest.mark.parametrize("name", ["RS256", "PS256", "Ed25519"])
def test_no_other_octets_are_the_same_signature(name: str) -> None:
    key = RawKey(name)
    signing_input, _, signature = proof(key).rpartition(".")
    octets = decode(signature)
    for other in (b"\0" + octets, octets + b"\0", octets[:-1], octets[::-1]):
        error = refusal(f"{signing_input}.{encode(other)}", request_of(key))
        assert error.reason == "proof_signature_invalid"


# --- htm, htu, ath

METHODS = {
    "GET and get": ("GET", "get", False),
    "GET and Get": ("GET", "Get", False),
    "get and GET": ("get", "GET", False),
    "GET and GET": ("GET", "GET", True),
    "patch and patch": ("patch", "patch", True),
    "HEAD and GET": ("HEAD", "GET", False),
    "POST and GET": ("POST", "GET", False),
    "GET and a blank": ("GET", "GET ", False),
    "GET and nothing": ("GET", "", False),
    "nothing and nothing": ("", "", True),
    "GET and a full-width GET": ("GET", "\uff27\uff25\uff34", False),
}


@pytest.mark.conforms(64)
@pytest.mark.parametrize(("method", "htm", "is_same"), METHODS.values(), ids=METHODS)
def test_htm_is_the_method_and_case_counts(method: str, htm: str, is_same: bool) -> None:
    request = request_of(method=method)
    if is_same:
        assert judge(proof(htm=htm), request).jti == "1"
    else:
        error = refusal(proof(htm=htm), request)
        assert (type(error), error.reason) == (InvalidProof, "proof_mismatch")


@pytest.mark.conforms(65)
def test_htu_must_name_the_request() -> None:
    compared: list[str] = []

    def names_no_request(htu: str) -> bool:
        compared.append(htu)
        return False

    error = refusal(GOOD, request_of(is_target=names_no_request))
    assert (type(error), error.reason, compared) == (InvalidProof, "proof_mismatch", [URL])


SHA256 = hashlib.sha256(TOKEN.encode()).digest()
HASHES = {
    "of another token": digest(b"another"),
    "of the token and a line end": digest(f"{TOKEN}\n".encode()),
    "of the scheme and the token": digest(f"DPoP {TOKEN}".encode()),
    "with padding": digest(TOKEN.encode()) + "=",
    "in hexadecimal": SHA256.hex(),
    "cut short": digest(TOKEN.encode())[:-1],
    "empty": "",
    "the token itself": TOKEN,
    "SHA-512": encode(hashlib.sha512(TOKEN.encode()).digest()),
    "in another case": digest(TOKEN.encode()).swapcase(),
    "a blank": digest(TOKEN.encode()) + " ",
}


@pytest.mark.conforms(68)
@pytest.mark.parametrize("ath", HASHES.values(), ids=HASHES)
def test_ath_is_the_hash_of_this_token(ath: str) -> None:
    error = refusal(proof(ath=ath))
    assert (type(error), error.reason) == (InvalidProof, "proof_mismatch")


# --- iat

DATES = {
    "now": (NOW, True),
    "whole seconds": (int(NOW), True),
    "the oldest": (NOW - 300, True),
    "older by a millisecond": (NOW - 300.001, False),
    "the oldest in whole seconds": (int(NOW) - 299, True),
    "older in whole seconds": (int(NOW) - 300, False),
    "the latest": (NOW + 30, True),
    "later by a millisecond": (NOW + 30.001, False),
    "the latest in whole seconds": (int(NOW) + 30, True),
    "later in whole seconds": (int(NOW) + 31, False),
    "five minutes later": (NOW + 303, False),
    "five minutes ago": (NOW - 303, False),
    "zero": (0, False),
    "negative zero": (-0.0, False),
    "negative": (-1, False),
    "negative now": (-NOW, False),
    "milliseconds": (NOW * 1000, False),
    "the last date": (2**53 - 1, False),
    "the first date": (1 - 2**53, False),
}


@pytest.mark.conforms(67)
@pytest.mark.parametrize(("iat", "is_good"), DATES.values(), ids=DATES)
def test_iat_lies_in_the_window_whose_bounds_belong_to_it(iat: float, is_good: bool) -> None:
    if is_good:
        assert judge(proof(iat=iat)).jti == "1"
    else:
        error = refusal(proof(iat=iat))
        assert (type(error), error.reason) == (InvalidProof, "proof_expired")


# --- the nonce

NONCES = DPoPNonces(b"n" * 32)
WITH_NONCES = LIMITS._replace(nonces=NONCES)
BAD_NONCES = {
    "missing": ...,
    "empty": "",
    "another text": "x" * 55,
    "signed with another secret": DPoPNonces(b"o" * 32).issue(NOW),
    "older than its lifetime": NONCES.issue(NOW - 300.5),
    "too far ahead": NONCES.issue(NOW + 30.5),
    "altered": NONCES.issue(NOW)[:-4] + "AAAA",
    "beyond ASCII": "\u20ac" * 55,
}


@pytest.mark.conforms(66)
@pytest.mark.parametrize("nonce", BAD_NONCES.values(), ids=BAD_NONCES)
def test_a_proof_without_a_current_nonce_is_asked_for_one(nonce: object) -> None:
    error = refusal(proof(nonce=nonce), limits=WITH_NONCES)
    assert (type(error), error.reason) == (NonceRequired, "proof_nonce_required")
    assert (error.status, error.code) == (401, "use_dpop_nonce")


@pytest.mark.parametrize("nonce", [None, 1, [], {}, True], ids=str)
def test_a_nonce_of_another_type_is_malformed(nonce: object) -> None:
    assert refusal(proof(nonce=nonce), limits=WITH_NONCES).reason == "proof_malformed"


@pytest.mark.parametrize("age", [0.0, 12.5, 300.0, -30.0])
def test_a_current_nonce_is_accepted_and_its_age_told(age: float) -> None:
    assert judge(proof(nonce=NONCES.issue(NOW - age)), limits=WITH_NONCES) == ProofClaims("1", age)


EARLIER = {
    "the method": ({"htm": "PUT"}, "proof_mismatch"),
    "the URL": ({"htu": "https://api.example.com/"}, "proof_mismatch"),
    "the hash of the token": ({"ath": "x"}, "proof_mismatch"),
    "the date": ({"iat": 0}, "proof_expired"),
    "jti": ({"jti": ""}, "proof_malformed"),
}


@pytest.mark.parametrize(("changes", "reason"), EARLIER.values(), ids=EARLIER)
def test_only_a_proof_that_is_otherwise_good_is_asked_for_a_nonce(
    changes: dict[str, Any], reason: str
) -> None:
    assert refusal(proof(**changes), limits=WITH_NONCES).reason == reason


# --- the key of the token


@pytest.mark.conforms(68)
def test_a_proof_with_another_key_than_the_tokens_is_refused() -> None:
    error = refusal(proof(OTHER))
    assert (type(error), error.reason) == (InvalidToken, "binding_mismatch")
    assert (error.status, error.code) == (401, "invalid_token")


THUMBPRINTS = {
    "padded": KEY.thumbprint + "=",
    "cut short": KEY.thumbprint[:-1],
    "in another case": KEY.thumbprint.swapcase(),
    "empty": "",
    "SHA-512": encode(hashlib.sha512(b"x").digest()),
}


@pytest.mark.parametrize("thumbprint", THUMBPRINTS.values(), ids=THUMBPRINTS)
def test_the_thumbprint_has_one_spelling(thumbprint: str) -> None:
    assert refusal(GOOD, request_of(thumbprint=thumbprint)).reason == "binding_mismatch"


# --- all of it together

MARK = "a-secret-mark"
ECHOES = {
    "jti": (KEY.header(), claims(jti=MARK * 99)),
    "ath": (KEY.header(), claims(ath=MARK)),
    "nonce": (KEY.header(), claims(nonce=MARK)),
    "nonce of another type": (KEY.header(), claims(nonce=[MARK])),
    "iat of another type": (KEY.header(), claims(iat=MARK)),
    "htm of another type": (KEY.header(), claims(htm=[MARK])),
    "typ": (KEY.header(typ=MARK), claims()),
    "typ of another type": (KEY.header(typ=[MARK]), claims()),
    "kid of another type": (KEY.header(kid=[MARK]), claims()),
    "jwk of another type": (KEY.header(jwk=MARK), claims()),
    "a private member": (KEY.header(jwk={**KEY.jwk, "d": MARK}), claims()),
    "kty": (KEY.header(jwk={**KEY.jwk, "kty": MARK}), claims()),
    "a member twice": (f'{{"{MARK}":1,"{MARK}":1}}'.encode(), claims()),
    "a claim twice": (KEY.header(), f'{{"{MARK}":1,"{MARK}":1}}'.encode()),
    "no JSON": (MARK.encode(), claims()),
}


@pytest.mark.parametrize(("header", "payload"), ECHOES.values(), ids=ECHOES)
def test_a_refusal_repeats_nothing_of_the_proof(header: Any, payload: Any) -> None:
    error = refusal(KEY.sign(header, payload), limits=WITH_NONCES)
    shown = f"{error} {error.description} {error.expected} {error.found} {error.args}"
    assert MARK not in shown
    assert KEY.thumbprint not in shown


FITTING: dict[str, st.SearchStrategy[Any]] = {
    "jti": st.text(max_size=300) | st.none(),
    "htm": st.sampled_from(["GET", "get", "POST"]),
    "htu": st.sampled_from([URL, URL.upper(), 1]),
    "iat": st.floats(NOW - 400, NOW + 60) | st.integers(int(NOW) - 400, int(NOW) + 60),
    "ath": st.sampled_from([digest(TOKEN.encode()), "x"]),
}


@given(st.fixed_dictionaries(FITTING))
@example(claims())
def test_a_proof_is_good_exactly_if_every_claim_is(values: dict[str, Any]) -> None:
    jti, iat = values["jti"], values["iat"]
    is_good = (
        isinstance(jti, str)
        and 1 <= len(jti) <= 256
        and (values["htm"], values["htu"]) == ("GET", URL)
        and NOW - 300 <= iat <= NOW + 30
        and values["ath"] == digest(TOKEN.encode())
    )
    text = KEY.sign(KEY.header(), values)
    if is_good:
        assert judge(text).jti == jti
    else:
        refusal(text)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda octets: octets.decode("latin-1")))
def test_any_text_is_refused_with_a_reason(text: str) -> None:
    assert isinstance(refusal(text), InvalidProof)


@given(
    start=st.integers(0, len(GOOD)),
    length=st.integers(0, 20),
    insertion=st.text("AZaz09-_.,=+/ \u20ac", max_size=8),
)
def test_no_other_text_is_accepted_as_a_good_proof(start: int, length: int, insertion: str) -> None:
    text = GOOD[:start] + insertion + GOOD[start + length :]
    if text == GOOD:
        return
    refusal(text)
