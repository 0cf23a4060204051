"""`jwt-wsgi revoke`: what it writes, and what it prints."""

from __future__ import annotations

import json
import time
from typing import Any

import click
import pytest
from click.testing import CliRunner
from command_line import run

from jwt_wsgi import Auth, InvalidToken, Verifier
from jwt_wsgi.cli.revoke import Denial, denial_of_target, denial_of_token, write_denial
from jwt_wsgi.revocation import DenyList
from jwt_wsgi.stores import MemoryStore, StoreUnavailable
from jwt_wsgi.testing import LocalIssuer

ISSUER = "https://issuer.example.com/"


@pytest.fixture(scope="module")
def local() -> LocalIssuer:
    return LocalIssuer(ISSUER, algorithms=["ES256"])


def write(denial: Denial, store: MemoryStore, *, as_json: bool = False) -> str:
    """Write a denial as the command does, and return what it prints."""

    @click.command()
    def command() -> None:
        write_denial(denial, store, 86400, as_json=as_json)

    result = CliRunner().invoke(command, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.mark.parametrize("jti", ["jti-1", None])
def test_a_token_is_denied_and_not_printed(local: LocalIssuer, jti: str | None) -> None:
    store = MemoryStore()
    token = local.token(jti=jti)
    printed = write(denial_of_token(token), store)
    assert "not verified" in printed
    assert not any(part in printed for part in token.split("."))
    assert ("jti-1" in printed) is (jti is not None)
    verifier = Verifier(local.trusted(), is_revoked=DenyList(store))
    with pytest.raises(InvalidToken, match="token_revoked"):
        verifier.verify(token)
    verifier.verify(local.token(jti="two"))
    introspected = Auth(token, ISSUER, claims={"sub": "user-1"}, header={})
    assert DenyList(store)(introspected)


@pytest.mark.parametrize(
    "token", ["opaque-4711", "a.b.c", "e30.e30.c2ln", "v1.tenant.secret", "a.b.c.d.e"]
)
def test_an_opaque_token_is_denied_by_its_text(token: str) -> None:
    store = MemoryStore()
    printed = write(denial_of_token(token), store)
    assert token not in printed
    assert DenyList(store)(Auth(token, ISSUER, claims={}, header={}))
    assert not DenyList(store)(Auth(token + "x", ISSUER, claims={}, header={}))


def test_an_expired_token_is_not_written(local: LocalIssuer) -> None:
    class ReadOnly(MemoryStore):
        """A store that nobody may write to."""

        def set(self, key: str, value: bytes, ttl: float | None) -> None:
            raise AssertionError

    denial = denial_of_token(local.token(expires_in=-3600))
    assert "Nothing was written" in write(denial, ReadOnly())
    assert json.loads(write(denial, ReadOnly(), as_json=True))["written"] is False


@pytest.mark.parametrize(
    ("kind", "claims", "header"),
    [
        pytest.param("subject", {"sub": "v"}, {"kid": "k"}, id="subject"),
        pytest.param("session", {"sid": "v"}, {"kid": "k"}, id="session"),
        pytest.param("client", {"azp": "v"}, {"kid": "k"}, id="client"),
        pytest.param("key", {}, {"kid": "v"}, id="key"),
    ],
)
def test_all_tokens_of_one_kind_are_denied(
    kind: str, claims: dict[str, Any], header: dict[str, Any]
) -> None:
    store = MemoryStore()
    denial = denial_of_target(kind, ISSUER, "v")
    printed = json.loads(write(denial, store, as_json=True))
    assert printed == {"denied": kind, "issuer": ISSUER, "value": "v", "written": True}
    assert ISSUER in write(denial, store)
    claims = {"iat": time.time() - 5, "exp": time.time() + 60, "jti": "one", **claims}
    assert DenyList(store)(Auth("a.b.c", ISSUER, claims=claims, header=header))
    other = Auth(
        "a.b.d", ISSUER, claims={**claims, "sub": "w", "sid": "w", "azp": "w"}, header={"kid": "k"}
    )
    assert not DenyList(store)(other)


def test_a_store_that_is_down_is_an_error_with_status_1() -> None:
    class Down(MemoryStore):
        """A store that cannot be reached."""

        def set(self, key: str, value: bytes, ttl: float | None) -> None:
            raise StoreUnavailable("no connection")

    with pytest.raises(click.ClickException, match="unavailable") as raised:
        write(denial_of_target("key", ISSUER, "k1"), Down())
    assert raised.value.exit_code == 1


def test_hostile_names_are_escaped() -> None:
    printed = write(denial_of_target("subject", ISSUER, "a\x1b[31m\nb"), MemoryStore())
    assert "\x1b" not in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "stdin", "text"),
    [
        pytest.param([], "opaque-4711", "--store", id="no store"),
        pytest.param(["--store", "redis://x", "--subject", "u"], "", "--issuer", id="no issuer"),
        pytest.param(
            ["--store", "redis://x", "--issuer", ISSUER], "opaque-4711", "--issuer", id="no target"
        ),
        pytest.param(
            ["--store", "redis://x", "--issuer", ISSUER, "--subject", "u", "--key", "k"],
            "",
            "only one of them",
            id="two targets",
        ),
        pytest.param(
            ["--store", "redis://x", "--issuer", ISSUER, "--key", "k", "--token-file", "-"],
            "",
            "--token-file",
            id="a target and a token",
        ),
        pytest.param(["--store", "redis://x"], "", "no token", id="no token"),
    ],
)
def test_wrong_usage_is_one_sentence_with_status_2(words: list[str], stdin: str, text: str) -> None:
    result = run("revoke", *words, stdin=stdin)
    assert (result.status, result.output) == (2, "")
    assert text in result.errors
    assert "opaque-4711" not in result.errors


@pytest.mark.parametrize(
    "target", [["--issuer", "", "--subject", "u"], ["--issuer", ISSUER, "--subject", ""]]
)
def test_an_empty_name_is_wrong_usage(target: list[str]) -> None:
    with pytest.raises(click.UsageError, match="write its text"):
        write(denial_of_target("subject", target[1], target[3]), MemoryStore())
