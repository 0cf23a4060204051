"""The report: an application's endpoints as a table, and as an assertion."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from jwt_wsgi.coverage.checker import RouteChecker
from jwt_wsgi.coverage.endpoints import Endpoint, abbreviate
from jwt_wsgi.coverage.routes import assemble
from jwt_wsgi.coverage.stacks import routes_of
from jwt_wsgi.policy.policy import Policy, Rule

_HEADING = "no rule decides these endpoints, or only a catch-all"
_STRICT_HEADING = "no rule for their own path decides these endpoints"


@dataclass(frozen=True, slots=True)
class Report:
    """The endpoints of an application, in the order of its route table. `str` is a table.

    Attributes:
        endpoints: The endpoints.
        unmatched_rules: The rules that decide no path of any route. Each may have a typing error,
            or stand for an endpoint that is gone.
    """

    endpoints: tuple[Endpoint, ...]
    unmatched_rules: tuple[Rule, ...] = ()

    @property
    def uncovered(self) -> tuple[Endpoint, ...]:
        """The endpoints that no rule decides, or only a catch-all, or that are uncertain."""
        return tuple(endpoint for endpoint in self.endpoints if not endpoint.covered)

    @property
    def without_own_rule(self) -> tuple[Endpoint, ...]:
        """The endpoints that rules for their own path do not decide, or that are uncertain."""
        return tuple(endpoint for endpoint in self.endpoints if not endpoint.has_own_rule)

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self.endpoints)

    def __len__(self) -> int:
        return len(self.endpoints)

    def __str__(self) -> str:
        if not self.unmatched_rules:
            return _table(self.endpoints)
        keys = "\n".join(rule.key for rule in self.unmatched_rules)
        return f"{_table(self.endpoints)}\n\nrules that match no route:\n{keys}"


def coverage(app: Any, policy: Policy, *, urlconf: Any = None) -> Report:
    """Return every endpoint of an application, with the rules that may decide it.

    Nothing is called, and no request is made.

    Args:
        app: An application of Flask, Django, Pyramid, Bottle or Falcon, an object with a mapping
            `routes` of exact paths, or an OpenAPI 3 document as a mapping. The application may
            stand behind the layers, behind Werkzeug's middleware, or at a mount of Werkzeug's
            dispatcher.
        policy: The policy that guards it.
        urlconf: Django's URLconf, if it is not that of the settings.

    Raises:
        TypeError: The application cannot be read, or the policy is not a `Policy`.
        ValueError: The application has no routes, another policy stands in front of it, or the
            document is not one of OpenAPI 3.
    """
    if not isinstance(policy, Policy):
        raise TypeError(f"coverage(): {type(policy).__name__} is not a policy; write Policy(rules)")
    checker = RouteChecker(policy)
    endpoints: list[Endpoint] = []
    for entry, guarded in routes_of(app, policy, urlconf):
        route = assemble(entry.parts, certain=entry.certain, spelling=entry.spelling)
        endpoints += checker.endpoints(route, entry.methods, entry.name, guarded=guarded)
    unmatched = tuple(rule for rule in policy.rules if rule.key not in checker.matched)
    return Report(tuple(endpoints), unmatched)


def assert_covered(
    app: Any,
    policy: Policy,
    accept: Iterable[str] = (),
    *,
    urlconf: Any = None,
    strict: bool = False,
) -> None:
    """Raise `AssertionError` with a table unless rules decide all endpoints.

    A catch-all is a rule that names no segment, such as `/`. It counts as a rule only if it
    requires more than a valid token.

    Args:
        app: The application, as for `coverage`.
        policy: The policy that guards it.
        accept: The exceptions, named as in the table: `"GET /static/{filename...}"`. One that
            names no uncovered endpoint is an error too.
        urlconf: Django's URLconf, if it is not that of the settings.
        strict: Require a rule for the own path of every endpoint. By default, a rule for a path
            above it is enough.

    Raises:
        AssertionError: An endpoint is not covered, or an exception is out of date.
        TypeError: As `coverage`, and for an `accept` that is not a list.
        ValueError: As `coverage`.
    """
    if isinstance(accept, str):
        raise TypeError(f"accept={accept!r}: write a list of endpoints")
    accepted = list(accept)
    report = coverage(app, policy, urlconf=urlconf)
    uncovered = report.without_own_rule if strict else report.uncovered
    uncovered_keys = {endpoint.key for endpoint in uncovered}
    stale = [name for name in accepted if name not in uncovered_keys]
    remaining = [endpoint for endpoint in uncovered if endpoint.key not in accepted]
    messages: list[str] = []
    if remaining:
        messages.append(f"{_STRICT_HEADING if strict else _HEADING}:\n")
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
    covered_by: str
    notes: str
    name: str


_HEADINGS = _Row("endpoint", "takes", "decided by", "covered by", "", "name")


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
        covered_by=endpoint.covered_by,
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
