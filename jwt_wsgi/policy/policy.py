"""`Policy`: rules compiled once, asked for every request. Pure."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from jwt_wsgi.auth import Auth
from jwt_wsgi.errors import AuthError, InvalidRequest
from jwt_wsgi.policy import patterns
from jwt_wsgi.policy.paths import Segments, canonical, method_of
from jwt_wsgi.policy.requirements import (
    DENY,
    NO_RULE,
    PUBLIC,
    Request,
    Requirement,
    checked,
)

logger = logging.getLogger("jwt_wsgi.policy")

_NO_PARAMS: Mapping[str, str] = MappingProxyType({})

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
    """The rule that decides one request, None where no rule does, and its path parameters."""

    rule: Rule | None
    requirement: Requirement
    params: Mapping[str, str] = _NO_PARAMS

    def refusal(self, auth: Auth | None) -> AuthError | None:
        """Why a caller with this auth may not pass, or None."""
        return self.requirement.refusal(auth, Request(self.params))


class _Place:
    """The rules of one pattern, by method; None is the rule for every method."""

    __slots__ = ("rules",)

    def __init__(self) -> None:
        self.rules: dict[str | None, Rule] = {}

    def rule(self, method: str) -> Rule | None:
        rules = self.rules
        found = rules.get(method)
        if found is None and method == "HEAD":
            found = rules.get("GET")
        return found or rules.get(None)


class Policy:
    """Which requirement guards which path and method; the innermost pattern decides alone.

    `rules` maps keys such as `"GET /users/{id}"` to requirements, or is pairs of
    them. `default` is what paths that no pattern covers ask for. `mounts` are the
    values of `SCRIPT_NAME` that are expected. `allow_vhm_root` lets requests with
    `X-Vhm-Root` pass, for Pyramid behind a virtual host.

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
    ) -> None:
        self._default = Match(None, NO_RULE if default is DENY else checked(default, "default"))
        self._mounts = _mounts(mounts)
        self._allow_vhm_root = allow_vhm_root
        self._mount_reported = False
        self._root = patterns.Node()
        self._rules = tuple(self._add(key, requirement) for key, requirement in _pairs(rules))
        _check_overlaps(self._root)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules as they were written."""
        return self._rules

    def match(self, environ: Mapping[str, Any]) -> Match:
        """The rule that decides this request; raises `InvalidRequest` where it is ambiguous."""
        if environ.get("SCRIPT_NAME", "") not in self._mounts:
            self._report_mount(environ.get("SCRIPT_NAME"))
            raise InvalidRequest("mount_unknown")
        if "HTTP_X_VHM_ROOT" in environ and not self._allow_vhm_root:
            raise InvalidRequest("path_ambiguous", expected="no X-Vhm-Root")
        segments = canonical(environ.get("PATH_INFO", ""))
        return self._decide(segments, method_of(environ))

    def is_public(self, environ: Mapping[str, Any]) -> bool:
        """Whether the rule for this request is `PUBLIC`; False for an ambiguous request."""
        try:
            return self.match(environ).requirement is PUBLIC
        except InvalidRequest:
            return False

    def _decide(self, segments: Segments, method: str) -> Match:
        place = patterns.innermost(self._root, segments)
        if place is None:
            return self._default
        rule = place.rule(method)
        if rule is None:
            return _NO_METHOD
        params = {name: segments[position] for name, position in rule.parameters}
        return Match(rule, rule.requirement, MappingProxyType(params))

    def _add(self, key: str, requirement: Requirement) -> Rule:
        methods, pattern, names = patterns.parse(key)
        positions = (i for i, segment in enumerate(pattern.segments) if segment is None)
        rule = Rule(
            key, checked(requirement, f"rule {key!r}"), tuple(zip(names, positions, strict=True))
        )
        node = self._root.reach(pattern)
        if pattern.exact:
            place = node.exact = node.exact or _Place()
        else:
            place = node.subtree = node.subtree or _Place()
        for method in methods or (None,):
            if method in place.rules:
                raise ValueError(
                    f"rule {key!r}: {place.rules[method].key!r} is the same place"
                    f"{' and method' if method else ''} already; keep one of them"
                )
            place.rules[method] = rule
        return rule

    def _report_mount(self, script_name: object) -> None:
        if not self._mount_reported:
            self._mount_reported = True
            logger.error(
                "SCRIPT_NAME is %.200a and Policy(mounts=%r) does not name it: refusing; "
                "name it where the application is mounted there",
                script_name,
                sorted(self._mounts),
            )

    def __repr__(self) -> str:
        return f"Policy({{{', '.join(map(str, self._rules))}}})"


_NO_METHOD = Match(None, NO_RULE)


def _pairs(rules: Rules) -> list[tuple[str, Requirement]]:
    pairs = rules.items() if isinstance(rules, Mapping) else rules
    if isinstance(pairs, str) or not isinstance(pairs, Iterable):
        raise ValueError(f"rules={rules!r}: write a mapping of paths to requirements, or pairs")
    listed = [tuple(pair) if isinstance(pair, list | tuple) else (pair,) for pair in pairs]
    for pair in listed:
        if len(pair) != 2:
            raise ValueError(f"rules holds {pair!r}: write pairs of a path and a requirement")
    return listed


def _mounts(mounts: Iterable[str]) -> frozenset[str]:
    if isinstance(mounts, str):
        raise ValueError(f"mounts={mounts!r}: write a list, such as ({mounts!r},)")
    names = frozenset(mounts)
    for name in names:
        if not isinstance(name, str) or (name and not name.startswith("/")) or name.endswith("/"):
            raise ValueError(
                f"mounts holds {name!r}: write '' or a path such as '/app', as SCRIPT_NAME has it"
            )
    if not names:
        raise ValueError("mounts is empty: write ('',) for an application at the root")
    return names


def _check_overlaps(root: patterns.Node) -> None:
    missing = patterns.missing_intersections(root)
    if missing:
        raise ValueError(
            "patterns overlap with neither inside the other, so no order of precedence is "
            "safe; add the rules that say what holds where both apply: "
            + ", ".join(map(str, missing))
            + " (or end one of the two with {$}, so that it covers nothing beneath it)"
        )
