"""More ways of breaking a token: its JSON, its base64url, its signature, its key, its segments."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from differential.breaking import Draft, breaks
from differential.keyrings import EVERY, HASHES, encode, keyring, sign

_ORDERS = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    "ES512": (2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7),
    "EdDSA": 2**252 + 27742317777372353535851937790883648493,
}

#: name -> a JSON object's text, written otherwise.
_JSON: dict[str, Callable[[bytes, Random], bytes]] = {
    "a member twice": lambda text, random: text[:-1] + b"," + _member(text, random) + b"}",
    "a member twice, once escaped": lambda text, _: text[:-1] + b',"\\u0061lg":"none","alg":"none"}',
    "a nested member twice": lambda text, _: text[:-1] + b',"in":{"a":1,"a":2}}',
    "a constant": lambda text, random: _added(text, random.choice([b"NaN", b"Infinity", b"-Infinity"])),
    "a number beyond floats": lambda text, random: _added(text, random.choice([b"1e999", b"-1e999", b"9" * 500])),
    "a number of many digits": lambda text, random: _added(text, b"9" * random.choice([4300, 4301, 6000])),
    "a lone surrogate": lambda text, random: _added(text, random.choice([b'"\\ud800"', b'"\\udc00\\ud800"'])),
    "deep nesting": lambda text, random: _added(text, _nested(random.choice([31, 32, 33, 400, 1500]))),
    "not UTF-8": lambda text, random: _added(text, random.choice([b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"'])),
    "another encoding": lambda text, random: text.decode(errors="replace").encode(
        random.choice(["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
    ),
    "something around it": lambda text, random: random.choice([b"%s\0", b"%s}", b"\x0b%s", b"[%s]", b'"%s"', b"%s %s"])
    .replace(b"%s", text),
    "space around it": lambda text, random: random.choice([b" %s", b"%s\n", b"\t\r\n%s "]).replace(b"%s", text),
    "another value": lambda _, random: random.choice([b"", b" ", b"null", b"0", b"true", b'""', b"[]", b"{}", b"[{}]"]),
    "a loose grammar": lambda text, random: random.choice([
        text.replace(b'"', b"'"),
        text[:-1] + b",}",
        text[:-1] + b"//\n}",
        text[:-1] + b',"tab":"\t"}',
        text[:-1] + b',"n":01}',
        text[:-1] + b',"n":.5}',
        text[:-1] + b',x:1}',
        text[:-1] + b',"n":+1}',
        text[:-1] + b',"s":"\\x41"}',
    ]),
    "a byte changed": lambda text, random: _mutated(text, random),
    "cut short": lambda text, random: text[: random.randrange(len(text) or 1)],
    "many brackets": lambda _, random: random.choice([b"[", b'{"a":']) * random.choice([40, 2000]),
    "sixteen kibibytes": lambda text, random: _added(text, b'"' + b"x" * random.choice([10000, 16000]) + b'"'),
}  # fmt: skip


def _member(text: bytes, random: Random) -> bytes:
    try:
        name, value = random.choice(list(json.loads(text).items()))
    except (ValueError, LookupError, AttributeError, RecursionError):
        name, value = "alg", "none"
    return json.dumps(name).encode() + b":" + json.dumps(random.choice([value, None])).encode()


def _added(text: bytes, value: bytes) -> bytes:
    return text[:-1] + b',"added":' + value + b"}"


def _nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def _mutated(text: bytes, random: Random) -> bytes:
    place = random.randrange(len(text) + 1)
    return (
        text[:place] + random.randbytes(random.randint(0, 1)) + text[place + random.randint(0, 1) :]
    )


for _name, _rewrite in _JSON.items():

    @breaks("json", f"json: {_name}")
    def _(
        draft: Draft, random: Random, rewrite: Callable[[bytes, Random], bytes] = _rewrite
    ) -> None:
        place = random.randrange(2)
        draft.texts[place] = rewrite(draft.texts[place], random)


def _trailing_bits(segment: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    if len(segment) % 4 in (0, 1) or segment[-1] not in alphabet:
        return segment + "A"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) ^ 1]


#: name -> a segment, written otherwise.
_BASE64: dict[str, Callable[[str, Random], str]] = {
    "padding": lambda segment, random: (
        segment + random.choice(["=" * (-len(segment) % 4), "=", "==", "====", "=A"])
    ),
    "the other alphabet": lambda segment, _: segment.replace("-", "+").replace("_", "/"),
    "trailing bits": lambda segment, _: _trailing_bits(segment),
    "a foreign character": lambda segment, random: _inserted(
        segment, random.choice("*!\n\t \r~+/=%\0\x7f"), random
    ),
    "beyond ASCII": lambda segment, random: _inserted(
        segment, random.choice("é Ａ\u200b\u212a\U0001d400"), random
    ),
    "a character more": lambda segment, random: _inserted(segment, random.choice("AQw-_"), random),
    "a character less": lambda segment, random: (
        segment[: (place := random.randrange(len(segment) or 1))] + segment[place + 1 :]
    ),
    "case swapped": lambda segment, _: segment.swapcase(),
    "empty": lambda *_: "",
    "base64 twice": lambda segment, _: encode(segment.encode("utf-8", "surrogatepass")),
}


def _inserted(segment: str, character: str, random: Random) -> str:
    place = random.choice([0, len(segment), random.randrange(len(segment) + 1)])
    return segment[:place] + character + segment[place:]


for _name, _respell in _BASE64.items():
    for _level in ("base64", "segments"):

        @breaks(_level, f"{_level}: {_name}")
        def _(
            draft: Draft, random: Random, respell: Callable[[str, Random], str] = _respell
        ) -> None:
            place = random.randrange(len(draft.segments))
            draft.segments[place] = respell(draft.segments[place], random)


@breaks("base64", "base64: the payload unencoded")
def _unencoded(draft: Draft, _: Random) -> None:
    draft.segments[0] = encode(json.dumps(draft.header | {"b64": False, "crit": ["b64"]}).encode())
    draft.segments[1] = draft.texts[1].decode(errors="replace").replace(".", "-")


_SEGMENTS: dict[str, Callable[[list[str], Random], list[str]]] = {
    "one less": lambda parts, random: _without(parts, random.randrange(len(parts))),
    "one more": lambda parts, random: [*parts, random.choice(["", parts[0], "AAAA"])],
    "one before": lambda parts, random: [random.choice(["", parts[0]]), *parts],
    "in another order": lambda parts, random: random.sample(parts, len(parts)),
    "five of them": lambda parts, _: [*parts, "", ""],
    "space around": lambda parts, random: random.choice([
        [" " + parts[0], *parts[1:]],
        [*parts[:-1], parts[-1] + "\n"],
    ]),
    "other separators": lambda parts, random: [random.choice(["..", "~", ",", "\u3002"]).join(parts)],
    "as JSON": lambda parts, _: [
        json.dumps({"protected": parts[0], "payload": parts[len(parts) // 2], "signature": parts[-1]}),
    ],
    "repeated": lambda parts, _: [*parts, *parts],
    "with a scheme": lambda parts, _: [f"Bearer {parts[0]}", *parts[1:]],
    "the payload of another": lambda parts, _: [parts[0], encode(b'{"iss":"x","exp":9999999999}'), *parts[2:]],
    "the header of another": lambda parts, random: [
        encode(json.dumps({"alg": random.choice([*EVERY, "none"]), "kid": random.choice(EVERY)}).encode()),
        *parts[1:],
    ],
}  # fmt: skip


def _without(parts: list[str], place: int) -> list[str]:
    return [part for number, part in enumerate(parts) if number != place]


for _name, _rearrange in _SEGMENTS.items():

    @breaks("segments", f"segments: {_name}")
    def _(draft: Draft, random: Random, rearrange: Callable[..., list[str]] = _rearrange) -> None:
        draft.segments = rearrange(draft.segments, random)


def _half(draft: Draft, change: Callable[[int, int, int], tuple[int, int]]) -> bytes:
    """The two numbers of an ECDSA signature, changed; other signatures are shortened."""
    size, order = len(draft.signature) // 2, _ORDERS.get(draft.key.algorithm)
    if order is None or draft.key.algorithm == "EdDSA":
        return draft.signature[:-1]
    halves = draft.signature[:size], draft.signature[size:]
    r, s = change(*(int.from_bytes(half, "big") for half in halves), order)
    return (r % 256**size).to_bytes(size, "big") + (s % 256**size).to_bytes(size, "big")


def _der(draft: Draft, _: Random) -> bytes:
    size = len(draft.signature) // 2
    return encode_dss_signature(
        *(int.from_bytes(half) for half in (draft.signature[:size], draft.signature[size:]))
    )


def _larger_scalar(draft: Draft, _: Random) -> bytes:
    """Ed25519: the scalar plus the order of the group, which RFC 8032 §5.1.7 refuses."""
    scalar = int.from_bytes(draft.signature[32:64], "little") + _ORDERS["EdDSA"]
    return draft.signature[:32] + (scalar % 2**256).to_bytes(32, "little") + draft.signature[64:]


def _other_salt(draft: Draft, random: Random) -> bytes:
    if not draft.key.algorithm.startswith("PS"):
        return draft.signature + b"\0"
    hash_ = HASHES[draft.key.algorithm[2:]]
    length = random.choice([0, hash_.digest_size - 1, padding.PSS.MAX_LENGTH])
    return draft.key.private.sign(
        draft.signing_input(), padding.PSS(padding.MGF1(hash_), length), hash_
    )


def _other_algorithm(draft: Draft, random: Random) -> bytes:
    algorithm = draft.key.algorithm
    if algorithm == "EdDSA":
        return draft.key.private.sign(draft.signing_input()[:-1])
    others = [a for a in EVERY if a != algorithm and _kin(a, algorithm)]
    return sign(random.choice(others), draft.key.private, draft.signing_input())


def _kin(name: str, other: str) -> bool:
    families = ("RS", "PS"), ("ES",), ("HS",)
    return any(name.startswith(family) and other.startswith(family) for family in families)


_SIGNATURES: dict[str, Callable[[Draft, Random], bytes]] = {
    "a byte changed": lambda draft, random: _mutated(draft.signature, random),
    "a bit flipped": lambda draft, random: _flipped(draft.signature, random.randrange(len(draft.signature) * 8 or 1)),
    "empty": lambda *_: b"",
    "zeros": lambda draft, random: bytes(random.choice([1, 32, 64, len(draft.signature)])),
    "longer": lambda draft, random: b"".join((
        random.choice([b"\0", b"\x01", b""]), draft.signature, random.choice([b"\0", b""]),
    )),
    "shorter": lambda draft, random: draft.signature[random.randint(0, 1) :][: -random.randint(1, 9)],
    "random": lambda draft, random: random.randbytes(len(draft.signature)),
    "of something else": lambda draft, _: draft.key.sign(b"something else"),
    "of another algorithm": _other_algorithm,
    "another salt": _other_salt,
    "r is zero": lambda draft, _: _half(draft, lambda r, s, n: (0, s)),
    "s is zero": lambda draft, _: _half(draft, lambda r, s, n: (r, 0)),
    "r and s exchanged": lambda draft, _: _half(draft, lambda r, s, n: (s, r)),
    "the order added": lambda draft, _: _half(draft, lambda r, s, n: (r + n, s + n)),
    "s negated": lambda draft, _: _half(draft, lambda r, s, n: (r, n - s)),
    "in DER": _der,
    "a larger scalar": _larger_scalar,
}  # fmt: skip


def _flipped(octets: bytes, bit: int) -> bytes:
    flipped = bytearray(octets or b"\0")
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


for _name, _forge in _SIGNATURES.items():

    @breaks("signature", f"signature: {_name}")
    def _(draft: Draft, random: Random, forge: Callable[[Draft, Random], bytes] = _forge) -> None:
        draft.signature = forge(draft, random)


@breaks("key", "key: a stranger's of the same kind")
def _stranger(draft: Draft, _: Random) -> None:
    algorithm = draft.key.algorithm
    other = (
        draft.ring
        if draft.ring not in EVERY
        else ("secret" if algorithm.startswith("HS") else "public")
    )
    strangers = [key for ring in (algorithm, other) for key in keyring(ring).keys.values()]
    draft.key = next(
        key for key in strangers if key.algorithm == algorithm and key is not draft.key
    )


@breaks("key", "key: another of the set, under its own algorithm")
def _other(draft: Draft, random: Random) -> None:
    draft.key = random.choice(list(keyring(draft.ring).keys.values()))


@breaks("key", "key: another of the set, alg with it")
def _other_with_alg(draft: Draft, random: Random) -> None:
    _other(draft, random)
    draft.header["alg"] = draft.key.algorithm


@breaks("key", "key: the same, another algorithm of its kind")
def _kin_algorithm(draft: Draft, random: Random) -> None:
    kin = [name for name in EVERY if _kin(name, draft.key.algorithm) and name[:2] != "ES"] or [
        draft.key.algorithm
    ]
    key, algorithm = draft.key, random.choice(kin)
    draft.key = type(key)(key.kid, algorithm, key.private, key.jwk)
    draft.header["alg"] = algorithm


@breaks("key", "key: the public one as a secret")
def _confused(draft: Draft, random: Random) -> None:
    key, algorithm = draft.key, random.choice(["HS256", "HS384", "HS512"])
    draft.key = type(key)(key.kid, algorithm, random.choice(_spellings(draft)), key.jwk)
    draft.header["alg"] = algorithm


def _spellings(draft: Draft) -> list[bytes]:
    written = json.dumps(draft.key.jwk)
    spellings = [b"", b"\0" * 32, written.encode(), draft.key.kid.encode(), b"secret"]
    if not isinstance(draft.key.private, bytes):
        public = draft.key.private.public_key()
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        spellings += [der, pem, pem.strip(), pem.replace(b"\n", b"\r\n")]
    return spellings


@breaks("key", "key: carried in the header")
def _carried(draft: Draft, random: Random) -> None:
    _stranger(draft, random)
    draft.header["jwk"] = {name: value for name, value in draft.key.jwk.items() if name != "k"}
    if random.random() < 0.5:
        draft.header.pop("kid", None)
