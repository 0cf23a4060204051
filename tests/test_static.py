"""Static keys: mappings, files that change, shared secrets."""

from __future__ import annotations

import json
import logging
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jwt_wsgi import Issuer, SharedSecret, StaticJWKS, Verifier
from jwt_wsgi.errors import InvalidToken
from jwt_wsgi.jose import KeySet
from jwt_wsgi.jwks.static import MAX_FILE_BYTES, MAX_LOGGED_ERRORS
from jwt_wsgi.jwks.watched_file import FileStamp, is_settled
from jwt_wsgi.testing import LocalIssuer, SigningKey

OLD, NEW = SigningKey("ES256", kid="old"), SigningKey("ES256", kid="new")


def jwks(*keys: SigningKey) -> dict[str, Any]:
    return {"keys": [key.jwk for key in keys]}


def write(path: Path, content: str) -> Path:
    """Replace the file as a deployment does, by a rename."""
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


# --- the ways in which a deployment replaces a key file


def text(*keys: SigningKey) -> str:
    """Return a JWKS as JSON. All of these texts have the same length."""
    return json.dumps(jwks(*keys)).ljust(2000)


def keep_times(path: Path, before: os.stat_result) -> None:
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def rename_over(path: Path) -> None:
    write(path, text(NEW))


def rename_with_old_times(path: Path) -> None:
    before = path.stat()
    fresh = path.with_suffix(".fresh")
    fresh.write_text(text(NEW))
    keep_times(fresh, before)
    fresh.replace(path)


def copy_over(path: Path) -> None:
    fresh = path.with_suffix(".fresh")
    fresh.write_text(text(NEW))
    shutil.copyfile(fresh, path)


def copy_with_times(path: Path) -> None:
    fresh = path.with_suffix(".fresh")
    fresh.write_text(text(NEW))
    keep_times(fresh, path.stat())
    subprocess.run(["cp", "-p", fresh, path], check=True)


def write_in_place_with_old_times(path: Path) -> None:
    before = path.stat()
    with path.open("r+") as file:
        file.write(text(NEW))
    keep_times(path, before)
    after = path.stat()
    assert (after.st_mtime_ns, after.st_size, after.st_ino) == (
        before.st_mtime_ns, before.st_size, before.st_ino,
    )  # fmt: skip


def delete_and_create_with_old_times(path: Path) -> None:
    before = path.stat()
    path.unlink()
    path.write_text(text(NEW))
    keep_times(path, before)


def unpack_with_fixed_times(path: Path) -> None:
    content = text(NEW).encode()
    archive = BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo(path.name)
        member.size = len(content)
        member.mtime = 0
        tar.addfile(member, BytesIO(content))
    archive.seek(0)
    os.utime(path, (0, 0))
    with tarfile.open(fileobj=archive) as tar:
        # Python 3.11.0 to 3.11.3 have no filters, and from 3.12 on one must be chosen (PEP 706).
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(path.parent)


def link_to_another_file(path: Path) -> None:
    before = path.stat()
    other = path.with_suffix(".other")
    other.write_text(text(NEW))
    keep_times(other, before)
    path.unlink()
    path.hardlink_to(other)


def swap_symbolic_links(path: Path) -> None:
    """Replace the directory, as Kubernetes does with a mounted secret."""
    root = path.parent
    newer = root / "..2026_b"
    newer.mkdir()
    (newer / "keys.json").write_text(text(NEW))
    keep_times(newer / "keys.json", path.stat())
    (root / "..data_tmp").symlink_to("..2026_b")
    (root / "..data_tmp").replace(root / "..data")


def mounted(root: Path) -> Path:
    """Return a key file in a directory that is laid out like a Kubernetes volume."""
    (root / "..2026_a").mkdir()
    (root / "..2026_a" / "keys.json").write_text(text(OLD))
    (root / "..data").symlink_to("..2026_a")
    path = root / "keys.json"
    path.symlink_to("..data/keys.json")
    return path


