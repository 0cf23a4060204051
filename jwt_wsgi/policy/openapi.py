"""OpenAPI 3 documents: their operations, and the security that a policy gives each. Pure.

Source: the OpenAPI Specification 3.0.4 and 3.1.1, "Paths Object", "Server Object", "Security Scheme
Object" and "Security Requirement Object".
"""

import copy
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from jwt_wsgi.errors import InvalidRequest
from jwt_wsgi.policy.access import OPTIONAL, PUBLIC, Requirement
from jwt_wsgi.policy.openapi_scopes import scope_alternatives, scopes_of
from jwt_wsgi.policy.paths import Segments
from jwt_wsgi.policy.patterns import UNNAMED
from jwt_wsgi.policy.reporting import ReportOnly
from jwt_wsgi.policy.rules import Match

#: The members of a path item that are operations. OpenAPI 3.2 added `query`.
_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
_VERSION = re.compile(r"3\.\d+(\.\d+)?")
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
        path = unquote(self.path).removeprefix("/").removesuffix("/")
        if path == "":
            return ()
        names = path.split("/")
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
    _check_version(document)
    for template, item in _mapping(document, "paths").items():
        where = f"paths[{template!r}]"
        if not isinstance(item, dict) or not template.startswith("/"):
            raise ValueError(f"{where}: a path is written '/…' and holds an object")
        if "$ref" in item:
            raise ValueError(f"{where}: is a $ref; resolve it before")
        for key in _METHODS:
            if key not in item:
                continue
            member = item[key]
            if not isinstance(member, dict):
                raise ValueError(f"{where}[{key!r}]: an operation is an object")
            base = base_path
            if base is None:
                base = _base_path([member, item, document], where)
            prefix = "" if base in mounts else base
            name = str(member.get("operationId", template))
            yield Operation(prefix + template, key.upper(), name, member)


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
    _check_version(document)
    if issuer is not None and flows is not None:
        raise ValueError("issuer beside flows: leave out one of them; each describes the scheme")
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
    secured = copy.deepcopy(dict(document))
    scopes: dict[str, None] = {}
    for operation in operations(secured, mounts, base_path):
        requirement = _decided(operation, decide).requirement
        operation.member["security"] = _security(requirement, scheme.name)
        scopes.update(dict.fromkeys(scopes_of(requirement)))
    schemes = secured.setdefault("components", {}).setdefault("securitySchemes", {})
    if scheme.member is not None:
        schemes[scheme.name] = copy.deepcopy(dict(scheme.member))
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
    for name, flow in _mapping(scheme, "flows").items():
        if not isinstance(flow, dict):
            raise ValueError(f"flows[{name!r}]: a flow is an object")
        described = flow.setdefault("scopes", {})
        for scope in scopes:
            described.setdefault(scope, "")


def _check_version(document: Mapping[str, Any]) -> None:
    version = document.get("openapi") if isinstance(document, Mapping) else None
    if not isinstance(version, str) or _VERSION.fullmatch(version) is None:
        raise ValueError(
            f"document: openapi is {version!r}; pass a document of OpenAPI 3 as a mapping"
        )


def _mapping(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    member = document.get(name, {})
    if not isinstance(member, Mapping):
        raise ValueError(f"document: {name} is not an object")
    return member


def _schemes(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(_mapping(document, "components"), "securitySchemes")


def _base_path(holders: list[Mapping[str, Any]], where: str) -> str:
    """Return the path of the servers that hold for an operation, the innermost list of them."""
    for holder in holders:
        servers = holder.get("servers")
        if servers:
            return _only_path(servers, where)
    return ""


def _only_path(servers: object, where: str) -> str:
    if not isinstance(servers, list) or not all(isinstance(each, Mapping) for each in servers):
        raise ValueError(f"{where}: servers is a list of objects")
    paths = list(dict.fromkeys(map(_server_path, servers)))
    if len(paths) > 1:
        raise ValueError(
            f"{where}: its servers have different paths, {', '.join(map(repr, paths))}; "
            "name the one that the application sees with base_path="
        )
    return paths[0]


def _server_path(server: Mapping[str, Any]) -> str:
    """Return the path of a server's URL, with the defaults of its variables."""
    variables = _mapping(server, "variables")

    def default(match: re.Match[str]) -> str:
        variable = variables.get(match[1])
        if not isinstance(variable, Mapping):
            raise ValueError(f"servers: the variable {match[0]} has no default")
        return str(variable.get("default", ""))

    url = _VARIABLE.sub(default, str(server.get("url", "/")))
    return urlsplit(url).path.rstrip("/")
