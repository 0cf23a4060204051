"""The code of a documentation page: snippets that run in order, and files that a title names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
_SNIPPET = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r'^```\w+ title="([\w.-]+)"\n(.*?)^```$', re.DOTALL | re.MULTILINE)


def text_of(page: str) -> str:
    return (DOCS / page).read_text("utf-8")


def run(page: str) -> dict[str, Any]:
    """Run the snippets of a page, and return the names that they leave."""
    namespace: dict[str, Any] = {"__name__": "recipe"}
    for number, snippet in enumerate(_SNIPPET.findall(text_of(page)), 1):
        exec(compile(snippet, f"{page}, snippet {number}", "exec"), namespace)
    return namespace


def files_of(page: str) -> dict[str, str]:
    """Return the files that a page shows, by their names."""
    return dict(_FILE.findall(text_of(page)))


def write_files(page: str, folder: Path) -> None:
    """Write the files that a page shows into a folder."""
    for name, text in files_of(page).items():
        (folder / name).write_text(text, "utf-8")
