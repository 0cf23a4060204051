"""A fetcher that serves a local issuer's documents and lists the URLs that were fetched."""

from __future__ import annotations

from jwt_wsgi.testing import LocalIssuer


class Fetched(list[str]):
    """The URLs that were fetched, in order; calling it fetches one."""

    def __init__(self, issuer: LocalIssuer) -> None:
        super().__init__()
        self._issuer = issuer

    def __call__(self, url: str) -> bytes:
        self.append(url)
        return self._issuer.fetch(url)
