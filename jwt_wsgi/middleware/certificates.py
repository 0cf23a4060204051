"""The call of the user's callback that reads the client's certificate."""

import logging
from wsgiref.types import WSGIEnvironment

from jwt_wsgi.callbacks import CallbackFailed, call
from jwt_wsgi.client_certificates import ClientCertificate
from jwt_wsgi.errors import TemporarilyUnavailable

logger = logging.getLogger("jwt_wsgi.verification")


def read_certificate(
    client_certificate: ClientCertificate, environ: WSGIEnvironment
) -> bytes | None:
    """Return the client's certificate.

    Raises:
        TemporarilyUnavailable: The callback failed, or returned something else.
    """
    try:
        certificate = call(
            client_certificate,
            environ,
            name="client_certificate",
            consequence="answering 503",
            logger=logger,
        )
    except CallbackFailed:
        raise TemporarilyUnavailable("certificate_unavailable") from None
    if certificate is None or isinstance(certificate, bytes):
        return certificate
    kind = type(certificate).__name__
    logger.error("client_certificate returned %s, not bytes or None; answering 503", kind)
    raise TemporarilyUnavailable("certificate_unavailable")
