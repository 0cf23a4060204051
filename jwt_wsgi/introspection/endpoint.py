"""One request to an introspection endpoint: located, authenticated, sent and judged."""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

from jwt_wsgi.http.fetching import DeadlineFetcher, FetchError, Reply, Send, check_reply
from jwt_wsgi.introspection.client_authentication import ClientAuthentication
from jwt_wsgi.introspection.judgement import Answer, Keep, inactive, judge
from jwt_wsgi.jose.strict_json import read_document
from jwt_wsgi.jwks.discovery import Location, Place
from jwt_wsgi.token_facts import TrustedIssuer

#: The endpoint in an issuer's metadata (RFC 8414 §2).
ENDPOINT: Final = Place(
    "introspection_endpoint",
    "endpoint",
    "name the endpoint, Introspection('https://…')",
    "the Introspection",
)

_HEADERS: Final[Mapping[str, str]] = {
    "Accept": "application/json",
    "Content-Type": "application/x-www-form-urlencoded",
}

#: The statuses from 400 to 499 that concern neither the token nor this API as a client, but the
#: endpoint or what is in front of it.
_NOT_ABOUT_THE_TOKEN: Final = frozenset(
    {
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


#: The statuses with which an endpoint says that it does not accept this API as its client, and the
#: error codes of a 400 that say the same (RFC 6749 §5.2).
_CLIENT_REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_CLIENT_ERRORS: Final = frozenset({"invalid_client", "unauthorized_client"})


class ClientRefused(FetchError):
    """An answer that does not accept this API as a client. It takes the arguments of its base."""


class Endpoint:
    """An introspection endpoint (RFC 7662 §2).

    Args:
        location: Where it is.
        client_auth: How this API says who it is.
        send: The HTTP client.
        issuer: The issuer that has the endpoint, and what it demands of its tokens.
        max_bytes: The largest answer that is accepted, in bytes.
        keep: Keeps the claims of an answer that are read as long as it is cached.
    """

    def __init__(
        self,
        location: Location,
        client_auth: ClientAuthentication,
        send: DeadlineFetcher | Send,
        issuer: TrustedIssuer,
        max_bytes: int,
        keep: Keep,
    ) -> None:
        self.location = location
        self._client_auth = client_auth
        self._send = send
        self._issuer = issuer
        self._max_bytes = max_bytes
        self._keep = keep

    def ask(self, token: str, seconds: float, now: float) -> Answer:
        """Return what the endpoint says about a token.

        Args:
            token: The token's text.
            seconds: The seconds that the built-in client may take.
            now: The time in seconds since the epoch, to judge the answer at.

        Raises:
            ClientRefused: The endpoint does not accept this API as a client.
            FetchError: The endpoint said nothing about this token.
            Exception: Any exception that a user's `fetch` raises.
        """
        send = self._send
        if isinstance(send, DeadlineFetcher):
            # The metadata and the answer are one call, with one deadline.
            send = send.begin_sending(seconds)
        url = self._find_url(send)
        credentials = self._client_auth.credentials(self._issuer.issuer)
        form = {"token": token, "token_type_hint": "access_token", **credentials.form}
        headers = {**_HEADERS, **credentials.headers}
        try:
            answer = send(url, urlencode(form).encode("ascii"), headers)
            reply = check_reply(answer, self._max_bytes)
        except FetchError as error:
            if _refuses_client(error):
                raise ClientRefused(str(error), error.status, outcome=error.outcome) from None
            if _is_about_the_token(error.status):
                return inactive(f"an answer that refuses the token: {error}")
            raise
        return self._judge(reply, now)

    def _find_url(self, send: Send) -> str:
        try:
            return self.location.find(partial(self._fetch_metadata, send))
        except FetchError as error:
            # Its status is that of the metadata, and not the endpoint's.
            raise FetchError(
                f"the issuer's metadata: {error}",
                retry_after=error.retry_after,
                outcome=error.outcome,
            ) from None

    def _fetch_metadata(self, send: Send, url: str) -> Reply:
        return check_reply(send(url, None, {}), self._max_bytes)

    def _judge(self, reply: Reply, now: float) -> Answer:
        try:
            return judge(reply.body, self._issuer, now, self._keep)
        except ValueError as error:
            raise FetchError(f"the answer: {error}") from None


def _refuses_client(error: FetchError) -> bool:
    if error.status in _CLIENT_REFUSED:
        return True
    if error.status != HTTPStatus.BAD_REQUEST or not isinstance(error.body, bytes):
        return False
    try:
        code = read_document(error.body).get("error")
    except ValueError:
        return False
    return isinstance(code, str) and code in _CLIENT_ERRORS


def _is_about_the_token(status: object) -> bool:
    if not isinstance(status, int):
        return False
    return 400 <= status < 500 and status not in _NOT_ABOUT_THE_TOKEN
