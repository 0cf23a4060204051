"""The layers that stand in an application, and a stack of their copies that calls no application.

The way to the layers leads inwards from the outermost application (`jwt_wsgi.nesting`). Nothing is
called on the way.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar
from wsgiref.types import WSGIApplication, WSGIEnvironment

from jwt_wsgi.client_certificates import ClientCertificate
from jwt_wsgi.errors import AuthError
from jwt_wsgi.mcp import ToolAuthorizer
from jwt_wsgi.middleware.authorization import ScopeAuthorizer
from jwt_wsgi.middleware.cors import CrossOrigin
from jwt_wsgi.middleware.decisions import OnDecision
from jwt_wsgi.middleware.extraction import TokenExtractor
from jwt_wsgi.middleware.resource_metadata import ResourceMetadata
from jwt_wsgi.middleware.verification import TokenVerifier
from jwt_wsgi.nesting import DISPATCHER, copy_with, entry_of, inner_apps, is_a, mounts_of, name_of
from jwt_wsgi.verifier import Verifier

_Layer = TypeVar("_Layer")

_LAYERS = (TokenExtractor, TokenVerifier, ScopeAuthorizer)
_WERKZEUG = "werkzeug.middleware"
# These change the environ as a server would, and do nothing else. A subclass may do more.
_PROXY_FIX = f"{_WERKZEUG}.proxy_fix.ProxyFix"
# These hand every request on as it is.
_TRANSPARENT = (f"{_WERKZEUG}.profiler.ProfilerMiddleware", f"{_WERKZEUG}.lint.LintMiddleware")
# A walk through closures may lead far away from the application.
_MAX_VISITED = 2000


class _Found(NamedTuple):
    """A layer, and the path of the mount at which it stands."""

    mount: str
    layer: Any


@dataclass(frozen=True, slots=True)
class Stack:
    """The layers of one application, of each kind one at most, but for `ToolAuthorizer`.

    Attributes:
        app: The outermost application.
        extractor: The `TokenExtractor`, or None.
        verifier: The `TokenVerifier`, or None.
        authorizer: The `ScopeAuthorizer`, or None.
        metadata: The innermost `ResourceMetadata` around these layers, or None.
        tool_authorizers: The layers that read bodies, which are not copied.
    """

    app: Any
    extractor: TokenExtractor | None
    verifier: TokenVerifier | None
    authorizer: ScopeAuthorizer | None
    metadata: ResourceMetadata | None = None
    tool_authorizers: tuple[ToolAuthorizer, ...] = ()

    def judges_tools(self, environ: WSGIEnvironment) -> bool:
        """Return whether a `ToolAuthorizer` reads the body of a request that passes the layers."""
        return any(layer.covers(environ) for layer in self.tool_authorizers)


class Observers(NamedTuple):
    """The parts of a copied stack that are not the application's own.

    Attributes:
        verifier: The `Verifier` that judges, or None where there is no `TokenVerifier`.
        certificate: Returns the certificate that is given for the client, or None to look for it
            where the application does. It is asked only if the application checks certificates.
        on_refusal: Receives each `AuthError` of `get_token`.
        on_token: Receives the decisions of the `TokenVerifier`.
        on_rule: Receives the decisions of the `ScopeAuthorizer`.
        inside: Stands in for the application behind the layers.
        outside: Stands in for applications that no layer stands in front of.
    """

    verifier: Verifier | None
    certificate: Callable[[], bytes | None]
    on_refusal: Callable[[WSGIEnvironment, AuthError], object]
    on_token: OnDecision
    on_rule: OnDecision
    inside: WSGIApplication
    outside: WSGIApplication


def find_stack(app: Any) -> Stack:
    """Return the layers that stand in an application.

    Args:
        app: A WSGI application, such as the result of `protect`, or a framework's application with
            the layers inside. Other middleware may stand around them.

    Raises:
        ValueError: No layer is found, or more than one stack.
    """
    if not callable(app):
        raise ValueError(f"app={type(app).__name__}: not a WSGI application")
    found = list(_walk(app, "", set()))
    if not found:
        raise ValueError(
            f"app={name_of(entry_of(app))}: no layer of jwt-wsgi stands in it; give the result of "
            "protect(), or middleware that keeps it as an attribute named app"
        )
    for kind in _LAYERS:
        mounts = [each.mount for each in found if isinstance(each.layer, kind)]
        if len(mounts) > 1:
            places = " and ".join(mount or "the root" for mount in mounts)
            raise ValueError(
                f"app={name_of(entry_of(app))}: {len(mounts)} stacks are in it, each with its own "
                f"{kind.__name__}, at {places}; give the application of one of them"
            )
    return Stack(
        app,
        _first(found, TokenExtractor),
        _first(found, TokenVerifier),
        _first(found, ScopeAuthorizer),
        _innermost_metadata(app),
        tool_authorizers=tuple(each.layer for each in _walk(app, "", set(), (ToolAuthorizer,))),
    )


class StackCopy:
    """A copy of a stack in which stand-ins take the place of the application.

    CORS, `ResourceMetadata`, Werkzeug's `ProxyFix` and dispatchers in front of the layers are
    copied, too, because they decide what the layers see. No other middleware is called.

    Args:
        stack: The stack to copy.
        observers: What the copy has in place of the application's own parts.

    Attributes:
        app: The copy, a WSGI application.
        passed_over: The names of middleware in front of the layers that is not in the copy.
    """

    def __init__(self, stack: Stack, observers: Observers) -> None:
        self._observers = observers
        self.passed_over: list[str] = []
        self.app = self._copy(stack.app, is_guarded=False)

    def _copy(self, app: Any, *, is_guarded: bool) -> WSGIApplication:
        app = entry_of(app)
        if isinstance(app, _LAYERS):
            return self._copy_layer(app)
        leading = [inner for _, inner in inner_apps(app) if _leads_to_layers(inner)]
        if not leading:
            return self._observers.inside if is_guarded else self._observers.outside
        if isinstance(app, CrossOrigin | ResourceMetadata):
            return app.around(self._copy(app.app, is_guarded=is_guarded))
        if mounts_of(app) is not None:
            return self._copy_mounts(app, is_guarded=is_guarded)
        # In a closure, the application is the function that leads to most layers.
        inner = self._copy(max(leading, key=_count_layers), is_guarded=is_guarded)
        if name_of(app) == _PROXY_FIX:
            fixed: WSGIApplication = copy_with(app, app=inner)
            return fixed
        if not is_a(app, *_TRANSPARENT):
            self.passed_over.append(name_of(app))
        return inner

    def _copy_layer(self, layer: Any) -> WSGIApplication:
        observers = self._observers
        inner = self._copy(layer.app, is_guarded=True)
        if isinstance(layer, TokenExtractor):
            return layer.around(inner, on_refusal=observers.on_refusal)
        if isinstance(layer, TokenVerifier):
            return layer.around(
                inner,
                verifier=observers.verifier,
                client_certificate=self._certificate_source(layer),
                on_decision=observers.on_token,
            )
        authorizer: ScopeAuthorizer = layer
        return authorizer.around(inner, on_decision=observers.on_rule)

    def _certificate_source(self, layer: TokenVerifier) -> ClientCertificate | None:
        """Return the source of certificates for the copy of a layer, or None if it has none."""
        source = layer.client_certificate
        given = self._observers.certificate
        if source is None:
            return None

        def find(environ: WSGIEnvironment) -> bytes | None:
            certificate = given()
            return source(environ) if certificate is None else certificate

        return find

    def _copy_mounts(self, app: Any, *, is_guarded: bool) -> WSGIApplication:
        mounts = {
            mount: self._copy(mounted, is_guarded=is_guarded)
            for mount, mounted in (mounts_of(app) or {}).items()
        }
        copied: WSGIApplication
        if is_a(app, DISPATCHER):
            copied = copy_with(app, app=mounts.pop(""), mounts=mounts)
        else:
            copied = copy_with(app, apps=mounts)
        return copied


def _innermost_metadata(app: Any) -> ResourceMetadata | None:
    layers: list[ResourceMetadata] = [
        each.layer for each in _walk(app, "", set(), (ResourceMetadata,))
    ]
    return layers[-1] if layers else None


def _walk(
    app: Any, mount: str, visited: set[int], kinds: tuple[type, ...] = _LAYERS
) -> Iterator[_Found]:
    """Yield each layer of some kinds in an application, the outermost first."""
    app = entry_of(app)
    if id(app) in visited or len(visited) >= _MAX_VISITED:
        return
    visited.add(id(app))
    if isinstance(app, kinds):
        yield _Found(mount, app)
    for inner_mount, inner in inner_apps(app):
        yield from _walk(inner, mount + inner_mount, visited, kinds)


def _leads_to_layers(app: Any) -> bool:
    return next(_walk(app, "", set()), None) is not None


def _count_layers(app: Any) -> int:
    return len(list(_walk(app, "", set())))


def _first(found: list[_Found], kind: type[_Layer]) -> _Layer | None:
    return next((each.layer for each in found if isinstance(each.layer, kind)), None)
