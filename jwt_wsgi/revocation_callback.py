"""The user's callback that tells whether a token was revoked."""

import logging
from collections.abc import Callable

from jwt_wsgi.auth import Auth
from jwt_wsgi.callbacks import CallbackFailed, ask
from jwt_wsgi.errors import AuthError, InvalidToken, KeysUnavailable, TemporarilyUnavailable
from jwt_wsgi.stores import StoreUnavailable

logger = logging.getLogger("jwt_wsgi.verifier")

#: Tells whether a token that is otherwise good was revoked. An `AuthError` that it raises is the
#: answer; if it raises anything else, the answer is 503.
IsRevoked = Callable[[Auth], object]


def check_revocation(auth: Auth, is_revoked: IsRevoked) -> None:
    """Refuse a revoked token.

    Args:
        auth: What the token says.
        is_revoked: The user's callback.

    Raises:
        InvalidToken: The token is revoked.
        TemporarilyUnavailable: The callback raised `StoreUnavailable`.
        KeysUnavailable: The callback failed in another way.
        AuthError: The callback raised it.
    """
    try:
        revoked = ask(
            is_revoked,
            auth,
            name="is_revoked",
            consequence="refusing",
            logger=logger,
            passing=(AuthError, StoreUnavailable),
        )
    except StoreUnavailable as error:
        logger.error("the store of is_revoked is unavailable (%s); answering 503", error)
        raise TemporarilyUnavailable("store_unavailable") from None
    except CallbackFailed:
        raise KeysUnavailable("revocation_unknown") from None
    if revoked:
        raise InvalidToken("token_revoked")


def reporting(is_revoked: IsRevoked, recorder: Callable[[str], object]) -> IsRevoked:
    """Return the same callback, which reports when it is called and when it has returned.

    Args:
        is_revoked: The user's callback.
        recorder: Called with "predicates" before, and with "revocation" afterwards, unless the
            callback raised.
    """

    def reported(auth: Auth) -> object:
        recorder("predicates")
        revoked = is_revoked(auth)
        recorder("revocation")
        return revoked

    return reported
