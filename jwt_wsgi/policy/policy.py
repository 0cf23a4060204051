"""`Policy`: rules that are compiled once and matched with every request. Pure."""

import logging
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from jwt_wsgi.errors import InvalidRequest
from jwt_wsgi.policy import overlaps, tree
from jwt_wsgi.policy.algebra import DENY, NO_RULE, OPTIONAL, PUBLIC, Request, Requirement
from jwt_wsgi.policy.findings import validate_accept, without_accepted
from jwt_wsgi.policy.lint import Finding, findings
from jwt_wsgi.policy.openapi import security_scheme, with_security
from jwt_wsgi.policy.paths import Segments, canonical, check_method, empty_segment, validate_mounts
from jwt_wsgi.policy.reporting import ReportOnly
from jwt_wsgi.policy.rules import (
    Match,
    Rule,
    Rules,
    parse_rule,
    rule_pairs,
    validate_rule_requirement,
)

__all__ = ["Match", "Policy", "Rule", "Rules"]

logger = logging.getLogger("jwt_wsgi.policy")

#: Matches in the cache; when it is full, it is emptied.
_MAX_CACHED_MATCHES = 1024
#: Characters of mount, path and method together, above which a match is not cached.
_MAX_CACHED_CHARACTERS = 256


class Policy:
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
        self.default = validate_rule_requirement(default, "default", ())
        self.mounts = validate_mounts(mounts)
        self.allow_vhm_root = allow_vhm_root
        self.report_only = report_only
        self._mount_reported = False
        self._root = tree.Node()
        self._has_tails = False
        self.rules = tuple(self._add_rule(*pair) for pair in rule_pairs(rules))
        if self._has_tails:
            overlaps.check_tails(self._root)
        overlaps.check_overlaps(self._root)
        self.accept = validate_accept(accept, {rule.key for rule in self.rules})
        self._default_match = _match_of_default(self.default)
        self._constant_matches = {
            rule.key: Match(rule, rule.requirement) for rule in self.rules if not rule.parameters
        }
        self._has_public = PUBLIC in (self.default, *(rule.requirement for rule in self.rules))
        self._match_cache: dict[tuple[str, str, str], Match] = {}

    def match(self, environ: Mapping[str, Any]) -> Match:
        """Return the rule that decides this request.

        Args:
            environ: A WSGI environ. It is not changed.

        Raises:
            InvalidRequest: The request can be read in more than one way.
        """
        if "HTTP_X_VHM_ROOT" in environ and not self.allow_vhm_root:
            raise InvalidRequest(
                "path_ambiguous", expected="no X-Vhm-Root", found="the header X-Vhm-Root"
            )
        try:
            cached = self._match_cache.get(
                (environ["SCRIPT_NAME"], environ["PATH_INFO"], environ["REQUEST_METHOD"])
            )
        except (KeyError, TypeError):
            # PEP 3333 lets a server leave out empty values. A value that is not text is not a key.
            cached = None
        if cached is not None:
            return cached
        get = environ.get
        return self._find_match(
            get("SCRIPT_NAME", ""), get("PATH_INFO", ""), get("REQUEST_METHOD", "")
        )

    def is_public(self, environ: Mapping[str, Any]) -> bool:
        """Return whether the rule for this request is `PUBLIC`; False for an ambiguous request.

        Args:
            environ: A WSGI environ. It is not changed.
        """
        try:
            return self._has_public and self.match(environ).requirement is PUBLIC
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

    def lint(self, *, issuers: int = 1) -> tuple[Finding, ...]:
        """Return findings about rules that may not do what you intended, without the accepted.

        Args:
            issuers: The number of issuers that are trusted.
        """
        results = findings(self._root, self.rules, self.default, issuers)
        if not self.accept:
            return results
        # The policy does not know how many issuers there are when it accepts a finding.
        possible = findings(self._root, self.rules, self.default, max(issuers, 2))
        return without_accepted(results, self.accept, possible)

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

    def decide(self, segments: Segments, method: str) -> Match:
        """Return the decision for a path that is taken apart already.

        Args:
            segments: The segments of a path, decoded. None is `.` or `..`.
            method: The request method, in upper case.

        Raises:
            InvalidRequest: A segment is empty, and no tail covers the path.
        """
        if "" in segments:
            place = tree.tail_around(self._root, segments)
            if not place:
                raise empty_segment(segments)
        else:
            place = tree.innermost(self._root, segments)
        if not place:
            return self._default_match
        rule: Rule | None = tree.rule_for_method(place, method)
        if rule is None:
            return Match(None, NO_RULE)
        if not rule.parameters:
            return self._constant_matches[rule.key]
        params = {name: segments[position] for name, position in rule.parameters}
        return Match(rule, rule.requirement, Request(MappingProxyType(params)))

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

    def _find_match(self, mount: str, path: str, method: str) -> Match:
        if mount not in self.mounts:
            self._report_mount(mount)
            raise InvalidRequest("mount_unknown", expected=self.mounts, found=mount)
        segments = canonical(path, keep_empty=self._has_tails)
        check_method(method)
        match = self.decide(segments, method)
        if len(mount) + len(path) + len(method) <= _MAX_CACHED_CHARACTERS:
            if len(self._match_cache) >= _MAX_CACHED_MATCHES:
                self._match_cache.clear()
            self._match_cache[mount, path, method] = match
        return match

    def _report_mount(self, mount: str) -> None:
        """Log an unknown mount, the first time only, because clients may cause it at will."""
        if not self._mount_reported:
            logger.error(
                "SCRIPT_NAME %.200a is refused: Policy(mounts=%a) does not name it",
                mount,
                self.mounts,
            )
        self._mount_reported = True

    def _add_rule(self, key: str, requirement: Requirement) -> Rule:
        methods, pattern, rule = parse_rule(key, requirement)
        place = self._root.place_of(pattern)
        self._has_tails = self._has_tails or pattern.tail
        for method in methods or (tree.OTHER_METHODS,):
            if method in place:
                raise ValueError(
                    f"rule {key!r}: '{place[method]}' says already what holds there; keep one"
                )
            place[method] = rule
        if len({other.has_tail for other in place.values()}) > 1:
            raise ValueError(
                f"rule {key!r}: covers what {next(iter(place.values())).key!r} covers, and one of "
                "the two is a tail; end both with {name...}, or both with {name}"
            )
        return rule

    def __str__(self) -> str:
        lines = [(rule.key, rule.requirement) for rule in self.rules]
        lines.append(("otherwise", self.default))
        width = max(len(key) for key, _ in lines)
        return "\n".join(f"{key:<{width}}  {requirement}" for key, requirement in lines)

    def __repr__(self) -> str:
        return f"Policy({{{', '.join(map(str, self.rules))}}})"


def _match_of_default(default: Requirement) -> Match:
    if default is DENY:
        # The reason of the refusal is then `no_rule`, and not `denied`.
        return Match(None, NO_RULE)
    return Match(None, default)
