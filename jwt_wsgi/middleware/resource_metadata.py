"""`ResourceMetadata`: the layer that serves the metadata of the API (RFC 9728).

It stands outside the other layers, because clients that have no token yet read the metadata.
"""

import json
import logging
from collections.abc import Iterable
from typing import Final, Self
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from jwt_wsgi.auth import METADATA_KEY
from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.client_certificates import ClientCertificate
from jwt_wsgi.issuer_registry import Trusted
from jwt_wsgi.middleware.responses import answer_auth_errors
from jwt_wsgi.middleware.verifier_options import ready_verifier
from jwt_wsgi.nesting import copy_with
from jwt_wsgi.policy.policy import Policy, Rules
from jwt_wsgi.possession.dpop import DPoP
from jwt_wsgi.resource.document import resource_document
from jwt_wsgi.resource.protected_resource import ProtectedResource
from jwt_wsgi.verifier import Verifier

logger = logging.getLogger("jwt_wsgi.policy")

_ALLOW: Final = "GET, HEAD, OPTIONS"
_SECONDS: Final = "3600"
#: Every page may read the metadata, which is the same for everybody.
_ANY_ORIGIN: Final = ("Access-Control-Allow-Origin", "*")
#: `*` does not include `Authorization`, and old browsers do not know it (Fetch, "CORS protocol").
_REQUEST_HEADERS: Final = "*, Authorization, Content-Type, MCP-Protocol-Version"
_PREFLIGHT: Final = (
    ("Allow", _ALLOW),
    _ANY_ORIGIN,
    ("Access-Control-Allow-Methods", _ALLOW),
    ("Access-Control-Allow-Headers", _REQUEST_HEADERS),
    ("Access-Control-Max-Age", _SECONDS),
)
_NOT_ALLOWED: Final = b"Only GET, HEAD and OPTIONS are allowed.\n"
_NOT_FOUND: Final = b"The metadata is at another path.\n"


class _Metadata:
    """The metadata of a resource as an HTTP resource; a WSGI application that ignores the path."""

    def __init__(self, resource: ProtectedResource, policy: Policy, verifier: Verifier) -> None:
        self._path = resource.metadata_path
        self.document = resource_document(resource, policy, verifier)
        self._body = f"{json.dumps(self.document)}\n".encode("ascii")
        self._headers = (
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(self._body))),
            ("Cache-Control", f"max-age={_SECONDS}"),
            _ANY_ORIGIN,
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        method = environ.get("REQUEST_METHOD")
        if method == "OPTIONS":
            start_response("204 No Content", list(_PREFLIGHT))
            return []
        if method not in ("GET", "HEAD"):
            headers = [_ANY_ORIGIN, ("Allow", _ALLOW)]
            return _send_text("405 Method Not Allowed", _NOT_ALLOWED, headers, start_response)
        start_response("200 OK", list(self._headers))
        return [] if method == "HEAD" else [self._body]

    def is_requested(self, environ: WSGIEnvironment) -> bool:
        """Return whether a request is for the place of the metadata (RFC 9728 §3.1)."""
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        return path.startswith(self._path) and path[len(self._path) :] in ("", "/")


