"""Spellings: random requests. The same seed makes the same request on every machine.

A request is the plain spelling of a place, changed a few times: bytes, segments, encodings, then
method, mount, query and headers. `PATH_INFO` is decoded once already, so a percent sign in it was
encoded twice on the wire.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from random import Random

from matrix.places import PLACES
from matrix.requests import Spelled, on_the_wire

NAMES = ("7", "new", "admin", "é", "a.b", "Admin", "x y", "log", "..", "default", "index")
METHODS = (
    "GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get", "post", "Get",
    "options", "head", "GET ", " POST", "GET,POST", "", "G\x00ET", "GET\n", "GÉT", "GET/HTTP", "*", "M-SEARCH",
    "GETPOST",
)  # fmt: skip
HEADERS = (
    "X-Vhm-Root", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-HTTP-Method-Override", "X-HTTP-Method",
    "X-Method-Override", "X-Forwarded-Path", "X-Forwarded-Uri", "X-Script-Name", "Script-Name", "Path-Info",
    "X-Forwarded-Host", "X-Original-Method", "Content-Type", "Transfer-Encoding", "Upgrade", "Destination",
)  # fmt: skip

# Bytes as Latin-1: controls, lone and overlong UTF-8, look-alikes of separators, invisible ones.
OCTETS = (
    "\x00", "\t", "\n", "\r", "\x0b", "\x1c", "\x1f", " ", "\x7f", "\x80", "\x85", "\xa0", "\xad", "\xc3", "\xe9",
    "\xff", "\xc0\x80", "\xc0\xae", "\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xc1\x9c", "\xed\xa0\x80",
    "\xed\xb0\x80", "\xf4\x90\x80\x80", "\xf8\x80\x80\x80\xaf", *map(on_the_wire, ("\x85", "\xa0", "\xad", "\u200b",
    "\u200d", "\u2028", "\u2029", "\ufeff", "\u202e", "\u2215", "\u2044", "\uff0f", "\u29f5", "\uff3c", "\uff0e",
    "\u2024", "\u2025", "\u0301", "\u0130", "\u212a", "\u017f", "\ufffd", "\U000e0041", )), "\\", ";", ",", ":", "|",
    "~", "*", "@@", "@", "%", "%2f", "%2F", "%5c", "%2e", "%252f", "%00", "%0a", "%c0%af", "?", "#", "&", "=", "+",
    "'", '"', "<", "{", "$", "^", "_", "-", "!", ".",
)  # fmt: skip
BETWEEN = (
    "//", "///", "/./", "/.//", "/%2e/", "\\", "/\\", "\\/", "%2f", "%5C", "\xc0\xaf", on_the_wire("\uff0f"), ";/",
    "/;/", "/;x=1/", "/ /", "/%20/", "/\x00/", "/\xff/", "/*/", "/@@", "/~/", "/.;/", "/_/", "", ":", "/index/",
    "/default/",
)  # fmt: skip
CLIMBS = (
    "/..",
    "/%2e%2e",
    "/.%2e",
    "/..;",
    "/..;x",
    "\\..",
    "/..\\",
    "/\xc0\xae\xc0\xae",
    "/...",
    "/. .",
    "/..\x00",
)
ENDINGS = (
    "/", "//", "/.", "/..", "/./", "/../", ";", ";x", ";/", "/;", "/x", "/x/y", "/%2e%2e", "/..;/", ".json", ".html",
    ".", "\n", "\r\n", "\x00", "\x00.html", " ", "%20", "%00", "%0a", "?", "?x=1", "#", "#x", "/*", "~", "\xff",
    "/index", "/index.html", "/default", "/help", "/log", "/new", "/admin", "/@@help", "/__class__", ";jsessionid=1",
    "\\", "$", "+",
)  # fmt: skip
FIRSTS = (
    "/", "//", "/.", "/./", "/../", "/%2e/", "\\", "/\\", "/;/", ".", "*", "http://localhost", "http://localhost/",
    "//localhost", "/http://localhost", "\x00", " ", "\n", "/\xff", "?", "#", "/~", "/cgi-bin/..", "/index.php",
    "/static/..",
)  # fmt: skip


#: The methods and paths of the handlers (as on the wire, parameters in braces).
Plain = tuple[tuple[tuple[str, ...], str], ...]


def filled(path: str, random: Random) -> str:
    """Return a path with its parameters filled in."""
    if "{" in path:
        path = path.replace("{name}", random.choice(NAMES)).replace(
            "{rest}", random.choice(("a", "a/b.txt", "admin"))
        )
    return on_the_wire(path)


def _another(random: Random) -> str:
    return filled(random.choice(_PATHS), random)


_PATHS = tuple(place.path for place in PLACES.values())


def _at(random: Random, path: str) -> int:
    return random.randrange(len(path) + 1)


def _slash(random: Random, path: str) -> int:
    """Return the position of one of the slashes, or of the beginning."""
    places = [at for at, character in enumerate(path) if character == "/"]
    return random.choice(places) if places else 0


def _inserted(random: Random, path: str) -> str:
    at = _at(random, path)
    return path[:at] + random.choice(OCTETS) + path[at:]


def _inserted_segment_edge(random: Random, path: str) -> str:
    at = _slash(random, path) + random.randrange(2)
    return path[:at] + random.choice(OCTETS) + path[at:]


def _between(random: Random, path: str) -> str:
    at = _slash(random, path)
    return path[:at] + random.choice(BETWEEN) + path[at + 1 :]


def _ended(random: Random, path: str) -> str:
    return path + random.choice(ENDINGS)


def _begun(random: Random, path: str) -> str:
    return random.choice(FIRSTS) + path


def _climbed(random: Random, path: str) -> str:
    """Go through another place and out of it again."""
    other = _another(random)
    through = (
        other
        if random.random() < 0.5
        else random.choice(("/open/x", "/open", "/admin/help", "/x", "/open/files"))
    )
    return through + random.choice(CLIMBS) * random.choice((1, through.count("/"), 5)) + path


def _stepped(random: Random, path: str) -> str:
    """Step aside and back in the middle."""
    at = _slash(random, path)
    return (
        path[:at]
        + "/"
        + random.choice(("x", "open", "admin", ""))
        + random.choice(CLIMBS)
        + path[at:]
    )


def _grafted(random: Random, path: str) -> str:
    """Put one place below or above another."""
    other = _another(random)
    return path + other if random.random() < 0.5 else other + path


def _escaped(random: Random, path: str) -> str:
    at = random.randrange(len(path)) if path else 0
    written = "".join(f"%{ord(octet):02{random.choice('xX')}}" for octet in path[at : at + 1])
    return path[:at] + random.choice((written, written.replace("%", "%25"))) + path[at + 1 :]


def _escaped_all(random: Random, path: str) -> str:
    return "".join(
        octet if octet == "/" and random.random() < 0.8 else f"%{ord(octet):02x}" for octet in path
    )


def _cased(random: Random, path: str) -> str:
    return random.choice((path.upper(), path.title(), path.swapcase(), _one_upper(random, path)))


def _one_upper(random: Random, path: str) -> str:
    at = _at(random, path)
    return path[:at] + path[at : at + 1].upper() + path[at + 1 :]


def _text(path: str) -> str:
    return path.encode("latin-1", "replace").decode("utf-8", "replace")


def _normal_form(random: Random, path: str) -> str:
    return on_the_wire(
        unicodedata.normalize(random.choice(("NFD", "NFKD", "NFC", "NFKC")), _text(path))
    )


def _wide(random: Random, path: str) -> str:
    """Replace letters by full-width ones, whose compatibility form is ASCII."""
    wide = {
        at: chr(ord(character) + 0xFEE0)
        for at, character in enumerate(_text(path))
        if "!" <= character <= "~"
    }
    chosen = set(random.sample(sorted(wide), min(len(wide), random.choice((1, 1, 3, 100)))))
    return on_the_wire(
        "".join(wide[at] if at in chosen else each for at, each in enumerate(_text(path)))
    )


def _recoded(random: Random, path: str) -> str:
    text, coding = _text(path), random.choice(("latin-1", "utf-16-le", "utf-8", "utf-7", "cp037"))
    octets = text.encode(coding, "replace")
    return on_the_wire(octets.decode("latin-1")) if coding == "utf-8" else octets.decode("latin-1")


def _swapped(random: Random, path: str) -> str:
    segments = path.split("/")
    random.shuffle(segments)
    return "/".join(segments)


def _dropped(random: Random, path: str) -> str:
    segments = path.split("/")
    segments.pop(random.randrange(len(segments)))
    return "/".join(segments)


def _other_slash(_random: Random, path: str) -> str:
    """Add a trailing slash, or remove it."""
    return path[:-1] if path.endswith("/") else path + "/"


def _cut(random: Random, path: str) -> str:
    at = _at(random, path)
    return path[:at] + path[at + 1 :]


def _long(random: Random, path: str) -> str:
    at, piece = (
        _slash(random, path),
        random.choice(("/", "/x", "/..", "/.", "a", "%2f", "\\", ";x")),
    )
    return path[:at] + piece * random.choice((20, 300, 3000)) + path[at:]


CHANGES: tuple[Callable[[Random, str], str], ...] = (
    _inserted, _inserted, _inserted_segment_edge, _inserted_segment_edge, _between, _between, _between, _ended,
    _ended, _ended, _begun, _begun, _climbed, _climbed, _stepped, _grafted, _escaped, _escaped_all, _cased,
    _normal_form, _wide, _recoded, _swapped, _dropped, _cut, _other_slash,
)  # fmt: skip
HOW_MANY = (0, 1, 1, 1, 1, 1, 2, 2, 3, 5)


def spelling(random: Random, plain: Plain) -> Spelled:
    """Return a request near the plain ones; one in ten keeps the path unchanged."""
    methods, path = random.choice(plain)
    method, path = random.choice(methods), filled(path, random)
    for _ in range(random.choice(HOW_MANY)):
        path = random.choice(CHANGES)(random, path)
    if random.random() < 0.01:
        path = _long(random, path)
    if random.random() < 0.2:
        method = random.choice(METHODS)
    script_name, path = _mounted(random, path) if random.random() < 0.1 else ("", path)
    query = random.choice(
        ("", "", f"_method={random.choice(METHODS)}", "x=1", "/../admin", "path=/admin", path[1:])
    )
    header = _header(random) if random.random() < 0.15 else None
    return Spelled(method, path, script_name, query, header)


def _mounted(random: Random, path: str) -> tuple[str, str]:
    """Return `SCRIPT_NAME` and `PATH_INFO`: the path split, or an unrelated mount."""
    if random.random() < 0.6:
        at = random.choice((_slash(random, path), len(path), _at(random, path)))
        return path[:at], path[at:]
    return random.choice(
        ("/", "/app", "/open", "/admin", "/open/..", "//", "open", "/open/", "/admin/help")
    ), path


def _header(random: Random) -> tuple[str, str]:
    name = random.choice(HEADERS) if random.random() < 0.7 else "X-Vhm-Root"
    value = random.choice(METHODS) if "Method" in name else _another(random)
    if random.random() < 0.2:
        value = random.choice(("/", "", "/open", "/admin", "/..", "chunked", "websocket"))
    return name, value
