"""Any DPoP proof: it is refused with a reason of its own, or means what a good one means.

An input with a line end is a header and a payload, which are signed with the client's key. Any
other input is the text of the proof itself.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from josepy import jwa

from fuzz.keys import JWKS, NOW, PRIVATE, check_text
from jwt_wsgi import DPoP, DPoPNonces
from jwt_wsgi.errors import InvalidProof, InvalidToken, NonceRequired
from jwt_wsgi.jose.encoding import decode, encode
from jwt_wsgi.jose.thumbprint import jwk_thumbprint
from jwt_wsgi.possession.evidence import WSGITarget
from jwt_wsgi.possession.proof import ProofClaims, ProofLimits, ProvenRequest, check_proof
from jwt_wsgi.possession.proof_headers import ProofHeaders

#: The client's key, to which the token is bound.
JWK = {name: JWKS["keys"][0][name] for name in ("kty", "crv", "x", "y")}
TOKEN = "header.payload.signature"
ATH = encode(hashlib.sha256(TOKEN.encode("ascii")).digest())
NONCES = DPoPNonces(b"a secret of the fuzzers, public for all to read")
DPOP = DPoP("https://api.test/v1", nonces=NONCES)
TARGET = WSGITarget("", "/a b")
REQUEST = ProvenRequest(
    TOKEN,
    jwk_thumbprint(JWK),
    "GET",
    lambda htu: TARGET.is_named_by(htu, DPOP.bases),
    str(TARGET),
    NOW,
)
LIMITS = (DPOP.limits()._replace(nonces=None), DPOP.limits())


def signed(header: bytes, payload: bytes) -> str:
    """The proof of this very text, signed with the client's key."""
    signing_input = f"{encode(header)}.{encode(payload)}"
    return f"{signing_input}.{encode(jwa.ES256.sign(PRIVATE, signing_input.encode()))}"


def text_of(octets: bytes) -> str:
    header, line_end, payload = octets.partition(b"\n")
    return signed(header, payload) if line_end else octets.decode("latin-1")


def one_input(octets: bytes) -> None:
    text = text_of(octets)
    for limits in LIMITS:
        known = ProofHeaders()
        first = judged(text, limits, known)
        # With the header in the memory, and without it, the verdict is the same.
        assert judged(text, limits, known) == first
        if isinstance(first, ProofClaims):
            check_meaning(text, first)


def judged(
    text: str, limits: ProofLimits, known: ProofHeaders
) -> ProofClaims | tuple[type[Exception], str]:
    try:
        return check_proof(text, REQUEST, limits, known)
    except (InvalidProof, InvalidToken) as error:
        refusal = error
    check_text(refusal)
    assert refusal.reason.startswith("proof_") or refusal.reason == "binding_mismatch"
    assert isinstance(refusal, NonceRequired) is (refusal.reason == "proof_nonce_required")
    return type(refusal), refusal.reason


def check_meaning(text: str, claims: ProofClaims) -> None:
    """Assert with other means that an accepted proof is good."""
    segments = text.split(".")
    header_octets, payload_octets, signature = (decode(segment) for segment in segments)
    assert len(text) <= 8192
    assert text == ".".join(encode(octets) for octets in (header_octets, payload_octets, signature))
    signing_input = text.rpartition(".")[0].encode()
    assert jwa.ES256.verify(PRIVATE.public_key(), signing_input, signature)
    header, payload = _unique(header_octets), _unique(payload_octets)
    assert header["typ"].lower() in ("dpop+jwt", "application/dpop+jwt")
    assert header["alg"] == "ES256"
    assert {name: header["jwk"][name] for name in JWK} == JWK
    assert not header["jwk"].keys() & {"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}
    assert not header.keys() & {"crit", "b64", "zip"}
    assert payload["jti"] == claims.jti
    assert 1 <= len(claims.jti) <= 256
    assert (payload["htm"], payload["ath"]) == ("GET", ATH)
    assert NOW - 300 <= payload["iat"] <= NOW + 30
    assert type(payload["iat"]) in (int, float)
    if claims.nonce_age is not None:
        assert NONCES.age(payload["nonce"], NOW, 30) == claims.nonce_age
    _check_url(payload["htu"])


def _check_url(htu: str) -> None:
    url = urlsplit(htu)
    assert (url.scheme, url.hostname, url.port or 443) == ("https", "api.test", 443)
    assert url.username is url.password is None
    assert unquote_to_bytes(url.path) == b"/v1/a b"


def _unique(octets: bytes) -> dict[str, Any]:
    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    value: dict[str, Any] = json.loads(octets.decode("utf-8"), object_pairs_hook=members)
    return value
