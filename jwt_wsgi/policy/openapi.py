"""OpenAPI 3 documents: their operations, and the security that a policy gives each. Pure.

Source: the OpenAPI Specification 3.0.4 and 3.1.1, "Paths Object", "Server Object", "Security Scheme
Object" and "Security Requirement Object".
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from jwt_wsgi.errors import InvalidRequest
from jwt_wsgi.policy.access import OPTIONAL, PUBLIC, Requirement
from jwt_wsgi.policy.openapi_documents import check_version, copy_of, mapping_of, only_path
from jwt_wsgi.policy.openapi_scopes import scope_alternatives, scopes_of
from jwt_wsgi.policy.paths import CONTROL, Segments
from jwt_wsgi.policy.patterns import UNNAMED
from jwt_wsgi.policy.reporting import ReportOnly
from jwt_wsgi.policy.rules import Match

#: The members of a path item that are operations. OpenAPI 3.2 added `query`.
_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
_VARIABLE = re.compile(r"\{([^{}/]*)\}")


class Operation(NamedTuple):
    """An operation of a document.

    Attributes:
        path: The path that a policy sees: the server's, and the path item's template behind it.
        method: The request method, in upper case.
        name: The operation's ID; its template where it has none.
        member: The operation itself, as it stands in the document.
    """

    path: str
    method: str
    name: str
    member: dict[str, Any]

    @property
    def segments(self) -> Segments:
        """The segments of the path; a value that no rule names stands for each variable."""
        path = unquote(self.path, errors="strict")
        if path in ("", "/"):
            return ()
        names = path[1:].removesuffix("/").split("/")
        return tuple(UNNAMED if _VARIABLE.search(name) else name for name in names)


class SecurityScheme(NamedTuple):
    """The security scheme that operations refer to: its name, and its description if it is new."""

    name: str
    member: Mapping[str, Any] | None


def is_document(value: object) -> bool:
    """Return whether a value is a mapping with the member that OpenAPI 3 documents begin with."""
    return isinstance(value, Mapping) and "openapi" in value


def operations(
    document: Mapping[str, Any], mounts: Collection[str], base_path: str | None = None
) -> Iterator[Operation]:
    """Yield the operations of an OpenAPI 3 document, in its order.

    Args:
        document: The document.
        mounts: The mounts of the policy. Its rules do not contain them, so a server's path that is
            one of them is left out.
        base_path: The path in front of all templates, instead of the servers' own.

    Raises:
        ValueError: It is not a document of OpenAPI 3, or its paths cannot be read.
    """
    check_version(document)
    if base_path is not None and not isinstance(base_path, str):
        raise ValueError(f"base_path={base_path!r}: write a path, such as '/v1'")
    # The same for all operations without servers of their own, so it is read once.
    base_of_document = cache(lambda: only_path(document.get("servers") or [{}], "document"))
    for template, item in mapping_of(document, "paths").items():
        where = f"paths[{template!r}]"
        _check_item(template, item, where)
        for method, member in _members(item, where):
            base = base_path
            if base is None:
                base = _own_base(member, item, where)
            if base is None:
                base = base_of_document()
            prefix = "" if base in mounts else base
            name = str(member.get("operationId", template))
            operation = Operation(prefix + template, method, name, member)
            _check_path(operation)
            yield operation


def _check_item(template: object, item: object, where: str) -> None:
    if not isinstance(template, str) or not template.startswith("/"):
        raise ValueError(f"{where}: a path is a text that begins with /")
    if not isinstance(item, dict):
        raise ValueError(f"{where}: a path item is an object")
    if "$ref" in item:
        raise ValueError(f"{where}: is a $ref; resolve it before")


def _own_base(member: Mapping[str, Any], item: Mapping[str, Any], where: str) -> str | None:
    """Return the path of the servers of an operation or its path item, or None without any."""
    servers = member.get("servers") or item.get("servers")
    return only_path(servers, where) if servers else None


def _members(item: Mapping[str, Any], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the operations of a path item by their methods, in upper case."""
    members = {key.upper(): item[key] for key in _METHODS if key in item}
    # OpenAPI 3.2: operations with other methods, which are written as they are sent.
    members.update(mapping_of(item, "additionalOperations"))
    for method, member in members.items():
        if not isinstance(member, dict):
            raise ValueError(f"{where}[{str(method).lower()!r}]: an operation is an object")
        yield method, member


