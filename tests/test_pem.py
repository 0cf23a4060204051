"""PEM: every block is read, text outside the blocks is skipped, and no private key is accepted."""

from __future__ import annotations

import base64
import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import needs_ml_dsa
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from test_jwk import certificate, of_no_known_version, pem, x5c

from jwt_wsgi import StaticJWKS
from jwt_wsgi.jose import KeySet
from jwt_wsgi.jose.keys import MAX_CANDIDATES
from jwt_wsgi.testing import SigningKey

ONE, TWO, EDDSA = SigningKey("ES256"), SigningKey("ES256"), SigningKey("EdDSA")
A, B, C = (pem(key.private.public_key()) for key in (ONE, TWO, EDDSA))
CERTIFICATE = certificate(ONE.private).public_bytes(Encoding.PEM)
PRIVATE = ONE.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
BAG = b"""Bag Attributes
    friendlyName: signer
    localKeyID: 54 69 6D 65
subject=CN = issuer.test

issuer=CN = issuer.test

"""
TEXT_OF_OPENSSL = b"""Certificate:
    Data:
        Version: 3 (0x2)
        Public Key Algorithm: id-ecPublicKey
            pub:
                04:b7:59
"""
BOM = b"\xef\xbb\xbf"


def material_of(*pems: bytes) -> list[Any]:
    return [KeySet.from_pem(octets).keys[0].material for octets in pems]


READ: dict[str, tuple[bytes, list[bytes]]] = {
    "one block": (A, [A]),
    "two public keys": (A + B, [A, B]),
    "keys of two types": (A + C, [A, C]),
    "a certificate and a public key": (CERTIFICATE + B, [A, B]),
    "bag attributes": (BAG + CERTIFICATE + BAG + B, [A, B]),
    "openssl's text output": (TEXT_OF_OPENSSL + CERTIFICATE, [A]),
    "comments around": (b"# today's key\n" + A + b"# tomorrow's key\n" + B + b"# end", [A, B]),
    "a comment about a PRIVATE KEY": (b"# of the PRIVATE KEY in the vault\n" + A, [A]),
    "a comment that begins with a brace": (b"{signer}\n" + A, [A]),
    "a comment that is no UTF-8": (b"# cl\xe9\n" + A, [A]),
    "a byte order mark": (BOM + A, [A]),
    "a byte order mark before each": (BOM + A + BOM + B, [A, B]),
    "no line end between the blocks": (A.strip() + B, [A, B]),
    "DOS line ends": ((A + B).replace(b"\n", b"\r\n"), [A, B]),
    "line ends of the old Mac": ((A + B).replace(b"\n", b"\r"), [A, B]),
    "indented": (b"  " + (A + B).replace(b"\n", b"\n  "), [A, B]),
    "empty lines in front": (b"\n\n" + A, [A]),
}


@pytest.mark.parametrize("way", ["octets", "text", "file"])
@pytest.mark.parametrize(
    ("octets", "expected"), [pytest.param(*case, id=f"U29 {name}") for name, case in READ.items()]
)
def test_every_block_is_a_key_and_other_text_is_skipped(
    octets: bytes, expected: list[bytes], way: str, tmp_path: Path
) -> None:
    if way == "file":
        path = tmp_path / "keys.pem"
        path.write_bytes(octets)
        keys = StaticJWKS(path).held()
    else:
        keys = KeySet.from_pem(octets.decode("utf-8", "replace") if way == "text" else octets)
    assert [key.material for key in keys.keys] == material_of(*expected)
    assert keys.kids == frozenset()


def test_each_key_of_a_pem_file_verifies_its_tokens_u29(tmp_path: Path) -> None:
    path = tmp_path / "keys.pem"
    path.write_bytes(BAG + CERTIFICATE + BAG + B + C)
    source = StaticJWKS(path)
    for key, alg in ((ONE, "ES256"), (TWO, "ES256"), (EDDSA, "EdDSA")):
        signature = key.sign(b"message")
        assert any(k.verifies(alg, b"message", signature) for k in source.find(None, alg))


