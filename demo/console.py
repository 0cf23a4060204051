"""The console of the demo: a page that calls the sample's endpoints and explains the answers.

The console mints tokens. It therefore answers only requests on loopback
(`jwt_wsgi.testing.loopback`), and mints or explains only for its own page.
"""

import html
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from webob import Request, Response

from jwt_wsgi import PUBLIC, DPoP, Issuer, Policy, ProtectedResource, Verifier, protect
from jwt_wsgi.explain import Explainer, Step
from jwt_wsgi.jose.strict_json import read_object
from jwt_wsgi.testing import LocalIssuer
from jwt_wsgi.testing.loopback import is_local, is_proxied

#: The claim `cnf` of a token, or None for a token that is not bound.
Confirmation = dict[str, str] | None

HERE = Path(__file__).parent


class File(NamedTuple):
    """A file of the page and its media type."""

    name: str
    media_type: str


#: The files of the page by their paths.
FILES = {
    "/": File("console.html", "text/html"),
    "/console.css": File("console.css", "text/css"),
    "/console.js": File("console.js", "text/javascript"),
    "/console-proof.js": File("console-proof.js", "text/javascript"),
    "/console.svg": File("console.svg", "image/svg+xml"),
}
#: The rules that the console adds to those of the API; `{$}` excludes the paths beneath.
RULES = {
    "/{$}": PUBLIC,
    **{f"{path}/{{$}}": PUBLIC for path in FILES if path != "/"},
    "/console/token/{$}": PUBLIC,
    "/console/explanation/{$}": PUBLIC,
}
#: A path without a rule, to show the policy's default.
ELSEWHERE = "/elsewhere"

# The base64url of a SHA-256 (RFC 7638 §3).
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")

#: The maximum size of a request body, in bytes.
MAX_BODY = 4096

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def with_console(
    api: WSGIApplication,
    local: LocalIssuer,
    issuer: Issuer,
    rules: dict[str, Any],
    dpop: DPoP,
    resource: str,
) -> WSGIApplication:
    """Return the protected API with the console beside its endpoints.

    Args:
        api: The application without protection.
        local: The issuer that signs tokens for the page.
        issuer: The issuer that the API trusts.
        rules: The rules of the API.
        dpop: How the API checks proofs.
        resource: The URL of the API as its clients write it. Its metadata is served.
    """
    policy = Policy({**rules, **RULES})
    verifier = Verifier(issuer, dpop=dpop)
    described = ProtectedResource(resource, name="The sample of jwt-wsgi")
    protected = protect(api, issuer=verifier, rules=policy, resource=described)
    console = Console(api, local, Explainer.of(protected), Policy(rules), described)
    return protect(console, issuer=verifier, rules=policy, resource=described)


class Console:
    """A WSGI application that answers requests for the console and passes all others to the API."""

    def __init__(
        self,
        api: WSGIApplication,
        local: LocalIssuer,
        explainer: Explainer,
        policy: Policy,
        resource: ProtectedResource,
    ) -> None:
        self._api = api
        self._explainer = explainer
        self._token_factories = _token_factories(local)
        self._texts = {
            path: (HERE / file.name).read_text(encoding="utf-8") for path, file in FILES.items()
        }
        page = self._texts["/"].replace("<!-- endpoints -->", _endpoints(policy))
        self._texts["/"] = page.replace("<!-- metadata -->", _metadata_link(resource))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        request = Request(environ)
        handler = self._handler(request.method, request.path_info)
        if handler is None:
            return self._api(environ, start_response)
        refusal = _refusal(request)
        response = handler(request) if refusal is None else _message(refusal, 403)
        response.headers.update(HEADERS.items())
        return response(environ, start_response)

    def _handler(self, method: str, path: str) -> Callable[[Request], Response] | None:
        if method in ("GET", "HEAD") and path in FILES:
            return self._send_file
        if method == "POST" and path == "/console/token":
            return self._mint_token
        if method == "POST" and path == "/console/explanation":
            return self._explain
        return None

    def _send_file(self, request: Request) -> Response:
        media_type = FILES[request.path_info].media_type
        return Response(self._texts[request.path_info], content_type=media_type, charset="utf-8")

    def _mint_token(self, request: Request) -> Response:
        kind = _member(request, "kind")
        if kind not in self._token_factories:
            choices = ", ".join(self._token_factories)
            return _message(f"This kind of token is unknown: choose from {choices}.", 400)
        jkt = _member(request, "jkt")
        if jkt is not None and _THUMBPRINT.fullmatch(jkt) is None:
            return _message("The thumbprint of a key has 43 characters of base64url.", 400)
        confirmation = None if jkt is None else {"jkt": jkt}
        return Response(json_body={"token": self._token_factories[kind](confirmation)})

    def _explain(self, request: Request) -> Response:
        """Explain a GET of the path in the body with the credentials of this request."""
        path = _member(request, "path")
        if path is None:
            return _message("The path must be a text.", 400)
        environ = {
            **request.environ,
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path.encode("utf-8").decode("latin-1"),
            "QUERY_STRING": "",
        }
        explanation = self._explainer.explain(environ)
        steps = [{"layer": _layer(step), **step._asdict()} for step in explanation.steps]
        return Response(json_body={"reason": explanation.reason, "steps": steps})


