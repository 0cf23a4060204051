"""What one floor hands to the next: the credentials found, the auth established."""

from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Auth:
    """Who is calling, as one verified token says it. A value of this request alone.

    `claims` and `header` are plain dicts that belong to this request: changing
    them reaches no other. `issuer` is the trusted issuer, `scopes` the granted
    scopes, `token` the compact text. `judged_at` is when it was judged, in
    seconds since the epoch; where nobody says, no authentication is recent.
    """

    claims: dict[str, Any]
    header: dict[str, Any]
    token: str
    issuer: str
    scopes: frozenset[str] = frozenset()
    judged_at: float = float("nan")

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
    carried = (getattr(request, name, None) for name in ("environ", "META", "env"))
    for environ in (request, *carried):
        if isinstance(environ, dict):
            return environ
    raise TypeError(f"{type(request).__name__} is no WSGI environ, and carries none as .environ, .META or .env")


def get_auth(request: object) -> Auth | None:
    """The `Auth` of a request, or None where no token was verified.

    `request` is a WSGI environ, or a request object that carries one. Raises
    `TypeError` for anything else.
    """
    auth = environ_of(request).get(AUTH_KEY)
    return auth if isinstance(auth, Auth) else None
