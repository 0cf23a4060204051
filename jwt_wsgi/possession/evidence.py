"""Evidence: what a request brings along to prove the possession of a key."""

from collections.abc import Callable
from typing import Final, NamedTuple

from jwt_wsgi.bindings import BEARER_SCHEME, DPOP_SCHEME
from jwt_wsgi.possession.target import Target, names_request, names_url


class WSGITarget(NamedTuple):
    """The target of a request as a WSGI server gives it (PEP 3333).

    Attributes:
        script_name: `SCRIPT_NAME`.
        path_info: `PATH_INFO`.
    """

    script_name: str
    path_info: str

    def is_named_by(self, htu: str, bases: tuple[Target, ...]) -> bool:
        """Return whether an `htu` names this target under one of the base URLs."""
        return names_request(htu, bases, self.script_name, self.path_info)

    def __str__(self) -> str:
        return self.script_name + self.path_info or "/"


class URLTarget(NamedTuple):
    """The target of a request outside WSGI.

    Attributes:
        url: The URL of the request.
    """

    url: str

    def is_named_by(self, htu: str, bases: tuple[Target, ...]) -> bool:
        """Return whether an `htu` names this URL, which must lie under one of the base URLs."""
        return names_url(htu, bases, self.url)

    def __str__(self) -> str:
        return self.url


class Evidence(NamedTuple):
    """The scheme of a request, its DPoP proof and its client certificate, not verified yet.

    Attributes:
        scheme: The authentication scheme: `Bearer` or `DPoP`.
        proof: The value of the header `DPoP`, or None. `repr` does not show it.
        method: The request method.
        target: The target of the request.
        certificate: Returns the client's certificate as DER, or None; it is called only for a
            token that is bound to one. None where the request cannot have one.
        in_authorization: True if the token stood in the header `Authorization`.
    """

    scheme: str = BEARER_SCHEME
    proof: str | None = None
    method: str = ""
    target: WSGITarget | URLTarget = WSGITarget("", "")
    certificate: Callable[[], bytes | None] | None = None
    in_authorization: bool = True

    def __repr__(self) -> str:
        return f"Evidence(scheme={self.scheme!r}, method={self.method!r})"


#: A token that came under Bearer, and nothing besides.
NO_EVIDENCE: Final = Evidence()


def evidence_of(
    proof: str | None, method: str | None, url: str | None, certificate: bytes | None
) -> Evidence:
    """Return the evidence that is handed in outside WSGI.

    Args:
        proof: The value of the header `DPoP`, or None.
        method: The request method; a proof needs it.
        url: The URL of the request; a proof needs it.
        certificate: The client's certificate as DER, or None.

    Raises:
        ValueError: A proof without `method` or `url`, or an argument of another type.
    """
    if certificate is not None and not isinstance(certificate, bytes):
        raise ValueError(f"certificate={type(certificate).__name__}: write the DER, as bytes")
    if proof is None:
        return Evidence(certificate=lambda: certificate)
    if not isinstance(proof, str):
        raise ValueError(f"proof={type(proof).__name__}: write the text of the header DPoP")
    if not isinstance(method, str) or not isinstance(url, str):
        raise ValueError("proof without method and url: name the request that it was sent with")
    return Evidence(DPOP_SCHEME, proof, method, URLTarget(url), lambda: certificate)
