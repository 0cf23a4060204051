"""DPoP proofs, read and verified by joserfc."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from joserfc import jws
from joserfc.jwk import import_key
from token_parts import part


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
