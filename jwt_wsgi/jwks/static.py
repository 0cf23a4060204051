"""Keys that are at hand: a JWKS, a file that is watched, a shared secret."""

import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jwt_wsgi.jose.jwk import Key
from jwt_wsgi.jose.keys import KeySet
from jwt_wsgi.jose.strict_json import read_object
from jwt_wsgi.jwks.source import without
from jwt_wsgi.options import must

logger = logging.getLogger("jwt_wsgi.jwks")

#: Bytes; a file above it is refused.
MAX_FILE_BYTES = 524288


class StaticJWKS:
    """The keys of a JWKS mapping, of a `jose.KeySet`, or of a file (JWKS as JSON, or PEM).

    A changed file is noticed within a second; a bad one is logged and the last
    good set stays. Raises `ValueError` where no key is usable, `OSError` where
    the file cannot be read. `clock` is in seconds and monotonic.
    """

    def __init__(
        self,
        jwks: Mapping[str, Any] | KeySet | str | os.PathLike[str],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._watched = isinstance(jwks, str | os.PathLike)
        self._revoked: frozenset[str] = frozenset()
        if isinstance(jwks, str | os.PathLike):
            is_key = os.fspath(jwks).lstrip().startswith(("-----BEGIN ", "{"))
            must(
                not is_key,
                "StaticJWKS takes a path, and this is a key itself: use KeySet.from_pem or json.loads",
            )
            self._path = Path(jwks)
            self._seen = self._stamp()
            self._keys = _read(self._path)
            self._look_at = clock() + 0.5
        else:
            self._keys = jwks if isinstance(jwks, KeySet) else KeySet.from_jwks(jwks)

    def held(self) -> KeySet:
        """The keys, read anew where the file has changed."""
        if self._watched and (now := self._clock()) >= self._look_at:
            self._look_at = now + 0.5
            self._look()
        return self._keys

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        """The keys for a token's header, four at most."""
        return self.held().find(kid, alg)

    def revoke(self, kid: str) -> None:
        """Use no key of this `kid` any more, in this process, whatever the file will say."""
        self._revoked |= {kid}
        self._keys = without(self._keys, self._revoked)

    def _stamp(self) -> tuple[int, int, int]:
        stat = self._path.stat()
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _look(self) -> None:
        try:
            seen, self._seen = self._seen, self._stamp()
            if seen != self._seen:
                self._keys = without(_read(self._path), self._revoked)
                logger.info(
                    "key file %s: read anew, kids %a", self._path.name, sorted(self._keys.kids)
                )
        except (OSError, ValueError) as error:
            logger.error("%s; the last good keys stay", error)


class SharedSecret:
    """A secret that the issuer shares with this API, for HS256, HS384 or HS512.

    `secret` is bytes, or text taken as UTF-8: at least as long as the hash (32,
    48 or 64 bytes, RFC 7518 §3.2). It serves tokens with any `kid`. Raises
    `ValueError` where it is too short, or a public key.
    """

    def __init__(self, secret: bytes | str) -> None:
        must(
            isinstance(secret, bytes | str),
            f"SharedSecret({type(secret).__name__}): write bytes or text",
        )
        self._keys = KeySet.from_secret(secret.encode() if isinstance(secret, str) else secret)

    def held(self) -> KeySet:
        """The one key."""
        return self._keys

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        """The one key, where it is long enough for `alg`."""
        return self._keys.find(kid, alg)


def _read(path: Path) -> KeySet:
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    try:
        must(len(content) <= MAX_FILE_BYTES, f"more than {MAX_FILE_BYTES} bytes")
        pem = content.lstrip().startswith(b"-----BEGIN ")
        return KeySet.from_pem(content) if pem else KeySet.from_jwks(read_object(content))
    except ValueError as error:
        raise ValueError(f"key file {path.name}: {error}") from None
