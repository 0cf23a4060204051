"""The results of measurements in `results.json`: a part for each section, with its environment."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.backends.openssl.backend import backend

from benchmarks.measuring import Figure

DISTRIBUTIONS = (
    "jwt-wsgi", "cryptography", "josepy", "urllib3", "orjson", "pybase64", "msgspec", "PyJWT", "joserfc", "Authlib",
    "python-jose", "jwcrypto", "oxyjwt", "jwtoxide", "webtoken", "Flask", "Django", "djangorestframework",
    "Flask-JWT-Extended", "djangorestframework-simplejwt", "WebOb", "waitress", "gunicorn", "pyuwsgi", "granian",
)  # fmt: skip
EXPRESS = Path(__file__).parent / "express" / "package.json"


@dataclass(frozen=True)
class Section:
    """A section: its environment, its figures, and for each absent figure the reason."""

    environment: Mapping[str, Any]
    figures: Mapping[str, Figure]
    absent: Mapping[str, str] = field(default_factory=dict)


Results = dict[str, Section]


def environment(client: str | None = None) -> dict[str, Any]:
    """Return the versions and the kind of machine, without anything that identifies the machine."""
    values: dict[str, Any] = {
        "taken": datetime.now(UTC).date().isoformat(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": os.cpu_count(),
        "load before": round(os.getloadavg()[0], 1),
        "openssl": backend.openssl_version_text().removeprefix("OpenSSL ").split(" ")[0],
        "versions": versions(),
    }
    if client is not None:
        values |= {
            "client": client,
            "node": node(),
            "express": json.loads(EXPRESS.read_text())["dependencies"],
        }
    return values


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the model of the processor, as Linux names it."""
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.machine()


def versions() -> dict[str, str]:
    """Return the versions of the measured distributions that are installed."""
    installed: dict[str, str] = {}
    for name in DISTRIBUTIONS:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed


def node() -> str | None:
    """Return the version of Node, or None if it is not installed."""
    program = shutil.which("node")
    if program is None:
        return None
    process = subprocess.run(
        [program, "--version"], capture_output=True, text=True, timeout=30, check=True
    )
    return process.stdout.strip()


def read(path: Path) -> Results:
    """Read the results of earlier runs, or none if there is no file."""
    if not path.exists():
        return {}
    document = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: Section(
            section["environment"],
            {title: Figure(**figure) for title, figure in section["figures"].items()},
            section["absent"],
        )
        for name, section in document["sections"].items()
    }


def write(path: Path, results: Results) -> None:
    """Write the results, with four digits of each value."""
    sections = {
        name: {
            "environment": dict(section.environment),
            "absent": dict(section.absent),
            "figures": {title: _rounded(figure) for title, figure in section.figures.items()},
        }
        for name, section in results.items()
    }
    text = json.dumps({"sections": sections}, indent=1, ensure_ascii=False)
    path.write_text(_lists_on_one_line(text) + "\n", encoding="utf-8")


def _rounded(figure: Figure) -> dict[str, Any]:
    return {"unit": figure.unit, "rounds": [float(f"{value:.4g}") for value in figure.rounds]}


def _lists_on_one_line(text: str) -> str:
    """Join the lines of each list of numbers in indented JSON."""
    return re.sub(r"\[[^\[\]{}\"]*\]", _on_one_line, text)


def _on_one_line(match: re.Match[str]) -> str:
    values = match[0].strip("[]").split()
    return f"[{' '.join(values)}]"
