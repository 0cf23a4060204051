"""The table of algorithms: its rows, and the signatures that each of them accepts.

The numbers in comments are lines of `conformance.toml`.
"""

from __future__ import annotations

import hmac
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import ASYMMETRIC, SYMMETRIC
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st
from josepy import jwa

from jwt_wsgi.jose import KeySet, algorithms
from jwt_wsgi.jose.algorithms import ALGORITHMS
from jwt_wsgi.jose.encoding import encode
from jwt_wsgi.testing import LocalIssuer

MESSAGE = b"header.payload"
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
# Octets of a signature, and the order of the curve's base point (FIPS 186-5).
ECDSA = {
    "ES256": (64, 2**256 - 2**224 + 2**192 - 0x4319055258E8617B0C46353D039CDAAF),
    "ES384": (96, 2**384 - 0x389CB27E0BC8D220A7E5F24DB74F58851313E695333AD68D),
    "ES512": (132, 2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7),
}

every_ecdsa = pytest.mark.parametrize("name", ECDSA)
every_name = pytest.mark.parametrize("name", [*ASYMMETRIC, *SYMMETRIC])


def public(issuer: LocalIssuer, name: str) -> Any:
    private = issuer.key(name).private
    return private if isinstance(private, bytes) else private.public_key()


def passes(issuer: LocalIssuer, name: str, signature: bytes, message: bytes = MESSAGE) -> bool:
    return ALGORITHMS[name].check(public(issuer, name), message, signature)


@pytest.mark.conforms(42, 49, 58)
def test_exactly_these_algorithms_are_supported() -> None:
    assert {*ASYMMETRIC, *SYMMETRIC} == ALGORITHMS.keys()
    assert set(SYMMETRIC) == algorithms.SYMMETRIC


@pytest.mark.conforms(42, 49)
@pytest.mark.parametrize(
    "name",
    ["none", "None", "NONE", "nOnE", "", "rs256", "RSA1_5", "dir", "A128KW", "HS1", "RS1", "ES256K",
     "PBES2-HS256+A128KW", "Ed448ph", "ed448", "ML-DSA", "ml-dsa-44", "HashML-DSA-44", "ESB256"],
)  # fmt: skip
def test_none_and_other_names_are_not_algorithms(name: str) -> None:
    assert name not in ALGORITHMS


def test_the_tables_of_josepy_are_not_changed() -> None:
    assert {"EdDSA", "Ed25519", "none"}.isdisjoint(jwa.JWASignature.SIGNATURES)


@every_name
def test_a_valid_signature_passes(every_algorithm: LocalIssuer, name: str) -> None:
    assert passes(every_algorithm, name, every_algorithm.key(name).sign(MESSAGE))


@every_name
def test_a_signature_over_another_message_is_refused(
    every_algorithm: LocalIssuer, name: str
) -> None:
    signature = every_algorithm.key(name).sign(MESSAGE)
    for message in (b"", MESSAGE + b".", MESSAGE[:-1], b"Header.payload"):
        assert not passes(every_algorithm, name, signature, message)


@every_name
def test_a_damaged_signature_is_false_and_never_an_exception(
    every_algorithm: LocalIssuer, name: str
) -> None:
    good = every_algorithm.key(name).sign(MESSAGE)
    damaged = {
        "empty": b"",
        "one octet": b"\x00",
        "first bit": bytes([good[0] ^ 128]) + good[1:],
        "last bit": good[:-1] + bytes([good[-1] ^ 1]),
        "cut": good[:-1],
        "front cut": good[1:],
        "longer": good + b"\x00",
        "longer in front": b"\x00" + good,
        "twice": good + good,
        "zeros": bytes(len(good)),
        "ones": b"\xff" * len(good),
        "huge": b"\xff" * 12_000,
    }
    assert {why: passes(every_algorithm, name, each) for why, each in damaged.items()} == (
        dict.fromkeys(damaged, False)
    )


@pytest.mark.parametrize("size", HASHES)
@pytest.mark.parametrize("secret", [32, 64, 65, 127, 128, 129, 1000], ids="{} octets".format)
def test_an_hmac_is_that_of_the_standard_library(size: str, secret: int) -> None:
    # Secrets on both sides of a block of the hash: longer ones are hashed first (RFC 2104 §2).
    key = bytes(range(251)) * 4
    key = key[:secret]
    check = ALGORITHMS[f"HS{size}"].check
    good = hmac.digest(key, MESSAGE, f"sha{size}")
    assert check(key, MESSAGE, good)
    other_hash = "sha512" if size != "512" else "sha256"
    for wrong in (good[:-1], good[1:], good + b"\0", b"", hmac.digest(key, MESSAGE, other_hash)):
        assert check(key, MESSAGE, wrong) is False
    assert check(key + b"\1", MESSAGE, good) is False


