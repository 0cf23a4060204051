"""The operations of an OpenAPI 3 document, as a route table."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from jwt_wsgi.coverage.frameworks import FrameworkRoute
from jwt_wsgi.coverage.routes import RouteParts, Variable
from jwt_wsgi.policy.openapi import operations
from jwt_wsgi.policy.policy import Policy

_VARIABLE = re.compile(r"\{([^{}/]*)\}")


def openapi(document: Mapping[str, Any], policy: Policy) -> Iterator[FrameworkRoute]:
    """Yield the operations of a document, as a policy sees their paths.

    Raises:
        ValueError: It is not a document of OpenAPI 3, its paths cannot be read, or it has none.
    """
    is_empty = True
    for operation in operations(document, policy.mounts):
        is_empty = False
        methods = {operation.method: False}
        yield FrameworkRoute(_parts(operation.path), methods, operation.name)
    if is_empty:
        raise ValueError("the OpenAPI document has no operation: write them to its paths")


def _parts(template: str) -> RouteParts:
    """Return the parts of a path template; each variable is one segment, or a part of one."""
    parts: list[str | Variable] = []
    position = 0
    for variable in _VARIABLE.finditer(template):
        parts.append(unquote(template[position : variable.start()]))
        parts.append(Variable(variable[1]))
        position = variable.end()
    return (*parts, unquote(template[position:]))
