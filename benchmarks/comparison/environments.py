"""An environment for each library, with pinned versions; one that is unchanged is used again."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.comparison.channel import ROOT
from benchmarks.comparison.peers import OWN, PEERS

REQUIREMENTS = Path(__file__).resolve().parent / "requirements"
ENVIRONMENTS = ROOT / ".venv-compare"


def pins(distribution: str) -> dict[str, str]:
    """Return the pinned versions of a library's environment, by the names of distributions."""
    lines = (REQUIREMENTS / f"{distribution}.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {name.lower().replace("_", "-"): version for name, version in pairs}


def python_for(distribution: str) -> str:
    """Return the Python of a library's environment; install it, if it has changed.

    Raises:
        subprocess.CalledProcessError: pip has failed.
    """
    folder = ENVIRONMENTS / distribution
    python = folder / "bin" / "python"
    if distribution == OWN:
        # `make compare` has made it, and this process runs in it.
        return sys.executable
    stamp = folder / ".made"
    wanted = _digest(distribution)
    if stamp.exists() and stamp.read_text() == wanted:
        return str(python)
    print(f"environment: {distribution}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    requirements = str(REQUIREMENTS / f"{distribution}.txt")
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, "-r", requirements], check=True)
    stamp.write_text(wanted)
    return str(python)


def _digest(distribution: str) -> str:
    text = (REQUIREMENTS / f"{distribution}.txt").read_bytes() + sys.version.encode()
    return hashlib.sha256(text).hexdigest()


def missing() -> list[str]:
    """Return the libraries without a file of pins, or whose file does not pin the library."""
    return [
        name
        for name in PEERS
        if not (REQUIREMENTS / f"{name}.txt").exists() or (name != OWN and name not in pins(name))
    ]
