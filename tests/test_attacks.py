"""The known attacks on tokens and keys: each is stopped, and succeeds without its checks.

This file replaces parts of the package. The switches of an attack turn its checks off. With all of
them off the attack succeeds, so the test would notice it; where there are several, each is enough.
"""

from __future__ import annotations

import hmac
import json
import sqlite3
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from josepy import jwa

from jwt_wsgi import Issuer, RemoteJWKS, StaticJWKS, Verifier
from jwt_wsgi.errors import AuthError, InvalidToken
from jwt_wsgi.http.client import Fetcher
from jwt_wsgi.http.fetching import FetchError
from jwt_wsgi.jose import KeySet, encoding, verify
from jwt_wsgi.jose.algorithms import ALGORITHMS, Algorithm
from jwt_wsgi.jose.compact import Compact, check_signature, parse
from jwt_wsgi.jose.jwk import Key, from_entry
from jwt_wsgi.jwks.loading import KeyLoader, LoadedKeys
from jwt_wsgi.testing import LocalIssuer

SUCCEEDS = "the attack succeeds"
FORGED, GENUINE = b'{"forged": true}', b'{"genuine": true}'

Switch = Callable[[pytest.MonkeyPatch], None]


class Unharmed(Exception):
    """The attack had no effect."""


class Lab(NamedTuple):
    """The trusted issuer, the intruder (a server on loopback that records requests), a directory."""

    issuer: LocalIssuer
    intruder: LocalIssuer
    directory: Path


class Attack(NamedTuple):
    """An attack. `attempt(lab, *arguments)` returns if it succeeds, and raises `stopped` if not."""

    name: str
    attempt: Callable[..., object]
    arguments: tuple[Any, ...]
    stopped: str
    switches: tuple[Switch, ...]


@pytest.fixture(scope="session")
def intruder() -> Iterator[LocalIssuer]:
    stranger = LocalIssuer()
    with stranger.serve():
        yield stranger


@pytest.fixture
def lab(every_algorithm: LocalIssuer, intruder: LocalIssuer, tmp_path: Path) -> Lab:
    intruder.requests.clear()
    return Lab(every_algorithm, intruder, tmp_path)


# Tokens, keys and verifiers for the attempts


def token_of(header: dict[str, Any], signature: bytes = b"anything") -> str:
    return ".".join(map(encoding.encode, (json.dumps(header).encode(), FORGED, signature)))


def hs256(secret: bytes, **header: str) -> str:
    signing_input = token_of({"alg": "HS256", **header}).rpartition(".")[0]
    return (
        f"{signing_input}.{encoding.encode(hmac.digest(secret, signing_input.encode(), 'sha256'))}"
    )


def published(lab: Lab, algorithm: str = "RS256") -> KeySet:
    # Many issuers publish keys without alg, so no check may rely on it.
    members = lab.issuer.key(algorithm).jwk or {}
    return KeySet.from_jwks(
        {"keys": [{name: value for name, value in members.items() if name != "alg"}]}
    )


def verifier_of(lab: Lab, keys: Any = None, **options: Any) -> Verifier:
    keys = StaticJWKS(lab.issuer.jwks) if keys is None else keys
    return Verifier(Issuer(lab.issuer.issuer, audience=lab.issuer.audience, keys=keys), **options)


def certificate(private: Any) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nobody")])
    start, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, private.public_key(), 1, start, end)
    return builder.sign(private, hashes.SHA256()).public_bytes(Encoding.DER)


def rsa_members(key: Any) -> bytes:
    sizes, numbers = {"n": 256, "e": 3}, key.public_numbers()
    members = {
        name: encoding.encode(getattr(numbers, name).to_bytes(size)) for name, size in sizes.items()
    }
    return json.dumps({"kty": "RSA", **members}).encode()


FORMS: dict[str, Callable[[Any], bytes]] = {
    "PEM": lambda key: key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    "DER": lambda key: key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    "OpenSSH": lambda key: key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
    "JWK": rsa_members,
}


# The switches: each replaces one check


def without(check: str, instead: object) -> Switch:
    return lambda patch: patch.setattr(f"jwt_wsgi.{check}", instead)


def knowing(name: str, row: Algorithm) -> Switch:
    return lambda patch: patch.setitem(ALGORITHMS, name, row)


def taken_for_good(name: str, kty: str) -> Switch:
    return knowing(name, Algorithm(kty, lambda *_: True))


