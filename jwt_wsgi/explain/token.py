"""The steps of one token, from the checks that the verifier reports."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from jwt_wsgi.auth import Possession
from jwt_wsgi.errors import AuthError
from jwt_wsgi.explain.dates import distance, is_number, iso_time, to_moment
from jwt_wsgi.explain.step_names import DATE_STEPS, FAILED_STEPS, asked_as_well, introspected
from jwt_wsgi.introspection.introspection import Introspection
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jose.claim_lookup import ABSENT
from jwt_wsgi.jose.claims import Dates, TokenProfile
from jwt_wsgi.middleware.decisions import excerpt
from jwt_wsgi.possession.confirmation import Confirmation


class Step(NamedTuple):
    """One check of a request.

    Attributes:
        name: What is checked.
        passed: None where the check was not made.
        expected: What is configured.
        found: What the request holds, escaped and cut. No token is in it.
    """

    name: str
    passed: bool | None = None
    expected: str | None = None
    found: str | None = None


class TokenTrace:
    """A recorder for one token: the steps that passed, as `Verifier.recorded` reports them.

    Attributes:
        issuer: The trusted issuer that the token names, or None.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._passed: dict[str, Step] = {}
        self._profile: TokenProfile | None = None
        self._dates: Dates | None = None
        self.issuer: Issuer | Introspection | None = None

    def __call__(self, check: str, *values: Any) -> None:
        """Record that a check of the verifier passed."""
        if check == "issuer":
            [self.issuer] = values
            if values[0].introspect is not None:
                self._names = asked_as_well(self._names)
        if check == "text":
            _, self.issuer = values
            self._names = introspected(self._names)
        if check == "claims":
            self._profile, _, self._dates = values
        for step in _STEPS[check](*values):
            self._passed[step.name] = step

    def not_made(self) -> list[Step]:
        """Return the steps of a token that nothing looked at."""
        return [Step(name) for name in self._names]

    def steps(self, refusal: AuthError | None, now: float) -> list[Step]:
        """Return the steps of the token.

        Args:
            refusal: The verifier's refusal, or None where it accepted the token.
            now: When the token was judged, in seconds since the epoch.
        """
        passed = self._passed_steps(now)
        if refusal is None:
            return [passed[name] for name in self._names]
        failed = self._failed_step(refusal)
        position = self._names.index(failed)
        steps = [passed.get(name, Step(name, True)) for name in self._names[:position]]
        steps.append(self._failing_step(failed, refusal, now))
        steps += [Step(name) for name in self._names[position + 1 :]]
        return steps

    def _failed_step(self, refusal: AuthError) -> str:
        """Return the step that a refusal fails: its own, or the first that did not pass."""
        if "predicates" in self._passed and "revocation" not in self._passed:
            # Only `is_revoked` was called since, and it may raise any refusal.
            return "revocation"
        if refusal.reason in FAILED_STEPS and not self._is_about_claims(refusal):
            return FAILED_STEPS[refusal.reason]
        if "claims" in self._passed:
            return "predicates"
        if isinstance(self.issuer, Introspection):
            return _failed_step_of_answer(refusal)
        if "signature" in self._passed:
            return "audience" if _is_about_audience(refusal) else "claims"
        if "issuer" in self._passed:
            # Only the issuer decides if its tokens are padded.
            return "form" if refusal.reason == "token_malformed" else "issuer's algorithm"
        if "algorithm" in self._passed:
            return "payload" if refusal.reason == "token_malformed" else "issuer"
        return "algorithm" if refusal.reason == "algorithm_not_allowed" else "form"

    def _is_about_claims(self, refusal: AuthError) -> bool:
        """Return True for what claims tell: a security event, or a binding that is not readable."""
        if refusal.reason == "token_bound":
            return "claims" not in self._passed
        return refusal.reason == "type_mismatch" and "signature" in self._passed

    def _failing_step(self, name: str, refusal: AuthError, now: float) -> Step:
        found = refusal.reason
        if name in DATE_STEPS and self._profile is not None and is_number(refusal.found):
            found = f"{refusal.reason}: {_date(refusal.found, now)}"
            return Step(name, False, _expected_date(name, self._profile, now), found)
        if refusal.found is not None:
            found = f"{refusal.reason}: {excerpt(refusal.found)}"
        return Step(name, False, in_words(refusal.expected), found)

    def _passed_steps(self, now: float) -> dict[str, Step]:
        """Return the recorded steps, and those about moments, which follow from the claims."""
        if self._profile is None or self._dates is None:
            return self._passed
        profile = self._profile
        steps = {step.name: step for step in _moment_steps(profile, self._dates, now)}
        count = len(profile.predicates) + len(profile.header_predicates)
        steps["predicates"] = Step("predicates", True, f"{count} satisfied")
        steps["revocation"] = Step("revocation", True, "not revoked")
        steps["replay"] = Step("replay", True, "a new proof, or none")
        return {**self._passed, **steps}


def _header_steps(token: str, allowed: frozenset[str], alg: str) -> Iterator[Step]:
    yield Step("form", True, "a compact JWS", f"{len(token)} bytes")
    yield Step("algorithm", True, in_words(sorted(allowed)), excerpt(alg))


