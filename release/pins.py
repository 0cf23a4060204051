"""Pin every package that the Makefile installs: `make pins` writes requirements/*.txt.

Each file names exact versions and their hashes for all Python versions and platforms that
setup.cfg allows, so one file serves Python 3.11 to 3.15.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from release.declared import CORE_TOOLS, RUNTIME_EXTRAS, requirements_of

CHECKOUT = Path(__file__).resolve().parent.parent
#: The oldest Python that setup.cfg allows.
OLDEST_PYTHON = "3.11"
BUILD = "requirements/build.in"
TEST = "requirements/test.txt"


def main() -> int:
    # What the tests use comes first: the other environments take the same versions.
    _compile("test", [*_project("test"), BUILD])
    for extra in ("app", "docs", "fuzz", "mutmut"):
        _compile(extra, [*_project(extra), BUILD, "--constraint", TEST])
    _compile("tools", ["requirements/tools.in"])
    _compile_floors()
    return 0


def _compile_floors() -> None:
    """Pin the lowest version of each package that the package or its core tests use."""
    tools = [
        text for text in requirements_of("test") if re.split(r"[^\w.-]", text)[0] in CORE_TOOLS
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".in") as file:
        file.write("\n".join(tools))
        file.flush()
        sources = [*_project(*RUNTIME_EXTRAS), BUILD, file.name]
        # The comments would name the temporary file.
        _compile("floors", [*sources, "--resolution=lowest-direct", "--no-annotate"])


def _project(*extras: str) -> list[str]:
    return ["setup.cfg", *(f"--extra={extra}" for extra in extras)]


def _compile(name: str, arguments: list[str]) -> None:
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    options = ["--universal", f"--python-version={OLDEST_PYTHON}", "--generate-hashes", "--upgrade"]
    options += ["--no-config", "--quiet", "--custom-compile-command=make pins"]
    command = [str(uv), "pip", "compile", *options, *arguments]
    target = f"requirements/{name}.txt"
    subprocess.run([*command, f"--output-file={target}"], cwd=CHECKOUT, check=True)
    print(f"{target}: {(CHECKOUT / target).read_text().count('==')} pins")


if __name__ == "__main__":
    sys.exit(main())
