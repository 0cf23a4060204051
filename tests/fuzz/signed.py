"""Any header and payload under a good signature: what stands behind it is judged, never fallen over.

The first line is the header, the rest the payload.
"""

from __future__ import annotations

import json

from fuzz.keys import AUDIENCE, ISSUERS, NOW, check_text, signed
from jwt_wsgi import InvalidToken, Verifier

# Without a memory, so that an input alone says what happens.
VERIFIER = Verifier(ISSUERS, max_remembered=0, clock=lambda: NOW)
NAMES = {issuer.issuer for issuer in ISSUERS}
LEEWAY = 30


def one_input(octets: bytes) -> None:
    header, _, payload = octets.partition(b"\n")
    token = signed(header, payload)
    try:
        auth = VERIFIER.verify(token)
    except InvalidToken as refusal:
        check_text(refusal)
        return
    claims = json.loads(payload)
    assert json.dumps(auth.claims) == json.dumps(claims)
    assert claims["iss"] in NAMES
    assert claims["aud"] in (AUDIENCE, "other") or {AUDIENCE, "other"} & {*claims["aud"]}
    assert claims["exp"] + LEEWAY > NOW
    assert max(claims.get("nbf", 0), claims.get("iat", 0)) <= NOW + LEEWAY
    assert json.loads(header)["alg"] in ("HS256", "ES256")
    assert all(isinstance(scope, str) for scope in auth.scopes)
