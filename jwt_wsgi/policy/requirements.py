"""The requirements that rules are written with: scopes, claims, issuer, login. Pure."""

import re
from collections.abc import Callable
from typing import Any

from jwt_wsgi.auth import Auth
from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.jose.claim_lookup import (
    ABSENT,
    ClaimName,
    check_claim_name,
    is_date,
    lookup,
    same,
    satisfies,
)
from jwt_wsgi.policy.algebra import (
    OPTIONAL,
    PUBLIC,
    AtomicCondition,
    Condition,
    PathParam,
    Request,
    Requirement,
    validate_requirement,
)
from jwt_wsgi.policy.reporting import ReportOnly
from jwt_wsgi.policy.shortfall import Distance, Shortfall

# RFC 6749 §3.3: printable ASCII without space, quote and backslash.
_SCOPE_TOKEN = re.compile(r"[!#-\[\]-~]+")


class IssuedBy(AtomicCondition):
    """The condition of `issued_by`. The linter looks for it where several issuers are trusted."""

    __slots__ = ()


def scope(*names: str) -> Condition:
    """Require all of these scopes (RFC 6749 §3.3).

    For any one of several scopes, write `scope("a") | scope("b")`.

    Args:
        *names: The scopes, at least one.

    Raises:
        ValueError: No scope is named, or a name is not a scope.
    """
    if not names:
        raise ValueError("scope() names no scope; AUTHENTICATED asks for any valid token")
    scopes = _validate_names("scope", "scope", names)
    return _condition_with_remedy(
        _call_text("scope", *scopes),
        lambda auth, request: auth.scopes.issuperset(scopes),
        Shortfall(Distance.SCOPE_LACKING, scopes),
    )


def permission(*names: str) -> Condition:
    """Require all of these values in the claim `permissions`.

    Args:
        *names: The permissions, at least one.

    Raises:
        ValueError: No permission is named.
    """
    return has("permissions", *names)


