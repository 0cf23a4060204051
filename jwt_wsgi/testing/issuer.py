"""`LocalIssuer`: an issuer for test suites and demos, in process or on loopback."""

import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jose.algorithms import SYMMETRIC
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.static import SharedSecret
from jwt_wsgi.options import is_finite_number
from jwt_wsgi.testing.clients import authorize, authorize_with_proofs, check_proof_options
from jwt_wsgi.testing.confirmation import confirmation
from jwt_wsgi.testing.dpop import DPoPKey
from jwt_wsgi.testing.introspection import IntrospectedIssuer
from jwt_wsgi.testing.shapes import RFC_9068, SHAPES, Parties
from jwt_wsgi.testing.signing import SigningKey, compact, without_none


class LocalIssuer(IntrospectedIssuer):
    """An issuer with its own keys, which signs RFC 9068 access tokens, and has opaque ones.

    Args:
        issuer: The issuer's name, the `iss` of its tokens. By default `https://issuer.test/`,
            which `serve` replaces with its URL, or the provider's example, which stays.
        like: The provider whose tokens these resemble, such as auth0: a name of
            `jwt_wsgi.testing.shapes.SHAPES`. By default none, and the tokens follow RFC 9068.
        audience: The API's identifier, by default `https://api.test` or the provider's example.
        client_id: The client's identifier, by default `client-1` or the provider's example.
        algorithms: The algorithms to make keys for; the first one signs by default. By default
            the provider's algorithm, or RS256.
        keys: Keys to use instead of new ones. Making an RSA key takes a while.
        clock: Returns the time in seconds since the epoch, by default `time.time`.

    Attributes:
        issuer: The issuer's name.
        audience: The API's identifier.
        client_id: The client's identifier.
        algorithms: The algorithms that it has keys for.
        clock: The clock of its tokens.
        delay: The seconds that every document takes, 0 at the start.
        available: False while it cannot be reached.
        requests: The paths that were fetched, in order.
        api_client: The name and the secret of the client that its introspection endpoint accepts.

    Raises:
        ValueError: `like` or an algorithm is unknown, or `algorithms` is not a list of names.
    """

    def __init__(
        self,
        issuer: str | None = None,
        *,
        like: str | None = None,
        audience: str | None = None,
        client_id: str | None = None,
        algorithms: Iterable[str] | None = None,
        keys: Iterable[SigningKey] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        if like is not None and like not in SHAPES:
            raise ValueError(f"like={like!r}: choose from {', '.join(SHAPES)}")
        shape = RFC_9068 if like is None else SHAPES[like]
        names = _algorithm_names((shape.algorithm,) if algorithms is None else algorithms)
        super().__init__(
            issuer or shape.example.issuer,
            shape,
            names,
            keys,
            # A provider's tokens name the provider, wherever their keys are served.
            has_fixed_name=issuer is not None or like is not None,
        )
        self.like = like
        self.audience = audience or shape.example.audience
        self.client_id = client_id or shape.example.client
        self.clock = clock

    def trusted(self, **options: Any) -> Issuer:
        """Return the `Issuer` that an API configures to trust this one. Keys need no network.

        It trusts the published keys, or the secret of the first algorithm if no key is published.

        Args:
            **options: Options of `Issuer` that replace or complete the usual ones.

        Raises:
            ValueError: The issuer is like a provider; use that provider's preset.
        """
        if self.like is not None:
            raise ValueError(f"an issuer like {self.like}: use its preset, with fetch=issuer.fetch")
        options.setdefault("audience", self.audience)
        published = [name for name in self.algorithms if name not in SYMMETRIC]
        if published:
            keys = RemoteJWKS(self.jwks_uri, fetch=self.fetch, clock=self.clock)
            options.setdefault("keys", keys)
            options.setdefault("algorithms", published)
        else:
            options.setdefault("keys", SharedSecret(self.secret()))
            options.setdefault("algorithms", self.algorithms[:1])
        return Issuer(self.issuer, **options)

    def token(
        self,
        scope: str | None = None,
        *,
        expires_in: float = 300,
        algorithm: str | None = None,
        header: Mapping[str, Any] | None = None,
        cnf: DPoPKey | bytes | str | Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Return an access token that is valid now.

        Args:
            scope: The scopes, separated by spaces. They are written as the provider writes them.
            expires_in: The lifetime in seconds; below 0 the token has expired.
            algorithm: The algorithm to sign with, by default the issuer's first one.
            header: Members that replace those of the usual header; None removes one.
            cnf: The client's key or certificate, to which the token is bound: a `DPoPKey`
                (RFC 9449 §6.1), a certificate in DER or PEM (RFC 8705 §3.1), or the claim itself.
                By default the token is not bound.
            **claims: Claims that replace the usual ones; None removes one.

        Raises:
            ValueError: `expires_in` is not a finite number, there is no key for `algorithm`,
                `cnf` is of another kind, or `audience` or `issuer` stands in place of `aud` or
                `iss`.
        """
        usual = {"jti": str(uuid.uuid4()), **self.shape.access(self._parties)}
        if scope is not None:
            usual |= self.shape.scopes(scope)
        if cnf is not None:
            claims["cnf"] = confirmation(cnf)
        payload = self._payload(usual, expires_in, claims)
        members = {**self._repeating_header(payload), **(header or {})}
        return self.sign(payload, header=members, algorithm=algorithm, padded=self.shape.padded)

    def expired(self, scope: str | None = None, **claims: Any) -> str:
        """Return a token that expired an hour ago.

        Args:
            scope: As in `token`.
            **claims: As in `token`; other keyword arguments of `token` are passed on, too.
        """
        return self.token(scope, expires_in=-3600, **claims)

    def not_yet_valid(self, scope: str | None = None, **claims: Any) -> str:
        """Return a token that becomes valid in an hour (`nbf`).

        Args:
            scope: As in `token`.
            **claims: As in `token`; other keyword arguments of `token` are passed on, too.
        """
        claims.setdefault("expires_in", 7200)
        claims.setdefault("nbf", int(self.clock()) + 3600)
        return self.token(scope, **claims)

    def id_token(
        self, *, expires_in: float = 300, algorithm: str | None = None, **claims: Any
    ) -> str:
        """Return the ID token of the same login, which an API must refuse.

        Args:
            expires_in: The lifetime in seconds; below 0 the token has expired.
            algorithm: The algorithm to sign with, by default the issuer's first one.
            **claims: Claims that replace the usual ones; None removes one.

        Raises:
            ValueError: As for `token`.
        """
        header = {"typ": "JWT"} if self.like is None else None
        payload = self._payload(self.shape.id_token(self._parties), expires_in, claims)
        return self.sign(payload, header=header, algorithm=algorithm)

    def sign(
        self,
        payload: bytes,
        *,
        header: Mapping[str, Any] | None = None,
        algorithm: str | None = None,
        padded: bool = False,
    ) -> str:
        """Return a token with exactly this payload.

        Args:
            payload: Any bytes; they need not be claims.
            header: Members that replace those of the usual header; None removes one.
            algorithm: The algorithm to sign with, by default the issuer's first one.
            padded: Pad the segments (`=`), and sign the padding. JWS has none.

        Raises:
            ValueError: There is no key for `algorithm`.
        """
        key = self.key(algorithm)
        usual = {"alg": key.algorithm, "typ": "at+jwt", "kid": key.kid}
        merged = {**usual, **self.shape.header, **(header or {})}
        return compact(without_none(merged), payload, key, padded=padded)

    def headers(self, scope: str | None = None, **claims: Any) -> dict[str, str]:
        """Return the headers of a request with a valid token, for any client that takes headers.

        Args:
            scope: As in `token`.
            **claims: As in `token`; other keyword arguments of `token` are passed on, too.
        """
        return {"Authorization": f"Bearer {self.token(scope, **claims)}"}

    def authorize(
        self,
        client: Any,
        scope: str | None = None,
        *,
        dpop: DPoPKey | None = None,
        base_url: str | None = None,
        **claims: Any,
    ) -> str:
        """Make a test client send a valid token with every request from now on, and return it.

        With `dpop`, the token is bound to the key, and each request has a fresh proof. The client
        keeps the nonces of the answers, and repeats a request once if it needs one (RFC 9449 §9).

        Args:
            client: A WebTest `TestApp`, a Flask or Django test client, or a session of requests.
                For other clients use `headers`.
            scope: As in `token`.
            dpop: The client's key, for WebTest only. By default the token is sent as Bearer.
            base_url: The public URL of the application's root, for the proofs: one of the base
                URLs of the `DPoP` that the API is protected with.
            **claims: As in `token`; other keyword arguments of `token` are passed on, too.

        Raises:
            ValueError: The client is of another kind, or `dpop` and `base_url` are not both given.
        """
        check_proof_options(dpop, base_url)
        if dpop is None or base_url is None:
            token = self.token(scope, **claims)
            authorize(client, token)
            return token
        token = self.token(scope, **{"cnf": dpop, **claims})
        authorize_with_proofs(client, token, dpop, base_url)
        return token

    @property
    def _parties(self) -> Parties:
        return Parties(self.issuer, self.audience, self.client_id)

    def _repeating_header(self, payload: bytes) -> dict[str, Any]:
        """Return the members of the header that depend on the parties and the claims."""
        claims = json.loads(payload)
        repeated = {name: claims[name] for name in self.shape.repeated if name in claims}
        return {**self.shape.parties_header(self._parties), **repeated}

    def _payload(
        self, usual: Mapping[str, Any], expires_in: float, claims: Mapping[str, Any]
    ) -> bytes:
        if not is_finite_number(expires_in):
            raise ValueError(f"expires_in={expires_in!r}: write seconds from now")
        for option, claim in (("audience", "aud"), ("issuer", "iss")):
            if option in claims:
                raise ValueError(f"{option}={claims[option]!r}: write the claim, {claim}=...")
        now = int(self.clock())
        expires_at = now + int(expires_in)
        # An expired token, too, was issued before it expired.
        issued_at = min(now, expires_at)
        times = dict.fromkeys(("iat", *self.shape.times), issued_at)
        absent = {name: None for name, value in usual.items() if value is None}
        merged = {"iss": self.issuer, **usual, **times, **absent, "exp": expires_at, **claims}
        return json.dumps(without_none(merged)).encode()


def _algorithm_names(algorithms: Iterable[str]) -> tuple[str, ...]:
    names = () if isinstance(algorithms, str) else tuple(algorithms)
    if not names:
        raise ValueError(f"algorithms={algorithms!r}: write a list of names, such as ('RS256',)")
    return names
