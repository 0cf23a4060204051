"""Tokens whose JSON is unusual or wrong."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.comparison import tokens
from benchmarks.comparison.cases import ACCEPT, OPEN, REFUSE, Case
from benchmarks.comparison.tokens import AUDIENCE, Keyring, claims, dumps, header, sign

THEME = "JSON"


def cases(keys: Keyring) -> Iterator[Case]:
    """Yield the cases."""
    key = keys.keys["RS256"]
    head = dumps(header(key))
    body = dumps(claims())
    aud = dumps(AUDIENCE)

    def payload(octets: bytes) -> str:
        return sign(key, head, octets)

    def heading(octets: bytes) -> str:
        return sign(key, octets, body)

    spaced = b" \n\t" + body.replace(b",", b" ,\r\n ") + b"\n "
    yield Case(THEME, "white space in the payload", ACCEPT, "RFC 8259 §2", payload(spaced))
    spaced_head = b"{\r\n " + head[1:-1].replace(b",", b" ,\t") + b" }\n"
    yield Case(THEME, "white space in the header", ACCEPT, "RFC 8259 §2", heading(spaced_head))
    escaped = head.replace(b'"alg"', b'"\\u0061lg"')
    yield Case(THEME, "an escaped name in the header", ACCEPT, "RFC 8259 §7", heading(escaped))
    escaped_body = body.replace(b'"aud"', b'"\\u0061ud"')
    yield Case(
        THEME, "an escaped name in the payload", ACCEPT, "RFC 8259 §7", payload(escaped_body)
    )
    twice = body[:-1] + b',"aud":"https://other.example.com"}'
    yield Case(THEME, "`aud` twice, the last is wrong", REFUSE, "RFC 7519 §4", payload(twice))
    right = b'{"aud":"https://other.example.com",' + body[1:]
    yield Case(THEME, "`aud` twice, the last is right", OPEN, "RFC 7519 §4", payload(right))
    hidden = body[:-1] + b',"\\u0061ud":"https://other.example.com"}'
    yield Case(THEME, "the same, one escaped", REFUSE, "RFC 7519 §4", payload(hidden))
    none_last = head[:-1] + b',"alg":"none"}'
    yield Case(THEME, "`alg` twice, the last is none", REFUSE, "RFC 7515 §4", heading(none_last))
    none_first = b'{"alg":"none",' + head[1:]
    yield Case(THEME, "`alg` twice, the first is none", OPEN, "RFC 7515 §4", heading(none_first))
    yield Case(THEME, "the payload is a list", REFUSE, "RFC 7519 §7.2", payload(b"[" + body + b"]"))
    yield Case(THEME, "the payload is a text", REFUSE, "RFC 7519 §7.2", payload(aud))
    yield Case(THEME, "the payload is null", REFUSE, "RFC 7519 §7.2", payload(b"null"))
    yield Case(THEME, "an empty payload", REFUSE, "RFC 7519 §7.2", payload(b""))
    yield Case(THEME, "the header is a list", REFUSE, "RFC 7515 §5.2", heading(b"[" + head + b"]"))
    yield Case(THEME, "text after the object", REFUSE, "RFC 7519 §7.2", payload(body + b"{}"))
    yield Case(THEME, "a comma before the end", REFUSE, "RFC 8259 §4", payload(body[:-1] + b",}"))
    single = body.replace(b'"', b"'")
    yield Case(THEME, "single quotes", REFUSE, "RFC 8259 §7", payload(single))
    comment = body[:-1] + b"/* */}"
    yield Case(THEME, "a comment", REFUSE, "RFC 8259 §2", payload(comment))
    broken = body.replace(b"user-1", b"user-\xff")
    yield Case(THEME, "not UTF-8", REFUSE, "RFC 7519 §7.2", payload(broken))
    broken_head = head[:-1] + b',"x":"\xff"}'
    yield Case(THEME, "a header that is not UTF-8", REFUSE, "RFC 7515 §5.2", heading(broken_head))
    wide = body.decode().encode("utf-16")
    yield Case(THEME, "UTF-16", REFUSE, "RFC 8259 §8.1", payload(wide))
    marked = b"\xef\xbb\xbf" + body
    yield Case(THEME, "a byte order mark", OPEN, "RFC 8259 §8.1", payload(marked))
    control = body.replace(b"user-1", b"user\n1")
    yield Case(THEME, "a control character in a text", REFUSE, "RFC 8259 §7", payload(control))
    lone = body.replace(b"user-1", b"\\ud800")
    yield Case(THEME, "a lone surrogate", OPEN, "RFC 8259 §8.2", payload(lone))
    zero = body[:-1] + b',"x":01}'
    yield Case(THEME, "a number with a leading zero", REFUSE, "RFC 8259 §6", payload(zero))
    yield from _nesting(keys)


def _nesting(keys: Keyring) -> Iterator[Case]:
    key = keys.keys["RS256"]
    head = dumps(header(key))
    for depth in (1_000, 100_000):
        deep = b"[" * depth + b"]" * depth
        payload = dumps(claims())[:-1] + b',"x":' + deep + b"}"
        title = f"nested {depth:,} levels deep"
        yield Case(THEME, title, OPEN, "RFC 8259 §9", sign(key, head, payload))
    deep_head = head[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    token = tokens.sign(key, deep_head, claims())
    yield Case(THEME, "a header nested 100,000 levels deep", OPEN, "RFC 8259 §9", token)
