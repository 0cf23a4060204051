"""One key: the entries of a JWKS, the PEM blocks and the secrets that are used or refused.

The numbers in comments are lines of `conformance.toml`.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import time
from itertools import product
from typing import Any

import pytest
from conftest import ASYMMETRIC, needs_ml_dsa
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from jwt_wsgi.jose import KeySet, jwk
from jwt_wsgi.jose.encoding import decode, encode
from jwt_wsgi.jose.public_keys import Unusable, describe_size
from jwt_wsgi.jose.raw_keys import UNAVAILABLE
from jwt_wsgi.testing import LocalIssuer, SigningKey

RSA_ALGORITHMS = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
EDDSA = {"EdDSA", "Ed25519"}


def number(value: int) -> str:
    return encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def rsa(bits: int = 2048, e: int = 65537) -> dict[str, Any]:
    """Return a public key of this size. Its factors are unknown, and verification needs none."""
    return {"kty": "RSA", "n": number((1 << (bits - 1)) + 1), "e": number(e)}


def bare(algorithm: str) -> dict[str, Any]:
    """Return a real public key with the required members of its type only."""
    members = SigningKey(algorithm).jwk
    assert members is not None
    return {name: members[name] for name in members if name not in ("kid", "use", "alg")}


RSA = rsa()
EC = bare("ES256")
EC_384 = bare("ES384")
EC_521 = bare("ES512")
OKP = bare("EdDSA")
ED448 = bare("Ed448")


def akp(algorithm: str) -> dict[str, Any]:
    """Return a key of the type AKP, of which `alg` is a required member (RFC 9964 §3)."""
    # Where the installed cryptography lacks ML-DSA, the tests of these keys are skipped.
    key = {"kty": "AKP", "pub": ""} if algorithm in UNAVAILABLE else bare(algorithm)
    return {**key, "alg": algorithm}


ML_DSA = {name: akp(name) for name in ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87")}
AKP = ML_DSA["ML-DSA-44"]
OCT = {"kty": "oct", "k": encode(bytes(64))}


def used(entry: object, *, symmetric: bool = False) -> frozenset[str]:
    return jwk.from_entry(entry, symmetric=symmetric).algorithms


def without(entry: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in names}


def certificate(private: Any) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer.test")])
    begins = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(begins).not_valid_after(begins + dt.timedelta(365))
    is_hashed = isinstance(private, RSAPrivateKey | ec.EllipticCurvePrivateKey)
    hash_ = hashes.SHA256() if is_hashed else None
    return builder.sign(private, hash_)


def x5c(private: Any) -> str:
    return base64.b64encode(certificate(private).public_bytes(Encoding.DER)).decode()


def pem(public: Any) -> bytes:
    octets: bytes = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return octets


@pytest.mark.conforms(28, 31, 41, 95)
@pytest.mark.parametrize(
    ("entry", "served"),
    [
        pytest.param(RSA, RSA_ALGORITHMS, id="RSA"),
        pytest.param(EC, {"ES256"}, id="P-256"),
        pytest.param(EC_384, {"ES384"}, id="P-384"),
        pytest.param(EC_521, {"ES512"}, id="P-521"),
        pytest.param(OKP, EDDSA, id="Ed25519"),
        pytest.param(ED448, {"Ed448"}, id="Ed448"),
        *(pytest.param(entry, {name}, id=name) for name, entry in ML_DSA.items()),
        pytest.param({"kty": "oct", "k": encode(bytes(32))}, {"HS256"}, id="oct, 32"),
        pytest.param({"kty": "oct", "k": encode(bytes(47))}, {"HS256"}, id="oct, 47"),
        pytest.param({"kty": "oct", "k": encode(bytes(48))}, {"HS256", "HS384"}, id="oct, 48"),
        pytest.param({"kty": "oct", "k": encode(bytes(63))}, {"HS256", "HS384"}, id="oct, 63"),
        pytest.param(OCT, {"HS256", "HS384", "HS512"}, id="oct, 64"),
    ],
)
def test_a_key_serves_the_algorithms_of_its_type_curve_and_size(
    entry: dict[str, Any], served: set[str]
) -> None:
    # Lines 31, 32 and 40.
    assert used(entry, symmetric=True) == served


@pytest.mark.conforms(28, 41)
@pytest.mark.parametrize("name", ASYMMETRIC)
def test_a_key_with_alg_serves_that_algorithm_only(name: str) -> None:
    # Lines 28, 41 and 52: EdDSA and Ed25519 are two names for one algorithm.
    entry = rsa() if name in RSA_ALGORITHMS else bare(name)
    assert used({**entry, "alg": name}) == (EDDSA if name in EDDSA else {name})


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({**RSA, "use": "sig"}, id="use sig"),
        pytest.param({**RSA, "key_ops": ["verify"]}, id="key_ops verify"),
        pytest.param({**RSA, "key_ops": ["sign", "verify"]}, id="key_ops verify among others"),
        pytest.param({**RSA, "x5t": "x", "x5u": "https://e.test/", "ext": True}, id="more members"),
        pytest.param({**RSA, "kid": ""}, id="an empty kid"),
        pytest.param({**RSA, "kid": "../../etc/passwd\x00' OR 1=1"}, id="a hostile kid, line 46"),
        pytest.param(rsa(2048), id="RSA of 2048 bits"),
        pytest.param(rsa(8192), id="RSA of 8192 bits"),
        pytest.param(rsa(e=65539), id="e of 65539"),
        pytest.param(rsa(e=2**64 - 1), id="e of 64 bits"),
        pytest.param({**RSA, "n": encode(b"\x00" + (1 << 2047 | 1).to_bytes(256, "big"))},
                     id="n with a leading zero octet"),
        pytest.param({**RSA, "n": encode((1 << 8191 | 1).to_bytes(1050, "big"))},
                     id="n of 1400 characters"),
    ],
)  # fmt: skip
def test_an_entry_that_is_used(entry: dict[str, Any]) -> None:
    assert used(entry) == RSA_ALGORITHMS


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({**AKP, "use": "sig", "key_ops": ["verify"]}, id="AKP for signatures"),
        pytest.param({**AKP, "priv": None}, id="AKP, priv null"),
        pytest.param({**AKP, "pub": AKP["pub"] + "=="}, id="AKP, pub padded"),
        pytest.param({**AKP, "seed": "x", "crv": "P-256"}, id="AKP, more members"),
    ],
)
def test_an_akp_entry_that_is_used(entry: dict[str, Any]) -> None:
    assert used(entry) == {"ML-DSA-44"}


UNUSABLE: list[tuple[str, object, str]] = [
    ("text", "RSA", "not an object"),
    ("null", None, "not an object"),
    ("an array", [RSA], "not an object"),
    ("nothing in it", {}, "kty"),
    # Line 26: unknown kty.
    ("no kty", without(RSA, "kty"), "kty"),
    ("an unknown kty", {**RSA, "kty": "LWE"}, "kty"),
    ("kty in another case", {**RSA, "kty": "rsa"}, "kty"),
    ("kty no string", {**RSA, "kty": ["RSA"]}, "kty"),
    ("kid a number", {**RSA, "kid": 1}, "kid"),
    ("kid an empty array", {**RSA, "kid": []}, "kid"),
    # Line 27.
    ("use enc", {**RSA, "use": "enc"}, "use"),
    ("use SIG", {**RSA, "use": "SIG"}, "use"),
    ("key_ops encrypt", {**RSA, "key_ops": ["encrypt", "wrapKey"]}, "key_ops"),
    ("key_ops sign", {**RSA, "key_ops": ["sign"]}, "key_ops"),
    ("key_ops of null", {**RSA, "key_ops": [None]}, "key_ops"),
    ("key_ops text that contains verify", {**RSA, "key_ops": "verify"}, "key_ops"),
    # Line 28.
    ("alg none", {**RSA, "alg": "none"}, "alg"),
    ("alg for encryption", {**RSA, "alg": "RSA-OAEP"}, "alg"),
    ("alg unknown", {**RSA, "alg": "RS257"}, "alg"),
    ("alg no string", {**RSA, "alg": ["RS256"]}, "alg"),
    ("alg of another type", {**RSA, "alg": "ES256"}, "alg ES256"),
    ("alg HS256 on an RSA key", {**RSA, "alg": "HS256"}, "alg HS256"),
    ("alg of another curve", {**EC, "alg": "ES384"}, "alg ES384"),
    # Line 30.
    ("RSA of 1024 bits", rsa(1024), "1024 bits"),
    ("RSA of 2047 bits", rsa(2047), "2047 bits"),
    ("RSA of 8193 bits", rsa(8193), "8193 bits"),
    ("RSA of 17,000 bits", rsa(17_000), "n is"),
    ("n of one octet", {**RSA, "n": "AQ"}, "bits"),
    ("n even", {**RSA, "n": number(1 << 2047)}, "even"),
    ("e of 1", rsa(e=1), "exponent"),
    ("e of 3", rsa(e=3), "exponent"),
    ("e of 65535", rsa(e=65535), "exponent"),
    ("e of 65536", rsa(e=65536), "exponent"),
    ("e even", rsa(e=65538), "exponent"),
    ("e of 65 bits", rsa(e=2**64 + 1), "exponent"),
    ("e too long", rsa(e=2**17_000 + 1), "e is"),
    ("n missing", without(RSA, "n"), "n is"),
    ("e missing", without(RSA, "e"), "e is"),
    ("n empty", {**RSA, "n": ""}, "n is"),
    ("n null", {**RSA, "n": None}, "n is"),
    ("n a number", {**RSA, "n": 2**2047 + 1}, "n is"),
    ("e an array", {**RSA, "e": ["AQAB"]}, "e is"),
    ("n with a line end", {**RSA, "n": RSA["n"] + "\n"}, "base64url"),
    # Lines 32 and 43.
    ("crv missing", without(EC, "crv"), "crv"),
    ("crv unsupported", {**EC, "crv": "secp256k1"}, "crv"),
    ("crv null", {**EC, "crv": None}, "crv"),
    ("crv no string", {**EC, "crv": ["P-256"]}, "crv"),
    ("crv of an OKP key", {**EC, "crv": "Ed25519"}, "crv"),
    ("crv of a larger curve", {**EC, "crv": "P-384"}, "not on P-384"),
    ("crv of a smaller curve", {**EC_384, "crv": "P-256"}, "size"),
    ("x missing", without(EC, "x"), "x is"),
    ("y missing", without(EC, "y"), "y is"),
    ("y null", {**EC, "y": None}, "y is"),
    ("x short, of another point", {**EC, "x": encode(b"\x01" * 31)}, "not on P-256"),
    ("x long", {**EC, "x": encode(b"\x01" + bytes(32))}, "x does not have the size"),
    ("y long by two zero octets", {**EC, "y": encode(bytes(2) + decode(EC["y"]))},
     "y does not have the size"),
    ("x not base64url", {**EC, "x": "!" * 43}, "base64url"),
    ("a point beside the curve", {**EC, "y": EC["x"]}, "not on P-256"),
    ("a point at the origin", {**EC, "x": "A" * 43, "y": "A" * 43}, "not on P-256"),
    ("coordinates above the prime", {**EC, "x": encode(b"\xff" * 32), "y": encode(b"\xff" * 32)},
     "not on P-256"),
    ("a P-384 point beside the curve", {**EC_384, "y": EC_384["x"]}, "not on P-384"),
    ("a P-521 point beside the curve", {**EC_521, "y": EC_521["x"]}, "not on P-521"),
    ("OKP without crv", without(OKP, "crv"), "crv"),
    ("an Ed448 key as Ed25519", {**ED448, "crv": "Ed25519"}, "size"),
    ("an Ed25519 key as Ed448", {**OKP, "crv": "Ed448"}, "size"),
    ("Ed448 x short", {**ED448, "x": encode(bytes(56))}, "size"),
    ("Ed448 x long by a zero octet", {**ED448, "x": encode(b"\0" + decode(ED448["x"]))}, "size"),
    ("Ed448 as EdDSA", {**ED448, "alg": "EdDSA"}, "alg EdDSA"),
    ("Ed448 as Ed25519 by alg", {**ED448, "alg": "Ed25519"}, "alg Ed25519"),
    ("private Ed448 key", {**ED448, "d": ED448["x"]}, "private"),
    ("X448, for agreement", {**ED448, "crv": "X448", "x": encode(bytes(56))}, "crv"),
    # Line 96.
    ("AKP without alg", without(AKP, "alg"), "alg"),
    ("AKP, alg null", {**AKP, "alg": None}, "alg"),
    ("AKP, alg no string", {**AKP, "alg": ["ML-DSA-44"]}, "alg"),
    ("AKP, alg of another type", {**AKP, "alg": "ES256"}, "alg"),
    ("AKP, alg of a larger parameter set", {**AKP, "alg": "ML-DSA-65"}, "size of ML-DSA-65"),
    ("AKP, alg of a smaller parameter set", {**ML_DSA["ML-DSA-87"], "alg": "ML-DSA-44"}, "size of ML-DSA-44"),
    ("AKP, alg in small letters", {**AKP, "alg": "ml-dsa-44"}, "alg"),
    ("AKP, HashML-DSA", {**AKP, "alg": "HashML-DSA-44"}, "alg"),
    ("AKP without pub", without(AKP, "pub"), "pub is"),
    ("AKP, pub no string", {**AKP, "pub": [AKP["pub"]]}, "pub is"),
    ("AKP, pub not base64url", {**AKP, "pub": "!" * 1750}, "base64url"),
    ("AKP, pub short", {**AKP, "pub": encode(bytes(1311))}, "size"),
    ("AKP, pub long by a zero octet", {**AKP, "pub": encode(b"\0" + decode(AKP["pub"]))}, "size"),
    ("AKP, pub huge", {**AKP, "pub": "A" * 3601}, "pub is"),
    ("AKP, x for pub", {**without(AKP, "pub"), "x": AKP["pub"]}, "pub is"),
    ("AKP for encryption", {**AKP, "use": "enc"}, "use"),
    ("AKP for signing", {**AKP, "key_ops": ["sign"]}, "key_ops"),
    ("AKP with its seed", {**AKP, "priv": encode(bytes(32))}, "private"),
    ("AKP as OKP", {**AKP, "kty": "OKP", "crv": "ML-DSA-44", "x": AKP["pub"]}, "crv"),
    ("X25519, for agreement", {**OKP, "crv": "X25519"}, "crv"),
    ("OKP on an EC curve", {**OKP, "crv": "P-256"}, "crv"),
    ("OKP x missing", without(OKP, "x"), "x is"),
    ("OKP x short", {**OKP, "x": encode(bytes(31))}, "size"),
    ("OKP x long by a zero octet", {**OKP, "x": encode(b"\0" + decode(OKP["x"]))}, "size"),
    ("a symmetric key", OCT, "symmetric"),
    # A private member counts with any value that is not empty.
    *((f"private member {name}", {**RSA, name: "AQAB"}, "private") for name in
      ("d", "p", "q", "dp", "dq", "qi", "oth", "priv")),
    ("private member d, false", {**RSA, "d": False}, "private"),
    ("private member d, zero", {**RSA, "d": 0}, "private"),
    ("private member d, a space", {**RSA, "d": " "}, "private"),
    ("private member oth of nothing", {**RSA, "oth": [None]}, "private"),
    ("private EC key", {**EC, "d": EC["x"]}, "private"),
    ("private OKP key", {**OKP, "d": OKP["x"]}, "private"),
    ("member k beside a public key", {**RSA, "k": "AQAB"}, "k"),
]  # fmt: skip


@pytest.mark.conforms(26, 27, 30, 41, 43, 96)
@pytest.mark.parametrize(
    ("entry", "reason"), [pytest.param(*case, id=name) for name, *case in UNUSABLE]
)
def test_an_entry_that_is_not_used(entry: object, reason: str) -> None:
    with pytest.raises(Unusable, match=reason) as raised:
        used(entry)
    # The reason is logged, so it must not quote a member of the key.
    quotable = json.dumps(entry).split('"')
    assert not [text for text in quotable if len(text) > 20 and text in str(raised.value)]


IN_FULL: list[tuple[object, str]] = [
    ([], "not an object"),
    ({**RSA, "kid": 1}, "kid is not a string"),
    ({**RSA, "use": "enc"}, "use is not 'sig'"),
    ({**RSA, "key_ops": ["sign"]}, "key_ops lacks 'verify'"),
    ({**RSA, "d": "AQAB"}, "private members; publish the public ones"),
    (OCT, "a symmetric key; KeySet.from_jwks accepts these only with symmetric=True"),
    ({**RSA, "k": "AQAB"}, "a member k, which only symmetric keys have"),
    ({**RSA, "alg": "RS257"}, "alg is not a supported signature algorithm"),
    ({**RSA, "alg": "ES256"}, "alg ES256 does not fit the key's type, curve or size"),
    ({**RSA, "n": ""}, "n is missing, not a string, or too long"),
    ({**RSA, "n": "A" * 1401}, "n is missing, not a string, or too long"),
    ({**RSA, "n": "A"}, "n is not base64url"),
    ({**RSA, "kty": "LWE"}, "kty is not RSA, EC, OKP, AKP or oct"),
    (without(AKP, "alg"), "alg of an AKP key is not one of ML-DSA-44, ML-DSA-65, ML-DSA-87"),
    ({**AKP, "pub": encode(bytes(1313))}, "pub does not have the size of ML-DSA-44"),
    (
        {**EC, "crv": "P-257"},
        "crv is not P-256, P-384, P-521, Ed25519 or Ed448, or does not belong to this kty",
    ),
    ({**EC, "x": encode(bytes(34))}, "x does not have the size of the curve"),
    ({**OKP, "x": encode(bytes(31))}, "x does not have the size of the curve"),
    ({**EC, "y": EC["x"]}, "the point is not on P-256"),
    (rsa(1024), "RSA of 1024 bits; 2048 to 8192 are accepted"),
    ({**RSA, "n": number(1 << 2047)}, "an even RSA modulus"),
    (rsa(e=3), "an RSA exponent that is even, below 65537 or over 64 bits"),
    ({**EC, "x5c": [x5c(SigningKey("ES256").private)]}, "x5c certifies another key"),
]


@pytest.mark.parametrize(("entry", "reason"), IN_FULL, ids=[reason for _, reason in IN_FULL])
def test_an_unusable_entry_names_its_reason(entry: object, reason: str) -> None:
    with pytest.raises(Unusable) as raised:
        used(entry)
    assert str(raised.value) == reason


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        pytest.param(without(OCT, "k"), "k is", id="k missing"),
        pytest.param({**OCT, "k": ""}, "k is", id="k empty, CVE-2026-49852"),
        pytest.param({**OCT, "k": encode(bytes(31))}, "31 bytes", id="k of 31 bytes"),
        pytest.param({**OCT, "k": None}, "k is", id="k null"),
        pytest.param({**OCT, "k": "AAA=" * 20}, "base64url", id="k padded"),
        pytest.param({**OCT, "alg": "RS256"}, "alg RS256", id="alg RS256"),
        pytest.param({"kty": "oct", "k": encode(bytes(32)), "alg": "HS512"}, "HS512", id="k short"),
        pytest.param({**OCT, "use": "enc"}, "use", id="use enc"),
        pytest.param({"kty": "oct", "k": encode(pem(ec.generate_private_key(ec.SECP256R1())
                     .public_key()))}, "asymmetric", id="k a public key"),
    ],
)  # fmt: skip
def test_an_unusable_secret_is_refused_with_symmetric_true(
    entry: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Unusable, match=reason):
        used(entry, symmetric=True)


OPTIONAL = ("alg", "use", "key_ops", "x5u", "x5c", "x5t", "x5t#S256", "k", "ext")
PRIVATE_MEMBERS = ("d", "p", "q", "dp", "dq", "qi", "oth")
EMPTY: dict[str, object] = {"null": None, "empty text": "", "empty array": [], "empty object": {}}


@pytest.mark.parametrize("empty", EMPTY.values(), ids=[f"U3 {name}" for name in EMPTY])
@pytest.mark.parametrize("name", [*OPTIONAL, *PRIVATE_MEMBERS])
def test_an_empty_member_is_an_absent_one(name: str, empty: object) -> None:
    assert used({**RSA, name: empty}) == RSA_ALGORITHMS
    assert used({**EC, name: empty}) == {"ES256"}
    assert used({**OKP, name: empty}) == EDDSA


def test_empty_members_of_a_secret_are_absent_u3() -> None:
    empty = dict.fromkeys(("alg", "use", "kid", "x5c", "d", "oth"))
    assert used({**OCT, **empty, "key_ops": []}, symmetric=True) == {"HS256", "HS384", "HS512"}


@pytest.mark.parametrize("entry", [RSA, EC, OKP], ids=["U3 RSA", "U3 EC", "U3 OKP"])
def test_members_of_other_types_may_be_null(entry: dict[str, Any]) -> None:
    members = ("n", "e", "crv", "x", "y", "k", "d", "p", "q", "dp", "dq", "qi", "oth")
    assert used({**dict.fromkeys(members), **entry})


@pytest.mark.parametrize(
    ("kid", "expected"),
    [
        pytest.param(None, None, id="U3 null is no kid"),
        pytest.param("", "", id="U3 an empty text is a kid"),
    ],
)
def test_a_kid_of_null_is_absent_and_an_empty_one_is_not(kid: object, expected: object) -> None:
    assert jwk.from_entry({**RSA, "kid": kid}, symmetric=False).kid == expected


# Points with small coordinates, in octets of x and y: 2 and 30, 3 and 46, 3 and 63.
SMALL_POINTS = {
    "P-256": (40990, 0x6939B90AF208C882593B19B5C09F25205AE833AA37B8F742006614C05BD1),
    "P-384": (
        76688,
        0xA480A1D57C04F296FA1C5DE3FE746FD6F7491CE49CB2832E770DD6F594A838E27C5F02A60F3BE0DB499F4C83D328,
    ),
    "P-521": (
        89118,
        0x1C1E9BDB1A9BF3F6684B61E6D1572CC4EC858150342CC2AAD353BF87FB148E266A56719DB339D8048BC42421B131C4E09C33C05B5302B48B5562F525F140FE,
    ),
}
COORDINATE_OCTETS = {"P-256": 32, "P-384": 48, "P-521": 66}


def point(curve: str, x: str, y: str) -> dict[str, str]:
    return {"kty": "EC", "crv": curve, "x": x, "y": y}


@pytest.mark.parametrize("curve", [pytest.param(name, id=f"U5 {name}") for name in SMALL_POINTS])
def test_a_coordinate_may_lack_leading_zeros_or_have_a_sign_octet(curve: str) -> None:
    numbers = SMALL_POINTS[curve]
    size = COORDINATE_OCTETS[curve]
    forms = [
        [
            encode(value.to_bytes(length, "big"))
            for length in ((value.bit_length() + 7) // 8, size - 1, size, size + 1)
        ]
        for value in numbers
    ]
    for x, y in product(*forms):
        key = jwk.from_entry(point(curve, x, y), symmetric=False)
        found = key.material.public_numbers()
        assert (found.x, found.y) == numbers


@pytest.mark.parametrize("curve", [pytest.param(name, id=f"U5 {name}") for name in SMALL_POINTS])
def test_a_padded_coordinate_must_still_be_on_the_curve(curve: str) -> None:
    x, y = SMALL_POINTS[curve]
    for wrong_x, wrong_y in ((x + 1, y), (x, y - 1), (x << 8, y), (x, y << 8), (0, 0)):
        with pytest.raises(Unusable, match=f"the point is not on {curve}"):
            used(point(curve, number(wrong_x) or "AA", number(wrong_y) or "AA"))


MODULUS = (1 << 2047 | 1).to_bytes(256, "big")


@pytest.mark.parametrize(
    ("modulus", "exponent"),
    [
        pytest.param(encode(MODULUS), "AQAB", id="U5 as RFC 7518 §6.3.1 says"),
        pytest.param(encode(b"\0" + MODULUS), "AQAB", id="U5 n with a sign octet"),
        pytest.param(encode(bytes(9) + MODULUS), "AQAB", id="U5 n with nine zero octets"),
        pytest.param(encode(MODULUS), "AAEAAQ", id="U5 e with a zero octet"),
        pytest.param(encode(MODULUS), "AAAAAAABAAE", id="U5 e of eight octets"),
        pytest.param(encode(MODULUS) + "==", "AQAB==", id="U5 padded"),
    ],
)
def test_an_rsa_key_is_its_numbers_in_any_writing(modulus: str, exponent: str) -> None:
    key = jwk.from_entry({"kty": "RSA", "n": modulus, "e": exponent}, symmetric=False)
    numbers = key.material.public_numbers()
    assert (numbers.n, numbers.e) == (1 << 2047 | 1, 65537)


def test_plain_base64_is_read_as_base64url_u5() -> None:
    octets = b"\xfb\xff" * 128
    text = base64.b64encode(octets).decode()
    assert "+" in text
    assert "/" in text
    key = jwk.from_entry({"kty": "RSA", "n": text, "e": "AQAB"}, symmetric=False)
    assert key.material.public_numbers().n == int.from_bytes(octets, "big")


@pytest.mark.parametrize("name", ["RS256", "ES256", "EdDSA", "Ed448", "ML-DSA-44", "ML-DSA-87"])
def test_a_certificate_must_certify_the_key(every_algorithm: LocalIssuer, name: str) -> None:
    key, other = every_algorithm.key(name), SigningKey("ES256")
    good, foreign = x5c(key.private), x5c(other.private)
    assert used({**(key.jwk or {}), "x5c": [good]})
    # Only the first certificate is read; no root is trusted, so the chain has no use.
    assert used({**(key.jwk or {}), "x5c": [good, foreign, "!"]})
    for chain in ([foreign], [foreign, good]):
        with pytest.raises(Unusable, match="x5c certifies another key"):
            used({**(key.jwk or {}), "x5c": chain})


def of_no_known_version(private: Any) -> bytes:
    """Return a certificate in DER with an unknown version."""
    octets = base64.b64decode(x5c(private))
    three, unknown = bytes.fromhex("a003020102"), bytes.fromhex("a003020142")
    assert octets.count(three) == 1
    return octets.replace(three, unknown)


def forms_of_x5c(private: Any) -> dict[str, object]:
    """Return one certificate in the forms in which issuers publish it."""
    text = x5c(private)
    in_pem = certificate(private).public_bytes(Encoding.PEM).decode()
    return {
        "a list of base64": [text],
        "one text": text,
        "lines": [base64.encodebytes(base64.b64decode(text)).decode()],
        "DOS lines": [in_pem.replace("\n", "\r\n")],
        "PEM": [in_pem],
        "PEM in one text": in_pem,
        "PEM of two certificates": [in_pem + certificate(private).public_bytes(Encoding.PEM).decode()],
        "PEM behind other text": ["Bag Attributes\n" + in_pem],
        "base64url": [text.replace("+", "-").replace("/", "_")],
        "without padding": [text.rstrip("=")],
        "spaces": [f" {text} "],
    }  # fmt: skip


FORMS_OF_X5C = sorted(forms_of_x5c(SigningKey("ES256").private))


@pytest.mark.parametrize("form", [pytest.param(name, id=f"U4 {name}") for name in FORMS_OF_X5C])
@pytest.mark.parametrize("name", ["RS256", "ES256", "EdDSA", "Ed448", "ML-DSA-65"])
def test_a_certificate_of_another_key_is_refused_in_any_form(
    every_algorithm: LocalIssuer, name: str, form: str
) -> None:
    key = every_algorithm.key(name)
    other = SigningKey("ES384" if name == "RS256" else "ES256")
    assert used({**(key.jwk or {}), "x5c": forms_of_x5c(key.private)[form]})
    with pytest.raises(Unusable, match=r"^x5c certifies another key$"):
        used({**(key.jwk or {}), "x5c": forms_of_x5c(other.private)[form]})


def spki(private: Any) -> bytes:
    octets: bytes = private.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    return octets


def unreadable() -> dict[str, object]:
    text = x5c(SigningKey("ES256").private)
    return {
        "a number": 1,
        "an object": {"0": text},
        "a list of numbers": [1],
        "a list of null": [None, text],
        "a list of lists": [[text]],
        "an empty text, then a certificate": ["", text],
        "not base64": ["!"],
        "not ASCII": ["é"],
        "a lone surrogate": ["\ud800"],
        "base64 of something else": ["AAAA"],
        "a foreign character": [text[:12] + "!" + text[12:]],
        "half a certificate": [text[: len(text) // 2]],
        "PEM without base64": ["-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"],
        "a public key": [base64.b64encode(spki(SigningKey("ES256").private)).decode()],
        "an unknown version": [base64.b64encode(of_no_known_version(SigningKey("ES256").private)).decode()],
        "more than 16,384 characters": [" " * 16_384 + text],
    }  # fmt: skip


@pytest.mark.parametrize("x5c", [pytest.param(x, id=f"U4 {n}") for n, x in unreadable().items()])
def test_an_x5c_that_cannot_be_read_is_ignored(x5c: object) -> None:
    assert used({**RSA, "x5c": x5c}) == RSA_ALGORITHMS


def tlv(tag: int, *contents: bytes) -> bytes:
    """Return one value in DER."""
    octets = b"".join(contents)
    length = len(octets).to_bytes((len(octets).bit_length() + 7) // 8, "big")
    prefix = length if len(octets) < 128 else bytes([0x80 | len(length)]) + length
    return bytes([tag]) + prefix + octets


def with_another_key(key: bytes) -> str:
    """Return a certificate, in base64, whose key is replaced; nobody checks its signature."""
    private = ec.generate_private_key(ec.SECP256R1())
    body = certificate(private).tbs_certificate_bytes.replace(spki(private), key)
    header = 2 if body[1] < 128 else 2 + (body[1] & 0x7F)
    algorithm = tlv(0x30, bytes.fromhex("06082a8648ce3d040302"))
    octets = tlv(0x30, tlv(0x30, body[header:]), algorithm, tlv(3, bytes(9)))
    return base64.b64encode(octets).decode()


def integer(value: int) -> bytes:
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def test_a_certificate_of_a_costly_key_costs_no_more_than_another_u4() -> None:
    # Loading this Diffie-Hellman key takes seconds.
    prime = (1 << 29_999) + 1
    parameters = tlv(0x30, integer(prime), integer(2), integer((prime >> 1) | 1))
    algorithm = tlv(0x30, bytes.fromhex("06072a8648ce3e0201"), parameters)
    costly = with_another_key(tlv(0x30, algorithm, tlv(3, b"\0", integer(prime - 5))))
    assert len(costly) < 16_384
    began = time.perf_counter()
    with pytest.raises(Unusable, match="x5c certifies another key"):
        used({**RSA, "x5c": [costly]})
    assert time.perf_counter() - began < 0.5


def test_a_certificate_of_the_same_key_for_pss_alone_is_accepted_u4() -> None:
    modulus = (1 << 2047) + 1
    bits = tlv(3, b"\0", tlv(0x30, integer(modulus), integer(65537)))
    algorithm = tlv(0x30, bytes.fromhex("06092a864886f70d01010a"))
    text = with_another_key(tlv(0x30, algorithm, bits))
    assert used({**RSA, "x5c": [text]}) == RSA_ALGORITHMS
    with pytest.raises(Unusable, match="x5c certifies another key"):
        used({**EC, "x5c": [text]})


@pytest.mark.parametrize(
    "x5c",
    [
        pytest.param("A" * 500_000, id="U4 letters"),
        pytest.param(" " * 500_000, id="U4 spaces"),
        pytest.param(["-----BEGIN CERTIFICATE-----" * 20_000], id="U4 beginnings"),
        pytest.param(["AAAA"] * 100_000, id="U4 a long list"),
    ],
)
def test_a_huge_x5c_costs_no_more_than_its_size(x5c: object) -> None:
    began = time.perf_counter()
    assert used({**RSA, "x5c": x5c})
    assert time.perf_counter() - began < 0.1


@pytest.mark.parametrize("serial", ["020100", "0201fb"], ids=["U4 zero", "U4 below zero"])
def test_a_serial_number_that_is_a_warning_disables_no_key(serial: str) -> None:
    # Warnings are errors here, as they may be in an application.
    key = SigningKey("ES256")
    name = x509.Name([])
    begins = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.private.public_key(), 5)
    builder = builder.not_valid_before(begins).not_valid_after(begins + dt.timedelta(1))
    octets = builder.sign(key.private, hashes.SHA256()).public_bytes(Encoding.DER)
    octets = octets.replace(bytes.fromhex("020105"), bytes.fromhex(serial), 1)
    assert used({**(key.jwk or {}), "x5c": [base64.b64encode(octets).decode()]})


def test_a_certificate_of_an_unknown_version_is_not_a_secret() -> None:
    # It is as public as any other certificate.
    with pytest.raises(Unusable, match="an asymmetric key is not a secret"):
        jwk.from_secret(of_no_known_version(SigningKey("ES256").private))


@pytest.mark.parametrize(
    "name",
    ["RS256", "ES256", "ES384", "ES512", "EdDSA", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"],
)
@pytest.mark.parametrize("kind", ["key", "certificate", "text"])
def test_a_pem_key_or_certificate_is_used(
    every_algorithm: LocalIssuer, name: str, kind: str
) -> None:
    key = every_algorithm.key(name)
    octets: Any = pem(key.private.public_key())
    if kind == "certificate":
        octets = certificate(key.private).public_bytes(Encoding.PEM)
    keys = KeySet.from_pem(octets.decode() if kind == "text" else octets, kid="k", alg=name)
    (found,) = keys.find("k", name)
    assert found.verifies(name, b"message", key.sign(b"message"))
    assert keys.algorithms == (EDDSA if name in EDDSA else {name})


def test_a_pem_key_without_alg_serves_all_of_its_type(every_algorithm: LocalIssuer) -> None:
    public = every_algorithm.key("RS256").private.public_key()
    assert KeySet.from_pem(pem(public)).algorithms == RSA_ALGORITHMS


def rsa_pem(bits: int, e: int = 65537) -> bytes:
    return pem(RSAPublicNumbers(e, (1 << (bits - 1)) + 1).public_key())


def private_pem(form: PrivateFormat) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, form, NoEncryption())


NO_PEM = "not a PEM public key or certificate"
PRIVATE = "a private key; export its public part"
FOREIGN = "a key of a type or curve that is not supported"


@pytest.mark.conforms(30)
@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        pytest.param(b"", NO_PEM, id="nothing"),
        pytest.param(b"garbage", NO_PEM, id="garbage"),
        pytest.param(bytes(64), NO_PEM, id="octets"),
        pytest.param(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", NO_PEM,
                     id="garbage in PEM"),
        pytest.param(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", NO_PEM,
                     id="garbage in a certificate"),
        pytest.param(private_pem(PrivateFormat.PKCS8), PRIVATE, id="PKCS 8"),
        pytest.param(private_pem(PrivateFormat.TraditionalOpenSSL), PRIVATE, id="EC PRIVATE KEY"),
        pytest.param(rsa_pem(1024), "RSA of 1024 bits; 2048 to 8192 are accepted", id="RSA of 1024 bits"),
        pytest.param(rsa_pem(2048, e=3), "an RSA exponent that is even, below 65537 or over 64 bits", id="e of 3"),
        pytest.param(pem(ec.generate_private_key(ec.SECP256K1()).public_key()), FOREIGN, id="secp256k1"),
        pytest.param(pem(x448.X448PrivateKey.generate().public_key()), FOREIGN, id="X448"),
        pytest.param(pem(x25519.X25519PrivateKey.generate().public_key()), FOREIGN, id="X25519"),
    ],
)  # fmt: skip
@needs_ml_dsa
def test_a_pem_block_that_is_not_used(octets: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as raised:
        KeySet.from_pem(octets)
    assert str(raised.value) == reason


@pytest.mark.parametrize(
    ("material", "size"),
    [
        pytest.param(b"a secret", "a shared secret", id="a secret"),
        pytest.param(jwk.from_entry(RSA, symmetric=False).material, "2048 bits", id="RSA"),
        pytest.param(jwk.from_entry(EC_521, symmetric=False).material, "521 bits", id="EC"),
        pytest.param(jwk.from_entry(OKP, symmetric=False).material, "Ed25519", id="Ed25519"),
        pytest.param(jwk.from_entry(ED448, symmetric=False).material, "Ed448", id="Ed448"),
        pytest.param(AKP, "1312 bytes", id="ML-DSA"),
        pytest.param(object(), None, id="something else"),
    ],
)
def test_the_size_of_a_key_is_described(material: object, size: str | None) -> None:
    key = jwk.from_entry(material, symmetric=False).material if material is AKP else material
    assert describe_size(key) == size


@needs_ml_dsa
def test_a_key_that_the_installation_lacks_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(UNAVAILABLE, "ML-DSA-44", "install something newer")
    with pytest.raises(Unusable, match="ML-DSA-44: install something newer"):
        used(AKP)
    assert used(ML_DSA["ML-DSA-65"]) == {"ML-DSA-65"}
    with pytest.raises(Unusable, match="ML-DSA-44"):
        KeySet.from_pem(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")


@pytest.mark.parametrize("alg", ["none", "ES384", "HS256", "RS256", ""])
def test_a_pem_key_refuses_an_alg_that_does_not_fit(alg: str) -> None:
    public = pem(ec.generate_private_key(ec.SECP256R1()).public_key())
    with pytest.raises(ValueError, match="alg"):
        KeySet.from_pem(public, alg=alg)


@pytest.mark.conforms(31)
@pytest.mark.parametrize(
    ("octets", "served"),
    [
        pytest.param(bytes(32), {"HS256"}, id="32 bytes"),
        pytest.param(bytes(48), {"HS256", "HS384"}, id="48 bytes"),
        pytest.param(bytes(64), {"HS256", "HS384", "HS512"}, id="64 bytes"),
        pytest.param(b"correct horse battery staple, and so on", {"HS256"}, id="a sentence"),
        # One in 256 random secrets begins with a brace.
        pytest.param(b"{" + bytes(range(1, 32)), {"HS256"}, id="a first octet that is a brace"),
        pytest.param(b'{"password": "correct horse battery"}', {"HS256"}, id="a JSON object"),
    ],
)
def test_a_secret_serves_the_algorithms_of_its_length(octets: bytes, served: set[str]) -> None:
    assert KeySet.from_secret(octets).algorithms == served


PUBLIC = SigningKey("ES256")


def openssh(key: SigningKey) -> bytes:
    octets: bytes = key.private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return octets


@pytest.mark.conforms(31)
@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        pytest.param(b"", "0 bytes", id="empty, CVE-2026-49852"),
        pytest.param(bytes(31), "31 bytes", id="31 bytes"),
        pytest.param(pem(PUBLIC.private.public_key()), "asymmetric", id="a public key in PEM"),
        pytest.param(b"\n " + pem(PUBLIC.private.public_key()), "pass it to StaticJWKS", id="PEM, set off"),
        pytest.param(private_pem(PrivateFormat.PKCS8), "asymmetric", id="a private key in PEM"),
        pytest.param(certificate(PUBLIC.private).public_bytes(Encoding.PEM), "asymmetric",
                     id="a certificate in PEM"),
        pytest.param(PUBLIC.private.public_key().public_bytes(Encoding.DER,
                     PublicFormat.SubjectPublicKeyInfo), "asymmetric", id="a public key in DER"),
        pytest.param(certificate(PUBLIC.private).public_bytes(Encoding.DER), "asymmetric",
                     id="a certificate in DER"),
        pytest.param(json.dumps(PUBLIC.jwk).encode(), "asymmetric", id="a JWK"),
        pytest.param(json.dumps({"keys": [PUBLIC.jwk]}, indent=1).encode(), "asymmetric",
                     id="a JWKS"),
        pytest.param(openssh(SigningKey("EdDSA")), "asymmetric", id="ssh-ed25519"),
        pytest.param(openssh(PUBLIC), "asymmetric", id="ecdsa-sha2-nistp256"),
    ],
)  # fmt: skip
def test_a_secret_that_is_short_or_a_public_key_is_refused(octets: bytes, reason: str) -> None:
    # Line 31, and the confusion of keys: CVE-2015-9235, CVE-2022-29217, CVE-2024-33663.
    with pytest.raises(ValueError, match=reason):
        KeySet.from_secret(octets)


def test_a_key_verifies_under_its_own_algorithms_only(every_algorithm: LocalIssuer) -> None:
    key = every_algorithm.key("RS256")
    (found,) = KeySet.from_jwks({"keys": [key.jwk]}).keys
    signature = key.sign(b"message")
    assert found.verifies("RS256", b"message", signature)
    for foreign in ("PS256", "RS384", "ES256", "HS256", "none", ""):
        assert not found.verifies(foreign, b"message", signature)


def der_of(public: Any) -> bytes:
    octets: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return octets


ML_DSA_44_OID = bytes.fromhex("0609608648016503040311")
SLH_DSA_OID = bytes.fromhex("0609608648016503040314")


def der_that_ends_in(octet: bytes) -> bytes:
    """Return the DER of a public key that ends in `octet`."""
    keys = (der_of(ec.generate_private_key(ec.SECP256R1()).public_key()) for _ in iter(int, 1))
    return next(der for der in keys if der.endswith(octet))


def in_disguise() -> dict[str, bytes]:
    public = SigningKey("ES256").private.public_key()
    der = der_of(public)
    ssh = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    ml_dsa = b"" if UNAVAILABLE else der_of(SigningKey("ML-DSA-44").private.public_key())
    forms = {
        "base64 of the DER": base64.b64encode(der),
        "base64 in lines": base64.encodebytes(der),
        "DER and a line end": der + b"\n",
        "DER of Ed448": der_of(SigningKey("Ed448").private.public_key()),
        "DER of ML-DSA": ml_dsa,
        "base64 of the DER of ML-DSA": base64.b64encode(ml_dsa),
        # The identifier of SLH-DSA-SHA2-128s, which cryptography 50 cannot load.
        "DER of SLH-DSA": ml_dsa.replace(ML_DSA_44_OID, SLH_DSA_OID),
        "JWK of ML-DSA": json.dumps(AKP).encode(),
        "DER that itself ends in a line end": der_that_ends_in(b"\n"),
        "DER that ends in a line end, and another": der_that_ends_in(b"\n") + b"\n",
        "DER that ends in a space, and a DOS line end": der_that_ends_in(b" ") + b"\r\n",
        "OpenSSH behind a line end": b"\n" + ssh,
        "SSH2": b"---- BEGIN SSH2 PUBLIC KEY ----\n" + ssh,
    }
    return {name: form for name, form in forms.items() if form}


@pytest.mark.parametrize("form", in_disguise().items(), ids=lambda form: form[0])
def test_a_disguised_public_key_is_refused_as_a_secret(form: tuple[str, bytes]) -> None:
    with pytest.raises(Unusable) as raised:
        jwk.from_secret(form[1])
    assert (
        str(raised.value)
        == "an asymmetric key is not a secret, because anyone may know its public part: pass it to StaticJWKS"
    )
