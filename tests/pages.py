"""What the tests that run the snippets of a page share."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from prometheus_client import REGISTRY

#: The files that a page tells its readers to write before the snippets run: name and content.
WRITTEN = re.compile(r"^Write .* to `([\w.]+)`:\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@contextmanager
def beside_its_files(page: Path) -> Iterator[None]:
    """Change to a folder that has the files of the page."""
    with TemporaryDirectory() as folder, chdir(folder):
        for name, content in WRITTEN.findall(page.read_text("utf-8")):
            Path(name).write_text(content, "utf-8")
        yield


@contextmanager
def process_left_unchanged() -> Iterator[None]:
    """Undo what a page's snippets change in the process: registered metrics and the log's level."""
    logger = logging.getLogger("jwt_wsgi.decision")
    level = logger.level
    collectors = set(REGISTRY._collector_to_names)
    try:
        yield
    finally:
        logger.setLevel(level)
        for collector in set(REGISTRY._collector_to_names) - collectors:
            REGISTRY.unregister(collector)
