"""Recognition of a provider from the name of its issuer and from its metadata. Pure."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

#: The most characters of an issuer's name that are looked at.
_MAX_CHARACTERS: Final = 2000

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Provider(NamedTuple):
    """A provider, how it is recognised, and what to know about its access tokens.

    Attributes:
        name: The provider's name.
        traps: One or two sentences: what goes wrong with its tokens, and what to do.
        preset: The call of the preset for it, or None.
        row: The anchor of its section on the page docs/how-to/providers.md, or None.
        issuer: A regular expression for the whole name of an issuer, in lower case and without
            the scheme. None if the name tells nothing.
        members: Members that together only this provider's metadata has.
        endpoints: Members of the metadata, and the ends of their URLs. Together only this
            provider has them.
    """

    name: str
    traps: str
    preset: str | None = None
    row: str | None = None
    issuer: str | None = None
    members: frozenset[str] = frozenset()
    endpoints: Mapping[str, str] = _NOTHING


class Recognition(NamedTuple):
    """The provider that an issuer seems to be.

    Attributes:
        provider: The provider, or `UNKNOWN`.
        by: "name" if the issuer's name matches, "metadata" if its metadata does. None if the
            provider is unknown.
    """

    provider: Provider
    by: Literal["name", "metadata"] | None

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object. It holds nothing that the issuer published."""
        is_known = self.by is not None
        return {
            "name": self.provider.name if is_known else None,
            "recognised_by": self.by,
            "preset": self.provider.preset,
            "row": self.provider.row,
            "traps": self.provider.traps,
        }


#: Stands for a provider that is not recognised.
UNKNOWN: Final = Provider(
    "unknown",
    "Compare a real token (jwt-wsgi inspect): is it a JWT, is iss exactly this name, does aud name "
    "the API, is alg RS256, and which claim has the scopes or roles? Try an ID token, too: it must "
    "be refused.",
    row="any-other-provider",
)


def recognise(
    issuer: str, metadata: Mapping[str, Any], providers: Iterable[Provider]
) -> Recognition:
    """Return the provider that an issuer seems to be.

    The answer is for people. Metadata is only compared with known names, never returned, and no
    verdict depends on it.

    Args:
        issuer: The name of the issuer.
        metadata: Its metadata document, empty if it is not known.
        providers: The known providers. Among several that match, the first one is returned, and
            a match of the name comes before any match of the metadata.
    """
    known = tuple(providers)
    location = issuer[:_MAX_CHARACTERS].lower()
    if "://" in location:
        location = location.partition("://")[2]
    for provider in known:
        if provider.issuer is not None and re.fullmatch(provider.issuer, location):
            return Recognition(provider, "name")
    for provider in known:
        if _has_metadata_of(provider, metadata):
            return Recognition(provider, "metadata")
    return Recognition(UNKNOWN, None)


def _has_metadata_of(provider: Provider, metadata: Mapping[str, Any]) -> bool:
    if not provider.members and not provider.endpoints:
        return False
    if not provider.members <= metadata.keys():
        return False
    return all(_ends_with(metadata.get(member), end) for member, end in provider.endpoints.items())


def _ends_with(url: object, end: str) -> bool:
    return isinstance(url, str) and url.endswith(end)
