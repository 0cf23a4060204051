"""The user's callback that tells whether a token was revoked."""

import logging
from collections.abc import Callable

from jwt_wsgi.auth import Auth
from jwt_wsgi.callbacks import CallbackFailed, ask
from jwt_wsgi.errors import AuthError, InvalidToken, KeysUnavailable

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
        KeysUnavailable: The callback failed.
        AuthError: The refusal that the callback raised.
    """
    try:
        revoked = ask(
            is_revoked,
            auth,
            name="is_revoked",
            consequence="refusing",
            logger=logger,
            passing=(AuthError,),
        )
    except CallbackFailed:
        raise KeysUnavailable("revocation_unknown") from None
    if revoked:
        raise InvalidToken("token_revoked")