@pytest.mark.parametrize("algorithm", ["Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"])
def test_a_key_of_a_newer_algorithm_is_read_beside_others(tmp_path: Path, algorithm: str) -> None:
    key = SigningKey(algorithm)
    path = tmp_path / "keys.pem"
    path.write_bytes(A + pem(key.private.public_key()) + C)
    source = StaticJWKS(path)
    (found,) = source.find(None, algorithm)
    assert found.algorithms == {algorithm}
    assert found.verifies(algorithm, b"message", key.sign(b"message"))
    private = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ValueError, match="private key"):
        KeySet.from_pem(private)


def private_pem(form: PrivateFormat) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, form, NoEncryption())


def block(label: str, body: str = "AAAA") -> bytes:
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n".encode()


NO_KEY = "not a PEM public key or certificate"
IS_PRIVATE = "a private key; export its public part"
NO_BLOCK = block("CERTIFICATE", x5c(ONE.private)[:40])
SECP256K1 = pem(ec.generate_private_key(ec.SECP256K1()).public_key())


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        pytest.param(
            A + PRIVATE, f"PEM block 2 (PRIVATE KEY): {IS_PRIVATE}", id="U29 PKCS 8 behind"
        ),
        pytest.param(
            PRIVATE + A, f"PEM block 1 (PRIVATE KEY): {IS_PRIVATE}", id="U29 PKCS 8 in front"
        ),
        pytest.param(
            A + private_pem(PrivateFormat.TraditionalOpenSSL),
            f"PEM block 2 (EC PRIVATE KEY): {IS_PRIVATE}",
            id="U29 EC PRIVATE KEY",
        ),
        pytest.param(
            A + block("ENCRYPTED PRIVATE KEY"),
            f"PEM block 2 (ENCRYPTED PRIVATE KEY): {IS_PRIVATE}",
            id="U29 an encrypted private key",
        ),
        pytest.param(
            block("EC PARAMETERS") + A + block("EC PRIVATE KEY"),
            f"PEM block 3 (EC PRIVATE KEY): {IS_PRIVATE}",
            id="U29 a private key is named before a block that is only bad",
        ),
        pytest.param(
            A + PRIVATE[:60],
            f"PEM block 2 (PRIVATE KEY): {IS_PRIVATE}",
            id="U29 half a private key",
        ),
        pytest.param(BAG + PRIVATE, IS_PRIVATE, id="U29 a private key behind bag attributes"),
        pytest.param(A + NO_BLOCK, f"PEM block 2 (CERTIFICATE): {NO_KEY}", id="U29 garbage behind"),
        pytest.param(
            NO_BLOCK + A, f"PEM block 1 (CERTIFICATE): {NO_KEY}", id="U29 garbage in front"
        ),
        pytest.param(
            A + B[:80] + C, f"PEM block 2 (PUBLIC KEY): {NO_KEY}", id="U29 a block cut off"
        ),
        pytest.param(A + B[:80], f"PEM block 2 (PUBLIC KEY): {NO_KEY}", id="U29 the last cut off"),
        pytest.param(
            A + block("X509 CRL"), f"PEM block 2 (X509 CRL): {NO_KEY}", id="U29 a revocation list"
        ),
        pytest.param(
            A + block("certificate"),
            f"PEM block 2 (without a label): {NO_KEY}",
            id="U29 a label in lower case",
        ),
        pytest.param(
            A + SECP256K1,
            "PEM block 2 (PUBLIC KEY): a key of a type or curve that is not supported",
            id="U29 an unsupported curve",
        ),
        pytest.param(b"Bag Attributes\n", NO_KEY, id="U29 no block"),
    ],
)
@needs_ml_dsa
def test_one_block_that_is_not_used_refuses_them_all(octets: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as raised:
        KeySet.from_pem(octets)
    assert str(raised.value) == message


def test_a_broken_first_line_quotes_nothing_of_the_key_u29() -> None:
    body = b"MC4CAQAwBQYDK2VwBCIEINTUCTUJ"
    for octets in (b"-----BEGIN PRIVATE KEY\n" + body, b"-----BEGIN " + body):
        with pytest.raises(ValueError, match="without a label") as raised:
            KeySet.from_pem(A + octets)
        assert "MC4" not in str(raised.value)


def test_a_certificate_of_an_unknown_version_is_a_value_error_u29(tmp_path: Path) -> None:
    path = tmp_path / "keys.pem"
    body = base64.b64encode(of_no_known_version(ONE.private)).decode()
    path.write_bytes(block("CERTIFICATE", body))
    with pytest.raises(ValueError, match=NO_KEY):
        StaticJWKS(path)


def test_an_alg_binds_every_key_and_must_fit_each_u29() -> None:
    keys = KeySet.from_pem(A + B, alg="ES256")
    assert len(keys.find(None, "ES256")) == 2
    with pytest.raises(ValueError, match=r"^PEM block 2 \(PUBLIC KEY\): alg ES256 does not fit"):
        KeySet.from_pem(A + C, alg="ES256")


def test_a_kid_names_one_key_u29() -> None:
    assert KeySet.from_pem(BAG + A, kid="k").kids == {"k"}
    with pytest.raises(ValueError, match=r"^kid='k': there are 2 PEM blocks, and a kid names one"):
        KeySet.from_pem(A + B, kid="k")
    # The remedy that the message names.
    one, two = KeySet.from_pem(A, kid="a"), KeySet.from_pem(B, kid="b")
    assert KeySet([*one.keys, *two.keys]).kids == {"a", "b"}


def test_keys_that_would_never_be_tried_are_refused_u29() -> None:
    pems = [pem(ec.generate_private_key(ec.SECP256R1()).public_key()) for _ in range(5)]
    assert len(KeySet.from_pem(b"".join(pems[:4])).find(None, "ES256")) == MAX_CANDIDATES == 4
    assert len(KeySet.from_pem(b"".join(pems[:4]) + C).keys) == 5
    with pytest.raises(ValueError, match=r"^5 keys for ES256, of which a token without kid is"):
        KeySet.from_pem(b"".join(pems))


def test_a_jwks_with_pem_inside_is_json_u29(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    members = {**(ONE.jwk or {}), "x5c": CERTIFICATE.decode()}
    path.write_text(json.dumps({"keys": [members]}, indent=1))
    assert StaticJWKS(path).held().kids == {ONE.kid}


@pytest.mark.parametrize(
    "text",
    [BAG.decode() + A.decode(), "\ufeff" + A.decode(), '\ufeff{"keys": []}'],
    ids=["a bag", "PEM behind a mark", "JWKS behind a mark"],
)
def test_a_key_in_place_of_a_path_is_refused_u29(text: str) -> None:
    with pytest.raises(ValueError, match="StaticJWKS takes a path, and this is a key itself"):
        StaticJWKS(text)


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"-----BEGIN " * 47_000, id="U29 beginnings"),
        pytest.param(b"-----BEGIN X-----" + b"-----END " * 58_000, id="U29 ends"),
        pytest.param(b"-----BEGIN " + b"A" * 520_000, id="U29 a long label"),
        pytest.param(A + b"\n" * 520_000, id="U29 line ends"),
        pytest.param(b"\n" + b"\t" * 520_000, id="U29 tabs"),
        pytest.param(A * 2_900, id="U29 keys"),
    ],
)
def test_a_crafted_file_costs_no_more_than_its_size(octets: bytes, tmp_path: Path) -> None:
    path = tmp_path / "keys.pem"
    path.write_bytes(octets)
    spent = []
    for _ in range(3):
        began = time.perf_counter()
        with contextlib.suppress(ValueError):
            StaticJWKS(path)
        spent.append(time.perf_counter() - began)
    assert min(spent) < 1
