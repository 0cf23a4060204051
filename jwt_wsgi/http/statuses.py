"""Sentences that say what the status of a reply means, with the remedy."""

from typing import Final

from jwt_wsgi.http.causes import PROXY_CREDENTIALS

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

_CREDENTIALS: Final = (
    "the endpoint wants credentials, or does not accept them: send them by headers="
)
_MISSING: Final = "nothing is published at this URL: check it"

_REMEDIES: Final = {
    401: _CREDENTIALS,
    403: _CREDENTIALS,
    404: _MISSING,
    406: 'the endpoint has no JSON for this request: try another type by headers={"Accept": …}',
    407: PROXY_CREDENTIALS,
    410: _MISSING,
    429: "the endpoint is asked too often, by this address or by all of them",
}


def describe_status(status: int, location: str | None) -> str:
    """Return what a status other than 200 says, as one line for logs.

    Args:
        status: The status of the reply.
        location: The reply's `Location`, or None.
    """
    reason = f"HTTP status {status}"
    if status in _REDIRECTS and location is not None:
        return (
            f"{reason}, a redirect to {location!a:.200}, which is not followed: "
            "if it is right, configure that URL"
        )
    if status >= 500:
        return f"{reason}: the endpoint has failed, or what is in front of it"
    remedy = _REMEDIES.get(status)
    return reason if remedy is None else f"{reason}: {remedy}"
