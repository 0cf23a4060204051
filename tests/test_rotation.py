"""Rotation of keys: the `on_rotation` hook, and keys that are revoked."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from waiting import idle

from jwt_wsgi import KeysUnavailable, RemoteJWKS, StaticJWKS
from jwt_wsgi.jose import KeySet
from jwt_wsgi.jwks.source import changed_kids, without_kids
from jwt_wsgi.testing import SigningKey

KEYS = {kid: SigningKey("ES256", kid) for kid in "abc"}
OTHER = SigningKey("ES256", "a")


def jwks(*keys: str | SigningKey) -> dict[str, Any]:
    return {"keys": [(KEYS[key] if isinstance(key, str) else key).jwk for key in keys]}


def key_set(*keys: str | SigningKey) -> KeySet:
    return KeySet.from_jwks(jwks(*keys))


class Remote:
    """A source with its own clock. `published` is what the next fetch returns or raises."""

    def __init__(self, *published: str | SigningKey, **options: Any) -> None:
        self.clock = Clock(1000.0)
        self.published: tuple[str | SigningKey, ...] | Exception = published
        self.fetches = 0
        self.source = RemoteJWKS(
            "https://issuer.test/jwks", fetch=self._fetch, clock=self.clock, **options
        )

    def _fetch(self, url: str) -> bytes:
        self.fetches += 1
        if isinstance(self.published, Exception):
            raise self.published
        return json.dumps(jwks(*self.published)).encode()

    def find(self, kid: str | None) -> bool:
        return bool(self.source.find(kid, "ES256"))

    def refresh(self, *published: str | SigningKey) -> None:
        self.published = published or self.published
        self.clock.advance(541)
        self.source.held()
        idle()


# --- changed kids


@pytest.mark.parametrize(
    ("before", "after", "added", "removed"),
    [
        pytest.param("ab", "ab", "", "", id="nothing"),
        pytest.param("ab", "ba", "", "", id="the order alone"),
        pytest.param("a", "ab", "b", "", id="one more"),
        pytest.param("ab", "b", "", "a", id="one less"),
        pytest.param("a", "b", "b", "a", id="one for another"),
        pytest.param(["a"], [OTHER], "a", "a", id="another key under the same kid"),
        pytest.param(["a"], ["a", OTHER], "a", "a", id="a second key under the same kid"),
    ],
)
def test_a_kid_is_added_removed_or_both(before: Any, after: Any, added: str, removed: str) -> None:
    assert changed_kids(key_set(*before), key_set(*after)) == (frozenset(added), frozenset(removed))


def test_a_changed_key_without_kid_changes_no_kids() -> None:
    pem = [KeySet.from_jwks({"keys": [{**KEYS[kid].jwk, "kid": kid}]}).keys for kid in "ab"]  # type: ignore[dict-item]
    nameless = [
        KeySet([type(key)(None, key.algorithms, key.material) for key in keys]) for keys in pem
    ]
    assert changed_kids(*nameless) == (frozenset(), frozenset())


def test_on_rotation_receives_the_kids_that_a_refresh_has_changed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "jwt_wsgi.jwks")
    calls: list[tuple[frozenset[str], frozenset[str]]] = []
    remote = Remote("a", on_rotation=lambda added, removed: calls.append((added, removed)))
    remote.find("a")
    idle()
    remote.refresh("a")
    assert calls == [], "neither the first set nor an equal one is a rotation"
    remote.refresh("a", "b")
    remote.refresh("b")
    assert calls == [({"b"}, frozenset()), (frozenset(), {"a"})]
    assert "kids added: 'b'; kids removed: none" in caplog.text
    assert "kids added: none; kids removed: 'a'" in caplog.text


def test_a_failed_refresh_is_not_a_rotation() -> None:
    calls: list[object] = []
    remote = Remote("a", on_rotation=lambda *changed: calls.append(changed))
    remote.find("a")
    remote.published = OSError()
    remote.refresh()
    assert calls == []
    assert remote.fetches == 2


def test_an_exception_of_the_hook_is_logged_by_type_and_the_keys_are_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def hook(added: frozenset[str], removed: frozenset[str]) -> None:
        raise RuntimeError("hidden")

    remote = Remote("a", on_rotation=hook)
    remote.find("a")
    remote.refresh("b")
    assert remote.find("b")
    assert "on_rotation raised RuntimeError" in caplog.text
    assert "hidden" not in caplog.text


def test_the_hook_may_call_the_source() -> None:
    held: list[Any] = []
    remote = Remote("a", on_rotation=lambda added, removed: held.append(remote.source.held()))
    remote.find("a")
    remote.refresh("b")
    assert held == [remote.source.held()]


def test_the_same_kid_with_another_key_takes_effect_at_the_next_refresh() -> None:
    remote = Remote("a")
    [before] = remote.source.find("a", "ES256")
    epoch = remote.source.held()
    remote.refresh(OTHER)
    [after] = remote.source.find("a", "ES256")
    assert after.verifies("ES256", b"x", OTHER.sign(b"x"))
    assert not after.verifies("ES256", b"x", KEYS["a"].sign(b"x"))
    assert after is not before
    assert remote.source.held() is not epoch


# --- revoked kids


def test_a_revoked_kid_is_unknown_at_once_and_stays_unknown() -> None:
    remote = Remote("a", "b")
    assert remote.find("a")
    epoch = remote.source.held()
    remote.source.revoke("a")
    assert (remote.find("a"), remote.find("b")) == (False, True)
    assert remote.source.held() is not epoch
    remote.refresh("a", "b")
    assert (remote.find("a"), remote.find("b"), remote.fetches) == (False, True, 2)
    assert len(remote.source.find(None, "ES256")) == 1, (
        "it does not serve a token without kid either"
    )


def test_a_revoked_kid_is_refused_before_a_fetch_and_in_an_outage() -> None:
    remote = Remote("a")
    remote.source.revoke("a")
    assert (remote.find("a"), remote.fetches) == (False, 0)
    remote.published = OSError()
    assert (remote.find("a"), remote.fetches) == (False, 0)
    with pytest.raises(KeysUnavailable):
        remote.find("b")


def test_a_set_whose_keys_are_all_revoked_is_not_a_failure() -> None:
    remote = Remote("a")
    remote.find("a")
    remote.source.revoke("a")
    remote.refresh("a")
    assert remote.source.status().kids == frozenset()
    assert remote.source.status().failures == 0
    assert not remote.find(None)
    remote.refresh("b")
    assert remote.find("b")


def test_a_revocation_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    Remote("a").source.revoke("a\n")
    assert "kid 'a\\n' is revoked in this process" in caplog.text


@pytest.mark.parametrize("kids", [frozenset(), frozenset("c")], ids=["none", "a stranger"])
def test_removing_kids_that_a_set_lacks_returns_the_same_object(kids: frozenset[str]) -> None:
    keys = key_set("a", "b")
    assert without_kids(keys, kids) is keys


def test_a_revoked_kid_of_a_static_set_stays_revoked_when_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    clock = Clock()
    path.write_text(json.dumps(jwks("a", "b")))
    source = StaticJWKS(path, clock=clock)
    source.revoke("a")
    assert source.held().kids == {"b"}
    path.write_text(json.dumps(jwks("a", "b", "c")))
    clock.advance(1)
    assert source.held().kids == {"b", "c"}
    source.revoke("b")
    path.write_text(json.dumps(jwks("c", "b", "a")))
    clock.advance(1)
    assert source.held().kids == {"c"}
    mapping = StaticJWKS(jwks("a", "b"))
    mapping.revoke("b")
    assert not mapping.find("b", "ES256")
    assert mapping.find("a", "ES256")


@pytest.mark.parametrize("hook", [5, "log"])
def test_a_hook_that_is_not_callable_is_refused(hook: Any) -> None:
    with pytest.raises(ValueError, match=r"^on_rotation="):
        Remote("a", on_rotation=hook)


def test_a_kid_that_is_revoked_during_a_fetch_stays_revoked() -> None:
    reached = threading.Event()
    go_on = threading.Event()

    def fetch(url: str) -> bytes:
        reached.set()
        go_on.wait(10)
        return json.dumps(jwks("a", "b")).encode()

    source = RemoteJWKS("https://issuer.test/jwks", fetch=fetch)
    seen: list[bool] = []
    ask: Callable[[], None] = lambda: seen.append(bool(source.find("b", "ES256")))  # noqa: E731
    asking = threading.Thread(target=ask)
    asking.start()
    assert reached.wait(10)
    source.revoke("a")
    go_on.set()
    asking.join()
    assert (seen, source.status().kids) == ([True], {"b"})
