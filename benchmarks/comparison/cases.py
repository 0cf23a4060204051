"""The table of tokens: each with the right answer, and where it is written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from benchmarks.comparison import tokens
from benchmarks.comparison.tokens import AUDIENCE, ISSUER, Keyring, claims, header, sign

ACCEPT = "accept"
REFUSE = "refuse"
#: The specifications leave it open: both answers are right, an error of another kind is not.
OPEN = "open"


class Case(NamedTuple):
    """A token, the right answer, and its source.

    Attributes:
        theme: The part of the table.
        title: The token, in words.
        right: `ACCEPT`, `REFUSE` or `OPEN`.
        source: The specification and its section.
        token: The token.
        profile: The profile whose key it names.
    """

    theme: str
    title: str
    right: str
    source: str
    token: str
    profile: str = "RS256"


def table(keys: Keyring, elsewhere: str) -> list[Case]:
    """Return all cases.

    Args:
        keys: The keys of the issuer.
        elsewhere: A URL that a token may name, and from which nobody must fetch.
    """
    parts: list[Callable[[], Iterator[Case]]] = [
        lambda: _forms(keys),
        lambda: _algorithms(keys),
        lambda: _headers(keys, elsewhere),
        lambda: _audiences(keys),
        lambda: _times(keys),
        lambda: _kinds(keys),
    ]
    from benchmarks.comparison import json_cases, key_cases

    parts += [lambda: json_cases.cases(keys), lambda: key_cases.cases(keys)]
    return [case for part in parts for case in part()]


def _forms(keys: Keyring) -> Iterator[Case]:
    key = keys.keys["RS256"]
    good = tokens.good(key)
    head, payload, signature = good.split(".")
    theme = "form"
    standard = _with_standard_alphabet(key)
    yield Case(theme, "a good access token", ACCEPT, "RFC 9068 §2", good)
    yield Case(theme, "no text", REFUSE, "RFC 7519 §7.2", "")
    yield Case(theme, "two segments", REFUSE, "RFC 7515 §7.1", f"{head}.{payload}")
    yield Case(theme, "four segments", REFUSE, "RFC 7515 §7.1", f"{good}.{signature}")
    yield Case(theme, "no signature", REFUSE, "RFC 7515 §5.2", f"{head}.{payload}.")
    yield Case(theme, "a changed payload", REFUSE, "RFC 7515 §5.2", _changed(good))
    yield Case(theme, "signed by another key", REFUSE, "RFC 7515 §5.2", tokens.good(keys.attacker))
    yield Case(theme, "padded segments", REFUSE, "RFC 7515 §2", _padded(key))
    yield Case(theme, "a padded signature", REFUSE, "RFC 7515 §2", good + "==")
    yield Case(theme, "a line break inside", REFUSE, "RFC 7515 §5.2", _broken(good))
    yield Case(theme, "a space at the end", REFUSE, "RFC 7515 §5.2", good + " ")
    yield Case(theme, "`+` and `/` for `-` and `_`", REFUSE, "RFC 7515 §2", standard)
    yield Case(theme, "set bits after the last octet", OPEN, "RFC 4648 §3.5", _noncanonical(good))
    yield Case(theme, "a letter outside ASCII", REFUSE, "RFC 7515 §2", good[:-2] + "é")
    json_form = tokens.dumps({"protected": head, "payload": payload, "signature": signature})
    yield Case(theme, "JSON serialization", REFUSE, "RFC 7519 §1", json_form.decode())
    jwe = ".".join([tokens.base64url(b'{"alg":"dir","enc":"A128GCM"}'), "", "AAAA", "AAAA", "AAAA"])
    yield Case(theme, "an encrypted token", REFUSE, "RFC 7516 §7.1", jwe)
    nested = sign(key, header(key, cty="JWT"), good.encode())
    yield Case(theme, "a token inside a token", REFUSE, "RFC 7519 §7.2", nested)
    large = tokens.good(key, padding="x" * 1_000_000)
    yield Case(theme, "a token of 1.3 MB", OPEN, "no limit is specified", large)


def _changed(token: str) -> str:
    head, payload, signature = token.split(".")
    middle = len(payload) // 2
    other = "A" if payload[middle] != "A" else "B"
    return f"{head}.{payload[:middle]}{other}{payload[middle + 1 :]}.{signature}"


def _broken(token: str) -> str:
    return token[:-10] + "\n" + token[-10:]


def _padded(key: Any) -> str:
    from jwt_wsgi.testing.signing import compact

    # One more letter, so that both segments need padding.
    head = header(key, pad="x" * (1 if len(tokens.dumps(header(key))) % 3 == 0 else 0) or None)
    return compact(head, tokens.dumps(claims()) + b" ", key, padded=True)


def _with_standard_alphabet(key: Any) -> str:
    """Return a token whose signature has letters that differ between the alphabets."""
    while True:
        token = tokens.good(key)
        head, payload, signature = token.split(".")
        other = signature.replace("-", "+").replace("_", "/")
        if other != signature:
            return f"{head}.{payload}.{other}"


def _noncanonical(token: str) -> str:
    """Return the token with another last letter that decodes to the same octets."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


