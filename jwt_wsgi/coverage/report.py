"""The report: an application's endpoints as a table, and as an assertion."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from jwt_wsgi.coverage.endpoints import Endpoint, Judge, few
from jwt_wsgi.coverage.routes import assemble
from jwt_wsgi.coverage.stacks import routes_of
from jwt_wsgi.policy.policy import Policy


@dataclass(frozen=True, slots=True)
class Report:
    """The endpoints of an application, in the order of its route table. `str` is a table."""

    endpoints: tuple[Endpoint, ...]

    @property
    def uncovered(self) -> tuple[Endpoint, ...]:
        """Those that no rule for their own path decides, or that are uncertain."""
        return tuple(endpoint for endpoint in self.endpoints if not endpoint.covered)

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self.endpoints)

    def __len__(self) -> int:
        return len(self.endpoints)

    def __str__(self) -> str:
        return _table(self.endpoints)


def coverage(app: Any, policy: Policy, *, urlconf: Any = None) -> Report:
    """Every endpoint of `app`, and which rules of `policy` may decide it.

    `app` is an application of Flask, Django, Pyramid, Bottle or Falcon, or an
    object with a mapping `routes` of exact paths; bare, behind the layers, behind
    Werkzeug's middleware, or at a mount of its dispatcher. `urlconf` is Django's,
    where it is not that of the settings. Nothing is called, and no request is made.

    Raises `TypeError` for what cannot be read, `ValueError` for an application
    without routes, or with another policy in front.
    """
    if not isinstance(policy, Policy):
        raise TypeError(f"coverage(): {type(policy).__name__} is no policy; write Policy(rules)")
    judge = Judge(policy)
    judged: list[Endpoint] = []
    for found, guarded in routes_of(app, policy, urlconf):
        route = assemble(found.pieces, certain=found.certain, spelling=found.spelling)
        judged += judge.endpoints(route, found.methods, found.name, guarded=guarded)
    return Report(tuple(judged))


def assert_covered(
    app: Any, policy: Policy, accept: Iterable[str] = (), *, urlconf: Any = None
) -> None:
    """Raises `AssertionError` with a table where an endpoint is not covered by a rule for its own path.

    `accept` names the exceptions as the table does: `"GET /static/{filename...}"`.
    One that names no uncovered endpoint is an error too. Otherwise as `coverage`.
    """
    if isinstance(accept, str):
        raise TypeError(f"accept={accept!r}: write a list of endpoints")
    accepted = list(accept)
    uncovered = coverage(app, policy, urlconf=urlconf).uncovered
    stale = [name for name in accepted if name not in {endpoint.key for endpoint in uncovered}]
    left = [endpoint for endpoint in uncovered if endpoint.key not in accepted]
    said = []
    if left:
        said.append(f"no rule for their own path decides these endpoints:\n\n{_table(left)}\n")
        said += [f"{endpoint.key}: {_advice(endpoint)}" for endpoint in left]
    if stale:
        said.append(
            f"accept names what is no uncovered endpoint, so take it out: {', '.join(map(repr, stale))}"
        )
    if said:
        raise AssertionError("\n".join(said))


def _advice(endpoint: Endpoint) -> str:
    if not endpoint.decisions:
        return "it stands outside the policy; put the layers in front of it, or accept it"
    if endpoint.uncertain:
        return "its route cannot be read with certainty; write it plainly, or accept it"
    if not endpoint.remedy:
        return "no pattern names it alone; accept it"
    return f"write a rule for {endpoint.remedy!r}, or accept it"


def _table(endpoints: Iterable[Endpoint]) -> str:
    rows = [("endpoint", "takes", "decided by", "", "name"), *map(_row, endpoints)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = (
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _row(endpoint: Endpoint) -> tuple[str, ...]:
    decided = few([str(decision) for decision in endpoint.decisions], ", ") or "outside the policy"
    notes = {
        "uncertain": endpoint.uncertain,
        "catch-all": endpoint.catch_all,
        "automatic": endpoint.automatic,
    }
    said = ", ".join(note for note, is_so in notes.items() if is_so)
    return endpoint.key, endpoint.requirement, decided, said, endpoint.name
