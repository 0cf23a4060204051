"""fast-jwt, a decoder of Node: it decodes a token and checks `iss`, `aud` and `exp`."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.minting import AUDIENCE, ISSUER

FOLDER = Path(__file__).resolve().parent / "fast-jwt"

#: Seconds after which Node is ended.
TIMEOUT = 120.0


def missing() -> str | None:
    """Return why fast-jwt cannot be measured here, or None if it can."""
    if shutil.which("node") is None:
        return "Node is not installed"
    if not (FOLDER / "node_modules").is_dir():
        return "fast-jwt is not installed (npm ci)"
    return None


def costs(pem: str, tokens: Sequence[str], batches: int) -> Mapping[str, float]:
    """Return the microseconds for a token: of Node's bare signature, and of fast-jwt.

    Args:
        pem: The public key.
        tokens: Distinct RS256 tokens.
        batches: The number of measured batches.
    """
    result: dict[str, float] = _run({"pem": pem, "tokens": tokens, "batches": batches})
    return result


def subject(pem: str, token: str) -> str:
    """Return the `sub` of a token that fast-jwt accepts.

    Raises:
        RuntimeError: fast-jwt refuses the token.
    """
    result: str = _run({"pem": pem, "tokens": [token], "subject": True})["subject"]
    return result


def _run(job: Mapping[str, Any]) -> dict[str, Any]:
    process = subprocess.run(
        ["node", "decode.js"],
        cwd=FOLDER,
        input=json.dumps({**job, "audience": AUDIENCE, "issuer": ISSUER}),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    if process.returncode:
        raise RuntimeError(f"fast-jwt failed: {process.stderr[-800:]}")
    result: dict[str, Any] = json.loads(process.stdout)
    return result