def _algorithms(keys: Keyring) -> Iterator[Case]:
    key = keys.keys["RS256"]
    theme = "algorithm"
    for name in ("none", "None", "nOnE"):
        message = tokens.signing_input(header(key, alg=name), claims())
        yield Case(theme, f"`alg` is `{name}`", REFUSE, "RFC 8725 §3.2", f"{message}.")
    confused = tokens.sign_with_hmac(key.pem, header(key, alg="HS256"), claims())
    yield Case(theme, "HS256 with the public key as secret", REFUSE, "RFC 8725 §2.1", confused)
    empty = tokens.sign_with_hmac(b"", header(key, alg="HS256"), claims())
    yield Case(theme, "HS256 with an empty secret", REFUSE, "RFC 8725 §3.1", empty)
    stronger = _rs512(key)
    yield Case(theme, "RS512, where RS256 is allowed", REFUSE, "RFC 8725 §3.1", stronger)
    bare = sign(key, header(key, alg=None), claims())
    yield Case(theme, "no `alg`", REFUSE, "RFC 7515 §4.1.1", bare)
    number = sign(key, header(key, alg=256), claims())
    yield Case(theme, "`alg` is a number", REFUSE, "RFC 7515 §4.1.1", number)
    array = sign(key, header(key, alg=["RS256"]), claims())
    yield Case(theme, "`alg` is an array", REFUSE, "RFC 7515 §4.1.1", array)


def _rs512(key: Any) -> str:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    message = tokens.signing_input(header(key, alg="RS512"), claims())
    signature = key.private.sign(message.encode(), padding.PKCS1v15(), hashes.SHA512())
    return f"{message}.{tokens.base64url(signature)}"


def _headers(keys: Keyring, elsewhere: str) -> Iterator[Case]:
    key = keys.keys["RS256"]
    own = keys.attacker
    theme = "header"

    def forge(**members: Any) -> str:
        return sign(own, header(own, **members), claims())

    def ours(**members: Any) -> str:
        return sign(key, header(key, **members), claims())

    jwk = {name: value for name, value in (own.jwk or {}).items() if name != "kid"}
    yield Case(theme, "the attacker's key in `jwk`", REFUSE, "RFC 8725 §3.10", forge(jwk=jwk))
    yield Case(theme, "the same, without `kid`", REFUSE, "RFC 8725 §3.10", forge(jwk=jwk, kid=None))
    yield Case(theme, "the attacker's `jku`", REFUSE, "RFC 8725 §3.10", forge(jku=elsewhere))
    yield Case(theme, "the attacker's `x5u`", REFUSE, "RFC 8725 §3.10", forge(x5u=elsewhere))
    yield Case(
        theme, "an unknown `kid`, signed by the key", OPEN, "RFC 7515 §4.1.4", ours(kid="k99")
    )
    empty_file = header(key, alg="HS256", kid="../../../../dev/null")
    path = tokens.sign_with_hmac(b"", empty_file, claims())
    yield Case(theme, "`kid` is the path of an empty file", REFUSE, "RFC 8725 §3.10", path)
    union = header(key, alg="HS256", kid="x' UNION SELECT 'secret")
    injected = tokens.sign_with_hmac(b"secret", union, claims())
    yield Case(theme, "`kid` is SQL that yields a secret", REFUSE, "RFC 8725 §3.10", injected)
    yield Case(theme, "`kid` is a number", REFUSE, "RFC 7515 §4.1.4", ours(kid=1))
    yield Case(theme, "`kid` is an object", REFUSE, "RFC 7515 §4.1.4", ours(kid={"a": 1}))
    yield Case(theme, "no `kid`, one key", OPEN, "RFC 7515 §4.1.4", ours(kid=None))
    unknown = ours(crit=["x"], x=1)
    yield Case(theme, "`crit` names an unknown member", REFUSE, "RFC 7515 §4.1.11", unknown)
    yield Case(theme, "`crit` names an absent one", REFUSE, "RFC 7515 §4.1.11", ours(crit=["x"]))
    yield Case(theme, "`crit` is a text", REFUSE, "RFC 7515 §4.1.11", ours(crit="exp", exp=1))
    yield Case(theme, "`crit` is empty", OPEN, "RFC 7515 §4.1.11", ours(crit=[]))
    yield Case(theme, "`b64` is false", REFUSE, "RFC 7797 §7", _unencoded(key))
    yield Case(theme, "an unknown member", ACCEPT, "RFC 7515 §4", ours(x5z=1, nested={"a": []}))


