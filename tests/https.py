"""A small HTTPS server on loopback, and certificates of every kind that goes wrong."""

from __future__ import annotations

import datetime as dt
import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from serving import running

_PAST = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@contextmanager
def served(
    documents: Callable[[str], dict[str, Any]],
    context: ssl.SSLContext | None = None,
    *,
    status_for: Callable[[Mapping[str, str]], int] = lambda headers: 200,
) -> Iterator[str]:
    """Serve JSON documents by their paths; yield the URL without a path.

    Args:
        documents: Takes that URL, and returns the documents. A text is the target of a redirect.
        context: The server's TLS, or None for plain http.
        status_for: Takes the headers of a request, and returns the status of the answer. Only
            an answer of 200 holds the document.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = table.get(self.path)
            status = status_for(dict(self.headers))
            if status != 200:
                self.send_error(status)
                return
            if isinstance(document, str):
                self.send_response(302)
                self.send_header("Location", document)
                self.end_headers()
                return
            self.send_response(404 if document is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: object) -> None: ...

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Print nothing about clients that end the handshake."""

    server = Server(("127.0.0.1", 0), Handler)
    url = f"{'http' if context is None else 'https'}://localhost:{server.server_port}"
    table = documents(url)
    if context is not None:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    with running(server):
        yield url


class Certificates:
    """A private authority, and contexts of servers with certificates of it or of none.

    Args:
        folder: Where the authority's own certificate is written, as `roots.pem`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = trustme.CA()
        self.roots = folder / "roots.pem"
        self._authority.cert_pem.write_to_path(str(self.roots))

    def trusted(self) -> ssl.SSLContext:
        return self._context("localhost")

    def expired(self) -> ssl.SSLContext:
        return self._context("localhost", not_before=_PAST, not_after=_PAST + dt.timedelta(days=1))

    def for_another_host(self) -> ssl.SSLContext:
        return self._context("other.test")

    def self_signed(self) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(key, hashes.SHA256())
        )
        file = self._folder / "self-signed.pem"
        file.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + certificate.public_bytes(Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def with_root_in_chain(self) -> ssl.SSLContext:
        """Return the context of a server that sends the authority's certificate, too."""
        issued = self._authority.issue_cert("localhost")
        file = self._folder / "chain.pem"
        blobs = [issued.private_key_pem, *issued.cert_chain_pems, self._authority.cert_pem]
        file.write_bytes(b"".join(blob.bytes() for blob in blobs))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _context(self, *names: str, **dates: Any) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*names, **dates).configure_cert(context)
        return context
