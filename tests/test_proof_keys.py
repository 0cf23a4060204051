"""The public key in the header of a DPoP proof: read strictly, and compared before it is loaded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from counting import calls
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dpop_proofs import RawKey, changed
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import import_key
from test_possession_proof import KEY, OTHER, assert_malformed, claims, judge, refusal, request_of

from jwt_wsgi.errors import InvalidProof
from jwt_wsgi.jose.encoding import decode, encode
from jwt_wsgi.jose.jwk import PRIVATE_MEMBERS
from jwt_wsgi.jose.proof_keys import check_public, read_proof_key
from jwt_wsgi.jose.public_keys import Unusable
from jwt_wsgi.jose.thumbprint import jwk_thumbprint

RSA, ED25519 = RawKey("RS256"), RawKey("Ed25519")


def proof_with(jwk: object, key: RawKey = KEY) -> str:
    """Return a proof that `key` signed, with another `jwk`."""
    return key.sign(key.header(jwk=jwk), claims())


def refused(jwk: Any, alg: str = "ES256") -> str:
    with pytest.raises(Unusable) as caught:
        read_proof_key(jwk, alg)
    return str(caught.value)


def assert_refused_whatever_the_token_is_bound_to(jwk: dict[str, Any]) -> None:
    """Assert that a proof with this key is malformed, also for a token that is bound to it."""
    try:
        thumbprint = jwk_thumbprint(jwk)
    except ValueError:
        thumbprint = KEY.thumbprint
    error = refusal(proof_with(jwk), request_of(thumbprint=thumbprint))
    assert (type(error), error.reason) == (InvalidProof, "proof_malformed")


# --- a public key, and nothing else

NO_KEYS: dict[str, Any] = {
    "missing": ...,
    "null": None,
    "a text": json.dumps(KEY.jwk),
    "a list": [KEY.jwk],
    "a set of keys": {"keys": [KEY.jwk]},
    "no members": {},
    "a number": 1,
    "true": True,
}


@pytest.mark.parametrize("jwk", NO_KEYS.values(), ids=NO_KEYS)
def test_jwk_is_the_object_of_one_key(jwk: object) -> None:
    assert_malformed(proof_with(jwk))


SECRETS: dict[str, Any] = {"octets": "AA", "null": None, "empty": "", "a number": 1, "a list": []}


@pytest.mark.parametrize("value", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("name", [*PRIVATE_MEMBERS, "k"])
@pytest.mark.parametrize("key", [KEY, RSA, ED25519], ids=["EC", "RSA", "OKP"])
def test_no_member_of_a_private_or_symmetric_key_is_accepted(
    key: RawKey, name: str, value: object
) -> None:
    jwk = {**key.jwk, name: value}
    # The thumbprint is that of the token's key: it does not cover the private members.
    assert jwk_thumbprint(jwk) == key.thumbprint
    error = refusal(proof_with(jwk, key), request_of(key))
    assert (type(error), error.reason) == (InvalidProof, "proof_malformed")
    with pytest.raises(Unusable):
        check_public(jwk)
    refused(jwk, key.algorithm)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "Ed25519"])
def test_a_private_jwk_of_joserfc_is_refused(algorithm: str) -> None:
    key = RawKey(algorithm)
    pem = key.signing.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    private = import_key(pem, {"RS256": "RSA", "ES256": "EC", "Ed25519": "OKP"}[algorithm])
    jwk = private.as_dict(private=True)
    assert jwk.keys() > key.jwk.keys()
    error = refusal(proof_with(jwk, key), request_of(key))
    assert (type(error), error.reason) == (InvalidProof, "proof_malformed")


def test_a_private_member_is_refused_before_the_thumbprint_is_compared() -> None:
    assert_malformed(proof_with({**OTHER.jwk, "d": "AA"}))


KTYS: dict[str, Any] = {
    "oct": "oct",
    "lower case": "ec",
    "empty": "",
    "null": None,
    "missing": ...,
    "a number": 1,
    "a list": ["EC"],
    "unknown": "X",
    "of another type": "RSA",
    "of a third type": "OKP",
    "of a fourth type": "AKP",
}


@pytest.mark.parametrize("kty", KTYS.values(), ids=KTYS)
def test_kty_is_that_of_the_key(kty: object) -> None:
    jwk = changed(KEY.jwk, {"kty": kty})
    assert_refused_whatever_the_token_is_bound_to(jwk)
    refused(jwk)


# --- the type, curve and size of the algorithm

PAIRS = {
    "ES256 with RSA": ("RS256", "ES256"),
    "ES256 with P-384": ("ES384", "ES256"),
    "ES256 with P-521": ("ES512", "ES256"),
    "ES384 with P-256": ("ES256", "ES384"),
    "ES512 with P-256": ("ES256", "ES512"),
    "ES256 with Ed25519": ("Ed25519", "ES256"),
    "RS256 with P-256": ("ES256", "RS256"),
    "PS256 with P-256": ("ES256", "PS256"),
    "PS512 with Ed25519": ("Ed25519", "PS512"),
    "EdDSA with P-256": ("ES256", "EdDSA"),
    "EdDSA with Ed448": ("Ed448", "EdDSA"),
    "Ed25519 with Ed448": ("Ed448", "Ed25519"),
    "Ed25519 with RSA": ("RS256", "Ed25519"),
}


@pytest.mark.parametrize(("made", "named"), PAIRS.values(), ids=PAIRS)
def test_an_algorithm_of_another_type_or_curve_is_refused(made: str, named: str) -> None:
    key = RawKey(made)
    text = key.sign(key.header(alg=named), claims())
    error = refusal(text, request_of(key))
    assert (type(error), error.reason) == (InvalidProof, "proof_malformed")
    refused(key.jwk, named)


SCHEMES = {"RS256 and PS256": ("RS256", "PS256"), "RS256 and RS512": ("RS256", "RS512")}


@pytest.mark.parametrize(("made", "named"), SCHEMES.values(), ids=SCHEMES)
def test_the_algorithm_in_the_header_verifies(made: str, named: str) -> None:
    key = RawKey(made)
    text = key.sign(key.header(alg=named), claims())
    assert refusal(text, request_of(key)).reason == "proof_signature_invalid"


def modulus(bits: int) -> dict[str, str]:
    """Return the JWK of an odd number of this many bits, which is no product of two primes."""
    number = (1 << bits) - 1
    return {"kty": "RSA", "n": encode(number.to_bytes((bits + 7) // 8, "big")), "e": "AQAB"}


SIZES = {512: False, 1024: False, 2047: False, 2048: True, 4096: True, 4097: False, 8192: False}


@pytest.mark.parametrize(("bits", "is_good"), SIZES.items(), ids=map(str, SIZES))
def test_rsa_keys_have_2048_to_4096_bits(bits: int, is_good: bool) -> None:
    if is_good:
        assert read_proof_key(modulus(bits), "PS256").material.key_size == bits
    else:
        assert "RSA of" in refused(modulus(bits), "PS256")


@pytest.mark.parametrize("bits", [1024, 4096])
def test_the_size_of_an_rsa_key_counts_in_a_proof(bits: int) -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    key = RawKey("RS256", private)
    text = key.sign(key.header(), claims())
    if bits == 1024:
        assert refusal(text, request_of(key)).reason == "proof_malformed"
    else:
        assert judge(text, request_of(key)).jti == "1"


EXPONENTS = {1: "AQ", 3: "Aw", 65536: "AQAA", 2**64 + 1: "AQAAAAAAAAAB", 0: "AA"}


@pytest.mark.parametrize("text", EXPONENTS.values(), ids=map(str, EXPONENTS))
def test_rsa_exponents_are_odd_and_of_17_to_64_bits(text: str) -> None:
    refused({**RSA.jwk, "e": text}, "RS256")


# --- one spelling

X, Y = KEY.jwk["x"], KEY.jwk["y"]
_P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
SPELLINGS: dict[str, dict[str, Any]] = {
    "x padded": {"x": X + "="},
    "y padded": {"y": Y + "="},
    "x in base64": {"x": "+" + X[1:]},
    "x with a slash": {"x": "/" + X[1:]},
    "x with stray bits": {"x": X[:-1] + chr(ord(X[-1]) + 1)},
    "x with a line end": {"x": X + "\n"},
    "x with a blank": {"x": " " + X},
    "x empty": {"x": ""},
    "x missing": {"x": ...},
    "x null": {"x": None},
    "x a number": {"x": 1},
    "x a list": {"x": [X]},
    "x one octet short": {"x": encode(decode(X)[1:])},
    "x with a leading zero": {"x": encode(b"\0" + decode(X))},
    "y with a leading zero": {"y": encode(b"\0" + decode(Y))},
    "y one octet long": {"y": encode(decode(Y) + b"\0")},
    "x very long": {"x": "A" * 5000},
    "crv missing": {"crv": ...},
    "crv null": {"crv": None},
    "crv a number": {"crv": 256},
    "crv a list": {"crv": ["P-256"]},
    "crv in lower case": {"crv": "p-256"},
    "crv of another name": {"crv": "secp256r1"},
    "crv P-384": {"crv": "P-384"},
    "crv secp256k1": {"crv": "secp256k1"},
    "crv Ed25519": {"crv": "Ed25519"},
    "off the curve": {"y": encode(bytes([decode(Y)[0] ^ 1]) + decode(Y)[1:])},
    "the origin": {"x": encode(bytes(32)), "y": encode(bytes(32))},
    "x beyond the field": {"x": encode(b"\xff" * 32)},
    "x plus the prime, where it fits": {"x": encode(_P256.to_bytes(32, "big"))},
}


@pytest.mark.parametrize("changes", SPELLINGS.values(), ids=SPELLINGS)
def test_a_point_has_one_spelling_and_lies_on_its_curve(changes: dict[str, Any]) -> None:
    refused(changed(KEY.jwk, changes))


N = RSA.jwk["n"]
RSA_SPELLINGS: dict[str, dict[str, Any]] = {
    "n with a leading zero": {"n": encode(b"\0" + decode(N))},
    "e with a leading zero": {"e": "AAEAAQ"},
    "e padded": {"e": "AQAB="},
    "n padded": {"n": N + "=="},
    "n with stray bits": {"n": N[:-1] + chr(ord(N[-1]) + 1)},
    "n missing": {"n": ...},
    "e missing": {"e": ...},
    "e a number": {"e": 65537},
    "n even": {"n": encode(decode(N)[:-1] + b"\x02")},
    "n zero": {"n": "AA"},
    "n of 3 KiB": {"n": "_" * 3072},
    "n of 5 KiB": {"n": "_" * 5120},
}


@pytest.mark.parametrize("changes", RSA_SPELLINGS.values(), ids=RSA_SPELLINGS)
def test_an_rsa_key_has_one_spelling(changes: dict[str, Any]) -> None:
    refused(changed(RSA.jwk, changes), "RS256")


OKP_SPELLINGS: dict[str, dict[str, Any]] = {
    "one octet short": {"x": encode(decode(ED25519.jwk["x"])[:-1])},
    "one octet long": {"x": encode(decode(ED25519.jwk["x"]) + b"\0")},
    "a leading zero": {"x": encode(b"\0" + decode(ED25519.jwk["x"]))},
    "padded": {"x": ED25519.jwk["x"] + "="},
    "X25519": {"crv": "X25519"},
    "Ed448": {"crv": "Ed448"},
    "P-256": {"crv": "P-256"},
    "crv a list": {"crv": ["Ed25519"]},
    "crv missing": {"crv": ...},
}


@pytest.mark.parametrize("changes", OKP_SPELLINGS.values(), ids=OKP_SPELLINGS)
def test_an_octet_key_has_one_spelling(changes: dict[str, Any]) -> None:
    refused(changed(ED25519.jwk, changes), "Ed25519")


def test_a_bad_spelling_of_the_tokens_key_is_refused_in_a_proof() -> None:
    # The token is bound to the spelling itself, so that the thumbprint is no help.
    for changes in SPELLINGS.values():
        assert_refused_whatever_the_token_is_bound_to(changed(KEY.jwk, changes))


@given(st.integers(1, 2**256 - 1).filter(lambda number: number < 2**248))
def test_a_coordinate_with_leading_zeros_keeps_them(number: int) -> None:
    # A coordinate that begins with zero octets is full length or refused.
    jwk = {**KEY.jwk, "x": encode(number.to_bytes(31, "big"))}
    assert "size" in refused(jwk)


def test_a_key_whose_coordinate_begins_with_zero_is_accepted() -> None:
    secret = 1
    while True:
        private = ec.derive_private_key(secret, ec.SECP256R1())
        if private.public_key().public_numbers().x < 2**248:
            break
        secret += 1
    key = RawKey("ES256", private)
    assert decode(key.jwk["x"])[0] == 0
    assert judge(key.sign(key.header(), claims()), request_of(key)).jti == "1"


# --- the purpose of the key

PURPOSES: dict[str, tuple[dict[str, Any], bool]] = {
    "use sig": ({"use": "sig"}, True),
    "use enc": ({"use": "enc"}, False),
    "use null": ({"use": None}, False),
    "use empty": ({"use": ""}, False),
    "use a list": ({"use": ["sig"]}, False),
    "key_ops empty": ({"key_ops": []}, True),
    "key_ops verify": ({"key_ops": ["verify"]}, True),
    "key_ops sign and verify": ({"key_ops": ["sign", "verify"]}, True),
    "key_ops sign": ({"key_ops": ["sign"]}, False),
    "key_ops of objects": ({"key_ops": [{}, []]}, False),
    "key_ops a text": ({"key_ops": "verify"}, False),
    "key_ops null": ({"key_ops": None}, False),
    "key_ops an object": ({"key_ops": {"verify": 1}}, False),
    "alg": ({"alg": "ES256"}, True),
    "alg of another": ({"alg": "ES384"}, False),
    "alg null": ({"alg": None}, False),
    "alg a list": ({"alg": ["ES256"]}, False),
    "kid": ({"kid": "1"}, True),
    "kid of another type": ({"kid": [1]}, True),
    "x5c": ({"x5c": ["AAAA"], "x5t#S256": "x"}, True),
    "ext": ({"ext": True}, True),
    "an unknown member": ({"x-y": {"a": [1]}}, True),
}


@pytest.mark.parametrize(("members", "is_good"), PURPOSES.values(), ids=PURPOSES)
def test_a_key_for_another_purpose_is_refused(members: dict[str, Any], is_good: bool) -> None:
    text = proof_with({**KEY.jwk, **members})
    if is_good:
        assert judge(text).jti == "1"
    else:
        assert_malformed(text)


@pytest.mark.parametrize(("alg", "named"), [("EdDSA", "Ed25519"), ("Ed25519", "EdDSA")])
def test_both_names_of_ed25519_are_the_same_algorithm(alg: str, named: str) -> None:
    key = RawKey(alg)
    text = key.sign(key.header(jwk={**key.jwk, "alg": named}), claims())
    assert judge(text, request_of(key)).jti == "1"


# --- the thumbprint comes first


def test_a_strangers_key_is_neither_loaded_nor_used() -> None:
    stranger = modulus(4096)
    for jwk in (stranger, OTHER.jwk, {**OTHER.jwk, "y": "AA"}):
        text = KEY.sign(KEY.header(alg="RS256" if jwk is stranger else "ES256", jwk=jwk), claims())
        for function in ("load_public_key", "decode_member", "verifies"):
            assert calls(lambda text=text: refusal(text), of=function) == 0
        assert refusal(text).reason == "binding_mismatch"


def test_the_tokens_own_key_is_loaded_once_and_used_once() -> None:
    text = proof_with(KEY.jwk)
    for function in ("load_public_key", "verifies"):
        assert calls(lambda: judge(text), of=function) == 1


@given(st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d", "alg"]),
    st.sampled_from([*KEY.jwk.values(), *RSA.jwk.values(), *ED25519.jwk.values(), "", None, 1, []])))  # fmt: skip
def test_any_jwk_is_a_key_or_refused(jwk: dict[str, Any]) -> None:
    for alg in ("ES256", "RS256", "Ed25519"):
        try:
            key = read_proof_key(jwk, alg)
        except Unusable:
            continue
        assert key.algorithms == {alg}
        assert jwk_thumbprint(jwk) in (KEY.thumbprint, RSA.thumbprint, ED25519.thumbprint)
