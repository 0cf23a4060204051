"""`DPoPKey`: the key of a client that proves with each request that it has the key (RFC 9449)."""

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Self

from jwt_wsgi.jose import encoding
from jwt_wsgi.jose.algorithms import SYMMETRIC
from jwt_wsgi.jose.thumbprint import jwk_thumbprint
from jwt_wsgi.testing.private_keys import algorithm_for, read_private_key
from jwt_wsgi.testing.signing import SigningKey, compact, public_members, without_none


class DPoPKey:
    """A private key of a client, which makes DPoP proofs (RFC 9449 §4.2).

    `DPoPKey()` is a new key. `DPoPKey.from_pem` reads one.

    Args:
        algorithm: The algorithm of its proofs, "ES256" by default. Any other one that has public
            keys is possible, such as "PS256" or "Ed25519".
        clock: Returns the time in seconds since the epoch, by default `time.time`.

    Attributes:
        algorithm: The algorithm of its proofs.
        clock: The clock of its proofs.

    Raises:
        ValueError: The algorithm is not supported or has no public keys, or the installed
            cryptography lacks it.
    """

    def __init__(self, algorithm: str = "ES256", *, clock: Callable[[], float] = time.time) -> None:
        if algorithm in SYMMETRIC:
            raise ValueError(f"algorithm={algorithm!r}: choose one with public keys, such as ES256")
        self.algorithm = algorithm
        self.clock = clock
        self._key = SigningKey(algorithm)

    @classmethod
    def from_pem(
        cls, pem: bytes, algorithm: str | None = None, *, clock: Callable[[], float] = time.time
    ) -> Self:
        """Return the key that a PEM text holds, as `openssl genpkey` writes it.

        Args:
            pem: The private key, not encrypted.
            algorithm: The algorithm of its proofs. None is PS256 for RSA, ES256, ES384 or ES512 for
                the curves P-256, P-384 and P-521, and EdDSA for Ed25519.
            clock: Returns the time in seconds since the epoch, by default `time.time`.

        Raises:
            ValueError: There is no such key in the text, or it does not serve the algorithm. The
                text of the error quotes nothing of the key.
        """
        private = read_private_key(pem)
        key = cls.__new__(cls)
        key.algorithm = algorithm_for(private, algorithm)
        key.clock = clock
        key._key = SigningKey(key.algorithm, private=private)  # noqa: SLF001 (its own class)
        return key

    @property
    def jwk(self) -> dict[str, str]:
        """The public key as a JWK, with the required members only (RFC 7638 §3.2)."""
        return public_members(self.algorithm, self._key.private)

    @property
    def thumbprint(self) -> str:
        """The thumbprint of the public key, the `jkt` of its tokens (RFC 7638, RFC 9449 §6)."""
        return jwk_thumbprint(self.jwk)

    def proof(
        self,
        method: str,
        url: str,
        token: str | None,
        nonce: str | None = None,
        *,
        header: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Return a new proof for one request (RFC 9449 §4.2).

        Args:
            method: The method of the request, `htm`, such as "GET". Case counts.
            url: The URL of the request. `htu` is this URL without query and fragment.
            token: The access token, whose hash is `ath`; None for a request without one.
            nonce: The nonce of the last `DPoP-Nonce`; None if there was none.
            header: Members that replace those of the usual header, such as
                `{"jwk": {**key.jwk, "d": "AA"}}`; None removes one.
            **claims: Claims that replace the usual ones, such as `iat=0`; None removes one. The
                usual ones are `jti` (random), `htm`, `htu`, `iat` (now), `ath` and `nonce`.
        """
        usual = {
            "jti": str(uuid.uuid4()),
            "htm": method,
            "htu": url.partition("#")[0].partition("?")[0],
            "iat": int(self.clock()),
            "ath": None if token is None else _hash(token),
            "nonce": nonce,
        }
        members = without_none({**usual, **claims})
        # Without white space, as the libraries of clients write it.
        payload = json.dumps(members, separators=(",", ":")).encode()
        return self.sign(payload, header=header)

    def sign(self, payload: bytes, *, header: Mapping[str, Any] | None = None) -> str:
        """Return a proof with exactly this payload, for proofs that no real client would make.

        Args:
            payload: Any bytes; they need not be claims.
            header: As in `proof`.
        """
        usual = {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": self.jwk}
        return compact(without_none({**usual, **(header or {})}), payload, self._key)

    def __repr__(self) -> str:
        return f"DPoPKey({self.algorithm!r}, thumbprint={self.thumbprint!r})"


def _hash(token: str) -> str:
    """Return the `ath` of a token (RFC 9449 §4.2)."""
    return encoding.encode(hashlib.sha256(token.encode()).digest())
