"""An application behind DPoP on a shared store, for servers with several workers.

Its environment names the store (`STORE_URL`) and the key set (`JWKS`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from jwt_wsgi import AUTHENTICATED, DPoP, Issuer, StaticJWKS, protect
from jwt_wsgi.stores import RedisStore

ISSUER = "https://issuer.example.com/"
AUDIENCE = "https://api.example.com"


def hello(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def note_reason(environ: dict[str, Any], decision: Any) -> None:
    environ["test.reason"] = decision.reason or "none"


def with_worker(app: Any) -> Any:
    """Let each response name the reason of the decision and the process that made it."""

    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            reason = environ.get("test.reason", "none")
            more = [("X-Worker", str(os.getpid())), ("X-Reason", reason)]
            return start_response(status, [*headers, *more], *rest)

        return app(environ, start)

    return answer


def make() -> Any:
    issuer = Issuer(
        ISSUER, audience=AUDIENCE, algorithms=["ES256"], keys=StaticJWKS(os.environ["JWKS"])
    )
    store = RedisStore(os.environ["STORE_URL"], timeout=30)
    return with_worker(
        protect(
            hello,
            issuer=issuer,
            rules={"/": AUTHENTICATED},
            dpop=DPoP(AUDIENCE, replay=store),
            on_decision=note_reason,
        )
    )
