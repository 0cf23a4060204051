"""`IntrospectedIssuer`: the half of a `LocalIssuer` that is asked about its tokens (RFC 7662)."""

import base64
import binascii
import json
import secrets
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from jwt_wsgi.errors import InvalidToken
from jwt_wsgi.http.fetching import NO_HEADERS, FetchError
from jwt_wsgi.introspection import ClientSecretBasic, Introspection
from jwt_wsgi.jose.algorithms import ALGORITHMS
from jwt_wsgi.jose.compact import verify
from jwt_wsgi.jose.encoding import decode
from jwt_wsgi.jose.keys import KeySet
from jwt_wsgi.testing.publishing import KeyPublisher
from jwt_wsgi.testing.server import Unauthorized

_PATH = "introspect"
_OPAQUE_BYTES = 24


class IntrospectedIssuer(KeyPublisher):
    """An issuer of opaque tokens, with an introspection endpoint and a revocation.

    Its attributes and faults are those of `KeyPublisher`; `outage`, `slow` and `answering` concern
    the endpoint as well.

    Attributes:
        api_client: The name and the secret of the one client that the endpoint accepts.
    """

    audience: str
    clock: Callable[[], float]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.api_client = ("api", secrets.token_urlsafe(_OPAQUE_BYTES))
        self._opaque_tokens: dict[str, dict[str, Any]] = {}
        self._revoked_tokens: set[str] = set()

    @abstractmethod
    def token(self, scope: str | None = None, **claims: Any) -> str:
        """Return an access token that is valid now."""

    @property
    def introspection_uri(self) -> str:
        """The URL of the introspection endpoint."""
        return f"{self.issuer.rstrip('/')}/{_PATH}"

    @property
    def metadata(self) -> dict[str, Any]:
        """The discovery document."""
        return {**super().metadata, "introspection_endpoint": self.introspection_uri}

    def opaque_token(self, scope: str | None = None, **claims: Any) -> str:
        """Return an opaque token that is active. The endpoint says what `token` would.

        Args:
            scope: As in `token`.
            **claims: As in `token`; other keyword arguments of `token` are passed on, too. The
                endpoint answers with these claims.
        """
        document = _claims_of(self.token(scope, **claims))
        token = secrets.token_urlsafe(_OPAQUE_BYTES)
        is_dpop = "jkt" in document.get("cnf", {})
        token_type = "DPoP" if is_dpop else "Bearer"
        self._opaque_tokens[token] = {"token_type": token_type, **document}
        return token

    def revoke(self, token: str) -> None:
        """Call a token inactive from now on, an opaque one or a JWT.

        Args:
            token: The token.
        """
        self._revoked_tokens.add(token)

    def introspection(self, **options: Any) -> Introspection:
        """Return the `Introspection` that an API configures to accept the opaque tokens.

        The endpoint needs no network.

        Args:
            **options: Options of `Introspection` that replace or complete the usual ones.
        """
        options.setdefault("endpoint", self.introspection_uri)
        options.setdefault("issuer", self.issuer)
        options.setdefault("audience", self.audience)
        options.setdefault("client_auth", ClientSecretBasic(*self.api_client))
        options.setdefault("fetch", self.fetch)
        return Introspection(**options)

    def fetch(
        self, url: str, form: bytes | None = None, headers: Mapping[str, str] = NO_HEADERS
    ) -> bytes:
        """Return the document at `url` without a network, or what the endpoint answers to a form.

        It is for `RemoteJWKS(fetch=issuer.fetch)` and `Introspection(fetch=issuer.fetch)`.

        Args:
            url: The URL of the metadata, of the key set or of the endpoint; only its path matters.
            form: The body of a POST, or None for a GET.
            headers: The headers of a POST.

        Raises:
            LookupError: Nothing is published there.
            ConnectionError: The issuer is unavailable (`outage`).
            FetchError: The endpoint does not accept the client, with the status 401.
        """
        if form is None:
            return super().fetch(url)
        path = "/" + url.partition("://")[2].partition("/")[2]
        try:
            return self.answer_form(path, form, headers)
        except Unauthorized:
            raise FetchError("HTTP status 401", status=401, outcome="http_status") from None

    def answer_form(self, path: str, form: bytes, headers: Mapping[str, str]) -> bytes:
        """Return what the endpoint answers to a form, and add the path to `requests`.

        Args:
            path: The path of the endpoint, with any prefix.
            form: The body of the request.
            headers: The headers of the request.

        Raises:
            LookupError: The endpoint is not there.
            ConnectionError: The issuer is unavailable (`outage`).
            Unauthorized: The client is unknown, or its secret is wrong.
        """
        fixed = self.begin_answer(path)
        if fixed is not None:
            return fixed
        if not path.endswith(f"/{_PATH}"):
            raise LookupError(path)
        members = {name: values[0] for name, values in parse_qs(form.decode("ascii")).items()}
        if _client_of(members, headers) != self.api_client:
            raise Unauthorized
        return json.dumps(self._introspect(members.get("token", ""))).encode()

    def _introspect(self, token: str) -> dict[str, Any]:
        """Return what is known about a token (RFC 7662 §2.2)."""
        if token in self._revoked_tokens:
            return {"active": False}
        claims = self._opaque_tokens.get(token)
        if claims is None:
            claims = self._claims_of_jwt(token)
        if claims is None or claims.get("exp", self.clock()) <= self.clock() - 1:
            return {"active": False}
        return {"active": True, **claims}

    def _claims_of_jwt(self, token: str) -> dict[str, Any] | None:
        """Return the claims of a JWT that this issuer signed with a published key, or None."""
        try:
            verify(token, KeySet.from_jwks(self.jwks), tuple(ALGORITHMS))
        except (InvalidToken, ValueError):
            return None
        return {"token_type": "Bearer", **_claims_of(token)}


def _claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(decode(token.split(".")[1].rstrip("=")))
    return claims


def _client_of(members: Mapping[str, str], headers: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the name and the secret that a request has, in the header or in the form."""
    scheme, _, encoded = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return members.get("client_id", ""), members.get("client_secret", "")
    try:
        pair = base64.b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    name, _, secret = pair.partition(":")
    return unquote_plus(name), unquote_plus(secret)
