"""How an application checks the possession of keys, as `check` shows it."""

from dataclasses import dataclass
from typing import Any

from jwt_wsgi.explain.stack import Stack
from jwt_wsgi.nesting import name_of
from jwt_wsgi.possession.dpop import DPoP
from jwt_wsgi.stores import MemoryStore


@dataclass(frozen=True, slots=True)
class PossessionReport:
    """The checks of possession that a stack makes.

    Attributes:
        dpop: The options for DPoP, or None.
        certificate: The source of client certificates in words, or None.
    """

    dpop: DPoP | None
    certificate: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the members for a JSON document."""
        dpop = None
        if self.dpop is not None:
            dpop = {
                "base_urls": _base_urls(self.dpop),
                "required": self.dpop.required,
                "algorithms": list(self.dpop.algorithms),
                "max_age": self.dpop.max_age,
                "leeway": self.dpop.leeway,
                "nonces": self.dpop.nonces is not None,
                "replay": None if self.dpop.replay is None else type(self.dpop.replay).__name__,
            }
        return {"dpop": dpop, "client_certificate": self.certificate}

    def lines(self) -> list[str]:
        """Return sentences about the checks; none where there is no check."""
        sentences: list[str] = []
        if self.dpop is not None:
            manner = "required" if self.dpop.required else "accepted"
            urls = ", ".join(_base_urls(self.dpop))
            nonces = "with" if self.dpop.nonces is not None else "without"
            sentences.append(f"DPoP proofs for {urls} are {manner}, {nonces} nonces.")
            sentences.append(_replay_sentence(self.dpop))
        if self.certificate is not None:
            sentences.append(f"Client certificates come from {self.certificate}.")
        return sentences


def report_possession(stack: Stack) -> PossessionReport | None:
    """Return the checks of possession that a stack makes, or None if it makes none."""
    layer = stack.verifier
    if layer is None:
        return None
    dpop = layer.verifier.dpop
    source = layer.client_certificate
    if dpop is None and source is None:
        return None
    certificate = None
    if source is not None:
        is_ours = type(source).__module__.startswith("jwt_wsgi.")
        certificate = repr(source) if is_ours else name_of(source)
    return PossessionReport(dpop, certificate)


def _replay_sentence(dpop: DPoP) -> str:
    if dpop.replay is None:
        return "The replay of proofs is not checked."
    if isinstance(dpop.replay, MemoryStore):
        return (
            "Used proofs are remembered by each process for itself: with several workers, a proof "
            "can be used once at each. DPoP(replay=...) takes a shared store."
        )
    return f"Used proofs are remembered in {type(dpop.replay).__name__}."


def _base_urls(dpop: DPoP) -> list[str]:
    return [_write_url(*base) for base in dpop.bases]


def _write_url(scheme: str, host: str, port: int, path: bytes) -> str:
    """Return a base URL with its port, which a proof may leave out where it is the default."""
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}:{port}{path.decode('ascii', 'backslashreplace')}"
