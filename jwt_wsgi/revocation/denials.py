"""The entries of a deny list: their names, and the time that a cut-off holds. Pure.

A name is a hash, so that the store holds no token, user or session in clear text.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from jwt_wsgi.auth import Auth, claim_value
from jwt_wsgi.jose import encoding
from jwt_wsgi.jose.claim_lookup import is_date
from jwt_wsgi.jose.kept_claims import ClaimRead

#: The purpose of the entries, in front of what is hashed.
_PURPOSE: Final = "jwt-wsgi denial"

#: The claims that name the client: RFC 9068 §2.2, OpenID Connect Core §2, Okta, Entra ID v1.
CLIENT_CLAIMS: Final = ("client_id", "azp", "cid", "appid")
#: The claims of a token that its entries depend on.
CLAIM_READS: Final = tuple(
    ClaimRead(name) for name in ("iat", "exp", "jti", "sub", "sid", *CLIENT_CLAIMS)
)


class DenialNames(NamedTuple):
    """The names of the entries that may deny one token.

    Attributes:
        outright: An entry under one of these names denies the token.
        cut_offs: An entry under one of these names denies the token if it was issued by then.
    """

    outright: tuple[str, ...]
    cut_offs: tuple[str, ...]


def entry_name(kind: str, *parts: str | None) -> str:
    """Return the name of an entry: a hash, and another one for all other kinds and parts."""
    text = json.dumps([_PURPOSE, kind, *parts])
    return encoding.encode(hashlib.sha256(text.encode("ascii")).digest())


def token_name(auth: Auth) -> str:
    """Return the name of the entry that denies this token alone.

    A JWT is named by its issuer and its `jti`, or without `jti` by the text that is signed: an
    ECDSA signature has a second form that is valid too, so the whole text does not identify the
    token. An opaque token is named by its text.
    """
    jti = None if is_opaque(auth) else _text(claim_value(auth, "jti"))
    if jti is not None:
        return entry_name("jti", auth.issuer, jti)
    if _is_signed(auth):
        return entry_name("signed", auth.token.rpartition(".")[0])
    return entry_name("text", auth.token)


def denial_names(auth: Auth) -> DenialNames:
    """Return the names of all entries that may deny a token."""
    outright = [token_name(auth)]
    if not is_opaque(auth):
        # Tokens without kid have a name too: an entry under it denies all of them.
        outright.append(entry_name("key", auth.issuer, _text(auth.header.get("kid"))))
    return DenialNames(tuple(outright), tuple(_cut_off_names(auth)))


def is_opaque(auth: Auth) -> bool:
    """Return True for a token whose claims are another party's answer, and not its own text."""
    return auth.token.count(".") != 2 or not auth.header


def issued_at(auth: Auth) -> float | None:
    """Return the token's `iat`, or None."""
    return _date(claim_value(auth, "iat"))


def expires_at(auth: Auth) -> float | None:
    """Return the token's `exp`, or None."""
    return _date(claim_value(auth, "exp"))


def write_moment(moment: float) -> bytes:
    """Return the value of a cut-off's entry."""
    return repr(float(moment)).encode("ascii")


def read_moment(value: bytes) -> float:
    """Return the moment of a cut-off's entry.

    Raises:
        ValueError: The value is not what `write_moment` returns.
    """
    moment = float(value.decode("ascii"))
    if not math.isfinite(moment):
        raise ValueError("not a moment")
    return moment


def is_cut_off(iat: float | None, moment: float) -> bool:
    """Return True if a token was issued at a cut-off or before, or if that is unknown.

    Issuers write whole seconds, so a fraction is dropped.
    """
    return iat is None or math.floor(iat) <= moment


def _cut_off_names(auth: Auth) -> Iterator[str]:
    for kind, claim in (("subject", "sub"), ("session", "sid")):
        value = _text(claim_value(auth, claim))
        if value is not None:
            yield entry_name(kind, auth.issuer, value)
    clients = [_text(claim_value(auth, claim)) for claim in CLIENT_CLAIMS]
    for client in dict.fromkeys(clients):
        if client is not None:
            yield entry_name("client", auth.issuer, client)


def _is_signed(auth: Auth) -> bool:
    """Return True for the text of a JWT, whoever judged it."""
    if auth.token.count(".") != 2:
        return False
    if auth.header:
        return True
    try:
        return "alg" in Auth(auth.token, auth.issuer).header
    except ValueError:
        return False


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _date(value: Any) -> float | None:
    return value if is_date(value) else None
