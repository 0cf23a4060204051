"""The URL of a provider that a user may run under any name."""

from jwt_wsgi.http.urls import check_url
from jwt_wsgi.presets._preset_issuer import IssuerOptions


def check_base_url(option: str, url: str, options: IssuerOptions) -> str:
    """Return `url` without the slash at its end.

    Args:
        option: The name of the option that the error names.
        url: The URL, https unless it is loopback or the caller allows http.
        options: What the caller set of the issuer's options.

    Raises:
        ValueError: It is no such URL, or it has a query.
    """
    parts = check_url(url, option=option, allow_http=options.get("allow_http", False))
    if parts.query or url.endswith("?"):
        raise ValueError(f"{option}={url!r:.200}: write the URL without a query")
    return url.rstrip("/")
