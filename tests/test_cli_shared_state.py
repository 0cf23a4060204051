"""`check --app`: every shared store is asked once, and every introspection endpoint."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from store_servers import StoreServer, serving

from jwt_wsgi.testing import LocalIssuer

AUDIENCE = "https://api.example.com"
STACK = """
from jwt_wsgi import *
from jwt_wsgi.introspection import ClientSecretBasic
from jwt_wsgi.revocation import DenyList
from jwt_wsgi.stores import MemoryStore, RedisStore

class Counted(RedisStore):
    asked = []
    def warnings(self):
        self.asked.append(self)
        return super().warnings()

def hello(environ, start_response):
    raise SystemExit("the application is never called")

def opaque(secret, **options):
    return Introspection(
        {endpoint!r}, issuer={issuer!r}, audience={audience!r},
        client_auth=ClientSecretBasic("api", secret), **options
    )

def jwts(store=None, **options):
    seal = None if store is None else "k" * 32
    keys = RemoteJWKS.discovered({issuer!r}, store=store, sealing_keys=seal)
    return Issuer({issuer!r}, audience={audience!r}, algorithms=["ES256"], keys=keys, **options)

store = Counted({store!r}, timeout=30)
other = Counted({store!r}, timeout=30, prefix="other:")
app = protect(hello, rules={{"/": AUTHENTICATED}}, {options})
"""


@pytest.fixture(scope="module")
def server() -> Iterator[StoreServer]:
    with serving("valkey") as server:
        server.control.config_set("maxmemory-policy", "allkeys-lru")
        yield server


@pytest.fixture(scope="module")
def local() -> Iterator[LocalIssuer]:
    issuer = LocalIssuer(audience=AUDIENCE, algorithms=("ES256",))
    with issuer.serve():
        yield issuer


@pytest.fixture
def check(
    local: LocalIssuer, server: StoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """Yield a function that checks a stack with these options."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def checked(options: str, *arguments: str) -> tuple[int, dict[str, Any]]:
        sys.modules.pop("stack", None)
        text = STACK.format(
            issuer=local.issuer,
            endpoint=local.introspection_uri,
            audience=AUDIENCE,
            store=server.url,
            options=options.replace("SECRET", repr(local.api_client[1])),
        )
        (tmp_path / "stack.py").write_text(text)
        result = run("check", "--app", "stack:app", "--json", *arguments)
        return result.status, json.loads(result.output)

    yield checked
    sys.modules.pop("stack", None)


PROOFS = "dpop=DPoP('https://a.example.com', replay=store)"
STORES = {
    "proofs": (f"issuer=jwts(), {PROOFS}", 1),
    "denials": ("issuer=jwts(), is_revoked=DenyList(store)", 1),
    "keys": ("issuer=jwts(store)", 1),
    "one for all": (f"issuer=jwts(store), is_revoked=DenyList(store), {PROOFS}", 1),
    "two": ("issuer=jwts(store), is_revoked=DenyList(other)", 2),
    "a process alone": ("issuer=jwts(), is_revoked=DenyList(MemoryStore())", 0),
    "a callback of one's own": ("issuer=jwts(), is_revoked=lambda auth: False", 0),
}


@pytest.mark.parametrize(("options", "count"), STORES.values(), ids=STORES)
def test_each_store_of_a_stack_is_asked_once(options: str, count: int, check: Any) -> None:
    status, document = check(options)
    assert status == 0
    assert len(sys.modules["stack"].Counted.asked) == count
    # Both stores are at one server, so there is one warning.
    assert len(document["warnings"]) == min(count, 1)
    assert all("allkeys-lru" in warning for warning in document["warnings"])
    _, offline = check(options, "--offline")
    assert offline["warnings"] == []
    assert sys.modules["stack"].Counted.asked == []


ENDPOINTS = {
    "good": ("issuer=opaque(SECRET)", [[]], 0),
    "beside an issuer": ("issuer=[opaque(SECRET), jwts()]", [[], []], 0),
    "another secret": ("issuer=opaque('wrong')", [["401"]], 1),
    "for JWTs as well": ("issuer=jwts(introspect=opaque('wrong'))", [[], ["401"]], 1),
}


@pytest.mark.parametrize(("options", "problems", "status"), ENDPOINTS.values(), ids=ENDPOINTS)
def test_each_introspection_endpoint_is_asked(
    options: str, problems: list[list[str]], status: int, check: Any
) -> None:
    actual, document = check(options)
    reports = [issuer["problems"] for issuer in document["issuers"]]
    assert (actual, len(reports)) == (status, len(problems))
    for report, codes in zip(reports, problems, strict=True):
        assert len(report) == len(codes)
        assert all(code in problem for problem, code in zip(report, codes, strict=True))
    offline_status, offline = check(options, "--offline")
    assert offline_status == 0
    assert len(offline["issuers"]) == len(problems)
