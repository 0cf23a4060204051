"""What one floor hands to the next: the credentials found, the auth established."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

CREDENTIALS_KEY = "jwt_wsgi.credentials"
AUTH_KEY = "jwt_wsgi.auth"
RULE_KEY = "jwt_wsgi.rule"
REALM_KEY = "jwt_wsgi.realm"


class Credentials(NamedTuple):
    """What the request offered: the authentication scheme and the token, not judged yet."""

    scheme: str
    token: str

    def __repr__(self) -> str:
        return f"Credentials(scheme={self.scheme!r}, token=…)"


class Auth:
    """Who is calling, as one verified token says it. A value of this request alone.

    `claims` and `header` are plain dicts that belong to this request: changing
    them reaches no other. `issuer` is the trusted issuer, `scopes` the granted
    scopes, `token` the compact text.
    """

    __slots__ = ("claims", "header", "issuer", "scopes", "token")

    def __init__(
        self,
        *,
        claims: dict[str, Any],
        header: dict[str, Any],
        token: str,
        issuer: str,
        scopes: frozenset[str] = frozenset(),
    ) -> None:
        self.claims = claims
        self.header = header
        self.token = token
        self.issuer = issuer
        self.scopes = scopes

    @property
    def subject(self) -> str | None:
        """The `sub` claim, unique within its issuer only (RFC 7519 §4.1.2)."""
        subject = self.claims.get("sub")
        return subject if isinstance(subject, str) else None

    def __repr__(self) -> str:
        scopes = sorted(self.scopes)
        return f"Auth(issuer={self.issuer!r}, subject={self.subject!r}, scopes={scopes!r})"


def environ_of(request: object) -> Mapping[str, Any]:
    """The WSGI environ of `request`: itself, or what WebOb, Werkzeug, Django or Falcon carry."""
    if isinstance(request, dict):
        return request
    for name in ("environ", "META", "env"):
        environ = getattr(request, name, None)
        if isinstance(environ, dict):
            return environ
    raise TypeError(
        f"{type(request).__name__} is no WSGI environ and carries none as "
        ".environ, .META or .env; pass the environ itself"
    )


def get_auth(request: object) -> Auth | None:
    """The `Auth` of a request, or None where no token was verified.

    `request` is a WSGI environ, or a request object that carries one. Raises
    `TypeError` for anything else.
    """
    auth = environ_of(request).get(AUTH_KEY)
    return auth if isinstance(auth, Auth) else None
