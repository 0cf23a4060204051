"""`Policy`: rules compiled once, asked for every request. Pure."""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from jwt_wsgi.auth import Auth
from jwt_wsgi.errors import AuthError, InvalidRequest
from jwt_wsgi.options import must
from jwt_wsgi.policy import overlaps, patterns, tree
from jwt_wsgi.policy.algebra import (
    DENY,
    NO_RULE,
    OPTIONAL,
    PUBLIC,
    AtomicCondition,
    ReportOnly,
    Request,
    Requirement,
    leaves,
    validate_requirement,
)
from jwt_wsgi.policy.lint import Finding, findings
from jwt_wsgi.policy.paths import METHOD, Segments, canonical

logger = logging.getLogger("jwt_wsgi.policy")

_MOUNT = re.compile("|/.*[^/]")
#: Requests whose match is remembered, and how long their path may be.
_MATCHES, _MATCH_CHARACTERS = 1024, 256

Rules = Mapping[str, Requirement] | Iterable[tuple[str, Requirement]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as it was written: its key, its requirement and its parameters' positions."""

    key: str
    requirement: Requirement
    parameters: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        return f"{self.key}: {self.requirement!r}"


class Match(NamedTuple):
    """The rule that decides one request, None where no rule does, and what it may know of the request."""

    rule: Rule | None
    requirement: Requirement
    request: Request = Request()

    @property
    def params(self) -> Mapping[str, str]:
        """The path parameters: the text of each `{name}`."""
        return self.request.params

    def refusal(self, auth: Auth | None) -> AuthError | None:
        """Why a caller with this auth may not pass, or None."""
        return self.requirement.refusal(auth, self.request)


class Policy:
    """Which requirement guards which path and method; the innermost pattern decides alone.

    `rules` maps keys such as `"GET /users/{id}"` to requirements, or is pairs of
    them. `default` is what paths that no pattern covers ask for. `mounts` are the
    values of `SCRIPT_NAME` that are expected. `allow_vhm_root` lets requests with
    `X-Vhm-Root` pass, for Pyramid behind a virtual host. With `report_only` nothing
    is refused, and what would be is reported.

    Raises `ValueError` that names the rule and the remedy, also for patterns that
    overlap with neither inside the other.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        default: Requirement = DENY,
        mounts: Iterable[str] = ("",),
        allow_vhm_root: bool = False,
        report_only: bool = False,
    ) -> None:
        self.default = _fitting(default, "default")
        self.report_only = report_only
        self._default = Match(None, NO_RULE if default is DENY else self.default)
        self._mounts = _mounts(mounts)
        self._mount_reported = False
        self._allow_vhm_root = allow_vhm_root
        self._root = tree.Node()
        self._matches: dict[tuple[str, str, str], Match] = {}
        self.rules = tuple(self._add(key, requirement) for key, requirement in _pairs(rules))
        self._plain = {
            rule.key: Match(rule, rule.requirement) for rule in self.rules if not rule.parameters
        }
        self._any_public = PUBLIC in (self.default, *(rule.requirement for rule in self.rules))
        missing = overlaps.missing_intersections(self._root)
        offer = " (or end one of the two with {$}, so that it covers nothing beneath it)" * any(
            missing.values()
        )
        must(
            not missing,
            "patterns overlap with neither inside the other, so no order of precedence is safe; add the rules that "
            f"say what holds where both apply: {', '.join(map(str, missing))}{offer}",
        )

    def match(self, environ: Mapping[str, Any]) -> Match:
        """The rule that decides this request; raises `InvalidRequest` where it is ambiguous."""
        if "HTTP_X_VHM_ROOT" in environ and not self._allow_vhm_root:
            raise InvalidRequest("path_ambiguous", expected="no X-Vhm-Root")
        try:
            known = self._matches.get(
                (environ["SCRIPT_NAME"], environ["PATH_INFO"], environ["REQUEST_METHOD"])
            )
        except (
            KeyError,
            TypeError,
        ):  # PEP 3333 lets a server leave out what is empty; what is no text is no key
            known = None
        if known is not None:
            return known
        get = environ.get
        return self._matched(
            get("SCRIPT_NAME", ""), get("PATH_INFO", ""), get("REQUEST_METHOD", "")
        )

    def _matched(self, mount: str, path: str, method: str) -> Match:
        if mount not in self._mounts:
            if not self._mount_reported:
                logger.error(
                    "SCRIPT_NAME %.200a is refused: Policy(mounts=%a) does not name it",
                    mount,
                    self._mounts,
                )
            self._mount_reported = True
            raise InvalidRequest("mount_unknown", expected=self._mounts, found=mount)
        segments = canonical(path)
        if not isinstance(method, str) or not METHOD.fullmatch(method):
            raise InvalidRequest("method_ambiguous")
        match = self.decide(segments, method)
        if len(mount) + len(path) + len(method) <= _MATCH_CHARACTERS:
            if len(self._matches) >= _MATCHES:
                self._matches.clear()
            self._matches[mount, path, method] = match
        return match

    def is_public(self, environ: Mapping[str, Any]) -> bool:
        """Whether the rule for this request is `PUBLIC`; False for an ambiguous request."""
        try:
            return self._any_public and self.match(environ).requirement is PUBLIC
        except InvalidRequest:
            return False

    def reports_only(self, environ: Mapping[str, Any]) -> bool:
        """Whether this request is never refused, a bad token included; False for an ambiguous request."""
        try:
            asked = self.match(environ).requirement
        except InvalidRequest:
            return self.report_only
        return self.report_only or (isinstance(asked, ReportOnly) and asked.enforced is OPTIONAL)

    def lint(self, *, issuers: int = 1) -> tuple[Finding, ...]:
        """What may not be meant as it is written; `issuers` is how many are trusted."""
        return findings(self._root, self.rules, self.default, issuers)

    def decide(self, segments: Segments, method: str) -> Match:
        """What decides a path already taken apart, as `match` does for a request."""
        place = tree.innermost(self._root, segments)
        if not place:
            return self._default
        rule: Rule | None = tree.decider(place, method)
        if rule is None:
            return Match(None, NO_RULE)
        if not rule.parameters:
            return self._plain[rule.key]
        params = {name: segments[position] for name, position in rule.parameters}
        return Match(rule, rule.requirement, Request(MappingProxyType(params)))

    def _add(self, key: str, requirement: Requirement) -> Rule:
        methods, pattern, names = patterns.parse(key)
        positions = (i for i, segment in enumerate(pattern.segments) if segment is None)
        parameters = tuple(zip(names, positions, strict=True))
        rule = Rule(key, _fitting(requirement, f"rule {key!r}", names), parameters)
        node = self._root.reach(pattern.segments)
        place = node.exact if pattern.exact else node.subtree
        for method in methods or (None,):
            must(
                method not in place,
                f"rule {key!r}: '{place.get(method)}' says already what holds there; keep one",
            )
            place[method] = rule
        return rule

    def __str__(self) -> str:
        lines = [(rule.key, rule.requirement) for rule in self.rules] + [
            ("otherwise", self.default)
        ]
        width = max(len(key) for key, _ in lines)
        return "\n".join(f"{key:<{width}}  {requirement}" for key, requirement in lines)

    def __repr__(self) -> str:
        return f"Policy({{{', '.join(map(str, self.rules))}}})"


def _fitting(requirement: object, where: str, names: tuple[str, ...] = ()) -> Requirement:
    asked = validate_requirement(requirement, where)
    for name in (
        name for leaf in leaves(asked) if isinstance(leaf, AtomicCondition) for name in leaf.params
    ):
        must(
            name in names,
            f"{where}: {asked!r} asks for a path parameter {{{name}}} that the pattern does not have",
        )
    return asked


def _pairs(rules: Rules) -> list[tuple[str, Requirement]]:
    try:
        pairs = rules.items() if isinstance(rules, Mapping) else rules
        return [(key, requirement) for key, requirement in pairs]
    except (TypeError, ValueError):
        raise ValueError(f"rules={rules!r}: write a mapping of paths to requirements") from None


def _mounts(mounts: Iterable[str]) -> frozenset[str]:
    names = frozenset(
        mounts if isinstance(mounts, Iterable) and not isinstance(mounts, str) else ()
    )
    fits = bool(names) and all(isinstance(name, str) and _MOUNT.fullmatch(name) for name in names)
    must(
        fits,
        f"mounts={mounts!r}: write a list of paths as SCRIPT_NAME has them, such as ('/app',), or ('',)",
    )
    return names
