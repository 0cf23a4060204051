"""DPoP proofs: read and verified by joserfc, and made with any header and payload."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.jwk import import_key
from token_parts import part

from jwt_wsgi.jose.encoding import encode
from jwt_wsgi.jose.thumbprint import jwk_thumbprint
from jwt_wsgi.testing.signing import SigningKey, public_members


class _Registry(jws.JWSRegistry):
    max_header_length = 2048  # The JWK of an RSA key takes more than the 512 bytes of joserfc.


def digest(octets: bytes) -> str:
    """Return the hash that `ath` and `x5t#S256` are."""
    return base64.urlsafe_b64encode(hashlib.sha256(octets).digest()).decode().rstrip("=")


def public_key(proof: str) -> Any:
    """Return the key in the header of a proof, as joserfc loads it."""
    header = part(proof, 0)
    # joserfc accepts the fully specified name only if the key has it.
    return import_key({**header["jwk"], "alg": header["alg"]})


def verified_payload(proof: str) -> bytes:
    """Return the payload of a proof after joserfc verified it with the key in its header."""
    registry = _Registry(algorithms=[part(proof, 0)["alg"]])
    return jws.deserialize_compact(proof, public_key(proof), registry=registry).payload


def verified_claims(proof: str) -> dict[str, Any]:
    """Return the claims of a proof after joserfc verified it."""
    claims: dict[str, Any] = json.loads(verified_payload(proof))
    return claims


class RawKey:
    """A client's key that signs any header and any payload, also what no client would send.

    Args:
        algorithm: The algorithm of its signatures.
        private: The private key of `cryptography`, by default a new one.
    """

    def __init__(self, algorithm: str = "ES256", private: Any = None) -> None:
        self.signing = SigningKey(algorithm)
        if private is not None:
            self.signing.private = private
        self.algorithm = algorithm
        self.jwk = public_members(algorithm, self.signing.private)
        self.thumbprint = jwk_thumbprint(self.jwk)

    def header(self, **members: Any) -> dict[str, Any]:
        """Return the header of a good proof with other members; `...` removes one."""
        return changed({"typ": "dpop+jwt", "alg": self.algorithm, "jwk": self.jwk}, members)

    def sign(self, header: Mapping[str, Any] | bytes, claims: Mapping[str, Any] | bytes) -> str:
        """Return the compact JWS of two objects, or of two octet strings as they are."""
        signing_input = f"{_segment(header)}.{_segment(claims)}"
        return f"{signing_input}.{encode(self.signing.sign(signing_input.encode()))}"


def changed(members: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with some members replaced; `...` removes one."""
    return {name: value for name, value in {**members, **changes}.items() if value is not ...}


def _segment(part: Mapping[str, Any] | bytes) -> str:
    return encode(part if isinstance(part, bytes) else json.dumps(part).encode())
