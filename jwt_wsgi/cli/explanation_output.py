"""An explanation as text for people, and as a JSON document."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from jwt_wsgi.cli.output import escape, print_line, print_table
from jwt_wsgi.cli.request_input import Request
from jwt_wsgi.explain import Explanation, Response, Step
from jwt_wsgi.jose.hints import Hint

_PASSED_LABELS = {True: "yes", False: "NO", None: "-"}
_STYLES = {True: "", False: "bold red", None: "dim"}
_REPLAY_UNKNOWN = (
    "Only the running API knows if this proof was used before: no shared store of used proofs is "
    "known here."
)
#: The first status of a refusal.
_FIRST_ERROR = 400


@dataclass(frozen=True, slots=True)
class Result:
    """An explained request.

    Attributes:
        request: The request.
        explanation: The explanation.
        keys_problem: Why the issuer's keys could not be fetched, or None.
        application: The value of --app, or None.
        passed_over: The names of middleware in front of the layers that was not called.
        is_replay_unknown: True if only the running API knows if the proof was used before.
    """

    request: Request
    explanation: Explanation
    keys_problem: str | None
    application: str | None
    passed_over: tuple[str, ...]
    is_replay_unknown: bool

    @property
    def allowed(self) -> bool:
        """True unless the request is refused."""
        refusal = self.explanation.refusal
        return refusal is None or refusal.status < _FIRST_ERROR


def document_of(result: Result) -> dict[str, Any]:
    """Return the result as a JSON document."""
    request = result.request
    explanation = result.explanation
    return {
        "method": request.method,
        "path": request.path,
        "app": result.application,
        "token": _token_document(request),
        "allowed": result.allowed,
        "reason": explanation.reason,
        "would_be": explanation.would_be,
        "rule": explanation.rule,
        "hint": _hint_document(explanation.hint),
        "advice": explanation.advice,
        "note": explanation.note,
        "not_called": list(result.passed_over),
        "keys_problem": result.keys_problem,
        "replay_unknown": result.is_replay_unknown,
        "steps": [step._asdict() for step in explanation.steps],
        "response": _response_document(explanation.refusal),
    }


def print_result(result: Result) -> None:
    """Print the result for people."""
    explanation = result.explanation
    _print_request(result)
    print_line()
    steps = explanation.steps
    styles = [_STYLES[step.passed] for step in steps]
    print_table(("check", "passed", "expected", "found"), map(_row, steps), styles)
    print_line()
    if explanation.note is not None:
        print_line(explanation.note, "yellow")
    if result.keys_problem is not None:
        problem = f"The issuer's keys could not be fetched: {result.keys_problem}"
        print_line(escape(problem, 1000), "yellow")
    if result.is_replay_unknown:
        print_line(_REPLAY_UNKNOWN, "yellow")
    _print_outcome(result)
    _print_advice(explanation)


def _token_document(request: Request) -> dict[str, Any] | None:
    if request.source is None:
        return None
    return {"source": request.source, "bytes": request.token_size}


def _hint_document(hint: Hint | None) -> dict[str, str] | None:
    return None if hint is None else hint._asdict()


def _response_document(response: Response | None) -> dict[str, Any] | None:
    if response is None:
        return None
    return {
        "status": response.status,
        "headers": _join_headers(response.headers),
        "body": response.body.decode("utf-8", "replace"),
    }


def _join_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the headers by name; several lines of one name become a list (RFC 9110 §5.3)."""
    joined: dict[str, str] = {}
    for name, value in headers:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _row(step: Step) -> tuple[str, ...]:
    return step.name, _PASSED_LABELS[step.passed], step.expected or "", step.found or ""


def _print_request(result: Result) -> None:
    request = result.request
    token = "no token"  # noqa: S105 (a description)
    if request.token_size is not None:
        token = f"a token of {request.token_size} bytes from {request.source}"
    elif request.source is not None:
        token = f"the headers from {request.source}"
    print_line(escape(f"{request.method} {request.path}, with {token}"))
    if result.application is not None:
        print_line(escape(f"Judged by the layers of {result.application}"))
    if result.passed_over:
        names = ", ".join(result.passed_over)
        print_line(
            escape(f"Not called, although it may change the request or answer it: {names}", 1000),
            "yellow",
        )


def _print_outcome(result: Result) -> None:
    explanation = result.explanation
    if explanation.would_be is not None:
        print_line(
            "The rule is report-only. If it were enforced, it would refuse the request:"
            f" {explanation.would_be}",
            "yellow",
        )
    if explanation.refusal is None:
        print_line("The request reaches the application.", "green")
        return
    if explanation.reason is None:
        print_line("The response:")
    else:
        print_line(f"The request is refused: {explanation.reason}. The response:", "red")
    print_line()
    _print_response(explanation.refusal)


def _print_response(response: Response) -> None:
    print_line(f"{response.status}")
    for name, value in response.headers:
        print_line(escape(f"{name}: {value}", 2000))
    print_line()
    # The newline at the end keeps a shell's prompt off the line, and is not shown as an escape.
    print_line(escape(response.body.decode("utf-8", "replace").removesuffix("\n"), 2000))


def _print_advice(explanation: Explanation) -> None:
    if explanation.advice is None:
        return
    print_line()
    if explanation.hint is not None:
        print_line(f"What came: {explanation.hint.meaning}")
    print_line(f"What to do: {explanation.advice}", "bold")
