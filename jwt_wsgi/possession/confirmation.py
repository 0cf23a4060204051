"""The confirmation of a token: the keys that it is bound to (RFC 7800 §3.1)."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from jwt_wsgi.bindings import BEARER_SCHEME, DPOP, DPOP_SCHEME, MTLS, Binding
from jwt_wsgi.errors import InvalidToken

#: The member of `cnf` with the thumbprint of a certificate (RFC 8705 §3.1).
_X5T: Final = "x5t#S256"
#: The member of `cnf` with the thumbprint of a key (RFC 9449 §6.1).
_JKT: Final = "jkt"


#: The bindings of a token: by the presence of `jkt`, and of `x5t#S256`. Tokens share these sets.
_BINDINGS: Final[dict[tuple[bool, bool], Binding]] = {
    (False, False): frozenset(),
    (True, False): frozenset({DPOP}),
    (False, True): frozenset({MTLS}),
    (True, True): frozenset({DPOP, MTLS}),
}


class Confirmation(NamedTuple):
    """The members of `cnf` that are understood. `read_confirmation` makes them agree.

    Attributes:
        jkt: The SHA-256 thumbprint of the key that DPoP proofs are signed with, or None.
        x5t: The SHA-256 thumbprint of the client's certificate, or None.
        bindings: The bindings of the token.
    """

    jkt: str | None
    x5t: str | None
    bindings: Binding

    @property
    def scheme(self) -> str:
        """The authentication scheme under which the token is sent (RFC 9449 §7.1)."""
        return BEARER_SCHEME if self.jkt is None else DPOP_SCHEME


def read_confirmation(claims: Mapping[str, Any]) -> Confirmation | None:
    """Return the confirmation of a token, or None for a token that is not bound.

    Members that are not understood are ignored beside one that is.

    Args:
        claims: The claims of the token.

    Raises:
        InvalidToken: The token is bound in a way that nothing here can check.
    """
    if "cnf" not in claims:
        return None
    members = claims["cnf"]
    if not isinstance(members, dict):
        raise InvalidToken("token_bound", expected="cnf an object", found="cnf of another type")
    jkt = _thumbprint(members, _JKT)
    x5t = _thumbprint(members, _X5T)
    bindings = _BINDINGS[jkt is not None, x5t is not None]
    if not bindings:
        raise InvalidToken(
            "token_bound", expected=f"{_JKT} or {_X5T} in cnf", found=f"cnf with {sorted(members)}"
        )
    return Confirmation(jkt, x5t, bindings)


def scheme_of(claims: Mapping[str, Any]) -> str | None:
    """Return the scheme that the verified claims of a token demand, or None if none does."""
    try:
        confirmation = read_confirmation(claims)
    except InvalidToken:
        return None
    return None if confirmation is None else confirmation.scheme


def _thumbprint(members: Mapping[str, Any], name: str) -> str | None:
    if name not in members:
        return None
    thumbprint = members[name]
    if not isinstance(thumbprint, str) or not thumbprint:
        raise InvalidToken(
            "token_bound", expected=f"{name} a thumbprint", found=f"{name} of another type"
        )
    return thumbprint
