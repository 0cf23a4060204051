"""Places where a server or a proxy leaves the client's certificate (RFC 8705 §3).

Each function returns a callable that takes the environ and returns the DER of the certificate, or
None. A certificate from a server variable or a socket comes from the server itself. One from a
header is only as good as the peer that sent it, so those functions ask who may send it.
"""

from jwt_wsgi.client_certificates.headers import (
    ClientCertHeader,
    EscapedPEMHeader,
    from_client_cert_header,
    from_escaped_pem,
)
from jwt_wsgi.client_certificates.servers import (
    ClientCertificate,
    GunicornSocket,
    ServerVariable,
    from_environ,
    from_gunicorn,
)
from jwt_wsgi.client_certificates.texts import parse_client_certificate

__all__ = [
    "ClientCertHeader",
    "ClientCertificate",
    "EscapedPEMHeader",
    "GunicornSocket",
    "ServerVariable",
    "from_client_cert_header",
    "from_environ",
    "from_escaped_pem",
    "from_gunicorn",
    "parse_client_certificate",
]
