"""What was measured, as it is kept: `results.json`, one part for each section, each with where it was taken."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
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
    "python-jose", "jwcrypto", "WebOb", "waitress", "gunicorn", "pyuwsgi", "granian",
)  # fmt: skip
EXPRESS = Path(__file__).parent / "express" / "package.json"


@dataclass(frozen=True)
class Section:
    """One section: where and with what it was taken, its figures, and why others are missing."""

    environment: Mapping[str, Any]
    figures: Mapping[str, Figure]
    absent: Mapping[str, str] = field(default_factory=dict)


Results = dict[str, Section]


def environment(client: str | None = None) -> dict[str, Any]:
    """The versions and the kind of machine; nothing that names one."""
    found: dict[str, Any] = {
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
        found |= {
            "client": client,
            "node": node(),
            "express": json.loads(EXPRESS.read_text())["dependencies"],
        }
    return found


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's model, as Linux names it."""
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.machine()


def versions() -> dict[str, str]:
    """What is installed of everything that is measured."""
    found: dict[str, str] = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def node() -> str | None:
    """The version of Node, where there is one."""
    program = shutil.which("node")
    if program is None:
        return None
    ended = subprocess.run(
        [program, "--version"], capture_output=True, text=True, timeout=30, check=True
    )
    return ended.stdout.strip()


def read(path: Path) -> Results:
    """What an earlier run has left; nothing where there was none."""
    if not path.exists():
        return {}
    kept = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: Section(
            section["environment"],
            {each: Figure(**figure) for each, figure in section["figures"].items()},
            section["absent"],
        )
        for name, section in kept["sections"].items()
    }


def write(path: Path, results: Results) -> None:
    """Keep the results, four digits of each value."""
    sections = {
        name: {
            "environment": dict(section.environment),
            "absent": dict(section.absent),
            "figures": {each: _kept(figure) for each, figure in section.figures.items()},
        }
        for name, section in results.items()
    }
    text = json.dumps({"sections": sections}, indent=1, ensure_ascii=False)
    path.write_text(_lists_on_one_line(text) + "\n", encoding="utf-8")


def _kept(figure: Figure) -> dict[str, Any]:
    return {"unit": figure.unit, "rounds": [float(f"{value:.4g}") for value in figure.rounds]}


def _lists_on_one_line(text: str) -> str:
    lines: list[str] = []
    within = False
    for line in text.splitlines():
        if within:
            lines[-1] += line.strip() if line.strip().startswith("]") else line.strip() + " "
        else:
            lines.append(line)
        within = (within or line.endswith("[")) and not line.strip().startswith("]")
    return "\n".join(line.replace(" ]", "]") for line in lines)
