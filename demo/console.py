"""The console: a page that calls the sample's endpoints and shows what was decided, and why.

It mints tokens, so it answers loopback alone (`jwt_wsgi.testing.loopback`) and, where it mints or
explains, its own page.
"""

import html
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from webob import Request, Response

from jwt_wsgi import PUBLIC, Issuer, Policy, protect
from jwt_wsgi.explain import Explainer, Step
from jwt_wsgi.jose.strict_json import read_object
from jwt_wsgi.testing import LocalIssuer
from jwt_wsgi.testing.loopback import is_local, is_proxied

HERE = Path(__file__).parent

#: path -> the file behind it, and its media type.
FILES = {
    "/": ("console.html", "text/html"),
    "/console.css": ("console.css", "text/css"),
    "/console.js": ("console.js", "text/javascript"),
    "/console.svg": ("console.svg", "image/svg+xml"),
}
#: What the console adds to the policy of the API; nothing is beneath these places.
RULES = {
    "/{$}": PUBLIC,
    **{f"{path}/{{$}}": PUBLIC for path in FILES if path != "/"},
    "/console/token/{$}": PUBLIC,
    "/console/walk/{$}": PUBLIC,
}
#: A place that no rule covers, to show what holds there.
ELSEWHERE = "/elsewhere"

#: Bytes of what the page's script sends.
MAX_BODY = 4096

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def with_console(
    api: WSGIApplication, local: LocalIssuer, issuer: Issuer, rules: dict[str, Any]
) -> WSGIApplication:
    """`api` behind `rules` as `protect` has it, with the console beside its endpoints.

    `issuer` is what the API trusts, `local` what signs for it.
    """
    policy = Policy({**rules, **RULES})
    console = Console(api, local, Explainer(issuer, policy), Policy(rules))
    return protect(console, issuer=issuer, rules=policy)


class Console:
    """The page, tokens to try it with, and the walk of a call; every other request is the API's."""

    def __init__(
        self, api: WSGIApplication, local: LocalIssuer, explainer: Explainer, policy: Policy
    ) -> None:
        self._api = api
        self._explainer = explainer
        self._mint = _mints(local)
        self._files = {
            path: ((HERE / name).read_text(encoding="utf-8"), kind)
            for path, (name, kind) in FILES.items()
        }
        page, kind = self._files["/"]
        self._files["/"] = page.replace("<!-- endpoints -->", _endpoints(policy)), kind

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        request = Request(environ)
        asked = (request.method, request.path_info)
        answers: dict[tuple[str, str], Callable[[Request], Response]] = {
            ("POST", "/console/token"): self._token,
            ("POST", "/console/walk"): self._walk,
            **{(method, path): self._file for path in self._files for method in ("GET", "HEAD")},
        }
        if asked not in answers:
            return self._api(environ, start_response)
        refusal = _refusal(request)
        response = _message(refusal, 403) if refusal else answers[asked](request)
        response.headers.update(HEADERS.items())
        return response(environ, start_response)

    def _file(self, request: Request) -> Response:
        text, kind = self._files[request.path_info]
        return Response(text, content_type=kind, charset="utf-8")

    def _token(self, request: Request) -> Response:
        kind = _asked(request, "kind")
        if kind not in self._mint:
            return _message(f"The kind is one of {', '.join(self._mint)}.", 400)
        return Response(json_body={"token": self._mint[kind]()})

    def _walk(self, request: Request) -> Response:
        """The walk of a GET of this path, with the Authorization header that this request has."""
        path = _asked(request, "path")
        if path is None:
            return _message("The path is a text.", 400)
        called = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path.encode("utf-8").decode("latin-1"),
            "QUERY_STRING": "",
        }
        explanation = self._explainer.explain({**request.environ, **called})
        steps = [{"layer": _layer(step), **step._asdict()} for step in explanation.steps]
        return Response(json_body={"reason": explanation.reason, "steps": steps})


def _mints(local: LocalIssuer) -> dict[str, Callable[[], str]]:
    """For each kind, what makes a fresh token of it."""
    forger = LocalIssuer(local.issuer, audience=local.audience)
    return {
        "good": lambda: local.token("read:messages"),
        "unscoped": lambda: local.token("openid"),
        "expired": lambda: local.token("read:messages", expires_in=-3600),
        # Another's key under the name of the issuer's own.
        "forged": lambda: forger.token("read:messages", header={"kid": local.key().kid}),
    }


def _refusal(request: Request) -> str | None:
    """Why the console does not answer this request, or None."""
    environ, host = request.environ, request.headers.get("Host", "")
    if not is_local(environ):
        return (
            "The console mints tokens, so it answers on loopback and by a name of loopback alone."
        )
    if is_proxied(environ):
        return "The console mints tokens, so it does not answer through a proxy."
    if request.method != "POST":
        return None
    # RFC 6454 §7, and Fetch Metadata where the browser has it.
    own = request.headers.get("Origin") == f"http://{host}"
    if not own or request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return "The console mints tokens, so it answers its own page alone."
    return None


def _asked(request: Request, name: str) -> str | None:
    """The text of this name in the JSON that was sent, or None where there is none."""
    if (
        request.content_type != "application/json"
        or (request.content_length or MAX_BODY + 1) > MAX_BODY
    ):
        return None
    try:
        value = read_object(request.body).get(name)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def _layer(step: Step) -> str:
    return {
        "credentials": "TokenExtractor",
        "path": "ScopeAuthorizer",
        "rule": "ScopeAuthorizer",
    }.get(step.name, "TokenVerifier")


def _endpoints(policy: Policy) -> str:
    """A choice for each rule as the policy states it, and one for what no rule covers."""
    choices = [_choice(rule.key, str(rule), checked=not at) for at, rule in enumerate(policy.rules)]
    example = f"<small>e.g. {ELSEWHERE}</small>"
    return "\n".join([*choices, _choice(ELSEWHERE, f"otherwise: {policy.default!r}", example)])


def _choice(path: str, text: str, example: str = "", *, checked: bool = False) -> str:
    place, _, asked = map(html.escape, text.partition(": "))
    button = f'<input type="radio" name="path" value="{html.escape(path)}"{" checked" * checked}>'
    return f'<label class="endpoint">{button}<code><b>{place}</b>: {asked}</code>{example}</label>'


def _message(text: str, status: int) -> Response:
    return Response(json_body={"message": text}, status=status)
