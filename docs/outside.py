"""For `make docs`: what links that leave `docs/` become, since the site holds that folder alone."""

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

CHECKOUT = Path(__file__).resolve().parent.parent

#: Pages beside `docs/` that the site shows too, and the names that they have there.
SHOWN = {
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "reporting.md",
    "tests/differences.md": "differences.md",
}

_LINK = re.compile(r"\[([^\]\n]+)\]\(((?:\.\./)+[^)#\s]+|docs/[^)#\s]+|[A-Z]+\.md)(#[^)\s]*)?\)")


def on_files(files: Files, *, config: Any) -> Files:
    """Add the pages that stand elsewhere."""
    for source, name in SHOWN.items():
        files.append(
            File.generated(config, name, content=(CHECKOUT / source).read_text(encoding="utf-8"))
        )
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """Point links at the pages that are shown, and replace links to other files by their paths.

    A link to a missing file stays, and fails the build.
    """
    del config, files
    uri = page.file.src_uri
    shown = {name: source for source, name in SHOWN.items()}
    folder = (CHECKOUT / shown.get(uri, f"docs/{uri}")).parent

    def rewritten(link: re.Match[str]) -> str:
        text, target, anchor = link.groups(default="")
        path = (folder / target).resolve()
        if not path.exists() or not path.is_relative_to(CHECKOUT):
            return link[0]
        inside = path.relative_to(CHECKOUT).as_posix()
        name = inside.removeprefix("docs/") if inside.startswith("docs/") else SHOWN.get(inside)
        if name is not None:
            return f"[{text}]({os.path.relpath(name, Path(uri).parent)}{anchor})"
        return text if inside in text else f"{text} (`{inside}`)"

    return _LINK.sub(rewritten, markdown)