def _check_path(operation: Operation) -> None:
    """Refuse a path that a policy answers with 400, because no rule would hold for it."""
    try:
        segments = operation.segments
    except UnicodeDecodeError:
        segments = ("..",)
    if any(segment in (".", "..") or CONTROL.search(segment) for segment in segments):
        raise ValueError(
            f"paths: a policy refuses every request for {operation.path!r}; write the plain path"
        )


def security_scheme(
    document: Mapping[str, Any],
    *,
    issuer: str | None,
    flows: Mapping[str, Any] | None,
    name: str | None,
) -> SecurityScheme:
    """Return the scheme that operations refer to.

    Raises:
        ValueError: It is not a document of OpenAPI 3, both `issuer` and `flows` are given, or the
            name is of another kind of scheme.
    """
    check_version(document)
    if issuer is not None and flows is not None:
        raise ValueError("issuer beside flows: leave out one of them; each describes the scheme")
    if issuer is not None and not isinstance(issuer, str):
        raise ValueError(f"issuer={issuer!r}: write the issuer's URL as text")
    if name is not None and not isinstance(name, str):
        raise ValueError(f"scheme={name!r}: write the scheme's name as text")
    if issuer is not None:
        url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        member = {"type": "openIdConnect", "openIdConnectUrl": url}
        return SecurityScheme(name or "openIdConnect", member)
    if flows is not None:
        return SecurityScheme(name or "oauth2", {"type": "oauth2", "flows": flows})
    schemes = _schemes(document)
    known = [
        key
        for key, scheme in schemes.items()
        if isinstance(scheme, Mapping) and scheme.get("type") in ("oauth2", "openIdConnect")
    ]
    if name is None and len(known) == 1:
        return SecurityScheme(known[0], None)
    if name in known:
        return SecurityScheme(name, None)
    if name in schemes:
        raise ValueError(f"scheme={name!r}: is not of the type oauth2 or openIdConnect")
    # Both flows and their scopes are optional; without them, the document still names the scopes.
    return SecurityScheme(name or "oauth2", {"type": "oauth2", "flows": {}})


def with_security(
    document: Mapping[str, Any],
    scheme: SecurityScheme,
    decide: Callable[[Segments, str], Match],
    *,
    mounts: Collection[str],
    base_path: str | None,
) -> dict[str, Any]:
    """Return a copy of a document whose operations have the security of the deciding rules."""
    secured: dict[str, Any] = copy_of(document)
    scopes: dict[str, None] = {}
    for operation in operations(secured, mounts, base_path):
        requirement = _decided(operation, decide).requirement
        operation.member["security"] = _security(requirement, scheme.name)
        scopes.update(dict.fromkeys(scopes_of(requirement)))
    components = dict(mapping_of(secured, "components"))
    schemes = dict(mapping_of(components, "securitySchemes"))
    if scheme.member is not None:
        schemes[scheme.name] = copy_of(scheme.member)
    secured["components"] = {**components, "securitySchemes": schemes}
    _describe_scopes(schemes[scheme.name], scopes)
    return secured


def _decided(operation: Operation, decide: Callable[[Segments, str], Match]) -> Match:
    try:
        return decide(operation.segments, operation.method)
    except InvalidRequest as error:
        raise ValueError(
            f"paths: a policy refuses every request for {operation.path!r} ({error.expected}); "
            "correct the path, or cover it with a rule that ends with {name...}"
        ) from None


def _security(requirement: Requirement, scheme: str) -> list[dict[str, list[str]]]:
    """Return the security requirements, of which one must hold; an empty one always does."""
    enforced = requirement.enforced if isinstance(requirement, ReportOnly) else requirement
    if enforced is PUBLIC:
        return []
    if enforced is OPTIONAL:
        return [{}, {scheme: []}]
    return [{scheme: list(scopes)} for scopes in scope_alternatives(enforced)]


def _describe_scopes(scheme: Mapping[str, Any], scopes: Collection[str]) -> None:
    """Add the scopes to each flow of an oauth2 scheme; descriptions that are there stay."""
    if scheme.get("type") != "oauth2":
        return
    for name, flow in mapping_of(scheme, "flows").items():
        if not isinstance(flow, dict):
            raise ValueError(f"flows[{name!r}]: a flow is an object")
        described = mapping_of(flow, "scopes")
        flow["scopes"] = {**dict.fromkeys(scopes, ""), **described}


def _schemes(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping_of(mapping_of(document, "components"), "securitySchemes")
