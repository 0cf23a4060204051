"""`Policy`: rules that are compiled once and matched with every request. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from jwt_wsgi.bindings import (
    BINDINGS,
    DPOP,
    MTLS,
    UNBOUND,
    Alternatives,
    Binding,
    provable,
    require_both,
)
from jwt_wsgi.errors import InvalidRequest
from jwt_wsgi.policy.algebra import DENY, OPTIONAL, PUBLIC, Access, Requirement
from jwt_wsgi.policy.findings import HIERARCHY_CODES, validate_accept, without_accepted
from jwt_wsgi.policy.lint import Finding, findings
from jwt_wsgi.policy.matcher import RuleMatcher
from jwt_wsgi.policy.openapi import security_scheme, with_security
from jwt_wsgi.policy.reporting import ReportOnly
from jwt_wsgi.policy.rules import Match, Rule, Rules
from jwt_wsgi.policy.subtree import paths_in_mounts, places_within, scopes_named
from jwt_wsgi.scope_hierarchy import ScopeHierarchy, ScopeImplies, read_hierarchies

__all__ = ["Match", "Policy", "Rule", "Rules"]


class Policy(RuleMatcher):
    """The rules that say which requirement guards which path and method.

    A rule covers its path and everything below it. The innermost pattern that covers a request
    decides alone. Requests that match no rule get the default. A pattern that ends with
    `{name...}` also accepts empty segments below its path.

    Args:
        rules: A mapping of keys such as `"GET /users/{id}"` to requirements, or pairs of them.
        default: The requirement for paths that no pattern covers. `DENY` by default.
        mounts: The expected values of `SCRIPT_NAME`. Requests with another value are refused with
            400 (`mount_unknown`). By default only the empty one, for an application at the root.
        allow_vhm_root: Accept requests with the header `X-Vhm-Root`, which moves Pyramid's
            traversal to another place. False by default: they are refused with 400.
        report_only: Refuse nothing, and report what would be refused. False by default.
        accept: Findings of the linter that are intended, as pairs of a code and the key of a
            rule. `lint` leaves them out, and flags a pair that matches no finding
            (`stale_acceptance`). None by default.

    Attributes:
        rules: The rules, in the order in which they were written.
        default: The requirement for paths that no pattern covers.
        mounts: The expected values of `SCRIPT_NAME`.
        allow_vhm_root: True if requests with `X-Vhm-Root` are accepted.
        report_only: True if refusals are only reported.
        accept: The findings that are intended.
        has_public: True if a rule or the default is `PUBLIC`.

    Raises:
        ValueError: An argument is invalid, or two patterns overlap with neither inside the other.
            The text names the rule and the remedy.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        default: Requirement = DENY,
        mounts: Iterable[str] = ("",),
        allow_vhm_root: bool = False,
        report_only: bool = False,
        accept: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(rules, default=default, mounts=mounts, allow_vhm_root=allow_vhm_root)
        self.report_only = report_only
        self.accept = validate_accept(accept, {rule.key for rule in self.rules})
        self.has_public = PUBLIC in (self.default, *(rule.requirement for rule in self.rules))

    def is_public(self, environ: Mapping[str, Any]) -> bool:
        """Return whether the rule for this request is `PUBLIC`; False for an ambiguous request.

        Args:
            environ: A WSGI environ. It is not changed.
        """
        try:
            return self.has_public and self.match(environ).requirement is PUBLIC
        except InvalidRequest:
            return False

    def reports_only(self, environ: Mapping[str, Any]) -> bool:
        """Return whether nothing refuses this request, not even a bad token.

        An ambiguous request is refused, unless the whole policy only reports.

        Args:
            environ: A WSGI environ. It is not changed.
        """
        try:
            requirement = self.match(environ).requirement
        except InvalidRequest:
            return self.report_only
        if self.report_only:
            return True
        return isinstance(requirement, ReportOnly) and requirement.enforced is OPTIONAL

    def scopes_asked(self, environ: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the scopes that the rule for this request names to a caller without a token.

        Args:
            environ: A WSGI environ. It is not changed.
        """
        try:
            match = self.match(environ)
        except InvalidRequest:
            return ()
        return match.requirement.scopes_asked(match.request)

    def scopes_within(self, path: str) -> tuple[str, ...]:
        """Return the scopes that a path needs, and the rules of every method below it.

        They are those that challenges name: of alternatives, the scopes of the first. Rules that
        only report count as well.

        Args:
            path: A path from the root of the host, without a slash at its end, as a server hands it
                over in `SCRIPT_NAME` and `PATH_INFO`: its octets as Latin-1.

        Raises:
            InvalidRequest: The path can be read in more than one way.
        """
        keys: set[str] = set()
        requirements: list[Requirement] = []
        for segments in paths_in_mounts(path, self.mounts):
            own_place, *places = places_within(self._root, segments)
            keys.update(rule.key for place in (own_place, *places) for rule in place.values())
            if not own_place:
                requirements.append(self.default)
        requirements += [rule.requirement for rule in self.rules if rule.key in keys]
        names = [name for requirement in requirements for name in scopes_named(requirement)]
        return tuple(dict.fromkeys(names))

    def has_rules_within(self, path: str) -> bool:
        """Return whether a rule decides a path, or one below it; True for any default but `DENY`.

        Args:
            path: As for `scopes_within`.

        Raises:
            InvalidRequest: The path can be read in more than one way.
        """
        if self.default is not DENY:
            return True
        paths = paths_in_mounts(path, self.mounts)
        return any(any(places_within(self._root, segments)) for segments in paths)

    def possession_asked(self, environ: Mapping[str, Any]) -> Alternatives:
        """Return the keys whose possession the rule for this request demands, as alternatives.

        Args:
            environ: A WSGI environ. It is not changed.
        """
        try:
            return self.match(environ).requirement.demand
        except InvalidRequest:
            return UNBOUND

    def check_possession(self, bindings: Binding, demand: Alternatives) -> None:
        """Check that a stack can satisfy every rule about tokens that are bound to a key.

        Args:
            bindings: The bindings that the stack checks: `dpop`, `mtls`.
            demand: The keys whose possession the stack demands of every token, as alternatives.

        Raises:
            ValueError: A rule demands a key that the stack can never check.
        """
        for where, requirement in self.unprovable(bindings, demand):
            total = require_both(requirement.demand, demand)
            remedy = " or ".join(sorted(_options_for(total, bindings)))
            raise ValueError(
                f"{where}: {requirement!r} can never be satisfied, because this stack does not "
                f"check the key; give it {remedy}"
            )

    def unprovable(
        self, bindings: Binding, demand: Alternatives
    ) -> Iterator[tuple[str, Requirement]]:
        """Yield the requirements that no token can satisfy, each with its place in words.

        Args:
            bindings: The bindings that the stack checks: `dpop`, `mtls`.
            demand: The keys whose possession the stack demands of every token, as alternatives.
        """
        for where, requirement in self._requirements():
            # `PUBLIC`, `OPTIONAL` and `DENY` ask for nothing of a token.
            if isinstance(requirement, Access):
                continue
            if not provable(require_both(requirement.demand, demand), bindings):
                yield where, requirement

    def lint(
        self,
        *,
        issuers: int = 1,
        scope_implies: ScopeImplies | Iterable[ScopeImplies | ScopeHierarchy] | None = None,
    ) -> tuple[Finding, ...]:
        """Return findings about rules that may not do what you intended, without the accepted.

        Args:
            issuers: The number of issuers that are trusted.
            scope_implies: The option `scope_implies` of the issuers: one mapping for all, or a list
                with one for each. By default it is unknown.

        Raises:
            ValueError: `scope_implies` is invalid.
        """
        hierarchies = read_hierarchies(() if scope_implies is None else scope_implies)
        results = findings(self._root, self.rules, self.default, issuers, hierarchies)
        if not self.accept:
            return results
        # The policy does not know the issuers when it accepts a finding.
        possible = findings(self._root, self.rules, self.default, max(issuers, 2), hierarchies)
        accept = self.accept
        if scope_implies is None:
            accept = tuple(pair for pair in accept if pair[0] not in HIERARCHY_CODES)
        return without_accepted(results, accept, possible)

    def openapi(
        self,
        document: Mapping[str, Any],
        *,
        issuer: str | None = None,
        flows: Mapping[str, Any] | None = None,
        scheme: str | None = None,
        base_path: str | None = None,
    ) -> dict[str, Any]:
        """Return a copy of an OpenAPI 3 document with the security of each operation.

        Operations get the scopes of the rule that decides them, in place of their own `security`.
        For a path with variables, it is the rule for values that no rule names. Requirements
        other than scopes have no form in OpenAPI; such an operation requires a token.

        Args:
            document: The document, as a mapping. It is not changed.
            issuer: The issuer of OpenID Connect that the new scheme of the type `openIdConnect`
                names. Without it and without `flows`, the document's own scheme of the type
                `oauth2` or `openIdConnect` is used, or else a new one of the type `oauth2`.
            flows: The flows of a new scheme of the type `oauth2`. The scopes are added to each.
            scheme: The name of the scheme in the document.
            base_path: The path in front of the document's paths, as the application sees it, in
                place of the path of its servers.

        Raises:
            ValueError: The document is not one of OpenAPI 3, or an argument is invalid.
        """
        used = security_scheme(document, issuer=issuer, flows=flows, name=scheme)
        return with_security(document, used, self.decide, mounts=self.mounts, base_path=base_path)

    def same_rules(self, other: "Policy") -> bool:
        """Return whether another policy has equal rules, default, mounts and `allow_vhm_root`.

        Two such policies decide every request alike.
        """
        return (
            self.rules == other.rules
            and self.default == other.default
            and self.mounts == other.mounts
            and self.allow_vhm_root == other.allow_vhm_root
        )

    def _requirements(self) -> Iterator[tuple[str, Requirement]]:
        for rule in self.rules:
            yield f"rule {rule.key!r}", rule.requirement
        yield "default", self.default

    def __str__(self) -> str:
        lines = [(rule.key, rule.requirement) for rule in self.rules]
        lines.append(("otherwise", self.default))
        width = max(len(key) for key, _ in lines)
        return "\n".join(f"{key:<{width}}  {requirement}" for key, requirement in lines)

    def __repr__(self) -> str:
        return f"Policy({{{', '.join(map(str, self.rules))}}})"


#: The option of a stack that checks a binding.
_OPTIONS: Final = {DPOP: "dpop=DPoP(...)", MTLS: "client_certificate=..."}


def _options_for(demand: Alternatives, bindings: Binding) -> Iterator[str]:
    """Yield the options that a stack lacks, for each alternative of a demand."""
    for alternative in demand:
        yield " and ".join(_OPTIONS[name] for name in BINDINGS if name in alternative - bindings)
