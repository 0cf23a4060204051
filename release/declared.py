"""What setup.cfg declares: the version, the packages that are required, and their bounds."""

from __future__ import annotations

import configparser
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
#: The extras that an application installs; the others are for those who work on the package.
RUNTIME_EXTRAS = ("app", "cli", "opentelemetry", "prometheus", "redis", "speed")
#: The packages of the extra `test` that `make test-floors` installs: no servers, and the two
#: frameworks that the pages of the documentation begin with.
CORE_TOOLS = (
    "bottle",
    "flask",
    "hypothesis",
    "opentelemetry-sdk",
    "pyjwt",
    "pytest",
    "pytest-xdist",
    "requests",
    "trustme",
    "webtest",
)


def setup_cfg(checkout: Path = CHECKOUT) -> configparser.ConfigParser:
    declared = configparser.ConfigParser()
    declared.read(checkout / "setup.cfg", encoding="utf-8")
    return declared


def version(checkout: Path = CHECKOUT) -> str:
    return setup_cfg(checkout)["metadata"]["version"]


def requirements_of(extra: str | None, checkout: Path = CHECKOUT) -> list[str]:
    """Return what an extra requires, or what the package itself requires (`None`)."""
    declared = setup_cfg(checkout)
    text = (
        declared["options"]["install_requires"]
        if extra is None
        else declared["options.extras_require"][extra]
    )
    return [line.strip() for line in text.splitlines() if line.strip()]
