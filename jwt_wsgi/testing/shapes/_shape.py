"""The form of a provider's tokens, and the parties that they name."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

#: The path of the key set that most providers use.
JWKS_PATH: Final = "/.well-known/jwks.json"

#: Claims of a person, which ID tokens have.
PERSON: Final = {"name": "user", "email": "user@example.com"}


class Parties(NamedTuple):
    """The parties that a token names: the issuer, the API's identifier and the client's ID."""

    issuer: str
    audience: str
    client: str


class Shape(NamedTuple):
    """The form of one provider's tokens.

    Attributes:
        example: The parties unless a test names its own.
        keys_path: The path of the key set, below `keys_base`. With `{kid}` in it, each key has its
            own path and is published in PEM.
        header: Members that replace those of the usual header; None removes one.
        access: Returns the claims of an access token, except `iss`, `iat` and `exp`. None removes a
            claim that is usual, such as `iat`.
        id_token: Returns the claims of an ID token, except `iss`, `iat` and `exp`. A provider
            without ID tokens has its other token here, which an API must refuse as well.
        times: Further claims whose value is the time of issue.
        scopes: Returns the claims that grant scopes, which are separated by spaces.
        keys_base: Returns the URL before `keys_path` for an issuer's name.
        algorithm: The algorithm that signs the tokens.
        parties_header: Returns further members of an access token's header.
        repeated: Claims that the header of an access token repeats (RFC 7519 §5.3).
        padded: True if the segments of access tokens have padding.
        new_kid: Returns the ID of a new key; None is one that the key makes itself.
    """

    example: Parties
    keys_path: str
    header: Mapping[str, Any]
    access: Callable[[Parties], dict[str, Any]]
    id_token: Callable[[Parties], dict[str, Any]]
    times: tuple[str, ...] = ()
    scopes: Callable[[str], dict[str, Any]] = lambda scope: {"scope": scope}
    keys_base: Callable[[str], str] = lambda issuer: issuer.rstrip("/")
    algorithm: str = "RS256"
    parties_header: Callable[[Parties], dict[str, Any]] = lambda parties: {}
    repeated: tuple[str, ...] = ()
    padded: bool = False
    new_kid: Callable[[], str | None] = lambda: None
