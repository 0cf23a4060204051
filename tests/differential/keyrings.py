"""The keys of the differential test: good ones, lone ones, and JWKS entries that are odd or broken."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PUBLIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
RSA = PUBLIC[:6]
SECRET = ("HS256", "HS384", "HS512")
EVERY = (*PUBLIC, *SECRET)
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


@dataclass(frozen=True, eq=False)
class SigningKey:
    """What signs under `algorithm`, and the JWKS entry that is published for it."""

    kid: str
    algorithm: str
    private: Any
    jwk: dict[str, Any]

    @lru_cache(maxsize=4096)  # noqa: B019 (the keys live as long as the run)
    def sign(self, message: bytes) -> bytes:
        return sign(self.algorithm, self.private, message)


@dataclass(frozen=True)
class Keyring:
    """A JWKS that all judges are given, with the algorithms that they allow."""

    keys: dict[str, SigningKey]
    algorithms: tuple[str, ...]
    jwks: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "jwks", {"keys": [key.jwk for key in self.keys.values()]})

    def candidates(self, header: dict[str, Any]) -> list[str]:
        """The rule for all judges: the key that `kid` names, or those that the algorithm leaves."""
        if "kid" in header:
            return [header["kid"]] if header["kid"] in self.keys else []
        alg = header.get("alg")
        usable = [(kid, key) for kid, key in self.keys.items() if kid not in UNUSABLE]
        return [
            kid
            for kid, key in usable
            if alg == key.algorithm or ("alg" not in key.jwk and alg in RSA)
        ]


def encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def sign(algorithm: str, private: Any, message: bytes) -> bytes:
    hash_ = HASHES.get(algorithm[2:])
    if algorithm.startswith("HS"):
        code = hmac.HMAC(private, hash_)
        code.update(message)
        return code.finalize()
    if algorithm.startswith("RS"):
        return private.sign(message, padding.PKCS1v15(), hash_)
    if algorithm.startswith("PS"):
        return private.sign(message, padding.PSS(padding.MGF1(hash_), hash_.digest_size), hash_)
    if algorithm.startswith("ES"):
        size = (private.curve.key_size + 7) // 8
        r, s = decode_dss_signature(private.sign(message, ec.ECDSA(hash_)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return private.sign(message)


@cache
def keyring(name: str) -> Keyring:
    """`public`, `secret`, `odd`, or the name of an algorithm: its key alone."""
    if name in EVERY:
        return Keyring({f"{name} alone": _good(f"{name} alone", name)}, (name,))
    if name == "odd":
        return Keyring({kid: make(kid) for kid, make in ODD.items()}, PUBLIC)
    algorithms = PUBLIC if name == "public" else SECRET
    return Keyring({algorithm: _good(algorithm, algorithm) for algorithm in algorithms}, algorithms)


def _good(kid: str, algorithm: str, **members: Any) -> SigningKey:
    private = _generated(algorithm)
    return _published(kid, algorithm, private, members)


def _published(kid: str, algorithm: str, private: Any, members: dict[str, Any]) -> SigningKey:
    merged = {"kid": kid, "use": "sig", "alg": algorithm, **_members(private), **members}
    return SigningKey(
        kid,
        algorithm,
        private,
        {name: value for name, value in merged.items() if value is not None},
    )


def _long_point(kid: str) -> SigningKey:
    point = _generated("ES256")
    octets = point.public_key().public_numbers().x.to_bytes(34, "big")
    return _published(kid, "ES256", point, {"x": encode(octets)})


def _told(kid: str) -> SigningKey:
    private = _generated("RS256")
    return _published(kid, "RS256", private, _private_members(private))


def _in_lines(kid: str) -> SigningKey:
    private = _generated("RS256")
    return _published(kid, "RS256", private, {"n": _members(private)["n"] + "\n"})


#: kid -> an entry of the odd JWKS. The first three have nothing wrong.
ODD: dict[str, Callable[[str], SigningKey]] = {
    "good": lambda kid: _good(kid, "ES256"),
    "RS256 that names no alg": lambda kid: _good(kid, "RS256", alg=None),
    "PS256 that names no alg": lambda kid: _good(kid, "PS256", alg=None),
    "1536 bits": lambda kid: _published(kid, "RS256", rsa.generate_private_key(65537, 1536), {}),
    "exponent 3": lambda kid: _published(kid, "RS256", rsa.generate_private_key(3, 2048), {}),
    "for encryption": lambda kid: _good(kid, "RS256", use="enc"),
    "for no verifying": lambda kid: _good(kid, "RS256", use=None, key_ops=["encrypt"]),
    "foreign alg": lambda kid: _good(kid, "RS256", alg="HS256"),
    "private members": _told,
    "coordinate too long": _long_point,
    "modulus with a line end": _in_lines,
}
#: Entries that this package skips.
UNUSABLE = frozenset([*ODD][3:])
#: Whom a token may be signed by: the keyring and the kid.
HONEST_SIGNERS = (
    *[("public", algorithm) for algorithm in PUBLIC],
    *[("secret", algorithm) for algorithm in SECRET],
    *[(algorithm, f"{algorithm} alone") for algorithm in EVERY],
    *[("odd", kid) for kid in ODD if kid not in UNUSABLE],
)
SIGNERS = (*HONEST_SIGNERS, *[("odd", kid) for kid in ODD if kid in UNUSABLE])


def _generated(algorithm: str) -> Any:
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm])
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm in SECRET:
        return secrets.token_bytes(64)
    return rsa.generate_private_key(65537, 2048)


def _members(private: Any) -> dict[str, str]:
    if isinstance(private, bytes):
        return {"kty": "oct", "k": encode(private)}
    if isinstance(private, ed25519.Ed25519PrivateKey):
        raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "x": encode(raw)}
    numbers = private.public_key().public_numbers()
    if isinstance(private, rsa.RSAPrivateKey):
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    size = (private.curve.key_size + 7) // 8
    point = {"x": _number(numbers.x, size), "y": _number(numbers.y, size)}
    return {"kty": "EC", "crv": f"P-{private.curve.key_size}", **point}


def _private_members(private: rsa.RSAPrivateKey) -> dict[str, str]:
    numbers = private.private_numbers()
    names = {"d": "d", "p": "p", "q": "q", "dp": "dmp1", "dq": "dmq1", "qi": "iqmp"}
    return {name: _number(getattr(numbers, attribute)) for name, attribute in names.items()}


def _number(value: int, size: int | None = None) -> str:
    return encode(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))
