"""`ProtectedResource`: an API as clients know it (RFC 9728 §2). Pure."""

import re
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from typing import Final

from jwt_wsgi.resource.urls import (
    check_page,
    check_resource_url,
    is_issuer_identifier,
    metadata_url,
    octets_of_path,
)

#: Characters of a name, and members of a list.
_MAX_NAME: Final = 200
_MAX_MEMBERS: Final = 1_000

# RFC 6749 §3.3.
_SCOPE: Final = re.compile(r"[!#-\[\]-~]+")


@dataclass(frozen=True, slots=True)
class ProtectedResource:
    """The identifier of an API, and what its metadata says besides (RFC 9728 §2).

    Args:
        resource: The URL of the API as its clients write it, such as `https://api.example.com/mcp`.
            Plain http is accepted on loopback. It has no query, no fragment and no slash at its
            end. Clients ask their authorization server for tokens with this audience (RFC 8707).
        name: The name of the API for people (`resource_name`).
        documentation: The https URL of a page for developers (`resource_documentation`).
        policy_uri: The https URL of the API's policy about data (`resource_policy_uri`).
        tos_uri: The https URL of the terms of service (`resource_tos_uri`).
        authorization_servers: The issuer identifiers of the servers that issue tokens for this API
            (RFC 8414 §2). By default the trusted issuers.
        scopes: The scopes that clients may ask for (`scopes_supported`); an empty list names none.
            By default those of the rules for the resource's path and below it.

    Raises:
        ValueError: For invalid arguments; the text names the option, the value and the remedy.
    """

    resource: str
    _: KW_ONLY
    name: str | None = None
    documentation: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    authorization_servers: Iterable[str] | None = None
    scopes: Iterable[str] | None = None

    def __post_init__(self) -> None:
        check_resource_url(self.resource)
        _check_name(self.name)
        check_page("documentation", self.documentation)
        check_page("policy_uri", self.policy_uri)
        check_page("tos_uri", self.tos_uri)
        servers = _check_servers(self.authorization_servers)
        scopes = _check_scopes(self.scopes)
        # The value is frozen, so lists become tuples here.
        object.__setattr__(self, "authorization_servers", servers)
        object.__setattr__(self, "scopes", scopes)

    @property
    def metadata_url(self) -> str:
        """The URL of the metadata, which challenges name as `resource_metadata` (RFC 9728 §5.1)."""
        return metadata_url(self.resource)

    @property
    def metadata_path(self) -> str:
        """The path of that URL as servers hand it over: decoded, its octets as Latin-1."""
        return octets_of_path(self.metadata_url)

    @property
    def path(self) -> str:
        """The path of the resource as servers hand it over, empty at the root of the host."""
        return octets_of_path(self.resource)


def _check_name(name: object) -> None:
    if name is None:
        return
    is_name = isinstance(name, str) and bool(name.strip()) and name.isprintable()
    if not is_name or len(str(name)) > _MAX_NAME:
        raise ValueError(
            f"name={name!r:.200}: write a name of at most {_MAX_NAME} printable characters"
        )


def _check_servers(servers: object) -> tuple[str, ...] | None:
    if servers is None:
        return None
    names = _members("authorization_servers", servers)
    if not names:
        raise ValueError(
            "authorization_servers=[]: name at least one server, or leave it out for the issuers"
        )
    for name in names:
        if not is_issuer_identifier(name):
            raise ValueError(
                f"authorization_servers holds {name!r:.200}: write the https URL of a server, "
                "without query and fragment (http only on loopback)"
            )
    return tuple(dict.fromkeys(names))


def _check_scopes(scopes: object) -> tuple[str, ...] | None:
    if scopes is None:
        return None
    names = _members("scopes", scopes)
    for name in names:
        if not is_scope(name):
            raise ValueError(f"scopes holds {name!r:.200}: write the name of one scope")
    return tuple(dict.fromkeys(names))


def is_scope(name: str) -> bool:
    """Return True for the name of a scope (RFC 6749 §3.3)."""
    return _SCOPE.fullmatch(name) is not None


def _members(option: str, members: object) -> list[str]:
    """Return the members of an option that is a list of texts."""
    if isinstance(members, Iterable) and not isinstance(members, str | bytes):
        names = list(members)
        if all(isinstance(name, str) for name in names) and len(names) <= _MAX_MEMBERS:
            return names
    raise ValueError(f"{option}={members!r:.200}: write a list of texts")
