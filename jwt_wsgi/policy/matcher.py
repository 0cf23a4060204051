"""`RuleMatcher`: rules that are compiled once and matched with every request. Pure."""

import logging
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from jwt_wsgi.errors import InvalidRequest
from jwt_wsgi.jose.claim_lookup import listed
from jwt_wsgi.jose.kept_claims import ClaimRead
from jwt_wsgi.policy import overlaps, tree
from jwt_wsgi.policy.access import claim_reads
from jwt_wsgi.policy.algebra import DENY, NO_RULE, Request, Requirement
from jwt_wsgi.policy.paths import Segments, canonical, check_method, empty_segment, validate_mounts
from jwt_wsgi.policy.rules import (
    Match,
    Rule,
    Rules,
    parse_rule,
    rule_pairs,
    validate_rule_requirement,
)

logger = logging.getLogger("jwt_wsgi.policy")

#: Matches in the cache; when it is full, it is emptied.
_MAX_CACHED_MATCHES = 1024
#: Characters of mount, path and method together, above which a match is not cached.
_MAX_CACHED_CHARACTERS = 256


class RuleMatcher:
    """The compiled rules, and the search for the one that decides a request.

    Args:
        rules: As for `Policy`.
        default: As for `Policy`.
        mounts: As for `Policy`.
        allow_vhm_root: As for `Policy`.

    Attributes:
        rules: The rules, in the order in which they were written.
        default: The requirement for paths that no pattern covers.
        mounts: The expected values of `SCRIPT_NAME`.
        allow_vhm_root: True if requests with `X-Vhm-Root` are accepted.

    Raises:
        ValueError: As for `Policy`.
    """

    def __init__(
        self, rules: Rules, *, default: Requirement, mounts: Iterable[str], allow_vhm_root: bool
    ) -> None:
        self.default = validate_rule_requirement(default, "default", ())
        self.mounts = validate_mounts(mounts)
        self.allow_vhm_root = allow_vhm_root
        self._mount_reported = False
        self._root = tree.Node()
        self._has_tails = False
        self.rules = tuple(self._add_rule(*pair) for pair in rule_pairs(rules))
        if self._has_tails:
            overlaps.check_tails(self._root)
        overlaps.check_overlaps(self._root)
        self._default_match = _match_of_default(self.default)
        self._match_cache: dict[tuple[str, str, str], Match] = {}

    @property
    def claim_reads(self) -> tuple[ClaimRead, ...]:
        """The claims that the rules read, each once."""
        return claim_reads([*(rule.requirement for rule in self.rules), self.default])

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
            return Match(rule, rule.requirement)
        params = {name: segments[position] for name, position in rule.parameters}
        return Match(rule, rule.requirement, Request(MappingProxyType(params)))

    def _find_match(self, mount: str, path: str, method: str) -> Match:
        if mount not in self.mounts:
            self._report_mount(mount)
            raise InvalidRequest("mount_unknown", expected=listed(self.mounts), found=mount)
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
                "SCRIPT_NAME %.200a is refused: Policy(mounts=%a) does not name it; if the "
                "application is mounted there, add it to mounts",
                mount,
                listed(self.mounts),
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


def _match_of_default(default: Requirement) -> Match:
    if default is DENY:
        # The reason of the refusal is then `no_rule`, and not `denied`.
        return Match(None, NO_RULE)
    return Match(None, default)
