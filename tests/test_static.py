"""Static keys: mappings, files that change, shared secrets."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jwt_wsgi import SharedSecret, StaticJWKS
from jwt_wsgi.jose import KeySet
from jwt_wsgi.jwks.static import MAX_FILE_BYTES
from jwt_wsgi.testing import SigningKey

OLD, NEW = SigningKey("ES256", kid="old"), SigningKey("ES256", kid="new")


def jwks(*keys: SigningKey) -> dict[str, Any]:
    return {"keys": [key.jwk for key in keys]}


def write(path: Path, content: str) -> Path:
    """Replace the file as a deployment does: the inode changes with the content."""
    fresh = path.with_suffix(".fresh")
    fresh.write_text(content)
    fresh.replace(path)
    return path


def pem(key: SigningKey) -> str:
    return (
        key.private.public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def test_a_mapping_and_a_key_set_are_accepted() -> None:
    assert StaticJWKS(jwks(OLD)).find("old", "ES256")
    keys = KeySet.from_jwks(jwks(OLD))
    source = StaticJWKS(keys)
    assert source.held() is keys
    assert source.find("new", "ES256") == ()


@pytest.mark.parametrize("as_text", [False, True], ids=["path", "text"])
def test_a_file_holds_a_jwks(tmp_path: Path, as_text: bool) -> None:
    path = write(tmp_path / "keys.json", json.dumps(jwks(OLD)))
    assert StaticJWKS(str(path) if as_text else path).held().kids == {"old"}


def test_a_file_holds_a_pem_whose_key_serves_tokens_without_kid(tmp_path: Path) -> None:
    source = StaticJWKS(write(tmp_path / "key.pem", "\n" + pem(OLD)))
    [key] = source.find(None, "ES256")
    assert key.verifies("ES256", b"x", OLD.sign(b"x"))
    assert source.find("old", "ES256") == ()


def test_a_changed_file_is_noticed_within_a_second(tmp_path: Path, clock: Clock) -> None:
    path = write(tmp_path / "keys.json", json.dumps(jwks(OLD)))
    source = StaticJWKS(path, clock=clock)
    before = source.held()
    write(path, json.dumps(jwks(NEW)))
    assert source.held() is before
    clock.advance(1)
    assert source.held().kids == {"new"}


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, clock: Clock) -> None:
    source = StaticJWKS(write(tmp_path / "keys.json", json.dumps(jwks(OLD))), clock=clock)
    before = source.held()
    clock.advance(1)
    assert source.held() is before


@pytest.mark.parametrize(
    "content",
    ["", "{", "{}", '{"keys":[]}', "-----BEGIN PUBLIC KEY-----\nx\n", "[" * 1000, None],
    ids=["empty", "no JSON", "no keys", "no key", "no PEM", "deep", "gone"],
)
def test_a_bad_file_is_logged_and_the_last_good_keys_stay(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, content: str | None
) -> None:
    path = write(tmp_path / "keys.json", json.dumps(jwks(OLD)))
    source = StaticJWKS(path, clock=clock)
    before = source.held()
    path.unlink() if content is None else write(path, content)
    with caplog.at_level(logging.ERROR, "jwt_wsgi.jwks"):
        clock.advance(1)
        assert source.held() is before
    assert "keys.json" in caplog.text
    assert "the last good keys stay" in caplog.text
    write(path, json.dumps(jwks(NEW)))
    clock.advance(1)
    assert source.held().kids == {"new"}


def test_a_file_above_the_bound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="more than 524288 bytes"):
        StaticJWKS(write(tmp_path / "keys.json", " " * (MAX_FILE_BYTES + 1)))
    text = json.dumps(jwks(OLD))
    StaticJWKS(write(tmp_path / "keys.json", text + " " * (MAX_FILE_BYTES - len(text))))


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("-----BEGIN PUBLIC KEY-----", "this is a key itself"),
        ('{"keys": []}', "this is a key itself"),
        (7, "a JWKS is a mapping"),
        ({"keys": []}, "no usable key among 0"),
    ],
)
def test_an_invalid_argument_is_refused(argument: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StaticJWKS(argument)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        StaticJWKS(tmp_path / "none.json")


def test_a_secret_serves_any_kid_and_the_algorithms_that_its_length_allows() -> None:
    secret = SharedSecret("s" * 48)
    assert secret.find("anything", "HS384") == secret.find(None, "HS256") != ()
    assert secret.find(None, "HS512") == secret.find(None, "RS256") == ()
    assert secret.held().symmetric
    assert "sss" not in repr(secret) + repr(secret.held()) + repr(secret.held().keys)


@pytest.mark.parametrize("secret", ["short", b"s" * 31, "", None, 7], ids=repr)
def test_an_invalid_secret_is_refused(secret: Any) -> None:
    with pytest.raises(ValueError, match=r"a secret of \d+ bytes|write bytes or text"):
        SharedSecret(secret)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<!doctype html>",
        '{"keys": [',
        '{"keys": []}',
        "-----BEGIN PUBLIC KEY-----\nx\n",
        " " * (MAX_FILE_BYTES + 1),
    ],
    ids=["empty", "HTML", "half a file", "no key", "no PEM", "too many bytes"],
)
def test_a_bad_file_is_refused_at_construction_by_its_name(tmp_path: Path, content: str) -> None:
    with pytest.raises(ValueError, match=r"keys\.json"):
        StaticJWKS(write(tmp_path / "keys.json", content))


def test_the_file_is_checked_at_most_twice_a_second(tmp_path: Path, clock: Clock) -> None:
    path = write(tmp_path / "keys.json", json.dumps(jwks(OLD)))
    source = StaticJWKS(path, clock=clock)
    write(path, json.dumps(jwks(NEW)))
    clock.advance(0.49)
    assert source.held().kids == {"old"}
    clock.advance(0.01)
    assert source.held().kids == {"new"}


def test_a_replacement_with_the_same_size_and_time_is_noticed(tmp_path: Path, clock: Clock) -> None:
    path = write(tmp_path / "keys.json", json.dumps(jwks(OLD)))
    source = StaticJWKS(path, clock=clock)
    before = path.stat()
    other = write(tmp_path / "other.json", json.dumps(jwks(NEW)).ljust(before.st_size))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)
    clock.advance(1)
    assert path.stat().st_size == before.st_size
    assert source.held().kids == {"new"}
