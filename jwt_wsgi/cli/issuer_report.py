"""The report of `check` on one issuer: its keys, its clock, and the provider it seems to be."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jwt_wsgi.cli.known_presets import PRESETS
from jwt_wsgi.cli.known_rows import ROWS
from jwt_wsgi.cli.output import escape, print_line, show_progress
from jwt_wsgi.cli.published_keys import PublishedKeys, published_keys_of
from jwt_wsgi.cli.recognition import Recognition, recognise
from jwt_wsgi.cli.times import describe_clock_skew
from jwt_wsgi.explain.dates import pluralize
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import single_sources
from jwt_wsgi.scope_hierarchy import NO_HIERARCHY, ScopeHierarchy

#: The page with the presets and the rows.
_PAGE = "docs/how-to/providers.md"
#: The providers that an issuer may be.
PROVIDERS = (*PRESETS, *ROWS)
#: How many scopes that imply others are printed.
_MAX_SCOPES = 20


@dataclass(frozen=True, slots=True)
class IssuerReport:
    """An issuer and what is wrong with it.

    Attributes:
        name: The issuer's name.
        recognition: The provider that it seems to be.
        published: The keys that it publishes, or None if it was not asked.
        problems: Sentences.
        scope_hierarchy: The scopes of its tokens that imply others.
    """

    name: str
    recognition: Recognition
    published: PublishedKeys | None = None
    problems: tuple[str, ...] = ()
    scope_hierarchy: ScopeHierarchy = NO_HIERARCHY

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        live = None if self.published is None else self.published.as_json()
        return {
            "issuer": self.name,
            "provider": self.recognition.as_json(),
            "problems": self.problems,
            "scope_implies": {
                name: sorted(implied)
                for name, implied in self.scope_hierarchy.implied_scopes.items()
            },
            "live": live,
        }


def check_issuer(issuer: Issuer, *, offline: bool) -> Iterator[IssuerReport]:
    """Yield a report for each remote key source of an issuer; one without keys if it has none.

    Args:
        issuer: The issuer.
        offline: True to contact nobody.
    """
    sources = [each for each in single_sources(issuer.keys) if isinstance(each, RemoteJWKS)]
    if offline or not sources:
        recognition = recognise(issuer.issuer, {}, PROVIDERS)
        yield IssuerReport(issuer.issuer, recognition, scope_hierarchy=issuer.scope_hierarchy)
        return
    is_alone = len(single_sources(issuer.keys)) == 1
    for source in sources:
        with show_progress(f"asking {issuer.issuer}"):
            published = published_keys_of(source, issuer.issuer)
        problems = (
            published.problem,
            _missing_algorithms(issuer, published) if is_alone else None,
            _clock_problem(published, issuer.profile.leeway),
        )
        yield IssuerReport(
            issuer.issuer,
            recognise(issuer.issuer, published.metadata, PROVIDERS),
            published,
            tuple(problem for problem in problems if problem is not None),
            issuer.scope_hierarchy,
        )


def _missing_algorithms(issuer: Issuer, published: PublishedKeys) -> str | None:
    missing = sorted(issuer.algorithms - published.algorithms)
    if not published.keys or not missing:
        return None
    present = ", ".join(sorted(published.algorithms)) or "none"
    return f"no key for {', '.join(missing)}; there are keys for {present}"


def _clock_problem(published: PublishedKeys, leeway: float) -> str | None:
    skew = published.clock_skew
    if skew is None or abs(skew) <= leeway:
        return None
    difference = describe_clock_skew(skew)
    return f"its clock is {difference}, over the leeway of {leeway:g} s; synchronize the clocks"


def print_report(issuer: IssuerReport) -> None:
    """Print the report for people."""
    if issuer.published is None:
        print_line(escape(f"Issuer {issuer.name}"))
    else:
        usable = f"{len(issuer.published.usable)} of {len(issuer.published.keys)}"
        print_line(escape(f"Issuer {issuer.name}: {usable} keys are usable"))
    _print_provider(issuer.recognition)
    _print_scopes(issuer.scope_hierarchy)
    for problem in issuer.problems:
        print_line(f"  {escape(problem, 500)}", "red")
    if issuer.published is None:
        return
    for key in issuer.published.keys:
        if key.why_skipped is not None:
            print_line(escape(f"  keys[{key.position}] is skipped: {key.why_skipped}"))


def _print_scopes(hierarchy: ScopeHierarchy) -> None:
    """Print the scopes that imply others, each with all that it implies."""
    names = sorted(hierarchy.implied_scopes)[:_MAX_SCOPES]
    for name in names:
        implied = ", ".join(sorted(hierarchy.implied_scopes[name]))
        print_line(f"  {escape(f'Scope {name} implies {implied}', 500)}")
    omitted = len(hierarchy.implied_scopes) - len(names)
    if omitted > 0:
        print_line(f"  and {pluralize(omitted, 'more scope')} that imply others")


def _print_provider(recognition: Recognition) -> None:
    """Print the provider. The text is this package's own, and nothing that an issuer published."""
    provider = recognition.provider
    how = "" if recognition.by is None else f", by its {recognition.by}"
    print_line(f"  Provider: {provider.name}{how}")
    if provider.preset is not None:
        print_line(f"  Preset: {provider.preset}")
    if provider.row is not None:
        print_line(f"  Lines: {_PAGE}#{provider.row}")
    print_line(f"  {provider.traps}")