class ResourceMetadata:
    """The outermost layer, which serves the metadata of the API and names it in challenges.

    It answers GET, HEAD and OPTIONS for the well-known path without looking at a token, and passes
    every other request on (RFC 9728 §3). The next stack inside it names the metadata in each 401,
    and in each 403 `insufficient_scope` (RFC 9728 §5.1). A stack further inside names its own.

    Args:
        app: The WSGI application inside, usually a `TokenExtractor`.
        resource: The URL of the API as its clients write it, or a `ProtectedResource`. It is never
            taken from the request.
        policy: The `Policy` of the `ScopeAuthorizer`, or its rules. They are the source of
            `scopes_supported`.
        issuers: As for the `TokenVerifier`. They are the source of `authorization_servers`.
        dpop: As for the `TokenVerifier`.
        client_certificate: As for the `TokenVerifier`.

    A resource whose path no rule covers, and that names no scopes, is logged at construction.

    Attributes:
        app: The application inside.
        resource: The `ProtectedResource`.
        document: The members of the metadata, which was written at construction.

    Raises:
        ValueError: For invalid arguments, for a resource that no issuer accepts as an audience, and
            for issuers that are not URLs.
    """

    answers_refusals = True

    def __init__(
        self,
        app: WSGIApplication,
        resource: str | ProtectedResource,
        *,
        policy: Policy | Rules,
        issuers: Trusted | Iterable[Trusted] | Verifier,
        dpop: DPoP | None = None,
        client_certificate: ClientCertificate | None = None,
    ) -> None:
        check_callables(app=app)
        self.app = app
        self.resource = ready_resource(resource)
        self._metadata = _metadata(self.resource, policy, issuers, dpop, client_certificate)
        self.document = self._metadata.document
        self._inner = answer_auth_errors(app)
        self._url = self.resource.metadata_url

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        if self._metadata.is_requested(environ):
            return self._metadata(environ, start_response)
        environ[METADATA_KEY] = self._url
        return self._inner(environ, start_response)

    def around(self, app: WSGIApplication) -> Self:
        """Return a copy of this layer around another application, with the same options."""
        return copy_with(self, app=app, _inner=answer_auth_errors(app))


def metadata_app(
    resource: str | ProtectedResource,
    policy: Policy | Rules,
    issuers: Trusted | Iterable[Trusted] | Verifier,
    *,
    dpop: DPoP | None = None,
    client_certificate: ClientCertificate | None = None,
) -> WSGIApplication:
    """Return a WSGI application that serves the metadata, and answers 404 for other paths.

    It is for an API that is mounted below the root of its host: requests for the well-known path
    do not reach such an API, so the server hands them to this application.

    Args:
        resource: As for `ResourceMetadata`.
        policy: As for `ResourceMetadata`.
        issuers: As for `ResourceMetadata`.
        dpop: As for `ResourceMetadata`.
        client_certificate: As for `ResourceMetadata`.

    Raises:
        ValueError: As for `ResourceMetadata`.
    """
    ready = ready_resource(resource)
    metadata = _metadata(ready, policy, issuers, dpop, client_certificate)

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if metadata.is_requested(environ):
            return metadata(environ, start_response)
        body = b"" if environ.get("REQUEST_METHOD") == "HEAD" else _NOT_FOUND
        return _send_text("404 Not Found", body, [_ANY_ORIGIN], start_response)

    return serve


def ready_resource(resource: str | ProtectedResource) -> ProtectedResource:
    """Return the given `ProtectedResource`, or one for this URL.

    Raises:
        ValueError: It is neither a `ProtectedResource` nor the URL of one.
    """
    if isinstance(resource, ProtectedResource):
        return resource
    return ProtectedResource(resource)


def _metadata(
    resource: ProtectedResource,
    policy: Policy | Rules,
    issuers: Trusted | Iterable[Trusted] | Verifier,
    dpop: DPoP | None,
    client_certificate: ClientCertificate | None,
) -> _Metadata:
    check_callables(client_certificate=client_certificate)
    # The verifier that is made here judges no token. `bool` stands in for the callback that the
    # `TokenVerifier` has, because some issuers demand one; it would call every token revoked.
    is_revoked = None if isinstance(issuers, Verifier) else bool
    verifier = ready_verifier(
        issuers, is_revoked=is_revoked, clock=None, dpop=dpop, client_certificate=client_certificate
    )
    ready_policy = policy if isinstance(policy, Policy) else Policy(policy)
    metadata = _Metadata(resource, ready_policy, verifier)
    if resource.scopes is None and not ready_policy.has_rules_within(resource.path):
        logger.warning(
            "resource=%r: no rule covers its path, so the metadata names no scopes; correct the "
            "path, or name the mount in Policy(rules, mounts=[...]), or write "
            "ProtectedResource(..., scopes=[...]) if a proxy removes a part of the path",
            resource.resource,
        )
    return metadata


def _send_text(
    status: str, body: bytes, headers: list[tuple[str, str]], start_response: StartResponse
) -> Iterable[bytes]:
    described = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    start_response(status, described + headers)
    return [body]
