"""The thumbprint of a public key: the hash of its JWK (RFC 7638)."""

from collections.abc import Mapping
from hashlib import sha256
from json.encoder import encode_basestring

from jwt_wsgi.jose import encoding

#: The members that make the thumbprint, in lexicographic order, by key type (RFC 7638 §3.2,
#: RFC 8037 §2, RFC 9964).
_MEMBERS = {
    "EC": ("crv", "kty", "x", "y"),
    "RSA": ("e", "kty", "n"),
    "OKP": ("crv", "kty", "x"),
    "AKP": ("alg", "kty", "pub"),
}


def jwk_thumbprint(jwk: Mapping[str, object]) -> str:
    """Return the SHA-256 thumbprint of a public key in base64url (RFC 7638 §3).

    The members are taken as they stand, and are not decoded or checked. So no two sets of members
    have the same hash input, and a caller can compare the thumbprint before it loads the key.

    Args:
        jwk: The JWK. Members that are not required for its key type are ignored.

    Raises:
        ValueError: `kty` is not EC, RSA, OKP or AKP, or a required member is missing or not a
            string of Unicode characters.
    """
    kty = jwk.get("kty")
    if not isinstance(kty, str) or kty not in _MEMBERS:
        raise ValueError("the JWK's kty is not EC, RSA, OKP or AKP")
    members = ",".join([_canonical_member(jwk, name) for name in _MEMBERS[kty]])
    try:
        octets = f"{{{members}}}".encode()
    except UnicodeEncodeError:
        raise ValueError("a member of the JWK holds half of a surrogate pair") from None
    return encoding.encode(sha256(octets).digest())


def _canonical_member(jwk: Mapping[str, object], name: str) -> str:
    """Return a name and its value in JSON, which escapes no more than it must (RFC 7638 §3.3)."""
    value = jwk.get(name)
    if not isinstance(value, str):
        raise ValueError(f"the JWK's {name} is missing or not a string")
    return f'"{name}":{encode_basestring(value)}'
