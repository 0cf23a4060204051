"""What the tests that run the snippets of a page share."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import REGISTRY


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
