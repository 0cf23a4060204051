"""Audit the workflows with zizmor, which needs no network for that."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

from release.declared import CHECKOUT


def main(folder: Path = CHECKOUT / ".github") -> int:
    """Return the status of zizmor; its notes and suppressed findings count, too."""
    zizmor = Path(sysconfig.get_path("scripts")) / "zizmor"
    options = ["--offline", "--persona=auditor", "--no-ignores", "--strict-collection"]
    return subprocess.run([zizmor, *options, "--quiet", folder], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