def _unencoded(key: Any) -> str:
    """Return a token whose payload is signed without base64url (RFC 7797 §3)."""
    head = tokens.base64url(tokens.dumps(header(key, b64=False, crit=["b64"])))
    payload = tokens.dumps(claims())
    signature = key.sign(head.encode() + b"." + payload)
    return f"{head}.{tokens.base64url(payload)}.{tokens.base64url(signature)}"


def _audiences(keys: Keyring) -> Iterator[Case]:
    key = keys.keys["RS256"]
    other = "https://other.example.com"

    def to(**members: Any) -> str:
        return tokens.good(key, **members)

    theme = "audience and issuer"
    yield Case(theme, "`aud` is a list", ACCEPT, "RFC 7519 §4.1.3", to(aud=[other, AUDIENCE]))
    yield Case(theme, "another `aud`", REFUSE, "RFC 7519 §4.1.3", to(aud=other))
    yield Case(theme, "a list of others", REFUSE, "RFC 7519 §4.1.3", to(aud=[other]))
    yield Case(theme, "no `aud`", REFUSE, "RFC 9068 §4", to(aud=None))
    yield Case(theme, "`aud` is empty", REFUSE, "RFC 7519 §4.1.3", to(aud=[]))
    yield Case(theme, "`aud` begins with ours", REFUSE, "RFC 7519 §4.1.3", to(aud=AUDIENCE + "/x"))
    yield Case(theme, "`aud` is a part of ours", REFUSE, "RFC 7519 §4.1.3", to(aud=AUDIENCE[:-4]))
    keyed = {AUDIENCE: True}
    yield Case(theme, "`aud` is an object", REFUSE, "RFC 7519 §4.1.3", to(aud=keyed))
    yield Case(theme, "`aud` is a number", REFUSE, "RFC 7519 §4.1.3", to(aud=1))
    mixed = [AUDIENCE, 1]
    yield Case(theme, "`aud` is a list with a number", REFUSE, "RFC 7519 §4.1.3", to(aud=mixed))
    yield Case(theme, "another `iss`", REFUSE, "RFC 9068 §4", to(iss="https://evil.example.com/"))
    yield Case(theme, "no `iss`", REFUSE, "RFC 9068 §4", to(iss=None))
    yield Case(theme, "`iss` without its slash", REFUSE, "RFC 9068 §4", to(iss=ISSUER[:-1]))
    yield Case(theme, "`iss` in upper case", REFUSE, "RFC 9068 §4", to(iss=ISSUER.upper()))
    yield Case(theme, "`iss` is a list", REFUSE, "RFC 7519 §4.1.1", to(iss=[ISSUER]))
    yield Case(theme, "an unknown claim", ACCEPT, "RFC 7519 §4", to(x5z={"a": [1]}))


