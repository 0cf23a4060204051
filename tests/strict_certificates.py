"""Certificates of a private authority that lack one extension, and a client that verifies strictly."""

from __future__ import annotations

import datetime as dt
import ssl
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_YEAR = dt.timedelta(days=365)
_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def refusal(folder: Path, *, without: str) -> ssl.SSLCertVerificationError | None:
    """Return the error of a strict client at a server, or None.

    Args:
        folder: Where the server's certificate and key are written.
        without: The extension that is left out: "subject key" or "usage" of the authority's own
            certificate, or "authority key" of the server's.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key()
    own: dict[str, x509.ExtensionType] = {
        "basic": x509.BasicConstraints(ca=True, path_length=None),
        "usage": _USAGE,
        "subject key": x509.SubjectKeyIdentifier.from_public_key(public),
    }
    issued: dict[str, x509.ExtensionType] = {
        "name": x509.SubjectAlternativeName([x509.DNSName("localhost")]),
        "authority key": x509.AuthorityKeyIdentifier.from_issuer_public_key(public),
    }
    for extensions in (own, issued):
        extensions.pop(without, None)
    root = _signed("authority", own, key).public_bytes(Encoding.PEM)
    leaf = _signed("localhost", issued, key).public_bytes(Encoding.PEM)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = folder / "server.pem"
    file.write_bytes(leaf + secret)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    client = ssl.create_default_context(cadata=root.decode("ascii"))
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # as the default is from Python 3.13 on
    return _shake_hands(client, server)


def _signed(
    name: str, extensions: dict[str, x509.ExtensionType], key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(
        issuer_name=_name("authority"),
        subject_name=_name(name),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - _YEAR,
        not_valid_after=now + _YEAR,
    )
    for extension in extensions.values():
        critical = isinstance(extension, x509.BasicConstraints | x509.KeyUsage)
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _shake_hands(
    client: ssl.SSLContext, server: ssl.SSLContext
) -> ssl.SSLCertVerificationError | None:
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    ours = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    for _ in range(3):
        try:
            with suppress(ssl.SSLWantReadError):
                ours.do_handshake()
        except ssl.SSLCertVerificationError as error:
            return error
        with suppress(ssl.SSLWantReadError):
            theirs.do_handshake()
    return None
