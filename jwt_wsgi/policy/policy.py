"""`Policy`: rules compiled once, asked for every request. Pure."""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from jwt_wsgi.auth import Auth
from jwt_wsgi.configuration import must
from jwt_wsgi.errors import AuthError, InvalidRequest
from jwt_wsgi.policy import patterns
from jwt_wsgi.policy.paths import METHOD, Segments, canonical
from jwt_wsgi.policy.requirements import DENY, NO_RULE, PUBLIC, Request, Requirement, checked

logger = logging.getLogger("jwt_wsgi.policy")

_MOUNT = re.compile("|/.*[^/]")
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
        self, rules: Rules, *, default: Requirement = DENY, mounts: Iterable[str] = ("",), allow_vhm_root: bool = False
    ) -> None:
        self._default = Match(None, NO_RULE if default is DENY else checked(default, "default"))
        self._mounts = _mounts(mounts)
        self._mount_reported = False
        self._allow_vhm_root = allow_vhm_root
        self._root = patterns.Node()
        self.rules = tuple(self._add(key, requirement) for key, requirement in _pairs(rules))
        missing = patterns.missing_intersections(self._root)
        offer = " (or end one of the two with {$}, so that it covers nothing beneath it)" * any(missing.values())
        must(
            not missing,
            "patterns overlap with neither inside the other, so no order of precedence is safe; add the rules that "
            f"say what holds where both apply: {', '.join(map(str, missing))}{offer}",
        )

    def match(self, environ: Mapping[str, Any]) -> Match:
        """The rule that decides this request; raises `InvalidRequest` where it is ambiguous."""
        mount = environ.get("SCRIPT_NAME", "")
        if mount not in self._mounts:
            if not self._mount_reported:
                logger.error("SCRIPT_NAME %.200a is refused: Policy(mounts=%a) does not name it", mount, self._mounts)
            self._mount_reported = True
            raise InvalidRequest("mount_unknown", expected=self._mounts, found=mount)
        if "HTTP_X_VHM_ROOT" in environ and not self._allow_vhm_root:
            raise InvalidRequest("path_ambiguous", expected="no X-Vhm-Root")
        segments = canonical(environ.get("PATH_INFO", ""))
        method = environ.get("REQUEST_METHOD", "")
        if not isinstance(method, str) or not METHOD.fullmatch(method):
            raise InvalidRequest("method_ambiguous")
        return self.decide(segments, method)

    def is_public(self, environ: Mapping[str, Any]) -> bool:
        """Whether the rule for this request is `PUBLIC`; False for an ambiguous request."""
        try:
            return self.match(environ).requirement is PUBLIC
        except InvalidRequest:
            return False

    def decide(self, segments: Segments, method: str) -> Match:
        """What decides a path already taken apart, as `match` does for a request."""
        place = patterns.innermost(self._root, segments)
        if not place:
            return self._default
        rule: Rule | None = place.get(method) or (place.get("GET") if method == "HEAD" else None) or place.get(None)
        if rule is None:
            return Match(None, NO_RULE)
        params = {name: segments[position] for name, position in rule.parameters}
        return Match(rule, rule.requirement, MappingProxyType(params))

    def _add(self, key: str, requirement: Requirement) -> Rule:
        methods, pattern, names = patterns.parse(key)
        positions = (i for i, segment in enumerate(pattern.segments) if segment is None)
        parameters = tuple(zip(names, positions, strict=True))
        rule = Rule(key, checked(requirement, f"rule {key!r}"), parameters)
        node = self._root.reach(pattern.segments)
        place = node.exact if pattern.exact else node.subtree
        for method in methods or (None,):
            must(method not in place, f"rule {key!r}: '{place.get(method)}' says already what holds there; keep one")
            place[method] = rule
        return rule

    def __repr__(self) -> str:
        return f"Policy({{{', '.join(map(str, self.rules))}}})"


def _pairs(rules: Rules) -> list[tuple[str, Requirement]]:
    try:
        pairs = rules.items() if isinstance(rules, Mapping) else rules
        return [(key, requirement) for key, requirement in pairs]
    except (TypeError, ValueError):
        raise ValueError(f"rules={rules!r}: write a mapping of paths to requirements") from None


def _mounts(mounts: Iterable[str]) -> frozenset[str]:
    names = frozenset(mounts if isinstance(mounts, Iterable) and not isinstance(mounts, str) else ())
    fits = bool(names) and all(isinstance(name, str) and _MOUNT.fullmatch(name) for name in names)
    must(fits, f"mounts={mounts!r}: write a list of paths as SCRIPT_NAME has them, such as ('/app',), or ('',)")
    return names
