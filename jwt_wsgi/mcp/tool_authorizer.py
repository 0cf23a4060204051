"""`ToolAuthorizer`: may they call this tool? A layer for MCP servers, inside the others."""

from collections.abc import Iterable
from typing import Final, NamedTuple, Self
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from jwt_wsgi.auth import AUTH_KEY, CHALLENGE_KEY, RULE_KEY, Auth
from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.errors import AuthError, Forbidden
from jwt_wsgi.jose.kept_claims import ClaimRead, reads_of
from jwt_wsgi.mcp.bodies import take_body
from jwt_wsgi.mcp.error_answers import error_answer
from jwt_wsgi.mcp.messages import MessageRefused, read_message
from jwt_wsgi.mcp.mirrored_headers import check_headers
from jwt_wsgi.mcp.place import Place
from jwt_wsgi.mcp.tool_rules import ToolRules, tool_refusal, tool_would_be
from jwt_wsgi.middleware.decisions import Decision, OnDecision, add_offer, is_observed, report
from jwt_wsgi.middleware.responses import OnError, answer_auth_errors, refuse
from jwt_wsgi.nesting import copy_with
from jwt_wsgi.origins import check_origin
from jwt_wsgi.policy.algebra import DENY, PUBLIC, Access, Requirement
from jwt_wsgi.policy.policy import Policy
from jwt_wsgi.policy.rules import Match, Rules

_DEFAULT_MAX_BYTES: Final = 2**20


class ToolAuthorizer:
    """The layer that reads each message to an MCP server, and refuses tools that the caller may not
    call.

    It stands inside the others, which verify the token and ask the rule of the path. A message is
    read from the body of every method and handed on unchanged, so the server reads the same bytes.
    Messages that two readers could understand differently are refused: batches, members twice or
    in another case, other encodings than UTF-8. For `tools/call`, the requirement of the tool is
    asked; every other message passes with the path's rule. That includes what follows a call, such
    as the requests about its task. A policy that only reports does not make this layer report only.
    Under a path's rule that is `PUBLIC`, tokens are not looked at, so no tool's scope can be met.
    Write `OPTIONAL` for a server that also serves callers without a token.

    Args:
        app: The WSGI application that serves MCP.
        tools: A mapping of tools to requirements. A name is exact; one that ends with `*` covers
            all names that begin so. The exact name decides, then the longest of the others.
            `PUBLIC` is not possible; `OPTIONAL` lets every caller pass whom the path's rule lets
            pass, and `report_only` reports without refusing.
        default: The requirement for all other tools. `DENY` by default.
        path: The literal path of the server, such as `/mcp`, if the application has other paths.
            Everything below it is judged, too. Other spellings that the application routes to the
            server, such as `/MCP` where it ignores case, are not. None judges every request.
        origins: The origins whose pages may call the server, as browsers send them; `()` for none.
            None refuses pages only where no token was verified, but for their preflights: without a
            token, a page could do what its user's network allows (DNS rebinding).
        max_bytes: The longest body, in bytes.
        on_error: Called as `on_error(environ, error)`; may return a WSGI application that answers
            in place of the layer. It cannot change the decision.
        on_decision: Called as `on_decision(environ, decision)` for every refusal, and for every
            call of a tool. The rule of the decision is the key in `tools`.

    Attributes:
        app: The application inside.

    Raises:
        ValueError: For invalid arguments.
    """

    answers_refusals = True

    def __init__(
        self,
        app: WSGIApplication,
        tools: Rules,
        *,
        default: Requirement = DENY,
        path: str | None = None,
        origins: Iterable[str] | None = None,
        max_bytes: int = _DEFAULT_MAX_BYTES,
        on_error: OnError | None = None,
        on_decision: OnDecision | None = None,
    ) -> None:
        check_callables(app=app, on_error=on_error, on_decision=on_decision)
        self.app = app
        self._inner = answer_auth_errors(app, on_error)
        self._tools = ToolRules(tools, default)
        self._place = None if path is None else Place(path)
        self._origins = None if origins is None else _check_origins(origins)
        self._max_bytes = _check_max_bytes(max_bytes)
        self._on_error = on_error
        self._on_decision = on_decision

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        if not self.covers(environ):
            return self._inner(environ, start_response)
        caller = _caller_of(environ)
        ordinary = None
        try:
            decision = self._judge(environ, caller)
        except MessageRefused as refused:
            decision = Decision(refused.error, caller.auth)
            ordinary = error_answer(refused)
        if decision is None:
            return self._inner(environ, start_response)
        self._report(decision, environ)
        if decision.error is not None:
            return refuse(decision.error, environ, start_response, self._on_error, ordinary)
        return self._inner(environ, start_response)

    def covers(self, environ: WSGIEnvironment) -> bool:
        """Return whether the body of a request is judged, because its path is below `path`.

        Args:
            environ: A WSGI environ. It is not changed.
        """
        return self._place is None or self._place.covers(environ)

    def check_policy(self, policy: Policy) -> None:
        """Check that a policy directly in front lets requests get to the server.

        Where it does not, `path` is not the path of the server, and calls of tools would pass
        without being judged.

        Args:
            policy: The policy. `ScopeAuthorizer` calls this method with its own.

        Raises:
            ValueError: No rule covers `path`.
        """
        if self._place is None or policy.report_only:
            return
        path = self._place.path
        # Both what follows the mount and the path with the mount are judged.
        if not any(policy.has_rules_within(f"{mount}{path}") for mount in ("", *policy.mounts)):
            raise ValueError(
                f"path={path!r}: no rule covers it, so no call of a tool would be judged; write a "
                "rule for it, or correct the path"
            )

    @property
    def claim_reads(self) -> tuple[ClaimRead, ...]:
        """The claims that the rules of the tools read, and those of a layer directly inside."""
        return (*self._tools.claim_reads, *reads_of(self.app))

    def around(self, app: WSGIApplication, *, on_decision: OnDecision | None = None) -> Self:
        """Return a copy of this layer around another application, with the same options.

        Args:
            app: The application inside.
            on_decision: The hook of the copy, in place of this layer's.
        """
        inner = answer_auth_errors(app, self._on_error)
        return copy_with(self, app=app, _inner=inner, _on_decision=on_decision)

    def _judge(self, environ: WSGIEnvironment, caller: "_Caller") -> Decision | None:
        """Return the decision, or None for a request that the path's rule alone decides.

        Raises:
            MessageRefused: The message cannot be judged.
        """
        if self._origins is not None and not _is_from(environ, self._origins):
            return Decision(_origin_refused(environ), caller.auth)
        body = take_body(environ, max_bytes=self._max_bytes)
        # A preflight never has a token, and without a body it asks nothing of the server.
        is_preflight = body is None and environ.get("REQUEST_METHOD") == "OPTIONS"
        if self._origins is None and not is_preflight and _is_unknown_page(environ, caller):
            return Decision(_origin_refused(environ), None)
        headers = environ.get("HTTP_MCP_METHOD"), environ.get("HTTP_MCP_NAME")
        if body is None:
            check_headers(None, *headers)
            return None
        message = read_message(body)
        check_headers(message, *headers)
        if message.tool is None:
            return None
        return self._judge_call(message.tool, caller)

    def _judge_call(self, tool: str, caller: "_Caller") -> Decision:
        rule = self._tools.decide(tool)
        error = tool_refusal(rule.requirement, caller.auth, caller.match)
        if error is None:
            would_be = tool_would_be(rule.requirement, caller.auth, caller.match)
            return Decision(None, caller.auth, rule.key, would_be)
        if isinstance(rule.requirement, Access):
            # The log tells which tool is denied; no rule may name it.
            error.found = tool
        if error.reason == "no_rule":
            error.expected = "a rule for this tool in tools"
        return Decision(error, caller.auth, rule.key)

    def _report(self, decision: Decision, environ: WSGIEnvironment) -> None:
        error = decision.error or decision.would_be
        if error is not None:
            if error.reason == "missing_token":
                error.found = _explain_absence(environ)
            add_offer(error, environ)
        if is_observed(error is not None, self._on_decision):
            report(decision, environ, self._on_decision)


