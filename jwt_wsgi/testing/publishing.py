"""`KeyPublisher`: the keys of an issuer, published in process or on loopback."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from jwt_wsgi.options import is_finite_number
from jwt_wsgi.testing.server import serve_documents
from jwt_wsgi.testing.shapes import Shape
from jwt_wsgi.testing.signing import SigningKey

METADATA_PATH = "/.well-known/openid-configuration"


class KeyPublisher:
    """The half of a `LocalIssuer` that has keys and publishes them.

    Args:
        issuer: The issuer's name.
        has_fixed_name: Keep the name in `serve`, which otherwise replaces it with the URL.
        shape: The paths and claims of the provider.
        algorithms: The algorithms to make keys for.
        keys: Keys to use instead of new ones.
    """

    def __init__(
        self,
        issuer: str,
        shape: Shape,
        algorithms: tuple[str, ...],
        keys: Iterable[SigningKey],
        *,
        has_fixed_name: bool,
    ) -> None:
        self.issuer = issuer
        self.shape = shape
        self.algorithms = algorithms
        self.delay = 0.0
        self.available = True
        self.requests: list[str] = []
        self._has_fixed_name = has_fixed_name
        self._fixed_body: bytes | None = None
        self._retired_keys: list[SigningKey] = []
        keys_by_algorithm = {key.algorithm: key for key in keys}
        self._keys = {
            name: keys_by_algorithm.get(name) or self._new_key(name) for name in algorithms
        }

    # --- keys and metadata

    @property
    def jwks(self) -> dict[str, Any]:
        """The published key set. It does not contain secrets."""
        keys = (*self._keys.values(), *self._retired_keys)
        return {"keys": [key.jwk for key in keys if key.jwk is not None]}

    @property
    def jwks_uri(self) -> str:
        """The URL of the key set, for `RemoteJWKS`.

        With `{kid}` in it, it is the URL of each key, for `RemotePEM`.
        """
        return self.shape.keys_base(self.issuer) + self.shape.keys_path

    @property
    def metadata(self) -> dict[str, Any]:
        """The discovery document."""
        return {"issuer": self.issuer, "jwks_uri": self.jwks_uri}

    def key(self, algorithm: str | None = None) -> SigningKey:
        """Return the current signing key.

        Args:
            algorithm: The key's algorithm, by default the issuer's first one.

        Raises:
            ValueError: The issuer has no key for `algorithm`.
        """
        name = algorithm or self.algorithms[0]
        if name not in self._keys:
            raise ValueError(f"algorithm={name!r}: it has keys for {', '.join(self.algorithms)}")
        return self._keys[name]

    def secret(self, algorithm: str | None = None) -> bytes:
        """Return the shared secret of an HS algorithm, for `SharedSecret`.

        Args:
            algorithm: The HS algorithm, by default the issuer's first algorithm.

        Raises:
            ValueError: The algorithm has public keys, or the issuer has no key for it.
        """
        key = self.key(algorithm)
        if not isinstance(key.private, bytes):
            raise ValueError(f"{key.algorithm} has no shared secret")
        return key.private

    # --- rotation and faults

    def rotate(self, *, overlap: bool = False) -> None:
        """Replace all keys with new ones.

        Args:
            overlap: Keep the previous keys published, False by default.
        """
        self._retired_keys = list(self._keys.values()) if overlap else []
        self._keys = {algorithm: self._new_key(algorithm) for algorithm in self.algorithms}

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Make the issuer unreachable while the block runs.

        In process, `fetch` raises `ConnectionError`. Over HTTP, the status is 503.
        """
        before = self.available
        self.available = False
        try:
            yield
        finally:
            self.available = before

    @contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        """Delay every document while the block runs.

        Args:
            seconds: The delay, 0 or more.

        Raises:
            ValueError: `seconds` is not a finite number, or below 0.
        """
        if not is_finite_number(seconds) or seconds < 0:
            raise ValueError(f"slow({seconds!r}): write seconds, 0 or more")
        before = self.delay
        self.delay = seconds
        try:
            yield
        finally:
            self.delay = before

    @contextmanager
    def answering(self, body: bytes) -> Iterator[None]:
        """Answer every request with `body` while the block runs.

        Args:
            body: Any bytes; they need not be a key set.

        Raises:
            ValueError: `body` is not bytes.
        """
        if not isinstance(body, bytes):
            raise ValueError(f"answering({type(body).__name__}): write bytes")
        before = self._fixed_body
        self._fixed_body = body
        try:
            yield
        finally:
            self._fixed_body = before

    # --- documents

    def fetch(self, url: str) -> bytes:
        """Return the document at `url` without a network, for `RemoteJWKS(fetch=issuer.fetch)`.

        Args:
            url: The URL of the metadata or of the key set; only its path matters.

        Raises:
            LookupError: Nothing is published there.
            ConnectionError: The issuer is unavailable (`outage`).
        """
        return self.document("/" + url.partition("://")[2].partition("/")[2])

    def document(self, path: str) -> bytes:
        """Return the document at `path`, and add the path to `requests`.

        Args:
            path: The path of the metadata or of the key set, with any prefix.

        Raises:
            LookupError: Nothing is published there.
            ConnectionError: The issuer is unavailable (`outage`).
        """
        fixed = self.begin_answer(path)
        if fixed is not None:
            return fixed
        # Only the end of a path counts: an issuer may have a path, and Entra's keys have several.
        # A query names an application whose keys these are.
        path = path.partition("?")[0]
        if "{kid}" in self.shape.keys_path:
            return self._pem_at(path)
        if path.endswith(self.shape.keys_path):
            return json.dumps(self.jwks).encode()
        if path.endswith(METADATA_PATH):
            return json.dumps(self.metadata).encode()
        raise LookupError(path)

    def answer_form(self, path: str, form: bytes, headers: Mapping[str, str]) -> bytes:
        """Return what is answered to a form: nothing takes one here.

        Args:
            path: The path of the request.
            form: The body of the request.
            headers: The headers of the request.

        Raises:
            LookupError: Nothing takes forms.
        """
        raise LookupError(path)

    def begin_answer(self, path: str) -> bytes | None:
        """Add a path to `requests`, and fail as the issuer is told to.

        Returns:
            The body of `answering`, or None where the issuer answers as usual.

        Raises:
            ConnectionError: The issuer is unavailable (`outage`).
        """
        self.requests.append(path)
        if self.delay:
            time.sleep(self.delay)
        if not self.available:
            raise ConnectionError("the issuer is unavailable (outage)")
        return self._fixed_body

    def _pem_at(self, path: str) -> bytes:
        """Return the key whose own path this is."""
        for key in (*self._keys.values(), *self._retired_keys):
            if path.endswith(self.shape.keys_path.replace("{kid}", key.kid)):
                return key.pem
        raise LookupError(path)

    def _new_key(self, algorithm: str) -> SigningKey:
        return SigningKey(algorithm, self.shape.new_kid())

    @contextmanager
    def serve(self, port: int = 0) -> Iterator[str]:
        """Serve metadata and keys over HTTP on 127.0.0.1 while the block runs; yield the base URL.

        An issuer that was created without `issuer` and `like` takes the URL as its name, and
        keeps it.

        Args:
            port: The port; 0, the default, is any free one.
        """
        with serve_documents(self.document, port, self.answer_form) as url:
            if not self._has_fixed_name:
                self.issuer = url
            yield url
