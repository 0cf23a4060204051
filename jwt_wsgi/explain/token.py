"""The walk of one token: the functions that `Verifier.verify` calls, in its order, a step for each check."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jwt_wsgi.auth import Auth
from jwt_wsgi.errors import AuthError
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jose import claims as judgement
from jwt_wsgi.jose.compact import Compact, check_algorithm, check_signature, parse, read_segment
from jwt_wsgi.middleware.decisions import excerpt
from jwt_wsgi.verifier import Verifier


class Step(NamedTuple):
    """One check; `passed` is None where it was not made. `found` is escaped and cut, and no token is in it."""

    name: str
    passed: bool | None = None
    expected: str | None = None
    found: str | None = None


@dataclass(slots=True)
class _Walk:
    """One token, what the verifier said of it, and what one check leaves to the next."""

    token: str
    refused: AuthError | None
    now: float
    compact: Compact = field(init=False)
    claims: dict[str, Any] = field(init=False)
    issuer: Issuer = field(init=False)


class TokenChecks:
    """The checks of `verifier`: each makes its steps, or raises what the verifier raises.

    `revocable` says whether the verifier asks for revocation, `clock` is the one it has.
    """

    def __init__(self, verifier: Verifier, clock: Callable[[], float], *, revocable: bool) -> None:
        self._verifier, self._clock = verifier, clock
        self._made: dict[Callable[[_Walk], list[Step]], tuple[str, ...]] = {
            self._form: ("form",),
            self._algorithm: ("algorithm",),
            self._payload: ("payload",),
            self._issuer: ("issuer",),
            self._origin: ("issuer's algorithm", "type", "key", "signature"),
            self._standing: ("audience", "claims"),
            self._times: ("expiry", "not before", "age"),
            self._predicates: ("predicates",),
        }
        if revocable:
            self._made[self._revocation] = ("revocation",)

    def unmade(self) -> list[Step]:
        """The steps of a token that nobody looks at."""
        return [Step(name) for names in self._made.values() for name in names]

    def walk(self, token: str, auth: Auth | None, refused: AuthError | None) -> list[Step]:
        """The steps of one token; the verdict is the verifier's, `auth` or `refused`."""
        now = None if auth is None else auth.judged_at
        walk = _Walk(token, refused, self._clock() if now is None else now)
        steps: list[Step] = []
        failure: AuthError | None = None
        for check, names in self._made.items():
            try:
                steps += check(walk) if failure is None else map(Step, names)
            except AuthError as error:
                failure = error
                steps += _failing(names, error)
        if (failure and failure.reason) == (refused and refused.reason):
            return steps
        # Keys or a predicate have changed their mind in between: the verdict stands.
        reason = None if refused is None else refused.reason
        return [Step("token", refused is None, None, reason), *self.unmade()]

    def _form(self, walk: _Walk) -> list[Step]:
        walk.compact = parse(walk.token, self._verifier._max_token_bytes)  # noqa: SLF001
        return [Step("form", True, "a compact JWS", f"{len(walk.token)} bytes")]

    def _algorithm(self, walk: _Walk) -> list[Step]:
        allowed = self._verifier._algorithms  # noqa: SLF001 (its own list, and no second one)
        alg = check_algorithm(walk.compact.header, allowed)
        return [Step("algorithm", True, written(sorted(allowed)), excerpt(alg))]

    def _payload(self, walk: _Walk) -> list[Step]:
        walk.claims = read_segment(walk.compact.payload)
        return [Step("payload", True, "a JSON object")]

    def _issuer(self, walk: _Walk) -> list[Step]:
        walk.issuer = self._verifier._issuer(walk.claims)  # noqa: SLF001 (its own choice, and no second one)
        return [Step("issuer", True, "a trusted one", excerpt(walk.issuer.issuer))]

    def _origin(self, walk: _Walk) -> list[Step]:
        issuer, header = walk.issuer, walk.compact.header
        alg = check_algorithm(header, issuer.algorithms)
        judgement.check_type(header, issuer.profile)
        # What the verifier did not find is not looked for again: that may cost a fetch.
        if walk.refused is not None and walk.refused.reason in ("kid_unknown", "keys_unavailable"):
            raise walk.refused
        check_signature(walk.compact, alg, issuer.keys.find(header.get("kid"), alg))
        return [
            Step("issuer's algorithm", True, written(sorted(issuer.algorithms)), excerpt(alg)),
            Step("type", True, issuer.profile.name, _value(header.get("typ", judgement.ABSENT))),
            Step("key", True, "one of the issuer's", _value(header.get("kid", judgement.ABSENT))),
            Step("signature", True, "good"),
        ]

    def _standing(self, walk: _Walk) -> list[Step]:
        profile = walk.issuer.profile
        judgement.check_claims(walk.claims, profile)
        accepted = (
            "ANY_AUDIENCE" if profile.audiences is None else written(sorted(profile.audiences))
        )
        audience = Step(
            "audience", True, accepted, _value(walk.claims.get("aud", judgement.ABSENT))
        )
        return [audience, Step("claims", True, "all that are required")]

    def _times(self, walk: _Walk) -> list[Step]:
        profile = walk.issuer.profile
        dates = judgement.check_claims(walk.claims, profile)
        judgement.check_times(dates, profile, walk.now)
        max_age = profile.max_age
        age = "any" if max_age is None else f"iat after {walk.now - max_age}"
        return [
            Step("expiry", True, f"exp after {walk.now}", _value(dates.exp)),
            Step("not before", True, f"at most {walk.now}", _date(dates.begin)),
            Step("age", True, age, _date(dates.iat)),
        ]

    def _predicates(self, walk: _Walk) -> list[Step]:
        judgement.check_predicates(walk.claims, walk.issuer.profile)
        return [Step("predicates", True, f"{len(walk.issuer.profile.predicates)} satisfied")]

    def _revocation(self, walk: _Walk) -> list[Step]:
        # Asked by the verifier, and not again: that may cost a call, and the answer may differ.
        if walk.refused is not None and walk.refused.reason in (
            "token_revoked",
            "revocation_unknown",
        ):
            raise walk.refused
        return [Step("revocation", True, "not revoked")]


#: reason -> the step that it fails, where one check makes several.
_FAILED = {
    "type_mismatch": "type",
    "kid_unknown": "key",
    "keys_unavailable": "key",
    "signature_invalid": "signature",
    "audience_mismatch": "audience",
    "token_expired": "expiry",
    "token_not_yet_valid": "not before",
    "token_too_old": "age",
}


def _failing(names: tuple[str, ...], error: AuthError) -> list[Step]:
    """The steps of a check that raised: those before the failing one have passed, those after it were not made."""
    named = _FAILED.get(error.reason)
    if (
        named is None
        and "audience" in names
        and error.expected not in ("aud", "aud a string or strings")
    ):
        named = "claims"
    at = names.index(named) if named in names else 0
    found = error.reason if error.found is None else f"{error.reason}: {excerpt(error.found)}"
    failing = Step(names[at], False, written(error.expected), found)
    return [
        *(Step(name, True) for name in names[:at]),
        failing,
        *(Step(name) for name in names[at + 1 :]),
    ]


def written(expected: object) -> str | None:
    """What is configured, as a person writes it."""
    if isinstance(expected, list):
        return " or ".join(map(str, expected))
    return None if expected is None else str(expected)


def _date(found: float | None) -> str:
    return _value(judgement.ABSENT if found is None else found)


def _value(found: object) -> str:
    return "absent" if found is judgement.ABSENT else excerpt(found)
