"""Key sources that need no network: a JWKS, a watched file, a shared secret."""

import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.jose.jwk import Key
from jwt_wsgi.jose.keys import KeySet
from jwt_wsgi.jose.pem import is_pem
from jwt_wsgi.jose.strict_json import read_document
from jwt_wsgi.jwks.source import without_kids

logger = logging.getLogger("jwt_wsgi.jwks")

#: The largest key file that is read, in bytes.
MAX_FILE_BYTES: Final = 524288

#: Seconds between two checks of a key file.
CHECK_INTERVAL: Final = 0.5


class _FileStamp(NamedTuple):
    # What changes when a file is replaced or rewritten.
    modified_ns: int
    size: int
    inode: int


class StaticJWKS:
    """The keys of a JWKS mapping, of a `jose.KeySet`, or of a file.

    A changed file is noticed within a second of the next request. If the new content
    is not valid, the error is logged and the last good keys stay in use.

    Args:
        jwks: A JWKS as a mapping, a `KeySet`, or the path of a file that holds a JWKS as
            JSON, or public keys and certificates as PEM (512 KiB at most).
        clock: Returns monotonic seconds. Default `time.monotonic`.

    Raises:
        ValueError: No key is usable.
        OSError: The file cannot be read.
    """

    def __init__(
        self,
        jwks: Mapping[str, Any] | KeySet | str | os.PathLike[str],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_callables(clock=clock)
        self._clock = clock
        self._revoked: frozenset[str] = frozenset()
        self._path: Path | None = None
        if isinstance(jwks, str | os.PathLike):
            _check_is_path(jwks)
            self._path = Path(jwks)
            self._stamp = _file_stamp(self._path)
            self._keys = _read_key_file(self._path)
            self._next_check = clock() + CHECK_INTERVAL
        elif isinstance(jwks, KeySet):
            self._keys = jwks
        else:
            self._keys = KeySet.from_jwks(jwks)

    def held(self) -> KeySet:
        """Return the current keys; read the file again if it has changed."""
        if self._path is None:
            return self._keys
        now = self._clock()
        if now >= self._next_check:
            self._next_check = now + CHECK_INTERVAL
            self._reload_if_changed(self._path)
        return self._keys

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        """Return the keys for a token's header, at most four.

        Args:
            kid: The header's `kid`, or None.
            alg: The header's `alg`.
        """
        return self.held().find(kid, alg)

    def revoke(self, kid: str) -> None:
        """Stop using the keys of this `kid` in this process, whatever the file says later.

        Args:
            kid: The kid of the keys that must not be used any more.
        """
        self._revoked |= {kid}
        self._keys = without_kids(self._keys, self._revoked)

    def _reload_if_changed(self, path: Path) -> None:
        try:
            stamp = _file_stamp(path)
            if stamp == self._stamp:
                return
            # Before the read, so that a bad file is logged once and not at every check.
            self._stamp = stamp
            self._keys = without_kids(_read_key_file(path), self._revoked)
        except (OSError, ValueError) as error:
            logger.error("%s; the last good keys stay in use", error)
        else:
            logger.info("key file %s: reloaded, kids %a", path.name, sorted(self._keys.kids))


class SharedSecret:
    """A secret shared with the issuer, for HS256, HS384 or HS512. It serves any `kid`.

    Args:
        secret: Bytes, or text that is encoded as UTF-8. At least as long as the hash:
            32, 48 or 64 bytes (RFC 7518 §3.2).

    Raises:
        ValueError: The secret is too short, or is a public key.
    """

    def __init__(self, secret: bytes | str) -> None:
        if isinstance(secret, str):
            secret = secret.encode()
        if not isinstance(secret, bytes):
            raise ValueError(f"SharedSecret({type(secret).__name__}): write bytes or text")
        self._keys = KeySet.from_secret(secret)

    def held(self) -> KeySet:
        """Return the set with the one key."""
        return self._keys

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        """Return the key if it is long enough for `alg`.

        Args:
            kid: Ignored.
            alg: The header's `alg`.
        """
        return self._keys.find(kid, alg)


def _check_is_path(path: str | os.PathLike[str]) -> None:
    text = os.fspath(path)
    if "-----BEGIN " in text or text.lstrip("\ufeff \t\r\n").startswith("{"):
        raise ValueError(
            "StaticJWKS takes a path, and this is a key itself: use KeySet.from_pem or json.loads"
        )


def _file_stamp(path: Path) -> _FileStamp:
    stat = path.stat()
    return _FileStamp(modified_ns=stat.st_mtime_ns, size=stat.st_size, inode=stat.st_ino)


def _read_key_file(path: Path) -> KeySet:
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    try:
        return _parse_key_file(content)
    except ValueError as error:
        raise ValueError(f"key file {path.name}: {error}") from None


def _parse_key_file(content: bytes) -> KeySet:
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"more than {MAX_FILE_BYTES} bytes")
    if is_pem(content):
        return KeySet.from_pem(content)
    return KeySet.from_jwks(read_document(content))
