"""`LocalIssuer`: a real issuer for test suites and demos, in process or on loopback."""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from jwt_wsgi.testing.server import serving
from jwt_wsgi.testing.signing import SigningKey, compact

JWKS_PATH = "/.well-known/jwks.json"
METADATA_PATH = "/.well-known/openid-configuration"


class _TestApp(Protocol):
    authorization: Any


class LocalIssuer:
    """An issuer with keys of its own, whose tokens are RFC 9068 access tokens.

    `algorithms` are those it has keys for, the first is what it signs with
    unless told otherwise. `clock` is in seconds since the epoch. `delay`
    (seconds) and `available` make it slow or dead, in process and on loopback;
    `requests` are the paths that were asked for.
    """

    def __init__(
        self,
        issuer: str | None = None,
        *,
        audience: str = "https://api.test",
        algorithms: tuple[str, ...] = ("RS256",),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._named = issuer is not None
        self.issuer = "https://issuer.test/" if issuer is None else issuer
        self.audience = audience
        self.algorithms = algorithms
        self.clock = clock
        self.delay = 0.0
        self.available = True
        self.requests: list[str] = []
        self._retired: list[SigningKey] = []
        self._keys = {algorithm: SigningKey(algorithm) for algorithm in algorithms}

    @property
    def jwks(self) -> dict[str, Any]:
        """The published key set; secrets are not in it."""
        keys = (*self._keys.values(), *self._retired)
        return {"keys": [key.jwk for key in keys if key.jwk is not None]}

    @property
    def jwks_uri(self) -> str:
        """Where the key set is, for `RemoteJWKS`."""
        return self.issuer.rstrip("/") + JWKS_PATH

    @property
    def metadata(self) -> dict[str, Any]:
        """The discovery document."""
        return {"issuer": self.issuer, "jwks_uri": self.jwks_uri}

    def key(self, algorithm: str | None = None) -> SigningKey:
        """The key that signs now, with `algorithm` or the first one."""
        return self._keys[algorithm or self.algorithms[0]]

    def secret(self, algorithm: str | None = None) -> bytes:
        """The shared secret of an HS algorithm, for `SharedSecret`."""
        secret = self.key(algorithm).private
        if not isinstance(secret, bytes):
            raise ValueError(f"{algorithm or self.algorithms[0]} has no shared secret")
        return secret

    def token(
        self,
        scope: str | None = None,
        *,
        expires_in: float = 300,
        algorithm: str | None = None,
        header: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A token that is good now, with `claims` over the usual ones; None leaves one out.

        `expires_in` is seconds from now, below 0 for an expired one. `header`
        goes over the usual header.
        """
        now = int(self.clock())
        usual = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": "user-1",
            "client_id": "client-1",
            "iat": min(now, now + int(expires_in)),
            "exp": now + int(expires_in),
            "jti": str(uuid.uuid4()),
            "scope": scope,
        }
        merged = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return self.sign(json.dumps(merged).encode(), header=header, algorithm=algorithm)

    def sign(self, payload: bytes, *, header: Mapping[str, Any] | None = None, algorithm: str | None = None) -> str:
        """A token of this very payload, claims or not; a header member of None is left out."""
        key = self.key(algorithm)
        usual = {"alg": key.algorithm, "typ": "at+jwt", "kid": key.kid}
        merged = {**usual, **(header or {})}
        kept = {name: value for name, value in merged.items() if value is not None}
        return compact(kept, payload, key)

    def rotate(self, *, overlap: bool = False) -> None:
        """Sign with new keys from now on; the old ones stay published only with `overlap`."""
        self._retired = list(self._keys.values()) if overlap else []
        self._keys = {algorithm: SigningKey(algorithm) for algorithm in self.algorithms}

    def authorize(self, testapp: _TestApp, scope: str | None = None, **claims: Any) -> str:
        """Let a `webtest.TestApp` send a good token from now on; answers the token."""
        token = self.token(scope, **claims)
        testapp.authorization = ("Bearer", token)
        return token

    def fetch(self, url: str) -> bytes:
        """The document at `url`, without a network: for `RemoteJWKS(..., fetch=issuer.fetch)`."""
        return self.document("/" + url.partition("://")[2].partition("/")[2])

    def document(self, path: str) -> bytes:
        """What is published at `path`; raises `LookupError` where nothing is."""
        self.requests.append(path)
        if self.delay:
            time.sleep(self.delay)
        if not self.available:
            raise ConnectionError("the issuer was told to be unavailable")
        documents = {JWKS_PATH: self.jwks, METADATA_PATH: self.metadata}
        for suffix, document in documents.items():
            if path.endswith(suffix):
                return json.dumps(document).encode()
        raise LookupError(path)

    @contextmanager
    def serve(self, port: int = 0) -> Iterator[str]:
        """Publish metadata and keys on loopback; an issuer without a name takes the URL's.

        Yields the base URL. `port` 0 is any free one.
        """
        with serving(self.document, port) as url:
            if not self._named:
                self.issuer = url
            yield url
