"""How this API says who it is at the endpoint (RFC 7662 §2.1, RFC 6749 §2.3, RFC 7523 §2.2).

`repr` and errors show no secret.
"""

import base64
import logging
import re
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import quote

from jwt_wsgi.callbacks import CallbackFailed, call, check_callables
from jwt_wsgi.http.fetching import FetchError
from jwt_wsgi.jose.signing import PrivateKey

logger = logging.getLogger("jwt_wsgi.introspection")

#: RFC 7523 §2.2.
_JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: Seconds that an assertion is valid.
_ASSERTION_LIFETIME: Final = 60
# RFC 6750 §2.1.
_B64TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class ClientCredentials(NamedTuple):
    """Headers and members of a form that say who sends a request. `repr` shows nothing of them.

    Attributes:
        headers: Headers to send.
        form: Members of the form beside `token`.
    """

    headers: dict[str, str]
    form: dict[str, str]

    def __repr__(self) -> str:
        return "ClientCredentials(…)"


class ClientAuthentication(ABC):
    """A way to authenticate at the endpoint. A class of one's own may be another one."""

    @abstractmethod
    def credentials(self, issuer: str) -> ClientCredentials:
        """Return what the next request carries.

        Args:
            issuer: The issuer's name, which assertions are meant for.

        Raises:
            FetchError: There are no credentials at the moment.
        """


class ClientSecretBasic(ClientAuthentication):
    """HTTP Basic with the client's name and secret, form-urlencoded (RFC 6749 §2.3.1).

    Args:
        client_id: The name of this API at the authorization server.
        secret: Its secret.

    Raises:
        ValueError: An argument is not text, or empty.
    """

    def __init__(self, client_id: str, secret: str) -> None:
        self.client_id = _check_text("client_id", client_id)
        # A blank is written as %20, which every decoder of forms reads, and Authlib's as well.
        pair = f"{quote(client_id, safe='')}:{quote(_check_secret(secret), safe='')}"
        encoded = base64.b64encode(pair.encode("ascii")).decode("ascii")
        self._headers = {"Authorization": f"Basic {encoded}"}

    def credentials(self, issuer: str) -> ClientCredentials:
        """Return the header `Authorization`."""
        return ClientCredentials(dict(self._headers), {})

    def __repr__(self) -> str:
        return f"ClientSecretBasic({self.client_id!r}, …)"


class ClientSecretPost(ClientAuthentication):
    """The client's name and secret in the form (RFC 6749 §2.3.1).

    Args:
        client_id: The name of this API at the authorization server.
        secret: Its secret.

    Raises:
        ValueError: An argument is not text, or empty.
    """

    def __init__(self, client_id: str, secret: str) -> None:
        self.client_id = _check_text("client_id", client_id)
        self._form = {"client_id": client_id, "client_secret": _check_secret(secret)}

    def credentials(self, issuer: str) -> ClientCredentials:
        """Return the members of the form."""
        return ClientCredentials({}, dict(self._form))

    def __repr__(self) -> str:
        return f"ClientSecretPost({self.client_id!r}, …)"


class PrivateKeyJWT(ClientAuthentication):
    """An assertion that is signed with the client's private key (RFC 7523 §2.2 and §3).

    Each request has an assertion of its own, which is meant for the issuer and valid for a minute.

    Args:
        client_id: The name of this API at the authorization server.
        key: The private key: PEM without a password, or a key of cryptography.
        algorithm: The algorithm that it signs with, such as "ES256".
        kid: The name of the key at the authorization server. By default the assertion has none.
        clock: Returns the time in seconds since the epoch.

    Raises:
        ValueError: For invalid arguments. The text quotes nothing of the key.
    """

    def __init__(
        self,
        client_id: str,
        key: object,
        *,
        algorithm: str,
        kid: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_callables(clock=clock)
        self.client_id = _check_text("client_id", client_id)
        self._key = PrivateKey(key, algorithm)
        self._header = {"typ": "JWT"}
        if kid is not None:
            self._header["kid"] = _check_text("kid", kid)
        self._clock = clock

    def credentials(self, issuer: str) -> ClientCredentials:
        """Return a new assertion as members of the form."""
        now = int(self._clock())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": issuer,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + _ASSERTION_LIFETIME,
        }
        form = {
            "client_id": self.client_id,
            "client_assertion_type": _JWT_BEARER,
            "client_assertion": self._key.sign(claims, self._header),
        }
        return ClientCredentials({}, form)

    def __repr__(self) -> str:
        return f"PrivateKeyJWT({self.client_id!r}, {self._key!r})"


class BearerToken(ClientAuthentication):
    """An access token of this API's own (RFC 7662 §2.1).

    Args:
        get_token: Returns the token. It is called for each request to the endpoint, so it should
            keep the token until it expires.

    Raises:
        ValueError: `get_token` is not callable.
    """

    def __init__(self, get_token: Callable[[], str]) -> None:
        if not callable(get_token):
            # The value may be the token itself, so the error does not quote it.
            raise ValueError("get_token: write a function that returns the token")
        check_callables(get_token=get_token)
        self._get_token = get_token

    def credentials(self, issuer: str) -> ClientCredentials:
        """Return the header `Authorization`."""
        try:
            token = call(
                self._get_token,
                name="BearerToken(get_token)",
                consequence="the endpoint is not asked",
                logger=logger,
            )
        except CallbackFailed:
            raise FetchError("get_token failed", outcome="fetcher_raised") from None
        if not isinstance(token, str) or _B64TOKEN.fullmatch(token) is None:
            reason = "get_token returned something else than a token"
            raise FetchError(reason, outcome="fetcher_raised")
        return ClientCredentials({"Authorization": f"Bearer {token}"}, {})

    def __repr__(self) -> str:
        return "BearerToken(…)"


def _check_text(option: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{option}={value!r}: write text")
    return value


def _check_secret(value: object) -> str:
    # The value is not quoted.
    if not isinstance(value, str) or not value:
        raise ValueError("secret: write text")
    return value
