"""`DPoP`: its options, checked when the stack is built."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import pytest

from jwt_wsgi import DPoP, DPoPNonces
from jwt_wsgi.jose.algorithms import ALGORITHMS, SYMMETRIC
from jwt_wsgi.jose.raw_keys import UNAVAILABLE
from jwt_wsgi.possession.dpop import PROOF_ALGORITHMS
from jwt_wsgi.stores import MemoryStore, Store

BASE = "https://api.example.com"
NONCES = DPoPNonces(b"n" * 32)


def test_the_defaults_are_those_of_the_documentation() -> None:
    dpop = DPoP(BASE)
    assert dpop.required is False
    assert (dpop.max_age, dpop.leeway, dpop.remembered_for) == (300, 30, 361)
    assert dpop.algorithms == PROOF_ALGORITHMS
    assert dpop.nonces is None
    assert isinstance(dpop.replay, MemoryStore)
    assert dpop.has_default_algorithms
    assert "1000000" in repr(dpop.replay)
    assert [base.host for base in dpop.bases] == ["api.example.com"]


def test_every_asymmetric_algorithm_in_use_is_a_default_and_no_symmetric_one() -> None:
    assert not SYMMETRIC.intersection(PROOF_ALGORITHMS)
    assert set(PROOF_ALGORITHMS) <= ALGORITHMS.keys()
    assert len(PROOF_ALGORITHMS) == 11


def test_the_options_are_kept() -> None:
    store = MemoryStore()
    dpop = DPoP(
        [BASE, f"{BASE}/v1"],
        required=True,
        algorithms=["PS256", "ES256", "PS256"],
        max_age=60,
        leeway=0,
        nonces=NONCES,
        replay=store,
    )
    assert dpop.required is True
    assert dpop.algorithms == ("PS256", "ES256")
    assert (dpop.max_age, dpop.leeway, dpop.remembered_for) == (60, 0, 61)
    assert dpop.nonces is NONCES
    assert dpop.replay is store
    assert not dpop.has_default_algorithms
    limits = dpop.limits()
    assert limits.algorithms == {"PS256", "ES256"}
    assert (limits.max_age, limits.leeway, limits.nonces) == (60, 0, NONCES)
    assert DPoP(BASE, replay=None).replay is None


def test_limits_are_narrowed_and_never_widened() -> None:
    dpop = DPoP(BASE, algorithms=["ES256", "PS256"])
    assert dpop.limits(frozenset({"ES256", "EdDSA"})).algorithms == {"ES256"}
    assert dpop.limits(frozenset()).algorithms == frozenset()
    assert dpop.limits().algorithms == {"ES256", "PS256"}


def test_each_stack_has_its_own_store() -> None:
    assert DPoP(BASE).replay is not DPoP(BASE).replay


def test_the_documentation_shows_a_default_store() -> None:
    default = inspect.signature(DPoP).parameters["replay"].default
    assert "MemoryStore" in repr(default)
    assert isinstance(DPoP(BASE, replay=default).replay, MemoryStore)


def test_repr_names_the_base_urls() -> None:
    assert "api.example.com" in repr(DPoP(BASE, nonces=NONCES))
    assert "nnnn" not in repr(DPoP(BASE, nonces=NONCES))


@pytest.mark.parametrize(
    "url",
    [
        BASE,
        f"{BASE}/v1",
        f"{BASE}:8443",
        f"{BASE}/a%20b",
        "https://[2001:db8::1]:8443/v1",
        "http://127.0.0.1:8000",
    ],
)
def test_repr_shows_a_base_url_as_it_is_written(url: str) -> None:
    assert repr(url) in repr(DPoP(url))


class AsyncStore:
    """A store for asyncio, whose every answer is true."""

    async def add(self, key: str, value: bytes, ttl: float, owner: str | None = None) -> bool:
        return False

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return []

    async def set(self, key: str, value: bytes, ttl: float | None) -> None: ...


class AddOnly:
    """Half a store."""

    def add(self, key: str, value: bytes, ttl: float, owner: str | None = None) -> bool:
        return True


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "no base URL": ({"base_urls": ()}, "base_urls"),
    "a base URL without a scheme": ({"base_urls": "api.example.com"}, "base_urls"),
    "required as text": ({"required": "yes"}, "required"),
    "required as number": ({"required": 1}, "required"),
    "required None": ({"required": None}, "required"),
    "algorithms as text": ({"algorithms": "ES256"}, "algorithms"),
    "algorithms as bytes": ({"algorithms": b"ES256"}, "algorithms"),
    "algorithms None": ({"algorithms": None}, "algorithms"),
    "algorithms a number": ({"algorithms": 256}, "algorithms"),
    "no algorithms": ({"algorithms": []}, "algorithms"),
    "none": ({"algorithms": ["none"]}, "algorithms"),
    "HS256": ({"algorithms": ["ES256", "HS256"]}, "algorithms"),
    "HS384": ({"algorithms": ["HS384"]}, "algorithms"),
    "HS512": ({"algorithms": ["HS512"]}, "algorithms"),
    "lower case": ({"algorithms": ["es256"]}, "algorithms"),
    "an unknown name": ({"algorithms": ["ES256K"]}, "algorithms"),
    "a number as name": ({"algorithms": [256]}, "algorithms"),
    "a list as name": ({"algorithms": [["ES256"]]}, "algorithms"),
    "max_age zero": ({"max_age": 0}, "max_age"),
    "max_age below one": ({"max_age": 0.5}, "max_age"),
    "max_age negative": ({"max_age": -1}, "max_age"),
    "max_age a day": ({"max_age": 86_400}, "max_age"),
    "max_age above an hour": ({"max_age": 3600.5}, "max_age"),
    "max_age NaN": ({"max_age": float("nan")}, "max_age"),
    "max_age infinite": ({"max_age": float("inf")}, "max_age"),
    "max_age as text": ({"max_age": "300"}, "max_age"),
    "max_age true": ({"max_age": True}, "max_age"),
    "max_age None": ({"max_age": None}, "max_age"),
    "leeway negative": ({"leeway": -1}, "leeway"),
    "leeway a day": ({"leeway": 86_400}, "leeway"),
    "leeway above an hour": ({"leeway": 3600.5}, "leeway"),
    "leeway as text": ({"leeway": "30"}, "leeway"),
    "leeway None": ({"leeway": None}, "leeway"),
    "nonces as secret": ({"nonces": b"n" * 32}, "nonces"),
    "nonces true": ({"nonces": True}, "nonces"),
    "nonces as class": ({"nonces": DPoPNonces}, "nonces"),
    "replay true": ({"replay": True}, "replay"),
    "replay false": ({"replay": False}, "replay"),
    "replay a URL": ({"replay": "redis://localhost"}, "replay"),
    "replay a set": ({"replay": set()}, "replay"),
    "replay a class": ({"replay": MemoryStore}, "replay"),
    "replay half a store": ({"replay": AddOnly()}, "replay"),
    "replay a store for asyncio": ({"replay": AsyncStore()}, "replay"),
}


@pytest.mark.parametrize(("options", "name"), INVALID.values(), ids=INVALID)
def test_wrong_options_are_refused_with_a_remedy(options: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}\b.*: ") as caught:
        DPoP(**{"base_urls": BASE, **options})
    assert "nnnn" not in str(caught.value)


def test_an_algorithm_that_cryptography_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(UNAVAILABLE, "Ed448", "install another version")
    with pytest.raises(ValueError, match=r"^algorithms holds 'Ed448'.*install another version"):
        DPoP(BASE, algorithms=["Ed448"])


BOUNDS = {"least": (1, 0), "greatest": (3600, 3600), "fractions": (1.5, 0.25)}


@pytest.mark.parametrize(("max_age", "leeway"), BOUNDS.values(), ids=BOUNDS)
def test_the_bounds_of_the_window_are_accepted(max_age: float, leeway: float) -> None:
    dpop = DPoP(BASE, max_age=max_age, leeway=leeway)
    assert (dpop.max_age, dpop.leeway) == (max_age, leeway)


def test_the_stores_of_the_package_are_stores() -> None:
    assert isinstance(MemoryStore(), Store)
