"""The site of the documentation, built as `make docs` builds it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: mkdocs, in a process that may not ask for an address or connect: the build needs no network.
OFFLINE = """
import sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        raise RuntimeError(f"the build of the site uses the network: {event} {arguments!r}")

sys.addaudithook(refuse)
from mkdocs.__main__ import cli
cli()
"""


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    # As `make docs` does, but for where it goes; Python's own warnings are the dependencies' business.
    command = [
        sys.executable,
        "-c",
        OFFLINE,
        "build",
        "--strict",
        "--config-file",
        str(config),
        "--site-dir",
        str(site),
    ]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