def _issuer_steps(issuer: Issuer) -> Iterator[Step]:
    yield Step("payload", True, "a JSON object")
    yield Step("issuer", True, "a trusted one", excerpt(issuer.issuer))


def _signature_steps(issuer: Issuer, alg: str, header: Mapping[str, Any]) -> Iterator[Step]:
    profile = issuer.profile
    accepted = profile.name if profile.types is None else in_words(sorted(profile.types))
    yield Step("issuer's algorithm", True, in_words(sorted(issuer.algorithms)), excerpt(alg))
    yield Step("type", True, accepted, _value(header.get("typ", ABSENT)))
    yield Step("key", True, "one of the issuer's", _value(header.get("kid", ABSENT)))
    yield Step("signature", True, "good")


def _text_steps(token: str, _: Introspection) -> Iterator[Step]:
    yield Step("form", True, "one b64token", f"{len(token)} bytes")


def _answer_steps(introspection: Introspection, claims: Mapping[str, Any]) -> Iterator[Step]:
    yield Step("introspection", True, "active true", "active true")
    yield Step("type", True, "Bearer or DPoP", _value(claims.get("token_type", ABSENT)))
    yield Step("issuer", True, excerpt(introspection.issuer), _value(claims.get("iss", ABSENT)))


def _activity_steps() -> Iterator[Step]:
    yield Step("introspection", True, "active true", "active true")


def _claims_steps(profile: TokenProfile, claims: Mapping[str, Any], _: Dates) -> Iterator[Step]:
    accepted = "ANY_AUDIENCE"
    if profile.audiences is not None:
        accepted = str(in_words(sorted(profile.audiences)))
    yield Step("audience", True, accepted, _value(claims.get("aud", ABSENT)))
    yield Step("claims", True, "all that are required")


def _possession_steps(confirmation: Confirmation | None, possession: Possession) -> Iterator[Step]:
    if confirmation is None:
        yield Step("possession", True, "none is demanded", "an unbound token")
        return
    bound_by = " and ".join(sorted(confirmation.bindings))
    proven = " and ".join(sorted(possession.bindings)) or "nothing"
    yield Step("possession", True, f"bound by {bound_by}", f"proven by {proven}")


def _predicate_steps() -> Iterator[Step]:
    yield Step("predicates", True)


def _revocation_steps() -> Iterator[Step]:
    yield Step("revocation", True, "not revoked")


#: The groups of checks that the verifier reports, and the steps that each of them makes.
_STEPS: dict[str, Callable[..., Iterator[Step]]] = {
    "header": _header_steps,
    "issuer": _issuer_steps,
    "signature": _signature_steps,
    "text": _text_steps,
    "answer": _answer_steps,
    "activity": _activity_steps,
    "claims": _claims_steps,
    "possession": _possession_steps,
    "predicates": _predicate_steps,
    "revocation": _revocation_steps,
}


def _moment_steps(profile: TokenProfile, dates: Dates, now: float) -> Iterator[Step]:
    values = {"expiry": dates.exp, "not before": dates.nbf, "age": dates.iat}
    for name, value in values.items():
        yield Step(name, True, _expected_date(name, profile, now), _date(value, now))


def _failed_step_of_answer(refusal: AuthError) -> str:
    """Return the step that an endpoint's answer fails, or the text of its token."""
    if refusal.reason == "token_malformed":
        return "form"
    if refusal.reason == "issuer_mismatch":
        return "issuer"
    return "audience" if _is_about_audience(refusal) else "claims"


def _is_about_audience(refusal: AuthError) -> bool:
    if refusal.reason == "audience_mismatch":
        return True
    return refusal.expected in ("aud", "aud a string or strings")


def _expected_date(name: str, profile: TokenProfile, now: float) -> str:
    """Return the dates that a step accepts, before the leeway is applied."""
    if name == "expiry":
        expected = f"exp after {iso_time(now)} ({int(now)})"
    elif name == "not before":
        expected = f"at most {iso_time(now)} ({int(now)})"
    elif profile.max_age is None:
        return "any"
    else:
        earliest = now - profile.max_age
        expected = f"iat after {iso_time(earliest)} ({int(earliest)})"
    return f"{expected}, leeway {profile.leeway:g} s"


def _date(seconds: float | None, now: float) -> str:
    """Return a token's date: as it stands there, in words, and its distance from now."""
    if seconds is None:
        return "absent"
    if to_moment(seconds) is None:
        return f"{excerpt(seconds)} ({iso_time(seconds)})"
    return f"{excerpt(seconds)} ({iso_time(seconds)}, {distance(seconds, now)})"


def in_words(expected: object) -> str | None:
    """Return what is configured, as a person writes it."""
    if expected is None:
        return None
    if isinstance(expected, list):
        return " or ".join(map(str, expected))
    return str(expected)


def _value(value: object) -> str:
    """Return a token's value for a step."""
    if value is ABSENT:
        return "absent"
    return excerpt(value)
