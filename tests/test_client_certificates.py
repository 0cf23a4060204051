"""Where a client's certificate stands: what is read, from whom, and what is no certificate."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from client_tls import Authority, Issued
from cryptography.hazmat.primitives.serialization import Encoding
from environs import octets
from hypothesis import assume, given
from hypothesis import strategies as st
from test_jwk import certificate as certificate_for
from test_jwk import of_no_known_version
from werkzeug.middleware.proxy_fix import ProxyFix

from jwt_wsgi.client_certificates import (
    ClientCertificate,
    from_client_cert_header,
    from_environ,
    from_escaped_pem,
    from_gunicorn,
)
from jwt_wsgi.jose.certificates import certificate_der, certificate_thumbprint, is_certificate
from jwt_wsgi.testing import SigningKey

AUTHORITY = Authority("clients")
CLIENT, OTHER = AUTHORITY.issue("client"), AUTHORITY.issue("other")
LARGE = AUTHORITY.issue("large", padding=20_000)
PROXY = "10.0.3.7"
KIB_16 = 16 * 1024


# --- PEM, DER and thumbprints


def lines(issued: Issued) -> list[str]:
    return issued.pem.splitlines()


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param(CLIENT.pem, id="as written"),
        pytest.param(CLIENT.pem.strip(), id="without a line break at the end, as cheroot"),
        pytest.param(CLIENT.pem.replace("\n", "\r\n"), id="line breaks of Windows"),
        pytest.param(CLIENT.pem + "\n \n", id="blank lines at the end"),
        pytest.param(
            f"{lines(CLIENT)[0]}\n{''.join(lines(CLIENT)[1:-1])}\n{lines(CLIENT)[-1]}",
            id="one long line",
        ),
    ],
)
def test_a_pem_of_one_certificate_is_read(pem: str) -> None:
    assert certificate_der(pem) == CLIENT.der
    assert from_environ("SSL_CLIENT_CERT")({"SSL_CLIENT_CERT": pem}) == CLIENT.der


def pem_of(body: str, label: str = "CERTIFICATE") -> str:
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"


BODY = base64.b64encode(CLIENT.der).decode()
KEY = SigningKey("ES256").private


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param("", id="nothing"),
        pytest.param("(null)", id="the word that Apache writes for nothing"),
        pytest.param(CLIENT.pem + OTHER.pem, id="two"),
        pytest.param(CLIENT.pem + CLIENT.pem, id="the same twice"),
        pytest.param(CLIENT.pem + AUTHORITY.own.pem, id="a chain"),
        pytest.param("\n" + CLIENT.pem, id="a blank line before"),
        pytest.param("subject=CN = client\n" + CLIENT.pem, id="text before"),
        pytest.param(CLIENT.pem + "text", id="text after"),
        pytest.param(CLIENT.pem.replace("\n", "\n\t", 3), id="tabs, as nginx's old variable"),
        pytest.param(CLIENT.pem.replace("\n", " "), id="blanks for line breaks"),
        pytest.param(pem_of(BODY, "TRUSTED CERTIFICATE"), id="another label"),
        pytest.param(pem_of(BODY, "PUBLIC KEY"), id="the label of a key"),
        pytest.param(pem_of(BODY).replace("END CERTIFICATE", "END PUBLIC KEY"), id="two labels"),
        pytest.param(pem_of(BODY[:-4]), id="cut off"),
        pytest.param(pem_of(BODY + "AAAA"), id="octets after it"),
        pytest.param(pem_of(base64.b64encode(CLIENT.der + b"\0").decode()), id="a zero after it"),
        pytest.param(pem_of(base64.b64encode(CLIENT.der * 2).decode()), id="two in one block"),
        pytest.param(pem_of("=" + BODY[1:]), id="padding in front"),
        pytest.param(pem_of(BODY.replace("+", "-").replace("/", "_") + "-"), id="base64url"),
        pytest.param(pem_of("A" * 64), id="not a certificate"),
        pytest.param(pem_of("Z" + BODY[1:]), id="another tag"),
        pytest.param(pem_of(""), id="an empty body"),
        pytest.param(CLIENT.pem.replace("M", "М", 1), id="a letter beyond ASCII"),
        pytest.param(CLIENT.pem.replace("-----BEGIN", "----BEGIN"), id="a dash too few"),
    ],
)
def test_any_other_text_is_no_certificate(pem: str) -> None:
    assert certificate_der(pem) is None
    assert from_environ("SSL_CLIENT_CERT")({"SSL_CLIENT_CERT": pem}) is None


@pytest.mark.parametrize("padding", [0, 1, 2], ids=["no padding", "one", "two"])
def test_every_length_of_a_certificate_is_read(padding: int) -> None:
    by_length = {
        len(each.der) % 3: each for each in (AUTHORITY.issue("x" * n) for n in range(1, 40))
    }
    issued = by_length[padding]
    assert certificate_der(issued.pem) == issued.der


@pytest.mark.parametrize(
    ("change", "remainder"),
    [
        pytest.param(lambda body: body.rstrip("="), 1, id="no padding"),
        pytest.param(lambda body: body + "=", 1, id="surplus padding"),
        pytest.param(lambda body: body.rstrip("=")[:-1] + "B==", 1, id="stray bits"),
    ],
)
def test_only_canonical_base64_is_read(change: Callable[[str], str], remainder: int) -> None:
    issued = next(
        each
        for each in (AUTHORITY.issue("x" * n) for n in range(1, 40))
        if len(each.der) % 3 == remainder
    )
    body = base64.b64encode(issued.der).decode()
    assert certificate_der(pem_of(body)) == issued.der
    assert certificate_der(pem_of(change(body))) is None


@pytest.mark.parametrize(
    "algorithm", ["ES256", "RS256", "EdDSA"], ids=["elliptic curve", "RSA", "Edwards curve"]
)
def test_the_key_of_a_certificate_does_not_matter(algorithm: str) -> None:
    der = certificate_for(SigningKey(algorithm).private).public_bytes(Encoding.DER)
    assert is_certificate(der)


@pytest.mark.parametrize(
    "der",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x30\x80", id="an indefinite length"),
        pytest.param(CLIENT.der[:-1], id="cut off"),
        pytest.param(CLIENT.der + b"\0", id="an octet after it"),
        pytest.param(CLIENT.pem.encode(), id="PEM"),
        pytest.param(of_no_known_version(KEY), id="an unknown version"),
    ],
)
def test_other_octets_are_not_a_certificate(der: bytes) -> None:
    assert not is_certificate(der)


@pytest.mark.conforms(74)
def test_the_thumbprint_is_the_hash_of_the_der_without_padding() -> None:
    expected = base64.urlsafe_b64encode(hashlib.sha256(CLIENT.der).digest()).rstrip(b"=").decode()
    assert certificate_thumbprint(CLIENT.der) == expected
    assert certificate_thumbprint(b"") == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"


# --- from a server variable


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({}, id="missing"),
        pytest.param({"SSL_CLIENT_CERT": None}, id="None"),
        pytest.param({"SSL_CLIENT_CERT": CLIENT.pem.encode()}, id="bytes"),
        pytest.param({"HTTP_SSL_CLIENT_CERT": CLIENT.pem}, id="a header of that name"),
        pytest.param({"ssl_client_cert": CLIENT.pem}, id="another case"),
    ],
)
def test_a_variable_that_is_not_there_is_no_certificate(environ: dict[str, Any]) -> None:
    assert from_environ("SSL_CLIENT_CERT")(environ) is None


@pytest.mark.parametrize(
    "name",
    [
        "HTTP_CLIENT_CERT",
        "HTTP_SSL_CLIENT_CERT",
        "HTTP_",
        "http_x",
        "Http_X",
        "REDIRECT_HTTP_CLIENT_CERT",
        "REDIRECT_REDIRECT_HTTP_X",
        "QUERY_STRING",
        "PATH_INFO",
        "CONTENT_TYPE",
        "content_type",
        "",
        " ",
        "SSL CLIENT",
        "SSL_CLIENT_CERT\n",
        "Größe",
        None,
        b"SSL_CLIENT_CERT",
    ],
)
def test_a_variable_that_a_client_chooses_is_refused(name: Any) -> None:
    with pytest.raises(ValueError, match=r"^from_environ\(.*\): "):
        from_environ(name)


@pytest.mark.parametrize("name", ["SSL_CLIENT_CERT", "HTTPS_CC", "REDIRECT_SSL_CLIENT_CERT"])
def test_variables_of_servers_are_accepted(name: str) -> None:
    assert from_environ(name)({name: CLIENT.pem}) == CLIENT.der


# --- from gunicorn's socket


class TLSSocket:
    """A socket with TLS, as the application sees it."""

    def __init__(self, certificate: bytes | None) -> None:
        self.certificate = certificate

    def getpeercert(self, binary_form: bool = False) -> object:
        if not binary_form:
            return {} if self.certificate is None else {"subject": ()}
        return self.certificate


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({"gunicorn.socket": TLSSocket(CLIENT.der)}, CLIENT.der, id="a certificate"),
        pytest.param({"gunicorn.socket": TLSSocket(None)}, None, id="no certificate"),
        pytest.param({"gunicorn.socket": TLSSocket(b"x")}, None, id="not a certificate"),
        pytest.param({"gunicorn.socket": TLSSocket(LARGE.der)}, None, id="a large certificate"),
        pytest.param({"gunicorn.socket": None}, None, id="None"),
        pytest.param({}, None, id="another server"),
    ],
)
def test_the_socket_of_gunicorn(environ: dict[str, Any], expected: bytes | None) -> None:
    assert from_gunicorn()(environ) == expected


def test_a_socket_without_tls_has_no_certificate() -> None:
    with socket.socket() as plain:
        assert from_gunicorn()({"gunicorn.socket": plain}) is None


def test_a_closed_socket_raises_so_that_the_request_is_not_called_anonymous() -> None:
    class Closed:
        def getpeercert(self, binary_form: bool) -> bytes:
            raise OSError("Transport endpoint is not connected")

    with pytest.raises(OSError, match="not connected"):
        from_gunicorn()({"gunicorn.socket": Closed()})


# --- headers


CLIENT_CERT = from_client_cert_header(trusted=[PROXY])
ESCAPED = from_escaped_pem("X-Client-Cert", trusted=[PROXY])
#: Each source of a header with its key and the value for a certificate.
HEADERS = {
    "Client-Cert": (CLIENT_CERT, "HTTP_CLIENT_CERT", lambda issued: issued.byte_sequence),
    "escaped PEM": (ESCAPED, "HTTP_X_CLIENT_CERT", lambda issued: issued.escaped),
}
each_header = pytest.mark.parametrize(
    ("source", "key", "value_for"), HEADERS.values(), ids=HEADERS.keys()
)
ValueFor = Callable[[Issued], str]


def received(source: ClientCertificate, key: str, value: object, peer: object = PROXY) -> object:
    return source({key: value, "REMOTE_ADDR": peer})


@each_header
def test_the_header_of_a_trusted_peer_is_read(
    source: ClientCertificate, key: str, value_for: ValueFor
) -> None:
    assert received(source, key, value_for(CLIENT)) == CLIENT.der
    assert received(source, key, f" \t{value_for(CLIENT)}\t ") == CLIENT.der


@each_header
@pytest.mark.parametrize(
    "peer", ["10.0.3.8", "127.0.0.1", "::1", "", "localhost", "unix", "10.0.3.7:80", "[::1]", None]
)
def test_from_any_other_peer_the_header_does_not_exist(
    source: ClientCertificate, key: str, value_for: ValueFor, peer: object
) -> None:
    assert received(source, key, value_for(CLIENT), peer) is None


@each_header
def test_a_missing_address_is_not_trusted(
    source: ClientCertificate, key: str, value_for: ValueFor
) -> None:
    assert source({key: value_for(CLIENT)}) is None


@each_header
def test_a_client_without_a_certificate_has_none(
    source: ClientCertificate, key: str, value_for: ValueFor
) -> None:
    assert source({"REMOTE_ADDR": PROXY}) is None
    for value in ("", " ", "-", "(null)", None, value_for(CLIENT).encode()):
        assert received(source, key, value) is None


@each_header
@pytest.mark.parametrize("separator", [",", ", ", " ", "\n", ";", ""])
@pytest.mark.parametrize("second", [CLIENT, OTHER, AUTHORITY.own], ids=["same", "other", "chain"])
def test_several_certificates_in_a_header_are_none(
    source: ClientCertificate, key: str, value_for: ValueFor, separator: str, second: Issued
) -> None:
    assert received(source, key, value_for(CLIENT) + separator + value_for(second)) is None


@each_header
def test_a_doubled_header_with_one_empty_value_is_none(
    source: ClientCertificate, key: str, value_for: ValueFor
) -> None:
    assert received(source, key, value_for(CLIENT) + ",") is None
    assert received(source, key, "," + value_for(CLIENT)) is None


@each_header
def test_a_value_over_16_kib_is_none_even_if_it_is_mostly_blanks(
    source: ClientCertificate, key: str, value_for: ValueFor
) -> None:
    value = value_for(CLIENT)
    fits = value.ljust(KIB_16)
    assert received(source, key, fits) == CLIENT.der
    assert received(source, key, fits + " ") is None
    assert len(value_for(LARGE)) > KIB_16
    assert received(source, key, value_for(LARGE)) is None


def test_a_variable_over_16_kib_is_none() -> None:
    variable = from_environ("SSL_CLIENT_CERT")
    fits = CLIENT.pem.ljust(KIB_16)
    assert variable({"SSL_CLIENT_CERT": fits}) == CLIENT.der
    assert variable({"SSL_CLIENT_CERT": fits + " "}) is None
    assert certificate_der(LARGE.pem) == LARGE.der
    assert variable({"SSL_CLIENT_CERT": LARGE.pem}) is None


SEQUENCE = CLIENT.byte_sequence


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(SEQUENCE[1:-1], id="no colons"),
        pytest.param(SEQUENCE[:-1], id="no colon at the end"),
        pytest.param(SEQUENCE[1:], id="no colon in front"),
        pytest.param(SEQUENCE + ";a", id="a parameter"),
        pytest.param(SEQUENCE + ";a=1", id="a parameter with a value"),
        pytest.param(f"({SEQUENCE})", id="an inner list"),
        pytest.param(f'"{SEQUENCE}"', id="a string"),
        pytest.param(f":{SEQUENCE}:", id="two colons"),
        pytest.param(": " + SEQUENCE[1:], id="a blank inside"),
        pytest.param("::", id="an empty sequence"),
        pytest.param(":" + SEQUENCE[2:], id="a character too few"),
        pytest.param(":" + SEQUENCE[1:-1].rstrip("=") + "AAAA:", id="octets after it"),
        pytest.param(":AAAA:", id="not a certificate"),
        pytest.param(SEQUENCE[:20] + "-" + SEQUENCE[21:], id="a dash"),
        pytest.param(SEQUENCE[:20] + "\xe9" + SEQUENCE[21:], id="beyond ASCII"),
        pytest.param(CLIENT.escaped, id="an escaped PEM"),
        pytest.param(CLIENT.pem, id="a PEM"),
    ],
)
def test_only_a_byte_sequence_without_parameters_is_a_certificate(value: str) -> None:
    assert received(CLIENT_CERT, "HTTP_CLIENT_CERT", value) is None


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(quote(CLIENT.pem, safe="+/="), id="as AWS escapes it"),
        pytest.param(quote(CLIENT.pem, safe="+").replace("%2F", "%2f"), id="lower-case hex"),
        pytest.param(quote(CLIENT.pem.strip(), safe=""), id="no line break at the end"),
        pytest.param(quote(CLIENT.pem.replace("\n", "\r\n"), safe=""), id="line breaks of Windows"),
        pytest.param("".join(f"%{ord(letter):02X}" for letter in CLIENT.pem), id="all escaped"),
    ],
)
def test_every_encoding_of_the_pem_is_the_same_certificate(value: str) -> None:
    assert received(ESCAPED, "HTTP_X_CLIENT_CERT", value) == CLIENT.der


WITH_PLUS = next(
    each for each in (AUTHORITY.issue(f"client {n}") for n in range(50)) if "+" in each.pem
)


def test_a_plus_stays_a_plus() -> None:
    plain = quote(WITH_PLUS.pem, safe="+")
    assert "+" in plain
    assert received(ESCAPED, "HTTP_X_CLIENT_CERT", plain) == WITH_PLUS.der
    as_blank = WITH_PLUS.escaped.replace("%20", "+")
    assert received(ESCAPED, "HTTP_X_CLIENT_CERT", as_blank) is None
    twice = quote(WITH_PLUS.escaped, safe="")
    assert received(ESCAPED, "HTTP_X_CLIENT_CERT", twice) is None


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(CLIENT.pem, id="a PEM as it is"),
        pytest.param(CLIENT.pem.replace("\n", " "), id="blanks for line breaks"),
        pytest.param(CLIENT.pem.replace("\n", ""), id="no line breaks"),
        pytest.param(SEQUENCE, id="a byte sequence"),
        pytest.param(SEQUENCE[1:-1], id="base64 alone, as Traefik"),
        pytest.param(CLIENT.escaped + "%", id="an escape without digits"),
        pytest.param(CLIENT.escaped + "%4", id="an escape with one digit"),
        pytest.param(CLIENT.escaped + "%zz", id="an escape that is none"),
        pytest.param(CLIENT.escaped + "%00", id="a zero"),
        pytest.param(CLIENT.escaped + "%E9", id="an octet beyond ASCII"),
        pytest.param(CLIENT.escaped + "\xe9", id="a character beyond ASCII"),
        pytest.param(f'Cert="{CLIENT.escaped}"', id="the header of Envoy"),
        pytest.param(quote(CLIENT.pem + OTHER.pem, safe=""), id="two certificates"),
    ],
)
def test_any_other_value_is_no_certificate(value: str) -> None:
    assert received(ESCAPED, "HTTP_X_CLIENT_CERT", value) is None


@given(octets | octets.map(lambda text: f":{text}:") | octets.map(quote) | octets.map(pem_of))
def test_no_value_of_a_header_raises(text: str) -> None:
    for source, key, _ in HEADERS.values():
        assert received(source, key, text) is None
    assert from_environ("SSL_CLIENT_CERT")({"SSL_CLIENT_CERT": text}) is None


@given(st.integers(0, len(SEQUENCE) - 1), st.characters(max_codepoint=255))
def test_another_character_never_yields_the_same_certificate(index: int, letter: str) -> None:
    value = SEQUENCE[:index] + letter + SEQUENCE[index + 1 :]
    changed = value.strip(" \t") != SEQUENCE
    result = received(CLIENT_CERT, "HTTP_CLIENT_CERT", value)
    assert (result == CLIENT.der) is not changed


@given(st.data())
def test_whatever_is_escaped_the_certificate_is_the_same(data: st.DataObject) -> None:
    free = "-._~+/=" + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    kept = data.draw(st.sets(st.sampled_from(free)))
    value = "".join(c if c in kept else f"%{ord(c):02x}" for c in CLIENT.pem)
    assert received(ESCAPED, "HTTP_X_CLIENT_CERT", value) == CLIENT.der


@pytest.mark.parametrize("header", ["X-Client-Cert", "x_client_cert", "X_CLIENT-CERT"])
def test_every_spelling_of_a_header_is_one_key(header: str) -> None:
    assert from_escaped_pem(header, trusted=[PROXY]) == ESCAPED
    assert repr(from_escaped_pem(header, trusted=[PROXY])) == repr(ESCAPED)


@pytest.mark.parametrize(
    "header",
    ["", " ", "X Client", "X-Client:", "Größe", "Content-Type", "content_length", "Authorization",
     "Cookie", "Host", "Connection", None, b"X"],
)  # fmt: skip
def test_a_name_that_is_no_header_for_a_certificate_is_refused(header: Any) -> None:
    with pytest.raises(ValueError, match=r"^header="):
        from_escaped_pem(header, trusted=[PROXY])


# --- trusted peers


@pytest.mark.parametrize(
    ("trusted", "peer", "expected"),
    [
        pytest.param("10.0.3.7", "10.0.3.7", True, id="an address"),
        pytest.param("10.0.3.7/32", "10.0.3.7", True, id="a network of one"),
        pytest.param("10.0.3.7/32", "10.0.3.6", False, id="its neighbour"),
        pytest.param("10.0.3.0/24", "10.0.3.255", True, id="a network"),
        pytest.param("10.0.3.0/24", "10.0.4.0", False, id="after the network"),
        pytest.param("10.0.3.0/24", "10.0.2.255", False, id="before the network"),
        pytest.param("10.0.3.0/24", "10.0.3.7 ", False, id="a blank"),
        pytest.param("10.0.3.0/24", "010.0.3.7", False, id="leading zeros"),
        pytest.param("10.0.3.0/24", "10.0.3.7, 10.0.3.8", False, id="two addresses"),
        pytest.param("10.0.3.0/24", "167773959", False, id="an integer"),
        pytest.param("2001:db8::/32", "2001:db8::1", True, id="IPv6"),
        pytest.param("2001:db8::/32", "2001:DB8:0::0:1", True, id="IPv6, another spelling"),
        pytest.param("2001:db8::/32", "2001:db9::1", False, id="IPv6, outside"),
        pytest.param("::1", "::1", True, id="loopback"),
        pytest.param("::1", "127.0.0.1", False, id="the other loopback"),
        pytest.param("10.0.3.0/24", "::ffff:10.0.3.7", True, id="a mapped peer"),
        pytest.param("10.0.3.0/24", "::ffff:a00:307", True, id="a mapped peer in hexadecimal"),
        pytest.param("10.0.3.0/24", "::ffff:10.0.4.7", False, id="a mapped peer outside"),
        pytest.param("10.0.3.0/24", "::10.0.3.7", False, id="a compatible address"),
        pytest.param("10.0.3.0/24", "64:ff9b::10.0.3.7", False, id="an address behind NAT64"),
        pytest.param("::ffff:10.0.3.7", "10.0.3.7", True, id="a mapped address"),
        pytest.param("::ffff:10.0.3.0/120", "10.0.3.9", True, id="a mapped network"),
        pytest.param("::ffff:10.0.3.0/120", "::ffff:10.0.3.9", True, id="both mapped"),
        pytest.param("::/64", "::ffff:10.0.3.9", False, id="a mapped peer is IPv4 alone"),
        pytest.param("fe80::1", "fe80::1%eth0", True, id="any zone"),
        pytest.param("fe80::/64", "fe80::1%eth0", True, id="any zone of a network"),
        pytest.param("fe80::1%eth0", "fe80::1%eth0", True, id="that zone"),
        pytest.param("fe80::1%eth0", "fe80::1%eth1", False, id="another zone"),
        pytest.param("fe80::1%eth0", "fe80::1", False, id="no zone"),
        pytest.param("fe80::%eth0/64", "fe80::2%eth0", True, id="a network in a zone"),
        pytest.param("fe80::%eth0/64", "fe80::2%eth1", False, id="a network in another zone"),
        pytest.param("unix", "", True, id="a unix socket of gunicorn or cheroot"),
        pytest.param("unix", "localhost", True, id="a unix socket of waitress"),
        pytest.param("unix", "unix", False, id="the word itself"),
        pytest.param("unix", "127.0.0.1", False, id="loopback is no unix socket"),
        pytest.param("unix", "LOCALHOST", False, id="another case"),
        pytest.param("127.0.0.1", "localhost", False, id="a unix socket is not loopback"),
    ],
)  # fmt: skip
def test_who_is_trusted(trusted: str, peer: str, expected: bool) -> None:
    source = from_client_cert_header(trusted=[trusted])
    assert received(source, "HTTP_CLIENT_CERT", SEQUENCE, peer) == (
        CLIENT.der if expected else None
    )
    among_others = from_client_cert_header(trusted=["192.0.2.1", "2001:db8:ffff::1", trusted])
    assert (received(among_others, "HTTP_CLIENT_CERT", SEQUENCE, peer) is not None) is expected


@pytest.mark.parametrize(
    "trusted",
    [
        pytest.param([], id="an empty list"),
        pytest.param((), id="an empty tuple"),
        pytest.param("10.0.3.7", id="a text"),
        pytest.param(b"unix", id="bytes"),
        pytest.param(None, id="None"),
        pytest.param(True, id="a bool"),
        pytest.param(7, id="a number"),
        pytest.param([""], id="an empty entry"),
        pytest.param([None], id="an entry None"),
        pytest.param([167773959], id="an entry that is a number"),
        pytest.param([b"\x0a\x00\x03\x07"], id="an entry of bytes"),
        pytest.param(["proxy.example.com"], id="a name"),
        pytest.param(["localhost"], id="localhost"),
        pytest.param(["*"], id="a star"),
        pytest.param(["UNIX"], id="unix in capitals"),
        pytest.param(["10.0.3.7/24"], id="host bits"),
        pytest.param(["2001:db8::1/64"], id="host bits of IPv6"),
        pytest.param(["::ffff:10.0.3.7/120"], id="host bits of a mapped network"),
        pytest.param(["10.0.3.0/33"], id="too long a prefix"),
        pytest.param(["10.0.3.0/"], id="no prefix"),
        pytest.param(["10.0.3.0/-1"], id="a negative prefix"),
        pytest.param(["10.0.3.0/255.255.255.0"], id="a mask"),
        pytest.param(["10.0.3.0/0.0.0.255"], id="an inverted mask"),
        pytest.param(["10.0.3.0/24/24"], id="two prefixes"),
        pytest.param(["10.0.3.0/\u0662\u0664"], id="digits of another script"),
        pytest.param(["10.0.3"], id="three numbers"),
        pytest.param(["10.0.3.7:80"], id="a port"),
        pytest.param(["[::1]"], id="brackets"),
        pytest.param([" 10.0.3.7"], id="a blank"),
        pytest.param(["fe80::1%"], id="an empty zone"),
        pytest.param(["10.0.3.7,10.0.3.8"], id="two in one text"),
        pytest.param(["0.0.0.0/0"], id="all of IPv4"),
        pytest.param(["::/0"], id="all of IPv6"),
        pytest.param(["::ffff:0:0/96"], id="all of IPv4, mapped"),
        pytest.param(["10.0.3.7/0"], id="all of IPv4, with host bits"),
        pytest.param(["0.0.0.0/00"], id="all of IPv4, two zeros"),
        pytest.param([PROXY, "0.0.0.0/0"], id="all of IPv4 beside an address"),
    ],
)
def test_trusted_is_a_list_of_addresses_networks_or_unix(trusted: Any) -> None:
    for make in (from_client_cert_header, lambda trusted: from_escaped_pem("X", trusted=trusted)):
        with pytest.raises(ValueError, match=r"^trusted(=| is empty).*: "):
            make(trusted=trusted)


def test_the_remedy_for_host_bits_names_the_network() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.3\.0/24"):
        from_client_cert_header(trusted=["10.0.3.7/24"])


@pytest.mark.parametrize("entry", ["0.0.0.0/0", "10.0.3.7/0", "::/0", "::1/0"])
def test_the_remedy_for_every_address_is_not_a_network(entry: str) -> None:
    with pytest.raises(ValueError, match="every address"):
        from_client_cert_header(trusted=[entry])


def test_trusted_must_be_given() -> None:
    with pytest.raises(TypeError):
        from_client_cert_header()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        from_escaped_pem("X-Client-Cert")  # type: ignore[call-arg]


def test_unix_may_stand_alone_or_in_the_list() -> None:
    alone = from_client_cert_header(trusted="unix")
    assert alone == from_client_cert_header(trusted=["unix"])
    assert received(alone, "HTTP_CLIENT_CERT", SEQUENCE, "") == CLIENT.der
    assert received(alone, "HTTP_CLIENT_CERT", SEQUENCE, PROXY) is None


def test_whoever_rewrites_the_address_decides_who_is_trusted() -> None:
    """So nothing outside the layers may do it, as ProxyFix does."""
    results: list[bytes | None] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        results.append(CLIENT_CERT(environ))
        return []

    fixed = ProxyFix(application, x_for=1)
    headers = {"HTTP_CLIENT_CERT": SEQUENCE}
    fixed({**headers, "REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_FOR": "192.0.2.1"}, lambda *_: None)
    fixed({**headers, "REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": PROXY}, lambda *_: None)
    assert results == [None, CLIENT.der]


_v4 = st.ip_addresses(v=4)
_v6 = st.ip_addresses(v=6)


@given(_v4 | _v6, st.data())
def test_a_network_holds_the_peers_that_ipaddress_puts_into_it(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, data: st.DataObject
) -> None:
    bits = data.draw(st.integers(1, address.max_prefixlen))
    # That of all mapped addresses is refused.
    assume(not (bits == 96 and getattr(address, "ipv4_mapped", None) is not None))
    network = ipaddress.ip_network((int(address), bits), strict=False)
    near = type(address)(int(address) ^ (1 << data.draw(st.integers(0, bits))) % (1 << 32))
    source = from_client_cert_header(trusted=[str(network)])
    for peer in (address, near):
        mapped = isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped is not None
        expected = peer in network and (not mapped or bits > 96)
        assert (received(source, "HTTP_CLIENT_CERT", SEQUENCE, str(peer)) is not None) is expected


@given(st.text(max_size=60) | octets)
def test_no_text_as_an_address_raises(text: str) -> None:
    source = from_client_cert_header(trusted=["192.0.2.1", "fe80::1%eth0"])
    assert received(source, "HTTP_CLIENT_CERT", SEQUENCE, text) is None


# --- the sources as values


SOURCES = [
    from_environ("SSL_CLIENT_CERT"),
    from_gunicorn(),
    from_client_cert_header(trusted=["10.0.3.0/24", "unix"]),
    from_escaped_pem("X-Client-Cert", trusted=["2001:db8::1", "fe80::1%eth0"]),
]


@pytest.mark.parametrize("source", SOURCES, ids=repr)
def test_a_repr_makes_an_equal_source(source: ClientCertificate) -> None:
    again = eval(repr(source))
    assert again == source
    assert hash(again) == hash(source)
    assert all(other != source for other in SOURCES if other is not source)


@pytest.mark.parametrize("source", SOURCES, ids=repr)
def test_a_source_cannot_be_changed(source: Any) -> None:
    for name in ("name", "trusted", "key", "anything"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(source, name, "x")


def test_the_order_and_the_spelling_of_peers_do_not_matter() -> None:
    one = from_client_cert_header(trusted=["10.0.3.7", "2001:db8::1", "unix", "10.0.3.7/32"])
    two = from_client_cert_header(trusted=iter(["unix", "2001:DB8:0::1/128", "::ffff:10.0.3.7"]))
    assert one == two
    assert repr(one) == repr(two)