REPLACED = {
    "U19 renamed": rename_over,
    "U19 renamed, with the old times": rename_with_old_times,
    "U19 copied over": copy_over,
    "U19 copied over, with cp -p": copy_with_times,
    "U19 written in place, with the same mtime, size and inode": write_in_place_with_old_times,
    "U19 deleted and created, with the old times": delete_and_create_with_old_times,
    "U19 unpacked from an archive with fixed times": unpack_with_fixed_times,
    "U19 linked to another file": link_to_another_file,
    "U19 mounted by Kubernetes, and ..data is swapped": swap_symbolic_links,
}


@pytest.mark.parametrize("replace", REPLACED.values(), ids=REPLACED)
def test_a_replaced_file_is_noticed_however_it_was_replaced(
    replace: Callable[[Path], None], tmp_path: Path, clock: Clock
) -> None:
    path = tmp_path / "keys.json"
    if replace is swap_symbolic_links:
        mounted(tmp_path)
    else:
        path.write_text(text(OLD))
    source = StaticJWKS(path, clock=clock)
    for _ in range(3):
        clock.advance(1)
        assert source.held().kids == {"old"}
    replace(path)
    clock.advance(1)
    assert source.held().kids == {"new"}


# --- files that cannot be read for a while


@contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """Take the permission to read away, for root too."""
    is_root = os.geteuid() == 0
    path.chmod(0)
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        path.chmod(0o600)


