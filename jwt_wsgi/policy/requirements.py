"""What a rule may ask: scopes, claims, the issuer, the way the user authenticated. Pure."""

import re
from typing import Any

from jwt_wsgi.auth import Auth
from jwt_wsgi.jose.claims import (
    ABSENT,
    ClaimName,
    check_claim_name,
    is_date,
    lookup,
    same,
    satisfies,
)
from jwt_wsgi.options import must
from jwt_wsgi.policy.algebra import (
    OPTIONAL,
    PUBLIC,
    AtomicCondition,
    Condition,
    Distance,
    PathParam,
    ReportOnly,
    Request,
    Requirement,
    Shortfall,
    validate_requirement,
)

# RFC 6749 §3.3: printable ASCII but for space, quote and backslash.
_WORD = re.compile(r"[!#-\[\]-~]+")


class IssuedBy(AtomicCondition):
    """That the token is of one issuer; the linter asks for it where there are several."""

    __slots__ = ()


def scope(*names: str) -> Condition:
    """All of these scopes (RFC 6749 §3.3); any of several is `scope(a) | scope(b)`."""
    must(names != (), "scope() names no scope; AUTHENTICATED asks for any valid token")
    wanted = _words("scope", "scope", names)
    lacking = Shortfall(Distance.SCOPE_LACKING, wanted)
    return AtomicCondition(
        _written("scope", *wanted), lambda auth, request: auth.scopes.issuperset(wanted), lacking
    )


def permission(*names: str) -> Condition:
    """All of these values in the claim `permissions`."""
    return has("permissions", *names)


def path_param(name: str) -> PathParam:
    """What the request has in the place of the rule's `{name}`, as a value for `claim` and `has`."""
    must(
        isinstance(name, str) and name.isidentifier(),
        f"path_param({name!r}): write the name that the rule's key has",
    )
    return PathParam(name)


def claim(name: ClaimName, value: Any) -> Condition:
    """The claim equals `value` in type too, or `value(claim)` is true where it is callable.

    A tuple as `name` is a path into nested objects. An absent claim never satisfies.
    """
    comparable = (
        callable(value)
        or value is None
        or isinstance(value, str | int | float | list | dict | PathParam)
    )
    must(
        comparable,
        f"claim({name!r}, {value!r}): write a value that JSON has, or a predicate, or path_param(...)",
    )
    path = check_claim_name("claim()", name)
    shown = getattr(value, "__name__", "…") if callable(value) else repr(value)

    def holds(auth: Auth, request: Request) -> bool:
        found = lookup(auth.claims, path)
        return found is not ABSENT and (
            satisfies(value, found) if callable(value) else same(found, request.value(value))
        )

    predicate = value if callable(value) else None
    return AtomicCondition(
        f"claim({name!r}, {shown})", holds, params=_params(value), predicate=predicate
    )


def has(name: ClaimName, *values: Any) -> Condition:
    """All `values` are in the list claim, or in the space-separated string claim, `name`."""
    must(values != (), f"has({name!r}) names no value; write at least one")
    path = check_claim_name("has()", name)

    def holds(auth: Auth, request: Request) -> bool:
        found = lookup(auth.claims, path)
        held = list(filter(None, found.split(" "))) if isinstance(found, str) else found
        wanted = map(request.value, values)
        return isinstance(held, list) and all(
            any(same(each, value) for each in held) for value in wanted
        )

    return AtomicCondition(_written("has", name, *values), holds, params=_params(*values))


def issued_by(issuer: str) -> Condition:
    """The token's issuer is exactly this one."""
    must(
        isinstance(issuer, str) and issuer != "",
        f"issued_by({issuer!r}): write the issuer's exact text",
    )
    return IssuedBy(_written("issued_by", issuer), lambda auth, request: auth.issuer == issuer)


def acr(*values: str) -> Condition:
    """The user authenticated in one of these contexts, by the claim `acr` (RFC 9470 §3)."""
    must(
        values != (),
        "acr() names no authentication context; write one or more, the preferred one first",
    )
    wanted = _words("acr", "context", values)
    lacking = Shortfall(Distance.STEP_UP, acr_values=wanted)
    return AtomicCondition(
        _written("acr", *wanted), lambda auth, request: auth.claims.get("acr") in wanted, lacking
    )


def fresh(seconds: int) -> Condition:
    """The user authenticated within this many seconds, by the claim `auth_time` (RFC 9470 §3)."""
    must(type(seconds) is int and seconds > 0, f"fresh({seconds!r}): write whole seconds, above 0")

    def holds(auth: Auth, _: Request) -> bool:
        at: Any = auth.claims.get("auth_time")
        return auth.judged_at is not None and is_date(at) and abs(auth.judged_at - at) <= seconds

    return AtomicCondition(
        _written("fresh", seconds), holds, Shortfall(Distance.STEP_UP, max_age=seconds)
    )


def report_only(requirement: Requirement) -> ReportOnly:
    """Reports what `requirement` would refuse, and refuses nothing; `scope("a") & report_only(...)` enforces the rest.

    Alone, it lets every caller pass, a bad token included.
    """
    asked = validate_requirement(requirement, "report_only()")
    watches = asked not in (PUBLIC, OPTIONAL) and not isinstance(asked, ReportOnly)
    must(
        watches,
        f"report_only({asked!r}) watches nothing: write what would be asked, such as AUTHENTICATED",
    )
    return ReportOnly(asked)


def _written(function: str, *arguments: object) -> str:
    return f"{function}({', '.join(map(repr, arguments))})"


def _words(function: str, what: str, names: tuple[str, ...]) -> tuple[str, ...]:
    remedy = f"printable ASCII without space, quote or backslash (RFC 6749 §3.3); write {function}('a', 'b')"
    for name in names:
        fits = isinstance(name, str) and _WORD.fullmatch(name) is not None
        must(fits, f"{function}({name!r}): one {what} is {remedy}")
    return tuple(dict.fromkeys(names))


def _params(*values: object) -> tuple[str, ...]:
    return tuple(value.name for value in values if isinstance(value, PathParam))
