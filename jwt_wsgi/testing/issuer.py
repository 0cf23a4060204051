"""`LocalIssuer`: a real issuer for test suites and demos, in process or on loopback."""

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jose.algorithms import SYMMETRIC
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.static import SharedSecret
from jwt_wsgi.options import is_finite_number, must
from jwt_wsgi.testing.clients import authorize
from jwt_wsgi.testing.server import serving
from jwt_wsgi.testing.shapes import RFC_9068, SHAPES, Parties
from jwt_wsgi.testing.signing import SigningKey, compact

METADATA_PATH = "/.well-known/openid-configuration"


class LocalIssuer:
    """An issuer with keys of its own, whose tokens are RFC 9068 access tokens.

    `like` names a provider whose tokens they resemble instead: auth0, okta,
    entra-v2, entra-v1, cognito or keycloak. `audience` and `client_id` are the
    API's and the client's identifiers in them. `algorithms` are those it has
    keys for, the first is what it signs with unless told otherwise; `keys` are
    taken before others are made, which for RSA takes a while. `clock` is in
    seconds since the epoch. `delay` (seconds) and `available` make it slow or
    dead, in process and on loopback; `requests` are the paths that were asked
    for. Raises `ValueError` for a name or an algorithm that it does not know.
    """

    def __init__(
        self,
        issuer: str | None = None,
        *,
        like: str | None = None,
        audience: str | None = None,
        client_id: str | None = None,
        algorithms: Iterable[str] = ("RS256",),
        keys: Iterable[SigningKey] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        must(like is None or like in SHAPES, f"like={like!r}: choose from {', '.join(SHAPES)}")
        self.shape = RFC_9068 if like is None else SHAPES[like]
        self.like = like
        # A provider's tokens name the provider, wherever their keys are served.
        self._named = issuer is not None or like is not None
        example = self.shape.example
        self.issuer = issuer or example.issuer
        self.audience = audience or example.audience
        self.client_id = client_id or example.client
        self.algorithms = () if isinstance(algorithms, str) else tuple(algorithms)
        must(
            self.algorithms != (),
            f"algorithms={algorithms!r}: write a list of names, such as ('RS256',)",
        )
        self.clock = clock
        self.delay = 0.0
        self.available = True
        self.requests: list[str] = []
        self._answer: bytes | None = None
        self._retired: list[SigningKey] = []
        given = {key.algorithm: key for key in keys}
        self._keys = {name: given.get(name) or SigningKey(name) for name in self.algorithms}

    # --- what it publishes

    @property
    def jwks(self) -> dict[str, Any]:
        """The published key set; secrets are not in it."""
        keys = (*self._keys.values(), *self._retired)
        return {"keys": [key.jwk for key in keys if key.jwk is not None]}

    @property
    def jwks_uri(self) -> str:
        """Where the key set is, for `RemoteJWKS`."""
        return self.shape.keys_base(self.issuer) + self.shape.keys_path

    @property
    def metadata(self) -> dict[str, Any]:
        """The discovery document."""
        return {"issuer": self.issuer, "jwks_uri": self.jwks_uri}

    def key(self, algorithm: str | None = None) -> SigningKey:
        """The key that signs now, with `algorithm` or the first one."""
        name = algorithm or self.algorithms[0]
        must(
            name in self._keys, f"algorithm={name!r}: it has keys for {', '.join(self.algorithms)}"
        )
        return self._keys[name]

    def secret(self, algorithm: str | None = None) -> bytes:
        """The shared secret of an HS algorithm, for `SharedSecret`."""
        secret = self.key(algorithm).private
        if not isinstance(secret, bytes):
            raise ValueError(f"{algorithm or self.algorithms[0]} has no shared secret")
        return secret

    def trusted(self, **options: Any) -> Issuer:
        """What an API configures to trust it, keys without a network; `options` are those of `Issuer`.

        Keys are those it publishes, or the secret of its one HS algorithm. An
        issuer that is like a provider is trusted by that provider's preset.
        """
        must(
            self.like is None,
            f"an issuer like {self.like}: use its preset, with fetch=issuer.fetch",
        )
        published = [name for name in self.algorithms if name not in SYMMETRIC]
        if published:
            usual = {
                "keys": RemoteJWKS(self.jwks_uri, fetch=self.fetch, clock=self.clock),
                "algorithms": published,
            }
        else:
            usual = {"keys": SharedSecret(self.secret()), "algorithms": self.algorithms[:1]}
        return Issuer(self.issuer, **{"audience": self.audience, **usual, **options})

    # --- its tokens

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

        `scope` is written as the provider writes it. `expires_in` is seconds from
        now, below 0 for an expired one. `header` goes over the usual header.
        """
        granted = {} if scope is None else self.shape.scopes(scope)
        usual = {"jti": str(uuid.uuid4()), **self.shape.access(self._parties), **granted}
        return self.sign(
            self._payload(usual, expires_in, claims), header=header, algorithm=algorithm
        )

    def expired(self, scope: str | None = None, **claims: Any) -> str:
        """A token whose time was over an hour ago."""
        return self.token(scope, expires_in=-3600, **claims)

    def not_yet_valid(self, scope: str | None = None, **claims: Any) -> str:
        """A token whose time begins in an hour (`nbf`)."""
        return self.token(scope, **{"expires_in": 7200, "nbf": int(self.clock()) + 3600, **claims})

    def id_token(
        self, *, expires_in: float = 300, algorithm: str | None = None, **claims: Any
    ) -> str:
        """What the same login gives the client about the user; no API may take it for an access token."""
        header = {"typ": "JWT"} if self.like is None else None
        payload = self._payload(self.shape.id_token(self._parties), expires_in, claims)
        return self.sign(payload, header=header, algorithm=algorithm)

    def sign(
        self,
        payload: bytes,
        *,
        header: Mapping[str, Any] | None = None,
        algorithm: str | None = None,
    ) -> str:
        """A token of this very payload, claims or not; a header member of None is left out."""
        key = self.key(algorithm)
        usual = {"alg": key.algorithm, "typ": "at+jwt", "kid": key.kid}
        merged = {**usual, **self.shape.header, **(header or {})}
        kept = {name: value for name, value in merged.items() if value is not None}
        return compact(kept, payload, key)

    def headers(self, scope: str | None = None, **claims: Any) -> dict[str, str]:
        """The header of a request with a good token, for any client that takes headers."""
        return {"Authorization": f"Bearer {self.token(scope, **claims)}"}

    def authorize(self, client: Any, scope: str | None = None, **claims: Any) -> str:
        """Let a test client send a good token from now on; answers the token.

        It is a WebTest `TestApp`, a Flask or Django test client, or a session of
        requests; any other takes `headers`. Raises `ValueError`.
        """
        token = self.token(scope, **claims)
        authorize(client, token)
        return token

    @property
    def _parties(self) -> Parties:
        return Parties(self.issuer, self.audience, self.client_id)

    def _payload(
        self, usual: Mapping[str, Any], expires_in: float, claims: Mapping[str, Any]
    ) -> bytes:
        must(is_finite_number(expires_in), f"expires_in={expires_in!r}: write seconds from now")
        now = int(self.clock())
        until = now + int(expires_in)
        begun = dict.fromkeys(("iat", *self.shape.times), min(now, until))
        merged = {"iss": self.issuer, **usual, **begun, "exp": until, **claims}
        return json.dumps(
            {name: value for name, value in merged.items() if value is not None}
        ).encode()

    # --- what befalls it

    def rotate(self, *, overlap: bool = False) -> None:
        """Sign with new keys from now on; the old ones stay published only with `overlap`."""
        self._retired = list(self._keys.values()) if overlap else []
        self._keys = {algorithm: SigningKey(algorithm) for algorithm in self.algorithms}

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Within, it cannot be reached in process, and answers 503 on loopback."""
        with self._being(available=False):
            yield

    @contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        """Within, every document takes `seconds`."""
        must(
            is_finite_number(seconds) and seconds >= 0,
            f"slow({seconds!r}): write seconds, 0 or more",
        )
        with self._being(delay=seconds):
            yield

    @contextmanager
    def answering(self, body: bytes) -> Iterator[None]:
        """Within, `body` is what it publishes everywhere, whatever that may be."""
        must(isinstance(body, bytes), f"answering({type(body).__name__}): write bytes")
        with self._being(_answer=body):
            yield

    @contextmanager
    def _being(self, **state: Any) -> Iterator[None]:
        before = {name: getattr(self, name) for name in state}
        vars(self).update(state)
        try:
            yield
        finally:
            vars(self).update(before)

    # --- where it is

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
        if self._answer is not None:
            return self._answer
        # Below whatever prefix: an issuer may have a path, and Entra's keys are under several.
        for suffix, document in ((self.shape.keys_path, self.jwks), (METADATA_PATH, self.metadata)):
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
