"""The report: an application's endpoints as a table, and as an assertion."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from jwt_wsgi.coverage.endpoints import Endpoint, RouteChecker, abbreviate
from jwt_wsgi.coverage.routes import assemble
from jwt_wsgi.coverage.stacks import routes_of
from jwt_wsgi.policy.policy import Policy


@dataclass(frozen=True, slots=True)
class Report:
    """The endpoints of an application, in the order of its route table. `str` is a table."""

    endpoints: tuple[Endpoint, ...]

    @property
    def uncovered(self) -> tuple[Endpoint, ...]:
        """The endpoints that no rule for their own path decides, or that are uncertain."""
        return tuple(endpoint for endpoint in self.endpoints if not endpoint.covered)

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self.endpoints)

    def __len__(self) -> int:
        return len(self.endpoints)

    def __str__(self) -> str:
        return _table(self.endpoints)


def coverage(app: Any, policy: Policy, *, urlconf: Any = None) -> Report:
    """Return every endpoint of an application, with the rules that may decide it.

    Nothing is called, and no request is made.

    Args:
        app: An application of Flask, Django, Pyramid, Bottle or Falcon, or an object with a
            mapping `routes` of exact paths. It may stand behind the layers, behind Werkzeug's
            middleware, or at a mount of Werkzeug's dispatcher.
        policy: The policy that guards it.
        urlconf: Django's URLconf, if it is not that of the settings.

    Raises:
        TypeError: The application cannot be read, or the policy is not a `Policy`.
        ValueError: The application has no routes, or another policy stands in front of it.
    """
    if not isinstance(policy, Policy):
        raise TypeError(f"coverage(): {type(policy).__name__} is not a policy; write Policy(rules)")
    checker = RouteChecker(policy)
    endpoints: list[Endpoint] = []
    for entry, guarded in routes_of(app, policy, urlconf):
        route = assemble(entry.parts, certain=entry.certain, spelling=entry.spelling)
        endpoints += checker.endpoints(route, entry.methods, entry.name, guarded=guarded)
    return Report(tuple(endpoints))


def assert_covered(
    app: Any, policy: Policy, accept: Iterable[str] = (), *, urlconf: Any = None
) -> None:
    """Raise `AssertionError` with a table unless rules for their own paths decide all endpoints.

    Args:
        app: The application, as for `coverage`.
        policy: The policy that guards it.
        accept: The exceptions, named as in the table: `"GET /static/{filename...}"`. One that
            names no uncovered endpoint is an error too.
        urlconf: Django's URLconf, if it is not that of the settings.

    Raises:
        AssertionError: An endpoint is not covered, or an exception is out of date.
        TypeError: As `coverage`, and for an `accept` that is not a list.
        ValueError: As `coverage`.
    """
    if isinstance(accept, str):
        raise TypeError(f"accept={accept!r}: write a list of endpoints")
    accepted = list(accept)
    uncovered = coverage(app, policy, urlconf=urlconf).uncovered
    uncovered_keys = {endpoint.key for endpoint in uncovered}
    stale = [name for name in accepted if name not in uncovered_keys]
    remaining = [endpoint for endpoint in uncovered if endpoint.key not in accepted]
    messages: list[str] = []
    if remaining:
        messages.append("no rule for their own path decides these endpoints:\n")
        messages.append(f"{_table(remaining)}\n")
        messages += [f"{endpoint.key}: {_advice(endpoint)}" for endpoint in remaining]
    if stale:
        names = ", ".join(map(repr, stale))
        messages.append(
            f"accept names endpoints that are covered or unknown, so remove them: {names}"
        )
    if messages:
        raise AssertionError("\n".join(messages))


def _advice(endpoint: Endpoint) -> str:
    if not endpoint.decisions:
        return "it stands outside the policy; put the layers in front of it, or accept it"
    if endpoint.uncertain:
        return "its route cannot be read with certainty; write it plainly, or accept it"
    if not endpoint.remedy:
        return "no pattern names it alone; accept it"
    return f"write a rule for {endpoint.remedy!r}, or accept it"


class _Row(NamedTuple):
    """The cells of one line of the table."""

    endpoint: str
    requirement: str
    rules: str
    notes: str
    name: str


_HEADINGS = _Row("endpoint", "takes", "decided by", "", "name")


def _table(endpoints: Iterable[Endpoint]) -> str:
    rows = [_HEADINGS, *map(_row, endpoints)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: _Row, widths: list[int]) -> str:
    cells = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
    return "  ".join(cells).rstrip()


def _row(endpoint: Endpoint) -> _Row:
    rules = abbreviate([str(decision) for decision in endpoint.decisions], ", ")
    return _Row(
        endpoint=endpoint.key,
        requirement=endpoint.requirement,
        rules=rules or "outside the policy",
        notes=_notes(endpoint),
        name=endpoint.name,
    )


def _notes(endpoint: Endpoint) -> str:
    notes = []
    if endpoint.uncertain:
        notes.append("uncertain")
    if endpoint.catch_all:
        notes.append("catch-all")
    if endpoint.automatic:
        notes.append("automatic")
    return ", ".join(notes)
