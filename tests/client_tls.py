"""Certificates of clients: an authority, what it issues, and contexts that show them to a server."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

_LIFETIME = dt.timedelta(days=1)
# Strict verification (RFC 5280) asks for this extension of an authority, and that what it issues
# names its key. Its own certificate may be a client's as well.
_SIGNS_CERTIFICATES = x509.KeyUsage(
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


@dataclass(frozen=True)
class Issued:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @cached_property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @cached_property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode("ascii")

    @property
    def escaped(self) -> str:
        """The PEM as nginx escapes it for `$ssl_client_escaped_cert`."""
        return quote(self.pem, safe="")

    @property
    def byte_sequence(self) -> str:
        """The value of `Client-Cert` (RFC 9440)."""
        return ":" + "".join(self.pem.splitlines()[1:-1]) + ":"

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write the certificate and its key, and return their files."""
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        certificate.write_text(self.pem, "ascii")
        key.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return certificate, key


class Authority:
    """A private authority for servers on loopback and for clients.

    Args:
        name: Its common name.
        without: A type of extension that its own certificate, or those that it issues, lack.
    """

    def __init__(self, name: str, *, without: type[x509.ExtensionType] | None = None) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        self._without = without
        self._key_identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        builder = self._extended(
            _builder(subject, subject, key.public_key()),
            [constraints, _SIGNS_CERTIFICATES, self._key_identifier],
        )
        self.own = Issued(builder.sign(key, hashes.SHA256()), key)

    def issue(self, name: str, padding: int = 0) -> Issued:
        """Issue a certificate for `localhost` and 127.0.0.1, for servers and clients alike.

        Args:
            name: The common name of the subject.
            padding: Bytes of an extension that nobody knows, to make the certificate large.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
            self._key_identifier
        )
        constraints = x509.BasicConstraints(ca=False, path_length=None)
        builder = self._extended(
            _builder(_name(name), self.own.certificate.subject, key.public_key()),
            [constraints, x509.SubjectAlternativeName(names), issuer_key],
        )
        if padding:
            unknown = x509.UnrecognizedExtension(
                x509.ObjectIdentifier("1.3.6.1.4.1.32473.1"), b"\x04" + bytes(padding - 1)
            )
            builder = builder.add_extension(unknown, critical=False)
        return Issued(builder.sign(self.own.key, hashes.SHA256()), key)

    def client_context(self, folder: Path, client: Issued | None = None) -> ssl.SSLContext:
        """Return a context that trusts this authority, and shows a certificate or none."""
        context = ssl.create_default_context(cadata=self.own.pem)
        context.verify_flags |= ssl.VERIFY_X509_STRICT  # as the default is from Python 3.13 on
        if client is not None:
            serial = client.certificate.serial_number
            context.load_cert_chain(*client.write(folder, f"client-{serial}"))
        return context

    def _extended(
        self, builder: x509.CertificateBuilder, extensions: Iterable[x509.ExtensionType]
    ) -> x509.CertificateBuilder:
        for extension in extensions:
            if type(extension) is not self._without:
                critical = isinstance(extension, x509.BasicConstraints | x509.KeyUsage)
                builder = builder.add_extension(extension, critical)
        return builder


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return x509.CertificateBuilder(
        issuer, subject, key, x509.random_serial_number(), now - _LIFETIME, now + _LIFETIME
    )