def _token_factories(local: LocalIssuer) -> dict[str, Callable[[Confirmation], str]]:
    """Return a function for each kind of token that makes a fresh one, bound to a key or not."""
    forger = LocalIssuer(local.issuer, audience=local.audience)
    return {
        "good": lambda cnf: local.token("read:messages", cnf=cnf),
        "unscoped": lambda cnf: local.token("openid", cnf=cnf),
        "expired": lambda cnf: local.token("read:messages", cnf=cnf, expires_in=-3600),
        # The header names the issuer's key, but another key signs.
        "forged": lambda cnf: forger.token(
            "read:messages", cnf=cnf, header={"kid": local.key().kid}
        ),
    }


def _refusal(request: Request) -> str | None:
    """Return why the console does not answer this request, or None."""
    if not is_local(request.environ):
        return "The console mints tokens, so it answers only this machine, on a loopback address."
    if is_proxied(request.environ):
        return "The console mints tokens, so it does not answer through a proxy."
    if request.method == "POST" and not _is_from_own_page(request):
        return "The console mints tokens, so it answers only its own page."
    return None


def _is_from_own_page(request: Request) -> bool:
    """Return whether the page sent this request (RFC 6454 §7, and Fetch Metadata if present)."""
    origin = f"http://{request.headers.get('Host', '')}"
    if request.headers.get("Origin") != origin:
        return False
    site: str = request.headers.get("Sec-Fetch-Site", "same-origin")
    return site == "same-origin"


def _member(request: Request, name: str) -> str | None:
    """Return a text of the JSON object in the body, or None if there is no such text."""
    if request.content_type != "application/json":
        return None
    if not request.content_length or request.content_length > MAX_BODY:
        return None
    try:
        value = read_object(request.body).get(name)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def _layer(step: Step) -> str:
    """Return the name of the layer that makes this check."""
    if step.name == "credentials":
        return "TokenExtractor"
    if step.name in ("path", "rule"):
        return "ScopeAuthorizer"
    return "TokenVerifier"


def _endpoints(policy: Policy) -> str:
    """Return the HTML of a choice for each rule, and one for a path without a rule."""
    choices = [_choice(rule.key, str(rule)) for rule in policy.rules]
    choices[0] = choices[0].replace("<input ", "<input checked ")
    example = f"<small>e.g. {ELSEWHERE}</small>"
    return "\n".join([*choices, _choice(ELSEWHERE, f"otherwise: {policy.default!r}", example)])


def _metadata_link(resource: ProtectedResource) -> str:
    """Return the HTML of a link to the metadata, on the page's own origin."""
    path = html.escape(urlsplit(resource.metadata_url).path)
    return f'<a id="metadata-link" href="{path}"><code>{path}</code></a>'


def _choice(path: str, rule: str, example: str = "") -> str:
    pattern, _, requirement = map(html.escape, rule.partition(": "))
    button = f'<input type="radio" name="path" value="{html.escape(path)}">'
    text = f"<code><b>{pattern}</b>: {requirement}</code>"
    return f'<label class="endpoint">{button}{text}{example}</label>'


def _message(text: str, status: int) -> Response:
    return Response(json_body={"message": text}, status=status)
