"""The public key in the header of a DPoP proof (RFC 9449 §4.2), read strictly.

Issuers' key sets are read tolerantly, because their encodings differ. A client's own key has no
such excuse: one key has one text here.
"""

from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from jwt_wsgi.jose import encoding, public_keys
from jwt_wsgi.jose.algorithms import interchangeable
from jwt_wsgi.jose.jwk import PRIVATE_MEMBERS, Key
from jwt_wsgi.jose.public_keys import EC_COORDINATE_BYTES, MAX_PUB, Unusable, decode_member

#: The members with octets, by the type of the key.
_OCTETS: Final = {"RSA": ("n", "e"), "EC": ("x", "y"), "OKP": ("x",), "AKP": ("pub",)}

#: Bits. A larger key would make a stranger's proof expensive to verify.
_MAX_RSA_BITS: Final = 4096


def check_public(jwk: Mapping[str, Any]) -> None:
    """Check that a key has no member of a private or symmetric key (RFC 9449 §4.3, step 7).

    Raises:
        Unusable: It has one, whatever its value is.
    """
    if "k" in jwk or not jwk.keys().isdisjoint(PRIVATE_MEMBERS):
        raise Unusable("a private or symmetric member in jwk")


def read_proof_key(jwk: dict[str, Any], alg: str) -> Key:
    """Return the key of a proof, bound to the algorithm of its header.

    Args:
        jwk: The member `jwk` of the proof's header, as parsed from JSON.
        alg: The algorithm of the proof.

    Raises:
        Unusable: The key is not public, does not have its one canonical form, is too large, or
            does not serve the algorithm.
    """
    check_public(jwk)
    _check_canonical(jwk)
    _check_purpose(jwk, alg)
    public_key = public_keys.load_public_key(jwk)
    algorithms = public_keys.algorithms_of(public_key)
    if isinstance(public_key, RSAPublicKey) and public_key.key_size > _MAX_RSA_BITS:
        raise Unusable(f"RSA of {public_key.key_size} bits; at most {_MAX_RSA_BITS} are accepted")
    if alg not in algorithms:
        raise Unusable("jwk does not have the type, curve or size of alg")
    return Key(None, frozenset({alg}), public_key)


def _check_canonical(jwk: dict[str, Any]) -> None:
    """Check the encoding of the key's members (RFC 7518 §6.2.1.2 and §6.3.1, RFC 8037 §2)."""
    kty = jwk.get("kty")
    names = _OCTETS.get(kty) if isinstance(kty, str) else None
    if names is None:
        raise Unusable("kty in jwk is not RSA, EC, OKP or AKP")
    curve = jwk.get("crv")
    for name in names:
        octets = decode_member(jwk, name, encoding.decode, max_length=MAX_PUB)
        if kty == "RSA" and octets[0] == 0:
            raise Unusable(f"{name} in jwk begins with a zero octet")
        if kty == "EC" and isinstance(curve, str) and len(octets) != EC_COORDINATE_BYTES.get(curve):
            raise Unusable(f"{name} in jwk does not have the size of the curve")


def _check_purpose(jwk: dict[str, Any], alg: str) -> None:
    """Refuse a key that is declared for another purpose (RFC 7517 §4.2 to §4.4).

    A browser exports the public half of a signing key with an empty `key_ops`.
    """
    if jwk.get("use", "sig") != "sig":
        raise Unusable("use in jwk is not 'sig'")
    operations = jwk.get("key_ops", [])
    if not isinstance(operations, list) or (operations and "verify" not in operations):
        raise Unusable("key_ops in jwk lacks 'verify'")
    if jwk.get("alg", alg) not in list(interchangeable(alg)):
        raise Unusable("alg in jwk is not the proof's")
