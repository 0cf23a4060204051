"""What one floor hands to the next: the credentials found, the auth established."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from jwt_wsgi.jose.encoding import decode
from jwt_wsgi.jose.strict_json import read_object

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
    scopes, `token` the compact text; where `claims` or `header` are not given,
    they are read from it, once, when they are asked for. `judged_at` is when it
    was judged, in seconds since the epoch; where nobody says, no authentication
    is recent.
    """

    __slots__ = ("_claims", "_header", "issuer", "judged_at", "scopes", "token")

    def __init__(
        self,
        token: str,
        issuer: str,
        scopes: frozenset[str] = frozenset(),
        judged_at: float = float("nan"),
        claims: dict[str, Any] | None = None,
        header: dict[str, Any] | None = None,
    ) -> None:
        self._claims, self._header = claims, header
        self.token, self.issuer, self.scopes, self.judged_at = token, issuer, scopes, judged_at

    @property
    def claims(self) -> dict[str, Any]:
        """What the token says, by the names of its claims."""
        if self._claims is None:
            self._claims = read_object(decode(self.token.split(".")[1]))
        return self._claims

    @property
    def header(self) -> dict[str, Any]:
        """The token's header (RFC 7515 §4)."""
        if self._header is None:
            self._header = read_object(decode(self.token.split(".")[0]))
        return self._header

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
    for environ in (getattr(request, name, None) for name in ("environ", "META", "env")):
        if isinstance(environ, dict):
            return environ
    raise TypeError(
        f"{type(request).__name__} is no WSGI environ, and carries none as .environ, .META or .env"
    )


def get_auth(request: object) -> Auth | None:
    """The `Auth` of a request, or None where no token was verified.

    `request` is a WSGI environ, or a request object that carries one. Raises
    `TypeError` for anything else.
    """
    auth = environ_of(request).get(AUTH_KEY)
    return auth if isinstance(auth, Auth) else None
