"""Any text as a token: `jose.verify` and `Verifier` raise `InvalidToken` alone, and believe no forgery."""

from __future__ import annotations

from fuzz.keys import ISSUERS, JWKS, NOW, SECRET, check_text, really_signed
from jwt_wsgi import InvalidToken, Verifier
from jwt_wsgi.jose import KeySet, verify

VERIFIER = Verifier(ISSUERS, clock=lambda: NOW)
KEYS = [(KeySet.from_secret(SECRET), ("HS256",)), (KeySet.from_jwks(JWKS), ("ES256",))]


def one_input(octets: bytes) -> None:
    token = octets.decode("latin-1")
    believed = [_accepted(token, verify, *keys) for keys in KEYS]
    assert sum(believed) <= 1
    assert not any(believed) or really_signed(token)
    assert any(believed) or not _accepted(token, VERIFIER.verify)


def _accepted(token: str, judge, *rules) -> bool:
    try:
        judge(token, *rules)
    except InvalidToken as refusal:
        check_text(refusal)
        return False
    return True