def lenient(text: str) -> bytes:
    # Not urlsafe_b64decode: from Python 3.15 on, it warns of characters of the other alphabet.
    return b64decode(text.replace("-", "+").replace("_", "/") + "==")


def loose_parse(token: str) -> Compact:
    header, payload, signature = map(lenient, token.split(".")[:3])
    return Compact(json.loads(header), payload, signature, b"", "")


def parse_json_too(token: str) -> Compact:
    members = json.loads(token)
    members |= members.get("signatures", [{}])[0]
    header, payload, signature = (members[name] for name in ("protected", "payload", "signature"))
    claimed = token.split(".")[1] if "." in token else payload
    return Compact(
        json.loads(lenient(header)),
        lenient(claimed),
        lenient(signature),
        f"{header}.{payload}".encode(),
        header,
    )


def fetched(url: str) -> tuple[Key, ...]:
    return KeySet.from_jwks(json.loads(Fetcher(timeout=5, max_bytes=10_000)(url).body)).keys


def believe_the_header(compact: Compact, alg: str, _: object) -> None:
    header = compact.header
    if "jwk" in header:
        keys: tuple[Key, ...] = (from_entry(header["jwk"], symmetric=False),)
    elif "x5c" in header:
        first = x509.load_der_x509_certificate(b64decode(header["x5c"][0]))
        keys = (Key(None, frozenset({alg}), first.public_key()),)
    else:
        keys = fetched(header.get("jku") or header["x5u"])
    check_signature(compact, alg, keys)


def find_by_path(_: KeySet, kid: str, alg: str) -> tuple[Key, ...]:
    return (Key(None, frozenset({alg}), Path("/keys", kid).resolve().read_bytes()),)


def find_by_query(_: KeySet, kid: str, alg: str) -> tuple[Key, ...]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE keys (kid, secret)")
        rows = database.execute(f"SELECT secret FROM keys WHERE kid = '{kid}'").fetchall()
    return tuple(Key(None, frozenset({alg}), secret.encode()) for (secret,) in rows)


