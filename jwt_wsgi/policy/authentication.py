"""The requirements on how the caller authenticated: context, time and proof of possession. Pure."""

from jwt_wsgi.auth import Auth, claim_value
from jwt_wsgi.bindings import BINDINGS, BOUND
from jwt_wsgi.jose.claim_lookup import is_date
from jwt_wsgi.jose.kept_claims import ClaimRead
from jwt_wsgi.policy.access import Request
from jwt_wsgi.policy.algebra import Condition
from jwt_wsgi.policy.conditions import call_text, condition_with_remedy, validate_names
from jwt_wsgi.policy.shortfall import Distance, Shortfall


def acr(*values: str) -> Condition:
    """Require that the user authenticated in one of these contexts (RFC 9470 §3).

    The claim `acr` is compared. Without it, the condition does not hold.

    Args:
        *values: The authentication contexts, the preferred one first, at least one.

    Raises:
        ValueError: No context is named, or a value is not a context.
    """
    if not values:
        raise ValueError(
            "acr() names no authentication context; write one or more, the preferred one first"
        )
    contexts = validate_names("acr", "context", values)
    return condition_with_remedy(
        call_text("acr", *contexts),
        lambda auth, request: claim_value(auth, "acr") in contexts,
        Shortfall(Distance.STEP_UP, acr_values=contexts),
        read=ClaimRead("acr"),
    )


def fresh(seconds: int) -> Condition:
    """Require that the user authenticated recently (RFC 9470 §3).

    The claim `auth_time` is compared with the time of the verification. Without the claim, the
    condition does not hold.

    Args:
        seconds: The largest age of the login, in whole seconds, above 0.

    Raises:
        ValueError: The age is not a whole number above 0.
    """
    if type(seconds) is not int or seconds <= 0:
        raise ValueError(f"fresh({seconds!r}): write whole seconds, above 0")

    def holds(auth: Auth, _: Request) -> bool:
        auth_time = claim_value(auth, "auth_time")
        if auth.judged_at is None or not is_date(auth_time):
            return False
        return bool(abs(auth.judged_at - auth_time) <= seconds)

    return condition_with_remedy(
        call_text("fresh", seconds),
        holds,
        Shortfall(Distance.STEP_UP, max_age=seconds),
        read=ClaimRead("auth_time"),
    )


def sender_constrained(binding: str | None = None) -> Condition:
    """Require a token that is bound to a key, and a request that proved the key.

    `sender_constrained()` accepts either binding. The stack must be configured to check it, with
    `dpop=DPoP(...)` or `client_certificate=...`.

    Args:
        binding: `"dpop"` for a DPoP proof (RFC 9449), `"mtls"` for a client certificate
            (RFC 8705), or None for either.

    Raises:
        ValueError: There is no such binding.
    """
    if binding is None:
        return condition_with_remedy(
            call_text("sender_constrained"),
            lambda auth, request: bool(auth.possession.bindings),
            Shortfall(Distance.NOT_BOUND),
            demand=BOUND,
        )
    if binding not in list(BINDINGS):
        raise ValueError(f"sender_constrained({binding!r}): write 'dpop', 'mtls' or nothing")
    return condition_with_remedy(
        call_text("sender_constrained", binding),
        lambda auth, request: binding in auth.possession.bindings,
        Shortfall(Distance.NOT_BOUND),
        demand=frozenset({frozenset({binding})}),
    )
