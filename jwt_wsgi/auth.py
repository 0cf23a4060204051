"""The values that one layer hands to the next: the credentials sent and the auth verified."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from jwt_wsgi.bindings import Binding
from jwt_wsgi.jose.claim_lookup import ClaimName, lookup
from jwt_wsgi.jose.encoding import decode
from jwt_wsgi.jose.kept_claims import NOT_KEPT, KeptClaims, members_of
from jwt_wsgi.jose.strict_json import read_document, read_object

CREDENTIALS_KEY = "jwt_wsgi.credentials"
OFFERED_KEY = "jwt_wsgi.offered"
#: True if the token came from another place than the header `Authorization`.
ELSEWHERE_KEY = "jwt_wsgi.elsewhere"
AUTH_KEY = "jwt_wsgi.auth"
RULE_KEY = "jwt_wsgi.rule"
REALM_KEY = "jwt_wsgi.realm"
CHALLENGE_KEY = "jwt_wsgi.challenge"
#: The URL of the metadata, from a `ResourceMetadata` to the next stack inside it, which takes it.
METADATA_KEY = "jwt_wsgi.resource_metadata"

#: The attributes under which WebOb, Werkzeug and Flask, Django, and Falcon carry the environ.
_ENVIRON_ATTRIBUTES = ("environ", "META", "env")


class Credentials(NamedTuple):
    """The credentials of a request, not verified yet.

    Attributes:
        scheme: The authentication scheme, `Bearer` or `DPoP`.
        token: The token's text. `repr` does not show it.
        proof: The header `DPoP` beside a token under the scheme DPoP, or None. `repr` does not
            show it.
    """

    scheme: str
    token: str
    proof: str | None = None

    def __repr__(self) -> str:
        return f"Credentials(scheme={self.scheme!r}, token=…)"


class Possession(NamedTuple):
    """The keys of a token whose possession its request proved.

    Attributes:
        bindings: `dpop` for the key of a DPoP proof (RFC 9449), `mtls` for that of a client
            certificate (RFC 8705). Empty for a token that is not bound.
        nonce_age: The age of the DPoP proof's nonce in seconds; None where none was demanded.
    """

    bindings: Binding = frozenset()
    nonce_age: float | None = None


NO_POSSESSION: Final = Possession()


class Auth:
    """The caller of one request, as its verified token describes it.

    `claims` and `header` are plain dicts that belong to this request; changing them affects
    no other request.

    Args:
        token: The token's text: a JWT in the compact serialization, or an opaque token.
        issuer: The trusted issuer.
        scopes: The granted scopes.
        judged_at: When the token was verified, in seconds since the epoch. Where it is
            None, no authentication is recent.
        claims: The token's claims. Where they are None, they are read from `token` on
            first use.
        header: The token's header. Where it is None, it is read from `token` on first use.
        possession: The keys of the token that the request proved.
        answer: The answer of the introspection endpoint (RFC 7662 §2.2), whose members are the
            claims. Where it is None, the token is a JWT. With an answer, the header is empty.
        effective_scopes: The granted scopes, with all that they imply (`Issuer(scope_implies=)`).
            Where they are None, the granted scopes imply no others.
        kept: Some of the claims, which the verifier keeps of a cached token. They are asked in
            place of `token` until `claims` is first used.

    Attributes:
        token: The token's text, for calls to another API on the user's behalf.
        issuer: The trusted issuer, equal to the claim `iss`.
        effective_scopes: The granted scopes, with all that they imply. Rules compare these.
        judged_at: When the token was verified, in seconds since the epoch, or None.
        possession: The keys of the token that the request proved. `possession.bindings` holds
            `dpop`, `mtls`, both or neither.
    """

    __slots__ = (
        "_answer",
        "_claims",
        "_header",
        "_kept",
        "_scopes",
        "effective_scopes",
        "issuer",
        "judged_at",
        "possession",
        "token",
    )

    def __init__(
        self,
        token: str,
        issuer: str,
        scopes: frozenset[str] = frozenset(),
        judged_at: float | None = None,
        claims: dict[str, Any] | None = None,
        header: dict[str, Any] | None = None,
        possession: Possession = NO_POSSESSION,
        answer: bytes | None = None,
        effective_scopes: frozenset[str] | None = None,
        kept: KeptClaims | None = None,
    ) -> None:
        self.token = token
        self.issuer = issuer
        self._scopes = scopes
        self.effective_scopes = scopes if effective_scopes is None else effective_scopes
        self.judged_at = judged_at
        self._claims = claims
        self._header = header
        self.possession = possession
        self._answer = answer
        self._kept = kept

    def __getstate__(self) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        """Return what a copy consists of: it reads kept claims from its token."""
        # A subclass may have attributes of its own, with slots or without.
        state: Any = super().__getstate__()
        attributes, slots = state
        # They are facts of the cached token, which refers to its issuer and the keys.
        return attributes, {**slots, "_kept": None}

    @property
    def scopes(self) -> frozenset[str]:
        """The granted scopes, as the token says. `has_scope` knows what they imply as well.

        Scopes that are set here are all that the caller has, and imply no others.
        """
        return self._scopes

    @scopes.setter
    def scopes(self, scopes: frozenset[str]) -> None:
        self._scopes = scopes
        self.effective_scopes = scopes

    def has_scope(self, name: str) -> bool:
        """Return True if the token grants a scope, or another one that implies it.

        Its issuer says which scopes imply others (`Issuer(scope_implies=)`).

        Args:
            name: One scope, such as `read:messages` (RFC 6749 §3.3).
        """
        return name in self.effective_scopes

    @property
    def claims(self) -> dict[str, Any]:
        """The token's claims, by name (RFC 7519 §4).

        Of an opaque token they are the members of the endpoint's answer (RFC 7662 §2.2).
        """
        if self._claims is None:
            if self._answer is None:
                self._claims = _read_segment(self.token.split(".")[1])
            else:
                self._claims = read_document(self._answer)
        return self._claims

    @property
    def header(self) -> dict[str, Any]:
        """The token's header (RFC 7515 §4). Of an opaque token it is empty."""
        if self._header is None:
            # It is set once: another thread of the application may read it at the same time.
            if self._answer is None:
                self._header = _read_segment(self.token.split(".")[0])
            else:
                self._header = {}
        return self._header

    @property
    def is_introspected(self) -> bool:
        """True if the claims are the answer of an introspection endpoint, not those of a JWT."""
        return self._answer is not None

    @property
    def subject(self) -> str | None:
        """The claim `sub`, or None where it is not a string.

        It is unique within its issuer only (RFC 7519 §4.1.2).
        """
        subject = claim_value(self, "sub")
        return subject if isinstance(subject, str) else None

    def __repr__(self) -> str:
        scopes = sorted(self.scopes)
        return f"Auth(issuer={self.issuer!r}, subject={self.subject!r}, scopes={scopes!r})"