class _Caller(NamedTuple):
    """The caller, as the layers outside left it: the verified token, and the path's decision."""

    auth: Auth | None
    match: Match | None


def _caller_of(environ: WSGIEnvironment) -> _Caller:
    auth = environ.get(AUTH_KEY)
    match = environ.get(RULE_KEY)
    return _Caller(
        auth if isinstance(auth, Auth) else None, match if isinstance(match, Match) else None
    )


def _explain_absence(environ: WSGIEnvironment) -> str | None:
    """Return why the layers in front left no token, for the log; None if the client sent none."""
    if CHALLENGE_KEY not in environ:
        return "no layers in front: write protect(ToolAuthorizer(app, ...), ...)"
    match = environ.get(RULE_KEY)
    if isinstance(match, Match) and match.requirement is PUBLIC:
        return "no token, because the path's rule PUBLIC looks at none: write OPTIONAL"
    return None


def _is_from(environ: WSGIEnvironment, origins: frozenset[str]) -> bool:
    """Return whether a request comes from one of these origins, or from no page."""
    origin = environ.get("HTTP_ORIGIN")
    return origin is None or origin in origins


def _is_unknown_page(environ: WSGIEnvironment, caller: _Caller) -> bool:
    """Return whether a page sent a request without a verified token."""
    return caller.auth is None and not _is_from(environ, frozenset())


def _origin_refused(environ: WSGIEnvironment) -> AuthError:
    return Forbidden("origin_not_allowed", found=environ["HTTP_ORIGIN"])


def _check_origins(origins: object) -> frozenset[str]:
    if isinstance(origins, str) or not isinstance(origins, Iterable):
        raise ValueError(
            f"origins={origins!r}: write a list of origins, such as ['https://app.example.com']"
        )
    return frozenset(
        check_origin(
            origin,
            instead_of_any="name each origin, or leave origins out to let every page with a "
            "verified token call",
            instead_of_null="serve the page from an origin of its own",
        )
        for origin in origins
    )


def _check_max_bytes(max_bytes: object) -> int:
    if type(max_bytes) is not int or max_bytes < 1:
        raise ValueError(f"max_bytes={max_bytes!r}: write a number of bytes, at least 1")
    return max_bytes
