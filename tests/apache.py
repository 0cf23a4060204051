"""Debian's Apache with mod_wsgi: where its parts are, and what it must be able to read."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

# Debian has servers in a folder that is not on everybody's path.
APACHE = shutil.which("apache2", path=os.environ.get("PATH", "") + ":/usr/sbin")
MODULES = Path("/usr/lib/apache2/modules")

#: For tests that ask for Apache alone.
needs_apache = pytest.mark.skipif(APACHE is None, reason="needs Apache: .ci/servers")
#: For tests that ask for mod_wsgi.
needs_mod_wsgi = [
    pytest.mark.skipif(
        APACHE is None or not (MODULES / "mod_wsgi.so").exists(),
        reason="needs mod_wsgi: .ci/servers",
    ),
    pytest.mark.skipif(
        not (MODULES / f"mod_wsgi.so-{sys.version_info[0]}.{sys.version_info[1]}").exists(),
        reason="Debian's mod_wsgi is of another Python version",
    ),
]

_IMPORTED = (
    "jwt_wsgi",
    "josepy",
    "cryptography",
    "cffi",
    "_cffi_backend",
    "pycparser",
    "urllib3",
    "typing_extensions",
)


def copy_packages(folder: Path) -> None:
    """Copy the package and what it imports to where a server that gave up being root can read it."""
    for name in _IMPORTED:
        if (spec := find_spec(name)) is None or spec.origin is None:
            continue
        origin = Path(spec.origin)
        if spec.submodule_search_locations:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(origin.parent, folder / name, ignore=ignored)
        else:
            shutil.copy(origin, folder)


def configuration(folder: Path, port: int, modules: tuple[str, ...], settings: str) -> str:
    """Return a whole configuration, with the folder for its files.

    Args:
        folder: A folder that everybody may read. The log is its `error.log`.
        port: The port of 127.0.0.1 on which to listen.
        modules: The names of modules to load, such as "ssl", beside those that every server needs.
        settings: The settings of the site.
    """
    lines = [
        f"ServerRoot {folder}",
        "ServerName localhost",
        f"DefaultRuntimeDir {folder}",
        f"PidFile {folder}/apache.pid",
        f"ErrorLog {folder}/error.log",
        f"Listen 127.0.0.1:{port}",
    ]
    names = ("mpm_event", "authz_core", *modules)
    lines += [f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in names]
    if os.getuid() == 0:
        lines += ["User nobody", "Group nogroup"]
    return "\n".join([*lines, settings])


def command(folder: Path, text: str) -> list[str]:
    """Write a configuration, and return the command that starts Apache with it."""
    file = folder / "apache.conf"
    file.write_text(text, encoding="utf-8")
    return [str(APACHE), "-f", str(file), "-DFOREGROUND"]