def path_param(name: str) -> PathParam:
    """Return a value for `claim` and `has`: the text that a request has in the place of `{name}`.

    Args:
        name: The parameter's name in the rule's key, without the braces.

    Raises:
        ValueError: The name is not an identifier.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(f"path_param({name!r}): write the name that the rule's key has")
    return PathParam(name)


def claim(name: ClaimName, value: Any) -> Condition:
    """Require that a claim equals `value`, or that it satisfies a predicate.

    An absent claim never satisfies.

    Args:
        name: The claim's name. A tuple is a path into nested objects.
        value: A value that JSON has, `path_param(...)`, or a function that gets the claim and
            returns true or false. Values are compared with their types: 1 is not `True`.

    Raises:
        ValueError: The name is not a claim's name, or no claim can have the value.
    """
    if not _is_comparable(value):
        raise ValueError(
            f"claim({name!r}, {value!r}): write a value that JSON has, or a predicate, "
            "or path_param(...)"
        )
    path = check_claim_name("claim()", name)
    if callable(value):
        check_callables(**{f"claim({name!r})": value})
        return _claim_satisfies(name, path, value)

    def holds(auth: Auth, request: Request) -> bool:
        actual = lookup(auth.claims, path)
        return actual is not ABSENT and same(actual, request.value(value))

    return AtomicCondition(
        _call_text("claim", name, value), holds, params=_param_names(value), claim=path
    )


def has(name: ClaimName, *values: Any) -> Condition:
    """Require all of these values in a list claim, or in a space-separated string claim.

    An absent claim never satisfies.

    Args:
        name: The claim's name. A tuple is a path into nested objects.
        *values: Values that JSON has, or `path_param(...)`, at least one. They are compared with
            their types.

    Raises:
        ValueError: The name is not a claim's name, or no value is named.
    """
    if not values:
        raise ValueError(f"has({name!r}) names no value; write at least one")
    path = check_claim_name("has()", name)

    def holds(auth: Auth, request: Request) -> bool:
        members = lookup(auth.claims, path)
        if isinstance(members, str):
            members = [word for word in members.split(" ") if word]
        if not isinstance(members, list):
            return False
        return all(_contains(members, request.value(value)) for value in values)

    return AtomicCondition(
        _call_text("has", name, *values), holds, params=_param_names(*values), claim=path
    )


def issued_by(issuer: str) -> Condition:
    """Require a token of exactly this issuer.

    Args:
        issuer: The issuer's name, compared exactly with the trusted issuer of the token.

    Raises:
        ValueError: The issuer is not a text, or empty.
    """
    if not isinstance(issuer, str) or not issuer:
        raise ValueError(f"issued_by({issuer!r}): write the issuer's exact text")
    return IssuedBy(
        _call_text("issued_by", issuer), lambda auth, request: auth.issuer == issuer, claim="iss"
    )


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
    contexts = _validate_names("acr", "context", values)
    return _condition_with_remedy(
        _call_text("acr", *contexts),
        lambda auth, request: auth.claims.get("acr") in contexts,
        Shortfall(Distance.STEP_UP, acr_values=contexts),
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
        auth_time: Any = auth.claims.get("auth_time")
        if auth.judged_at is None or not is_date(auth_time):
            return False
        return bool(abs(auth.judged_at - auth_time) <= seconds)

    return _condition_with_remedy(
        _call_text("fresh", seconds), holds, Shortfall(Distance.STEP_UP, max_age=seconds)
    )


def report_only(requirement: Requirement) -> ReportOnly:
    """Report what `requirement` would refuse, and refuse nothing.

    Alone, it lets every caller pass, with a bad token too. In `scope("a") & report_only(...)`,
    the scope is enforced.

    Args:
        requirement: The requirement to report on.

    Raises:
        ValueError: The requirement refuses nobody, or only reports already.
    """
    watched = validate_requirement(requirement, "report_only()")
    if watched in (PUBLIC, OPTIONAL) or isinstance(watched, ReportOnly):
        raise ValueError(
            f"report_only({watched!r}) watches nothing: write what would be asked, "
            "such as AUTHENTICATED"
        )
    return ReportOnly(watched)


def _condition_with_remedy(
    text: str, holds: Callable[[Auth, Request], bool], failure: Shortfall
) -> AtomicCondition:
    """Return a condition whose refusal names what the client could ask its issuer for."""
    return AtomicCondition(text, holds, failure, success=failure._replace(distance=Distance.MET))


def _claim_satisfies(
    name: ClaimName, path: ClaimName, predicate: Callable[[Any], object]
) -> Condition:
    def holds(auth: Auth, _: Request) -> bool:
        actual = lookup(auth.claims, path)
        return actual is not ABSENT and satisfies(predicate, actual)

    shown = getattr(predicate, "__name__", "…")
    return AtomicCondition(f"claim({name!r}, {shown})", holds, predicate=predicate, claim=path)


def _is_comparable(value: object) -> bool:
    if value is None or callable(value):
        return True
    return isinstance(value, str | int | float | list | dict | PathParam)


def _contains(members: list[Any], value: Any) -> bool:
    return any(same(member, value) for member in members)


def _call_text(function: str, *arguments: object) -> str:
    """Return the text of a call, as an author writes it."""
    try:
        return f"{function}({', '.join(map(repr, arguments))})"
    except RecursionError:
        raise ValueError(f"{function}(...): a value is nested deeper than any claim") from None


def _validate_names(function: str, kind: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names without repeats; raise `ValueError` for one that is not a scope token."""
    for name in names:
        if not isinstance(name, str) or not _SCOPE_TOKEN.fullmatch(name):
            raise ValueError(
                f"{function}({name!r}): one {kind} is printable ASCII without space, quote or "
                f"backslash (RFC 6749 §3.3); write {function}('a', 'b')"
            )
    return tuple(dict.fromkeys(names))


def _param_names(*values: object) -> tuple[str, ...]:
    return tuple(value.name for value in values if isinstance(value, PathParam))
