"""The parts of an OpenAPI 3 document that are read: objects, servers, and a copy of them. Pure."""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final
from urllib.parse import urlsplit

_VERSION = re.compile(r"3\.\d+(\.\d+)?", re.ASCII)
_VARIABLE = re.compile(r"\{([^{}/]*)\}")
#: How deep a document may be nested, and how many URLs the variables of one server may make.
_MAX_DEPTH: Final = 200
_MAX_URLS: Final = 100


def check_version(document: Mapping[str, Any]) -> None:
    """Check that a value is a document of OpenAPI 3.

    Raises:
        ValueError: It is anything else.
    """
    version = document.get("openapi") if isinstance(document, Mapping) else None
    if not isinstance(version, str) or _VERSION.fullmatch(version) is None:
        raise ValueError(
            f"document: openapi is {version!r}; pass a document of OpenAPI 3 as a mapping"
        )


def mapping_of(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a member that is an object; an empty one if it is absent or null.

    Raises:
        ValueError: The member is anything else.
    """
    member = holder.get(name)
    if member is None:
        return {}
    if not isinstance(member, Mapping):
        raise ValueError(f"document: {name} is not an object")
    return member


def copy_of(value: Any, depth: int = 0) -> Any:
    """Return a copy in which nothing is shared, as a YAML alias shares what it names.

    Raises:
        ValueError: The value is nested too deep, or contains itself.
    """
    if depth > _MAX_DEPTH:
        raise ValueError(f"document: nested more than {_MAX_DEPTH} deep, or it contains itself")
    if isinstance(value, Mapping):
        return {key: copy_of(member, depth + 1) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [copy_of(member, depth + 1) for member in value]
    return value


def only_path(servers: object, where: str) -> str:
    """Return the path that the URLs of all servers have.

    Args:
        servers: The member `servers` of a document, a path item or an operation.
        where: The beginning of error texts.

    Raises:
        ValueError: The servers cannot be read, or have different paths.
    """
    if not isinstance(servers, list) or not all(isinstance(each, Mapping) for each in servers):
        raise ValueError(f"{where}: servers is a list of objects")
    urls = [url for server in servers for url in _urls(server)]
    paths = list(dict.fromkeys(urlsplit(url).path.rstrip("/") for url in urls))
    if len(paths) > 1:
        shown = ", ".join(map(repr, paths[:3]))
        raise ValueError(
            f"{where}: its servers have different paths, {shown}; "
            "name the one that the application sees with base_path="
        )
    return paths[0]


def _urls(server: Mapping[str, Any]) -> Iterator[str]:
    """Yield the URLs of a server, with each value that its variables may have."""
    template = str(server.get("url", "/"))
    variables = mapping_of(server, "variables")
    names = list(dict.fromkeys(_VARIABLE.findall(template)))
    values = [_values(mapping_of(variables, name), name) for name in names]
    for count, chosen in enumerate(product(*values)):
        if count >= _MAX_URLS:
            raise ValueError(f"servers: the variables of {template!r} make too many URLs")
        url = template
        for name, value in zip(names, chosen, strict=True):
            url = url.replace(f"{{{name}}}", value)
        yield url


def _values(variable: Mapping[str, Any], name: str) -> list[str]:
    values = variable.get("enum") or [variable.get("default")]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"servers: the variable {{{name}}} has no default")
    return values