def _times(keys: Keyring) -> Iterator[Case]:
    key = keys.keys["RS256"]
    now = int(time.time())
    later = now + 86400

    def at(**members: Any) -> str:
        return tokens.good(key, **members)

    theme = "times"
    yield Case(theme, "expired", REFUSE, "RFC 7519 §4.1.4", at(exp=now - 3600))
    yield Case(theme, "no `exp`", REFUSE, "RFC 9068 §2.2", at(exp=None))
    yield Case(theme, "`exp` is a text", REFUSE, "RFC 7519 §4.1.4", at(exp=str(later)))
    yield Case(theme, "`exp` has a fraction", ACCEPT, "RFC 7519 §2", at(exp=later + 0.5))
    yield Case(theme, "`exp` is true", REFUSE, "RFC 7519 §4.1.4", at(exp=True))
    yield Case(theme, "`exp` is a list", REFUSE, "RFC 7519 §4.1.4", at(exp=[later]))
    yield Case(theme, "`exp` is an object", REFUSE, "RFC 7519 §4.1.4", at(exp={}))
    yield Case(theme, "`exp` is negative", REFUSE, "RFC 7519 §4.1.4", at(exp=-1))
    for value, text in (("null", "null"), ("NaN", "NaN"), ("Infinity", "Infinity")):
        token = _with_exp(key, value)
        source = "RFC 7519 §4.1.4" if value == "null" else "RFC 8259 §6"
        yield Case(theme, f"`exp` is {text}", REFUSE, source, token)
    yield Case(theme, "`exp` is 1e400", OPEN, "RFC 8259 §6", _with_exp(key, "1e400"))
    digits = _with_exp(key, "9" * 5000)
    yield Case(theme, "`exp` has 5000 digits", OPEN, "RFC 8259 §6", digits)
    yield Case(theme, "`nbf` tomorrow", REFUSE, "RFC 7519 §4.1.5", at(nbf=later))
    yield Case(theme, "`nbf` in the past", ACCEPT, "RFC 7519 §4.1.5", at(nbf=now - 60))
    yield Case(theme, "`nbf` is a text", REFUSE, "RFC 7519 §4.1.5", at(nbf="0"))
    yield Case(theme, "`nbf` is a list", REFUSE, "RFC 7519 §4.1.5", at(nbf=[]))
    yield Case(theme, "`nbf` is NaN", REFUSE, "RFC 8259 §6", _with(key, b'"nbf":NaN'))
    yield Case(theme, "`iat` tomorrow", OPEN, "RFC 7519 §4.1.6", at(iat=later))
    yield Case(theme, "`iat` is a text", REFUSE, "RFC 7519 §4.1.6", at(iat="yesterday"))


def _with_exp(key: Any, text: str) -> str:
    payload = tokens.dumps(claims(exp=None))[:-1] + f',"exp":{text}}}'.encode()
    return sign(key, header(key), payload)


def _with(key: Any, member: bytes) -> str:
    return sign(key, header(key), tokens.dumps(claims())[:-1] + b"," + member + b"}")


def _kinds(keys: Keyring) -> Iterator[Case]:
    key = keys.keys["RS256"]

    def kind(typ: object, **members: Any) -> str:
        return sign(key, header(key, typ=typ), claims(**members))

    theme = "kind of token"
    full = "application/at+jwt"
    yield Case(theme, f"`typ` is `{full}`", ACCEPT, "RFC 9068 §4", kind(full))
    yield Case(theme, "`typ` is `AT+JWT`", ACCEPT, "RFC 7515 §4.1.9", kind("AT+JWT"))
    yield Case(theme, "`typ` is `JWT`", OPEN, "RFC 9068 §4, RFC 7519 §5.1", kind("JWT"))
    yield Case(theme, "no `typ`", OPEN, "RFC 9068 §4, RFC 7519 §5.1", kind(None))
    for typ in ("logout+jwt", "dpop+jwt"):
        yield Case(theme, f"`typ` is `{typ}`", REFUSE, "RFC 8725 §3.12, RFC 9068 §4", kind(typ))
    yield Case(theme, "`typ` is a number", REFUSE, "RFC 7515 §4.1.9", kind(1))
    id_token = kind("JWT", nonce="n", at_hash="h", auth_time=1, scope=None)
    yield Case(theme, "an ID token for this audience", OPEN, "RFC 8725 §3.12", id_token)
    event = kind("JWT", events={"http://schemas.openid.net/event/backchannel-logout": {}})
    yield Case(theme, "a logout token, typ `JWT`", OPEN, "RFC 8725 §3.12", event)