@pytest.mark.parametrize("size", HASHES)
def test_every_bit_of_an_hmac_counts(size: str) -> None:
    check = ALGORITHMS[f"HS{size}"].check
    good = hmac.digest(b"k" * 64, MESSAGE, f"sha{size}")
    number = int.from_bytes(good, "big")
    for bit in range(8 * len(good)):
        assert not check(b"k" * 64, MESSAGE, (number ^ 1 << bit).to_bytes(len(good), "big"))


@pytest.mark.parametrize("size", HASHES)
def test_an_hmac_is_compared_in_constant_time(size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Every comparison of the verdict goes through the one function that takes the same time.
    compared: list[tuple[bytes, bytes]] = []

    def compare(mine: bytes, theirs: bytes) -> bool:
        compared.append((mine, theirs))
        return True

    monkeypatch.setattr(algorithms, "compare_digest", compare)
    good = hmac.digest(b"k" * 64, MESSAGE, f"sha{size}")
    assert ALGORITHMS[f"HS{size}"].check(b"k" * 64, MESSAGE, b"another")
    assert compared == [(good, b"another")]


@pytest.mark.parametrize("name", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_an_rsa_signature_that_begins_with_zeros_keeps_them(
    every_algorithm: LocalIssuer, name: str
) -> None:
    # RFC 8017 §8.1.2 and §8.2.2, step 1: a signature of any other length is invalid.
    key = every_algorithm.key(name)
    message, good = next(
        (message, signed)
        for message in (b"%d" % number for number in range(100_000))
        if (signed := key.sign(message))[0] == 0
    )
    assert passes(every_algorithm, name, good, message)
    assert not passes(every_algorithm, name, good.lstrip(b"\0"), message)
    assert not passes(every_algorithm, name, b"\0" + good, message)


ED448_VECTORS: list[dict[str, str]] = json.loads(
    Path(__file__).with_name("vectors").joinpath("signatures", "rfc8032.json").read_text("utf-8")
)


@pytest.mark.conforms(95)
@pytest.mark.parametrize("vector", ED448_VECTORS, ids=lambda vector: vector["description"])
def test_the_signatures_of_rfc_8032_are_judged(vector: dict[str, str]) -> None:
    # The signature with a context is refused: JOSE has none (RFC 8037 §3.1).
    x = encode(bytes.fromhex(vector["public"]))
    (key,) = KeySet.from_jwks({"keys": [{"kty": "OKP", "crv": "Ed448", "x": x}]}).keys
    message, signature = bytes.fromhex(vector["message"]), bytes.fromhex(vector["signature"])
    assert key.verifies("Ed448", message, signature) is (vector["verdict"] == "accepted")
    assert not key.verifies("Ed448", message + b"\0", signature)
    assert not key.verifies("EdDSA", message, signature)


@pytest.mark.conforms(96)
@pytest.mark.parametrize("name", ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"])
def test_an_ml_dsa_signature_with_a_context_is_refused(
    every_algorithm: LocalIssuer, name: str
) -> None:
    # RFC 9964 §5: the context is the empty string.
    private = every_algorithm.key(name).private
    assert passes(every_algorithm, name, private.sign(MESSAGE, b""))
    assert not passes(every_algorithm, name, private.sign(MESSAGE, b"JWT"))


def test_an_ed448_scalar_beyond_the_order_is_refused(every_algorithm: LocalIssuer) -> None:
    # RFC 8032 §5.2.7, step 1: the same signature in a second spelling.
    order = 2**446 - 13818066809895115352007386748515426880336692474882178609894547503885
    good = every_algorithm.key("Ed448").sign(MESSAGE)
    scalar = int.from_bytes(good[57:], "little") + order
    assert passes(every_algorithm, "Ed448", good)
    assert not passes(every_algorithm, "Ed448", good[:57] + scalar.to_bytes(57, "little"))


@every_name
def test_a_signature_of_another_key_is_refused(every_algorithm: LocalIssuer, name: str) -> None:
    signature = every_algorithm.key(name).sign(MESSAGE)
    assert passes(every_algorithm, name, signature)
    if name[:2] in ("RS", "PS"):
        stranger = public(every_algorithm, "RS256" if name != "RS256" else "RS384")
    else:
        stranger = public(LocalIssuer(algorithms=(name,)), name)
    assert not ALGORITHMS[name].check(stranger, MESSAGE, signature)


@pytest.mark.parametrize("size", HASHES)
def test_an_rs_signature_is_not_a_ps_signature(every_algorithm: LocalIssuer, size: str) -> None:
    for signed, read in (("RS", "PS"), ("PS", "RS")):
        key = every_algorithm.key(signed + size)
        check = ALGORITHMS[read + size].check
        assert not check(key.private.public_key(), MESSAGE, key.sign(MESSAGE))


@pytest.mark.parametrize("size", HASHES)
@pytest.mark.parametrize("salt", ["maximum", "none", "one less", "one more"])
def test_a_ps_signature_of_another_salt_length_is_refused(
    every_algorithm: LocalIssuer, size: str, salt: str
) -> None:
    hash_ = HASHES[size]
    length = {
        "maximum": padding.PSS.MAX_LENGTH,
        "none": 0,
        "one less": hash_.digest_size - 1,
        "one more": hash_.digest_size + 1,
    }[salt]
    salted = padding.PSS(mgf=padding.MGF1(hash_), salt_length=length)
    private = every_algorithm.key(f"PS{size}").private
    signature = private.sign(MESSAGE, salted, hash_)
    private.public_key().verify(signature, MESSAGE, salted, hash_)
    assert not passes(every_algorithm, f"PS{size}", signature)


@pytest.mark.parametrize("mgf", ["SHA1", "SHA512"])
def test_a_ps_signature_with_another_mask_is_refused(
    every_algorithm: LocalIssuer, mgf: str
) -> None:
    salted = padding.PSS(mgf=padding.MGF1(getattr(hashes, mgf)()), salt_length=32)
    signature = every_algorithm.key("PS256").private.sign(MESSAGE, salted, hashes.SHA256())
    assert not passes(every_algorithm, "PS256", signature)


@pytest.mark.conforms(32)
@every_ecdsa
def test_an_ecdsa_signature_of_another_length_is_refused(
    every_algorithm: LocalIssuer, name: str
) -> None:
    good = every_algorithm.key(name).sign(MESSAGE)
    length, _ = ECDSA[name]
    half = length // 2
    assert len(good) == length
    r, s = good[:half], good[half:]
    for padded in (b"\x00" + r + b"\x00" + s, r + b"\x00" + s, r[1:] + s[1:]):
        assert not passes(every_algorithm, name, padded)


@every_ecdsa
def test_an_ecdsa_signature_in_der_is_refused(every_algorithm: LocalIssuer, name: str) -> None:
    private = every_algorithm.key(name).private
    signature = private.sign(MESSAGE, ec.ECDSA(HASHES[name[2:]]))
    assert not passes(every_algorithm, name, signature)


@pytest.mark.conforms(32)
@every_ecdsa
@pytest.mark.parametrize("zero", ["r", "s", "r and s"])
def test_a_psychic_signature_is_refused_cve_2022_21449(
    every_algorithm: LocalIssuer, name: str, zero: str
) -> None:
    # Line 32: r and s nonzero.
    half = ECDSA[name][0] // 2
    good = every_algorithm.key(name).sign(MESSAGE)
    r = bytes(half) if "r" in zero else good[:half]
    s = bytes(half) if "s" in zero else good[half:]
    assert not passes(every_algorithm, name, r + s)


@pytest.mark.conforms(32)
@every_ecdsa
def test_zeros_are_refused_even_if_the_library_accepts_them(name: str) -> None:
    accepting = SimpleNamespace(verify=lambda *_: None)
    half = ECDSA[name][0] // 2
    zero, one = bytes(half), (1).to_bytes(half, "big")
    check = ALGORITHMS[name].check
    assert check(accepting, MESSAGE, one + one)
    assert not any(
        check(accepting, MESSAGE, signature) for signature in (zero + one, one + zero, zero + zero)
    )


def integers_of(octets: int) -> st.SearchStrategy[int]:
    """Return positive integers of at most so many octets, of every length and next to each step."""
    steps = st.integers(0, 8 * octets - 1).map(lambda bit: 2**bit)
    near = st.tuples(steps, st.integers(-1, 1)).map(sum)
    largest = 256**octets - 1
    integers = steps.flatmap(lambda step: st.integers(1, 2 * step - 1)) | near
    return integers.filter(lambda integer: 0 < integer <= largest)


@every_ecdsa
@given(data=st.data())
def test_an_ecdsa_signature_reaches_the_library_as_its_own_der(
    name: str, data: st.DataObject
) -> None:
    received: list[bytes] = []
    key = SimpleNamespace(verify=lambda signature, *_: received.append(signature))
    half = ECDSA[name][0] // 2
    integers = [data.draw(integers_of(half)), data.draw(integers_of(half))]
    r, s = (integer.to_bytes(half, "big") for integer in integers)
    assert ALGORITHMS[name].check(key, MESSAGE, r + s)
    assert received == [encode_dss_signature(*integers)]


@every_ecdsa
def test_r_and_s_beyond_the_order_are_refused(every_algorithm: LocalIssuer, name: str) -> None:
    length, order = ECDSA[name]
    half = length // 2
    good = every_algorithm.key(name).sign(MESSAGE)
    for r, s in ((order, 1), (1, order), (order, order), (order + 1, order + 1)):
        assert not passes(every_algorithm, name, r.to_bytes(half, "big") + s.to_bytes(half, "big"))
    # The same s plus the order, where it fits into the octets.
    other_s = int.from_bytes(good[half:], "big") + order
    if other_s < 256**half:
        assert not passes(every_algorithm, name, good[:half] + other_s.to_bytes(half, "big"))