def claim_value(auth: Auth, name: ClaimName) -> Any:
    """Return a claim, or `ABSENT`. A list is a new one; objects belong to the caller's request.

    Unlike `auth.claims`, it reads the token's text only for claims that are not kept.

    Args:
        auth: The caller of a request.
        name: The claim's name. A tuple is a path into nested objects.
    """
    # Claims that the request has used may have been changed, and count as they are.
    if auth._claims is None and auth._kept is not None:  # noqa: SLF001 (its own class)
        value = auth._kept.value(name)  # noqa: SLF001 (its own class)
        if value is not NOT_KEPT:
            return value
    value = lookup(auth.claims, name)
    # A list that is kept is a new one, too: what a predicate changes in it has no effect elsewhere,
    # whether the token was seen before or not.
    return list(value) if type(value) is list else value


def claim_members(auth: Auth, name: ClaimName) -> frozenset[str] | list[Any] | None:
    """Return the members of a list claim, or the words of a string claim, as `members_of` does.

    Args:
        auth: The caller of a request.
        name: The claim's name. A tuple is a path into nested objects.
    """
    if auth._claims is None and auth._kept is not None:  # noqa: SLF001 (its own class)
        members = auth._kept.members(name)  # noqa: SLF001 (its own class)
        if members is not NOT_KEPT:
            return members
    return members_of(lookup(auth.claims, name))


def _read_segment(segment: str) -> dict[str, Any]:
    """Return the object in a segment of a verified token, which its issuer may pad."""
    if segment[-1] == "=":
        segment = segment.rstrip("=")
    return read_object(decode(segment))


def environ_of(request: object) -> Mapping[str, Any]:
    """Return the WSGI environ of a request.

    Args:
        request: The environ itself, or a request of WebOb, Werkzeug, Flask, Django or Falcon.

    Raises:
        TypeError: `request` is neither.
    """
    if isinstance(request, dict):
        return request
    for name in _ENVIRON_ATTRIBUTES:
        environ = getattr(request, name, None)
        if isinstance(environ, dict):
            return environ
    raise TypeError(
        f"{type(request).__name__} is not a WSGI environ, and has none as .environ, .META or .env"
    )


def get_auth(request: object) -> Auth | None:
    """Return the `Auth` of a request, or None where no token was verified.

    Args:
        request: A WSGI environ, or a request object of a framework that carries one.

    Raises:
        TypeError: `request` is neither.
    """
    auth = environ_of(request).get(AUTH_KEY)
    return auth if isinstance(auth, Auth) else None