@contextmanager
def no_more_files(path: Path) -> Iterator[None]:
    """Let the process open no other file, as a leak of file descriptors does."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with path.open() as lowest:
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest.fileno(), limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@contextmanager
def moved_away(path: Path) -> Iterator[None]:
    away = path.rename(path.with_suffix(".away"))
    yield
    away.rename(path)


@contextmanager
def half_written(path: Path) -> Iterator[None]:
    content = path.read_text()
    with path.open("w") as file:
        file.write(content[:100])
        file.flush()
        yield
        file.write(content[100:])


@contextmanager
def truncated(path: Path) -> Iterator[None]:
    content = path.read_text()
    path.write_text("")
    yield
    path.write_text(content)


@contextmanager
def a_directory_instead(path: Path) -> Iterator[None]:
    with moved_away(path):
        path.mkdir()
        yield
        path.rmdir()


@contextmanager
def a_dangling_link_instead(path: Path) -> Iterator[None]:
    with moved_away(path):
        path.symlink_to("nowhere")
        yield
        path.unlink()


OUTAGES = {
    "U19 no file can be opened": no_more_files,
    "U19 permissions lost": unreadable,
    "U19 deleted": moved_away,
    "U19 half-written in place": half_written,
    "U19 truncated": truncated,
    "U19 a directory in its place": a_directory_instead,
    "U19 a dangling link in its place": a_dangling_link_instead,
}


@pytest.fixture
def open_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that others may enter."""
    parents = [tmp_path, tmp_path.parent, tmp_path.parent.parent]
    modes = [parent.stat().st_mode for parent in parents]
    for parent in parents:
        parent.chmod(0o711)
    yield tmp_path
    for parent, mode in zip(parents, modes, strict=True):
        parent.chmod(mode)


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)
def test_a_file_that_could_not_be_read_is_tried_again_and_logged_once(
    outage: Callable[[Path], Any], open_folder: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(open_folder / "keys.json", text(OLD))
    source = StaticJWKS(path, clock=clock)
    write(path, text(NEW))
    with outage(path):
        for _ in range(5):
            clock.advance(1)
            assert source.held().kids == {"old"}
    [error] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "keys.json" in error.getMessage()
    assert "the last good keys stay in use" in error.getMessage()
    clock.advance(1)
    assert source.held().kids == {"new"}


def test_each_error_of_an_outage_is_logged_once_and_again_in_the_next_u19(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "keys.json", text(OLD))
    source = StaticJWKS(path, clock=clock)

    def check(content: str | None) -> None:
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(content)
        clock.advance(1)
        source.held()

    for content in ("{", None, "{", None, text(NEW), None):
        check(content)
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 3


def test_a_bounded_number_of_errors_is_logged_in_an_outage_u19(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "keys.json", text(OLD))
    source = StaticJWKS(path, clock=clock)
    for number in range(MAX_LOGGED_ERRORS + 5):
        write(path, json.dumps({"keys": [{}] * (number + 1)}))
        clock.advance(1)
        source.held()
    assert len(caplog.records) == MAX_LOGGED_ERRORS


def test_a_file_that_is_written_again_with_the_same_keys_keeps_the_set_u19(
    tmp_path: Path, clock: Clock
) -> None:
    path = write(tmp_path / "keys.json", text(OLD))
    source = StaticJWKS(path, clock=clock)
    before = source.held()
    write(path, text(OLD) + "\n")
    clock.advance(1)
    assert source.held() is before


@pytest.mark.parametrize(
    ("age_ns", "settled"),
    [
        pytest.param(0, False, id="U19 just changed"),
        pytest.param(2_000_000_000, False, id="U19 two seconds ago"),
        pytest.param(2_000_000_001, True, id="U19 longer ago"),
        pytest.param(-5_000_000_000, False, id="U19 in the future"),
    ],
)
def test_a_file_that_has_just_changed_may_change_again_unnoticed(
    age_ns: int, settled: bool
) -> None:
    now = 1_800_000_000_000_000_000
    stamp = FileStamp(device=1, inode=2, size=3, modified_ns=0, changed_ns=now - age_ns)
    assert is_settled(stamp, now) is settled


# --- reads and revocations at the same time


class Reader(threading.Thread):
    """A thread that asks the source for its keys, as a request does."""

    def __init__(self, source: StaticJWKS) -> None:
        super().__init__(daemon=True)
        self.source = source

    def run(self) -> None:
        self.source.held()


@contextmanager
def slow_file(path: Path) -> Iterator[Callable[[str], None]]:
    """Replace a file by a pipe, whose readers wait until the content is given."""
    pipe = path.with_suffix(".pipe")
    os.mkfifo(pipe)
    other_name = path.with_suffix(".other")
    other_name.hardlink_to(pipe)
    pipe.replace(path)
    try:
        yield other_name.write_text
    finally:
        with suppress(OSError):
            os.close(os.open(other_name, os.O_WRONLY | os.O_NONBLOCK))


def test_other_requests_and_revocations_do_not_wait_for_a_slow_file_u20(
    tmp_path: Path, clock: Clock
) -> None:
    path = write(tmp_path / "keys.json", text(OLD, NEW))
    source = StaticJWKS(path, clock=clock)
    with slow_file(path) as give:
        clock.advance(1)
        reader = Reader(source)
        reader.start()
        reader.join(0.1)
        others = [Reader(source) for _ in range(4)]
        clock.advance(1)
        for other in others:
            other.start()
        for other in others:
            other.join(5)
        assert [other.is_alive() for other in others] == [False] * 4
        source.revoke("old")
        assert reader.is_alive()
        assert source.find("old", "ES256") == ()
        assert source.find("new", "ES256")
        write(path, text(NEW, OLD))
        give(text(OLD, NEW))
        reader.join(5)
    clock.advance(1)
    assert source.held().kids == {"new"}


def test_a_slow_read_that_ends_late_does_not_replace_newer_keys_u20(
    tmp_path: Path, clock: Clock
) -> None:
    path = write(tmp_path / "keys.json", text(OLD))
    source = StaticJWKS(path, clock=clock)
    with slow_file(path) as give:
        clock.advance(1)
        reader = Reader(source)
        reader.start()
        reader.join(0.1)
        write(path, text(NEW))
        clock.advance(1)
        source.held()
        give(text(OLD))
        reader.join(5)
    clock.advance(1)
    assert source.held().kids == {"new"}


class SlowKid(str):
    """A kid that runs `when_compared` once, in the middle of the work with the set of kids."""

    __slots__ = ("when_compared",)

    def __new__(cls, kid: str, when_compared: Callable[[], object]) -> SlowKid:
        self = super().__new__(cls, kid)
        self.when_compared = when_compared
        return self

    def __hash__(self) -> int:
        self._interrupt()
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        self._interrupt()
        return super().__eq__(other)

    def _interrupt(self) -> None:
        when_compared = self.when_compared
        self.when_compared = lambda: None
        when_compared()


def revoking_meanwhile(source: StaticJWKS, kid: str) -> Callable[[], None]:
    """Return a function that lets another thread revoke a kid, or try to for a moment."""

    def interrupt() -> None:
        thread = threading.Thread(target=source.revoke, args=(kid,), daemon=True)
        thread.start()
        thread.join(0.2)

    return interrupt


def join_threads_since(before: set[threading.Thread]) -> None:
    """Wait for the threads of a test, and not for those that earlier tests have left."""
    started = {*threading.enumerate()} - before
    for thread in started:
        thread.join(5)
    assert not any(thread.is_alive() for thread in started)


def test_a_revocation_beside_a_reload_is_kept_u20(tmp_path: Path, clock: Clock) -> None:
    path = write(tmp_path / "keys.json", text(OLD, NEW))
    source = StaticJWKS(path, clock=clock)
    threads = {*threading.enumerate()}
    slow = SlowKid("old", lambda: None)
    source.revoke(slow)
    slow.when_compared = revoking_meanwhile(source, "new")
    write(path, text(NEW, OLD))
    clock.advance(1)
    source.held()
    join_threads_since(threads)
    assert source.held().kids == set()
    assert source.find("new", "ES256") == ()


def test_two_revocations_at_the_same_time_are_kept_u20(tmp_path: Path, clock: Clock) -> None:
    path = write(tmp_path / "keys.json", text(OLD, NEW))
    source = StaticJWKS(path, clock=clock)
    threads = {*threading.enumerate()}
    source.revoke(SlowKid("old", revoking_meanwhile(source, "new")))
    join_threads_since(threads)
    write(path, text(NEW, OLD))
    clock.advance(1)
    assert source.held().kids == set()


def test_a_revoked_kid_of_a_set_that_serves_any_kid_is_refused_u20() -> None:
    local = LocalIssuer(algorithms=("HS256",))
    source = StaticJWKS(KeySet.from_secret(local.secret()))
    verifier = Verifier(
        Issuer(local.issuer, audience=local.audience, keys=source, algorithms=["HS256"])
    )
    token = local.token()
    assert verifier.verify(token)
    source.revoke(str(local.key().kid))
    with pytest.raises(InvalidToken):
        verifier.verify(token)


FORKING = """
import os, sys, threading, time
from pathlib import Path
from jwt_wsgi import StaticJWKS

path, pipe, newer = map(Path, sys.argv[1:])
now = 0.0
source = StaticJWKS(path, clock=lambda: now)

class Kid(str):
    def __hash__(self):
        time.sleep(60)

pipe.replace(path)
now += 1
threading.Thread(target=source.held, daemon=True).start()
threading.Thread(target=source.revoke, args=(Kid("x"),), daemon=True).start()
time.sleep(0.2)
if os.fork():
    os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
newer.replace(path)
now += 1
kids = source.held().kids
source.revoke("new")
os._exit(0 if (kids, source.held().kids) == ({"new"}, set()) else 1)
"""


def test_a_fork_during_a_read_and_a_revocation_leaves_a_working_child_u20(tmp_path: Path) -> None:
    path = write(tmp_path / "keys.json", text(OLD))
    newer = write(tmp_path / "newer.json", text(NEW))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-W", "ignore", "-c", FORKING, path, pipe, newer]
    forked = subprocess.run(command, timeout=30, check=False)
    assert forked.returncode == 0
