"""The requirements that rules are written with: scopes, claims, issuer. Pure."""

from collections.abc import Callable
from typing import Any

from jwt_wsgi.auth import Auth, claim_members, claim_value
from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.jose.claim_lookup import ABSENT, ClaimName, check_claim_name, same, satisfies
from jwt_wsgi.jose.kept_claims import ClaimRead
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
from jwt_wsgi.policy.conditions import call_text, condition_with_remedy, validate_names
from jwt_wsgi.policy.reporting import ReportOnly
from jwt_wsgi.policy.shortfall import Distance, Shortfall


class IssuedBy(AtomicCondition):
    """The condition of `issued_by`. The linter looks for it where several issuers are trusted."""

    __slots__ = ()


def scope(*names: str) -> Condition:
    """Require all of these scopes (RFC 6749 §3.3), or others that imply them.

    The token's issuer says which scopes imply others (`Issuer(scope_implies=)`). For any one of
    several scopes, write `scope("a") | scope("b")`.

    Args:
        *names: The scopes, at least one.

    Raises:
        ValueError: No scope is named, or a name is not a scope.
    """
    if not names:
        raise ValueError("scope() names no scope; AUTHENTICATED asks for any valid token")
    scopes = validate_names("scope", "scope", names)
    return condition_with_remedy(
        call_text("scope", *scopes),
        lambda auth, request: auth.effective_scopes.issuperset(scopes),
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
        actual = claim_value(auth, path)
        return actual is not ABSENT and same(actual, request.value(value))

    return AtomicCondition(
        call_text("claim", name, value),
        holds,
        params=_param_names(value),
        claim=path,
        read=ClaimRead(path),
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

    strings = frozenset(value for value in values if type(value) is str)
    others = tuple(value for value in values if type(value) is not str)

    def holds(auth: Auth, request: Request) -> bool:
        members = claim_members(auth, path)
        if members is None:
            return False
        if type(members) is frozenset and not others:
            return members >= strings
        return all(_contains(members, request.value(value)) for value in values)

    return AtomicCondition(
        call_text("has", name, *values),
        holds,
        params=_param_names(*values),
        claim=path,
        read=ClaimRead(path, as_members=True),
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
        call_text("issued_by", issuer), lambda auth, request: auth.issuer == issuer, claim="iss"
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


def _claim_satisfies(
    name: ClaimName, path: ClaimName, predicate: Callable[[Any], object]
) -> Condition:
    def holds(auth: Auth, _: Request) -> bool:
        actual = claim_value(auth, path)
        return actual is not ABSENT and satisfies(predicate, actual)

    shown = getattr(predicate, "__name__", "…")
    return AtomicCondition(
        f"claim({name!r}, {shown})", holds, predicate=predicate, claim=path, read=ClaimRead(path)
    )


def _is_comparable(value: object) -> bool:
    if value is None or callable(value):
        return True
    return isinstance(value, str | int | float | list | dict | PathParam)


def _contains(members: frozenset[str] | list[Any], value: Any) -> bool:
    if type(members) is frozenset:
        # The exact type, as `same` compares: an enumeration's member may equal a string.
        return type(value) is str and value in members
    return any(same(member, value) for member in members)


def _param_names(*values: object) -> tuple[str, ...]:
    return tuple(value.name for value in values if isinstance(value, PathParam))
