"""Key sources that need no network: a JWKS, a watched file, a shared secret."""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from copy import copy
from pathlib import Path
from typing import Any, Final

from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.jose.jwk import Key
from jwt_wsgi.jose.keys import KeySet
from jwt_wsgi.jose.pem import is_pem
from jwt_wsgi.jose.strict_json import read_document
from jwt_wsgi.jwks.source import same_keys, without_kids
from jwt_wsgi.jwks.watched_file import FileContent, WatchedFile

logger = logging.getLogger("jwt_wsgi.jwks")

#: The largest key file that is read, in bytes.
MAX_FILE_BYTES: Final = 524288

#: Seconds between two checks of a key file.
CHECK_INTERVAL: Final = 0.5


#: The most errors of one outage of a key file that are logged.
MAX_LOGGED_ERRORS: Final = 20


class _Locks:
    """The locks of a source in one process."""

    def __init__(self) -> None:
        # Held while the file is read. Nobody waits for it.
        self.reading = threading.Lock()
        # Protects the keys and the revoked kids. It is not held while the file is read.
        self.keys = threading.Lock()


class StaticJWKS:
    """The keys of a JWKS mapping, of a `jose.KeySet`, or of a file.

    A changed file is noticed within a second of the next request. One request reads it, and
    the others use the last good keys meanwhile. If the file cannot be read or is not valid, the
    error is logged once, the last good keys stay in use, and it is read again twice a second.

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
        self._locks_by_process: dict[int, _Locks] = {}
        self._logged_errors: set[str] = set()
        self._file: WatchedFile | None = None
        if isinstance(jwks, str | os.PathLike):
            _check_is_path(jwks)
            self._file = WatchedFile(Path(jwks))
            content = self._file.read(MAX_FILE_BYTES + 1)
            self._keys = _read_keys(self._file, content)
            self._file.accept(content)
            self._next_check = clock() + CHECK_INTERVAL
        elif isinstance(jwks, KeySet):
            self._keys = jwks
        else:
            self._keys = KeySet.from_jwks(jwks)

    def held(self) -> KeySet:
        """Return the current keys; read the file again if it has changed."""
        if self._file is None:
            return self._keys
        if self._clock() >= self._next_check:
            self._check_file(self._file)
        return self._keys

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        """Return the keys for a token's header, at most four.

        Args:
            kid: The header's `kid`, or None.
            alg: The header's `alg`.
        """
        if kid in self._revoked:
            return ()
        return self.held().find(kid, alg)

    def revoke(self, kid: str) -> None:
        """Stop using the keys of this `kid` in this process, whatever the file says later.

        Args:
            kid: The kid of the keys that must not be used any more.
        """
        with self._locks().keys:
            self._revoked |= {kid}
            keys = without_kids(self._keys, self._revoked)
            # Always another object: cached tokens are valid only while the set is the same.
            self._keys = copy(keys)
        logger.warning("static keys: kid %a is revoked in this process", kid)

    def _locks(self) -> _Locks:
        # A fork copies a lock that a thread of the parent holds, and nobody would release it.
        return self._locks_by_process.setdefault(os.getpid(), _Locks())

    def _check_file(self, file: WatchedFile) -> None:
        reading = self._locks().reading
        if not reading.acquire(blocking=False):
            return
        try:
            self._next_check = self._clock() + CHECK_INTERVAL
            self._reload_if_changed(file)
        finally:
            reading.release()

    def _reload_if_changed(self, file: WatchedFile) -> None:
        try:
            if file.has_changed():
                content = file.read(MAX_FILE_BYTES + 1)
                if not content.is_stable:
                    raise ValueError(f"key file {file.path.name}: it changed while it was read")
                self._replace_keys(file, _read_keys(file, content))
                file.accept(content)
        except (OSError, ValueError) as error:
            self._log_once(f"{error}; the last good keys stay in use")
        else:
            self._logged_errors.clear()

    def _replace_keys(self, file: WatchedFile, keys: KeySet) -> None:
        with self._locks().keys:
            keys = without_kids(keys, self._revoked)
            if same_keys(self._keys, keys):
                return
            self._keys = keys
        logger.info("key file %s: reloaded, kids %a", file.path.name, sorted(keys.kids))

    def _log_once(self, text: str) -> None:
        # The file is read again every half second while the error lasts.
        if text not in self._logged_errors and len(self._logged_errors) < MAX_LOGGED_ERRORS:
            self._logged_errors.add(text)
            logger.error("%s", text)


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


def _read_keys(file: WatchedFile, content: FileContent) -> KeySet:
    try:
        return _parse_key_file(content.octets)
    except ValueError as error:
        raise ValueError(f"key file {file.path.name}: {error}") from None


def _parse_key_file(content: bytes) -> KeySet:
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"more than {MAX_FILE_BYTES} bytes")
    if is_pem(content):
        return KeySet.from_pem(content)
    return KeySet.from_jwks(read_document(content))
