"""What every protection trusts: one issuer with one RS256 key, for one audience."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.minting import AUDIENCE, ISSUER


@dataclass(frozen=True)
class Trust:
    """The issuer's key, as each library wants it.

    Args:
        pem: The public key as PEM.
        jwks: The key set with this key.
        issuer: The name of the issuer.
        audience: The audience of this API.
    """

    pem: str
    jwks: Mapping[str, Any]
    issuer: str = ISSUER
    audience: str = AUDIENCE
