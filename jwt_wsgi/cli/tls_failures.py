"""The reason of a failed TLS connection, in words, from the exception that OpenSSL raised."""

import ssl
from collections.abc import Iterator

_TRUST = "give the certificate of its authority with --ca-certs FILE"
#: X509_V_ERR_…: what it means, and what to do. The codes are those of OpenSSL's x509_vfy.h.
_CERTIFICATES = {
    9: "its certificate is not valid yet; check the clock of this machine",
    10: "its certificate has expired; have it renewed, or check the clock of this machine",
    18: "its certificate is self-signed; trust it with --ca-certs FILE",
    19: f"its certificate is of a private authority, which is not trusted here; {_TRUST}",
    20: f"the authority of its certificate is not trusted here; {_TRUST}",
    21: f"the authority of its certificate is not trusted here; {_TRUST}",
    62: "its certificate is for another host name; check the URL",
    64: "its certificate is for another address; use the host name in the URL",
}
#: Reasons of OpenSSL when the reply is not TLS at all.
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH")
#: So many exceptions of a chain are looked at.
_MAX_DEPTH = 10


def tls_failure(error: BaseException) -> str | None:
    """Return why TLS failed and what to do, with OpenSSL's own words; None for other failures.

    Args:
        error: The failure of a fetch, whose causes are searched for OpenSSL's exception.
    """
    cause = next(_ssl_errors(error), None)
    if cause is None:
        return None
    if isinstance(cause, ssl.SSLCertVerificationError):
        default = f"its certificate is not trusted here; {_TRUST}"
        meaning = _CERTIFICATES.get(cause.verify_code, default)
        return f"{meaning} (OpenSSL: {cause.verify_message})"
    reason = getattr(cause, "reason", None) or type(cause).__name__
    if any(name in reason for name in _NOT_TLS):
        meaning = "the port does not speak TLS; check the port, or write http:// in the URL"
    else:
        meaning = "the TLS handshake fails; the server may want another version or a certificate"
    return f"{meaning} (OpenSSL: {reason.lower().replace('_', ' ')})"


def _ssl_errors(error: BaseException) -> Iterator[ssl.SSLError]:
    """Yield the exceptions of OpenSSL in the causes of an exception."""
    pending: list[object] = [error]
    for _ in range(_MAX_DEPTH):
        if not pending:
            return
        current = pending.pop(0)
        if isinstance(current, ssl.SSLError):
            yield current
        if isinstance(current, BaseException):
            pending += [current.__cause__, current.__context__, *current.args]
            pending = [each for each in pending if isinstance(each, BaseException)]