def believe_the_library(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(type(jwa.ES256), "verify", lambda *_: True)


def hmac_of_the_public_key(form: str) -> Switch:
    def check(key: Any, message: bytes, signature: bytes) -> bool:
        return signature == hmac.digest(FORMS[form](key), message, "sha256")

    return knowing("HS256", ALGORITHMS["HS256"]._replace(check=check))


def issuer_in_part(verifier: Verifier, claims: dict[str, Any]) -> Issuer:
    return next(
        issuer
        for name, issuer in verifier._issuers.configured.items()
        if name in claims["iss"] or claims["iss"] in name
    )


def load_what_there_is(
    loader: KeyLoader, load: Callable[..., LoadedKeys] = KeyLoader.load
) -> LoadedKeys:
    try:
        return load(loader)
    except FetchError:
        return LoadedKeys(KeySet(()), None, b"")


ANY_ALGORITHM = without("jose.compact.check_algorithm", lambda header, _: header["alg"])
ANY_ENCODING = without("jose.encoding.decode", lenient)
ANY_ISSUER = without("token_checks.TokenChecks._choose_issuer", issuer_in_part)
ANY_JSON = without("jose.compact.parse", parse_json_too)
ANY_K = without(
    "jose.public_keys.decode_member", lambda entry, member, *_: lenient(entry.get(member, ""))
)
ANY_LENGTH = knowing("HS256", ALGORITHMS["HS256"]._replace(min_secret_bytes=0))
ANY_MEMBER = without("jose.compact._check_header", lambda header: None)
ANY_MIXTURE = without("jose.keys.SYMMETRIC", frozenset())
ANY_PARSE = without("jose.compact.parse", loose_parse)
ANY_REPLY = without("jwks.loading.KeyLoader.load", load_what_there_is)
ANY_SCHEME = without("jwks.discovery._check_scheme", lambda *_, **__: None)
ANY_SECRET = without("jose.jwk.is_asymmetric", lambda _: False)
ANY_SIZE = without("jose.compact.parse", partial(parse, max_bytes=2**30))
ANY_SOURCE = without("jose.compact.check_signature", believe_the_header)
ANY_URL = without("jwks.discovery.check_url", lambda url, **_: urlsplit(url))
ANY_USE = without("jose.public_keys.algorithms_of", lambda _: frozenset(ALGORITHMS))
ANY_ZERO = knowing(
    "ES256", ALGORITHMS["ES256"]._replace(check=lambda *signed: jwa.ES256.verify(*signed))
)
PATHS = without("jose.keys.KeySet.find", find_by_path)
QUERIES = without("jose.keys.KeySet.find", find_by_query)
URLS = without("jose.keys.KeySet.find", lambda _, kid, __: fetched(kid))


# The attempts


def unsigned(lab: Lab, header: dict[str, Any], signature: bytes, algorithm: str = "RS256") -> None:
    kid = lab.issuer.key(algorithm).kid
    verify(token_of({"kid": kid, **header}, signature), published(lab, algorithm), (algorithm,))


def public_key_as_secret(lab: Lab, algorithm: str, form: str) -> None:
    private = lab.issuer.key(algorithm).private
    known = certificate(private) if form == "certificate" else FORMS[form](private.public_key())
    verify(hs256(known), KeySet.from_secret(known), ("HS256",))


def confused_algorithm(lab: Lab, form: str) -> None:
    key = lab.issuer.key("RS256")
    verify(
        hs256(FORMS[form](key.private.public_key()), kid=key.kid),
        published(lab),
        ("RS256", "HS256"),
    )


def brought_along(lab: Lab, member: str, whose: str) -> None:
    own = lab.intruder.key()
    brought = {"jwk": own.jwk, "x5c": [b64encode(certificate(own.private)).decode()]}
    kid = own.kid if whose == "its own" else lab.issuer.key("RS256").kid
    verify(
        lab.intruder.sign(FORGED, header={"kid": kid, member: brought[member]}),
        published(lab),
        ("RS256",),
    )


def sent_for(lab: Lab, member: str) -> None:
    header = {"kid": lab.issuer.key("RS256").kid} | {member: lab.intruder.jwks_uri}
    try:
        verify(lab.intruder.sign(FORGED, header=header), published(lab), ("RS256",))
    except InvalidToken:
        if not lab.intruder.requests:
            raise Unharmed("nothing was fetched") from None


def signed(lab: Lab, header: dict[str, Any], payload: bytes, algorithm: str = "RS256") -> None:
    """Send a token with a valid signature, whose header or size must be refused."""
    keys = KeySet.from_jwks({"keys": [lab.issuer.key(algorithm).jwk]})
    verify(lab.issuer.sign(payload, header=header, algorithm=algorithm), keys, ("RS256",))


def in_json(lab: Lab, form: str, said: bytes) -> None:
    header, payload, signature = lab.issuer.sign(GENUINE, algorithm="RS256").split(".")
    one = {"protected": header, "signature": signature}
    forms = {
        "polyglot": {f"  {header}.{encoding.encode(FORGED)}.": "", **one, "payload": payload},
        "flattened": {**one, "payload": payload},
        "general": {"payload": payload, "signatures": [one]},
    }
    assert verify(json.dumps(forms[form]), published(lab), ("RS256",)).payload == said


def another_issuer(lab: Lab, iss: object) -> None:
    verifier_of(lab).verify(lab.issuer.token(iss=iss))


def keys_in_a_file(lab: Lab, named_by: str) -> None:
    file = lab.directory / "keys.json"
    file.write_text(json.dumps(lab.intruder.jwks))
    uri = f"file://localhost{file}"
    metadata = json.dumps({"issuer": lab.issuer.issuer, "jwks_uri": uri}).encode()

    def fetch(url: str) -> bytes:
        return Path(urlsplit(url).path).read_bytes() if url.startswith("file:") else metadata

    discovered = partial(RemoteJWKS.discovered, lab.issuer.issuer)
    keys = discovered(fetch=fetch) if named_by == "metadata" else RemoteJWKS(uri, fetch=fetch)
    verifier_of(lab, keys).verify(lab.intruder.token(iss=lab.issuer.issuer))


def bad_reply(lab: Lab, body: bytes) -> None:
    replies = iter((json.dumps(lab.issuer.jwks).encode(), body))
    # A budget of three allows one fetch for an unknown kid after the first fetch.
    source = RemoteJWKS(
        "https://issuer.test/keys", fetch=lambda _: next(replies), requests_per_minute=3
    )
    verifier = verifier_of(lab, source)
    honest = lab.issuer.token()
    verifier.verify(honest)
    with suppress(AuthError):
        verifier.verify(lab.issuer.token(header={"kid": "unknown"}))
    assert next(replies, None) is None
    with suppress(InvalidToken):
        verifier.verify(honest)
        raise Unharmed("the last good keys stay")


class Counted(str):
    """A token that counts its pieces when it is split."""

    pieces = 3  # `partition` never makes more

    def split(self, *arguments: Any) -> list[str]:  # type: ignore[override]
        parts = super().split(*arguments)
        self.pieces = len(parts)
        return parts


def many_dots(lab: Lab) -> None:
    token = Counted("." * 16_000)
    with suppress(InvalidToken, ValueError):
        verify(token, published(lab), ("RS256",))
    if token.pieces < 16_000:
        raise Unharmed(f"{token.pieces} pieces")


def encrypted(_: Lab, header: dict[str, Any], rest: str) -> None:
    verify(token_of(header) + rest, KeySet.from_secret(bytes(64)), ("HS256",))


def no_secret(_: Lab) -> None:
    verify(hs256(b""), KeySet.from_secret(b""), ("HS256",))


def no_secret_in_a_jwks(_: Lab) -> None:
    verify(
        hs256(b""),
        KeySet.from_jwks({"keys": [{"kty": "oct", "k": ""}]}, symmetric=True),
        ("HS256",),
    )


def spelled_otherwise(lab: Lab, spell: Callable[[str], str]) -> None:
    """Send a token that was revoked by its text, with its signature in another spelling."""
    revoked = lab.issuer.token()
    while not {"-", "_"} <= set(revoked.rpartition(".")[2]):
        revoked = lab.issuer.token()
    start, _, signature = revoked.rpartition(".")
    verifier_of(lab, is_revoked=lambda auth: auth.token == revoked).verify(
        f"{start}.{spell(signature)}"
    )


def kid_in(_: Lab, kid: str, secret: bytes) -> None:
    keys = {"keys": [{"kty": "oct", "kid": "main", "k": encoding.encode(bytes(64))}]}
    verify(hs256(secret, kid=kid), KeySet.from_jwks(keys, symmetric=True), ("HS256",))


# The table

MALFORMED = "token_malformed"
NOT_ALLOWED = "algorithm_not_allowed"
UNSUPPORTED = "header_unsupported"
NO_SECRET = "an asymmetric key is not a secret"
NO_FETCH = "nothing was fetched"
KEPT = "the last good keys stay"
DEFLATED = zlib.compress(FORGED)[2:-4]
PBES2 = {"alg": "PBES2-HS256+A128KW", "p2c": 2**31, "p2s": "AAAAAAAAAAA"}
JWE = {"alg": "dir", "enc": "A256GCM", "zip": "DEF"}

ATTACKS = [
    # Stopped by the allow-list and by the table of algorithms; an empty signature also by the parser.
    *(
        Attack(
            f"alg {name!r}, {what} (CVE-2026-28802)",
            unsigned,
            ({"alg": name}, signature),
            stopped,
            off,
        )
        for name in ("none", "None", "NONE", "nOnE", "none ", "\uff4eone", "")
        for what, signature, stopped, lines in (
            ("signed by nobody", b"anything", NOT_ALLOWED, (ANY_ALGORITHM,)),
            ("unsigned", b"", MALFORMED, (ANY_PARSE, ANY_ALGORITHM)),
        )
        for off in ((*lines, taken_for_good(name, "RSA")),)
    ),
    *(
        Attack(
            f"{key} as {form}, a secret ({number})",
            public_key_as_secret,
            (key, form),
            NO_SECRET,
            (ANY_SECRET,),
        )
        for number, key, form in (
            ("CVE-2015-9235", "RS256", "PEM"),
            ("CVE-2015-9235", "RS256", "certificate"),
            ("CVE-2024-37568", "RS256", "DER"),
            ("CVE-2024-37568", "RS256", "JWK"),
            ("CVE-2022-29217", "RS256", "OpenSSH"),
            ("CVE-2022-29217", "EdDSA", "OpenSSH"),
            ("CVE-2024-33663", "ES256", "OpenSSH"),
            ("CVE-2024-33663", "ES256", "DER"),
        )
    ),
    # Stopped three times: keys are bound to algorithms, sets do not mix secrets and public keys, and
    # HMAC does not accept a public key.
    *(
        Attack(
            f"RS256 as {form}, HS256 allowed (CVE-2015-9235)",
            confused_algorithm,
            (form,),
            "kid_unknown",
            off,
        )
        for form in FORMS
        for off in ((ANY_USE, ANY_MIXTURE, hmac_of_the_public_key(form)),)
    ),
    # No code reads a key or a URL of one from a header; the switch adds such code.
    *(
        Attack(
            f"{name}, kid {kid} (CVE-2018-0114, CVE-2026-27962)",
            brought_along,
            (name, kid),
            stopped,
            (ANY_SOURCE,),
        )
        for name in ("jwk", "x5c")
        for kid, stopped in (("the issuer's", "signature_invalid"), ("its own", "kid_unknown"))
    ),
    Attack("jku is fetched", sent_for, ("jku",), NO_FETCH, (ANY_SOURCE,)),
    Attack("x5u is fetched", sent_for, ("x5u",), NO_FETCH, (ANY_SOURCE,)),
    # The second check is the library's own, which refuses zeros as well.
    *(
        Attack(
            f"zero {which} (CVE-2022-21449)",
            unsigned,
            ({"alg": "ES256"}, zero, "ES256"),
            "signature_invalid",
            off,
        )
        for which, zero in (
            ("r", bytes(32) + b"s" * 32),
            ("s", b"r" * 32 + bytes(32)),
            ("r and s", bytes(64)),
        )
        for off in ((ANY_ZERO, believe_the_library),)
    ),
    *(
        Attack(f"{header} ignored ({number})", signed, (header, FORGED), UNSUPPORTED, (ANY_MEMBER,))
        for number, header in (
            ("CVE-2025-59420", {"crit": ["cnf"], "cnf": {"jkt": "x"}}),
            ("CVE-2025-59420", {"crit": ["https://example.com/undefined"]}),
            ("CVE-2026-32597", {"crit": ["b64"], "b64": False}),
            ("CVE-2026-32597", {"crit": []}),
            ("RFC 7797", {"b64": False}),
        )
    ),
    Attack("polyglot (CVE-2022-39227)", in_json, ("polyglot", FORGED), MALFORMED, (ANY_JSON,)),
    Attack(
        "flattened JSON (CVE-2022-39227)", in_json, ("flattened", GENUINE), MALFORMED, (ANY_JSON,)
    ),
    Attack("general JSON (CVE-2022-39227)", in_json, ("general", GENUINE), MALFORMED, (ANY_JSON,)),
    *(
        Attack(f"iss {iss!r} (GHSA-75c5-xw7c-p5pm)", another_issuer, (iss,), stopped, (ANY_ISSUER,))
        for stopped, iss in (
            ("issuer_mismatch", ""),
            ("issuer_mismatch", "https://issuer.test"),
            ("issuer_mismatch", "https://issuer.test/.nobody.test/"),
            ("claim_malformed", ["https://nobody.test/", "https://issuer.test/"]),
        )
    ),
    Attack(
        "algorithm of the key (CVE-2026-48523)",
        signed,
        ({}, FORGED, "PS256"),
        NOT_ALLOWED,
        (ANY_ALGORITHM,),
    ),
    Attack(
        "file://, configured (CVE-2026-48522)",
        keys_in_a_file,
        ("options",),
        "must be https",
        (ANY_URL,),
    ),
    # Two checks: the URLs that may be fetched, and the URLs that metadata may name.
    Attack(
        "file://, found (CVE-2026-48522)",
        keys_in_a_file,
        ("metadata",),
        "keys_unavailable",
        (ANY_URL, ANY_SCHEME),
    ),
    *(
        Attack(f"keys erased by {body!r} (CVE-2026-48524)", bad_reply, (body,), KEPT, (ANY_REPLY,))
        for body in (
            b"",
            b"<html>",
            b"[]",
            b"{}",
            b'{"keys": []}',
            b'{"keys": [{"kty": "oct", "k": "AAAA"}]}',
        )
    ),
    Attack("many dots (CVE-2025-27144, CVE-2025-30204)", many_dots, (), "3 pieces", (ANY_PARSE,)),
    Attack(
        "giant base64 (CVE-2026-48525)", signed, ({}, bytes(20_000)), "token_too_large", (ANY_SIZE,)
    ),
    # No code decompresses: with the check off, the compressed payload is returned unchanged.
    Attack("zip (CVE-2024-33664)", signed, ({"zip": "DEF"}, DEFLATED), UNSUPPORTED, (ANY_MEMBER,)),
    # No code decrypts or derives keys: these checks refuse the token before any would run.
    *(
        Attack(
            name,
            encrypted,
            (header, rest),
            stopped,
            (*lines, ANY_ALGORITHM, taken_for_good(header["alg"], "oct")),
        )
        for name, header, rest, stopped, lines in (
            (
                "compressed JWE (CVE-2024-33664, CVE-2024-28102)",
                JWE,
                ".AAAA.AAAA",
                MALFORMED,
                (ANY_PARSE,),
            ),
            ("PBES2 count (CVE-2023-6681)", PBES2, "", NOT_ALLOWED, ()),
        )
    ),
    Attack("empty HMAC key (CVE-2026-49852)", no_secret, (), "a secret of 0 bytes", (ANY_LENGTH,)),
    # An empty member counts as missing, and a secret of 0 bytes is too short.
    Attack(
        "empty k (CVE-2026-49852)", no_secret_in_a_jwks, (), "k is missing", (ANY_K, ANY_LENGTH)
    ),
    *(
        Attack(
            f"revoked, its signature {how}", spelled_otherwise, (spell,), MALFORMED, (ANY_ENCODING,)
        )
        for how, spell in {
            "padded": lambda signature: signature + "==",
            "with other trailing bits": lambda signature: (
                signature[:-1] + chr(ord(signature[-1]) + 1)
            ),
            "in base64": lambda signature: signature.replace("-", "+").replace("_", "/"),
            "with a line break": lambda signature: signature[:9] + "\n" + signature[9:],
            "with a stranger in it": lambda signature: signature[:9] + "!" + signature[9:],
        }.items()
    ),
    # A kid is only compared; the switch adds code that uses it as a path or a query.
    Attack("kid in a path", kid_in, ("../dev/null", b""), "kid_unknown", (PATHS,)),
    Attack(
        "kid in a query", kid_in, ("' UNION SELECT 'known' --", b"known"), "kid_unknown", (QUERIES,)
    ),
    Attack("kid in a URL", sent_for, ("kid",), NO_FETCH, (URLS,)),
]

every = pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
each_line = pytest.mark.parametrize(
    ("attack", "kept"),
    [
        pytest.param(attack, kept, id=f"{attack.name}, line {kept + 1}")
        for attack in ATTACKS
        for kept in range(len(attack.switches))
        if len(attack.switches) > 1
    ],
)


def outcome(attack: Attack, lab: Lab) -> str:
    try:
        attack.attempt(lab, *attack.arguments)
    except AuthError as error:
        return error.reason
    except (Unharmed, ValueError, TypeError) as error:
        return str(error)
    return SUCCEEDS


@pytest.mark.conforms(20, 24, 32, 37, 40, 42, 46, 49, 50, 51)
@every
def test_an_attack_is_stopped_by_its_check(attack: Attack, lab: Lab) -> None:
    assert attack.stopped in outcome(attack, lab)


@every
def test_an_attack_without_its_checks_succeeds(
    attack: Attack, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    for switch in attack.switches:
        switch(monkeypatch)
    assert outcome(attack, lab) == SUCCEEDS


@each_line
def test_each_of_several_checks_stops_the_attack_alone(
    attack: Attack, kept: int, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    for switch in attack.switches[:kept] + attack.switches[kept + 1 :]:
        switch(monkeypatch)
    assert outcome(attack, lab) != SUCCEEDS


@pytest.mark.parametrize("value", [{"kty": "RSA", "n": 1}, "https://nobody.test", [], 1], ids=repr)
def test_a_key_in_the_header_is_never_parsed(
    value: object, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    # CVE-2018-0114, CVE-2026-27962: a token is as valid with these members as without.
    keys, parsed = published(lab), []
    monkeypatch.setattr("jwt_wsgi.jose.jwk.from_entry", lambda entry, **_: parsed.append(entry))
    header = dict.fromkeys(("jwk", "jku", "x5u", "x5c"), value)
    assert (
        verify(lab.issuer.sign(FORGED, header=header, algorithm="RS256"), keys, ("RS256",)).payload
        == FORGED
    )
    assert parsed == []


def test_the_http_client_refuses_file_urls(tmp_path: Path) -> None:
    # CVE-2026-48522: the HTTP client itself is a second check, where the user passes no fetcher.
    file = tmp_path / "keys.json"
    file.write_text("{}")
    with pytest.raises(FetchError):
        Fetcher(timeout=5, max_bytes=10_000)(f"file://localhost{file}")
