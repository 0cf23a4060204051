"""Tokens that an honest issuer might write, and the ways of breaking one, level by level.

A recipe says who signs, which honest variations there are and what is broken; what
is broken above the signature is signed over, as a careless issuer would.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from differential.judges import AUDIENCE, ISSUER, NOW
from differential.keyrings import HONEST_SIGNERS, SIGNERS, SigningKey, encode, keyring

LEVELS = ("key", "claims", "header", "json", "base64", "signature", "segments")


class Recipe(NamedTuple):
    """All that a token depends on, besides the keys: names of the tables, and a seed for the details."""

    signer: tuple[str, str]
    variations: tuple[str, ...]
    breaks: tuple[str, ...]
    entropy: int


def recipe(random: Random) -> Recipe:
    """Any recipe; one without breaks is honest."""
    variations = random.sample(sorted(VARIATIONS), random.choice(_HOW_MANY_VARIATIONS))
    broken = random.sample(sorted(BREAKS), random.choice(_HOW_MANY_BREAKS))
    signer = random.choice(SIGNERS if broken else HONEST_SIGNERS)
    return Recipe(signer, tuple(variations), tuple(broken), random.getrandbits(32))


@dataclass
class Draft:
    """A token in the making; each level turns the one before into the next."""

    key: SigningKey
    ring: str
    header: dict[str, Any]
    claims: dict[str, Any]
    formats: dict[str, Any] = field(
        default_factory=lambda: {"separators": (",", ":"), "ensure_ascii": False}
    )
    texts: list[bytes] = field(default_factory=list)
    segments: list[str] = field(default_factory=list)
    signature: bytes = b""

    def signing_input(self) -> bytes:
        return ".".join(self.segments[:2]).encode("utf-8", "surrogatepass")


# How many of each there are; tokens without any break are honest.
_HOW_MANY_VARIATIONS = (0, 0, 1, 2, 3)
_HOW_MANY_BREAKS = (0, 1, 1, 1, 2)

Change = Callable[[Draft, Random], object]
#: name -> what an honest issuer may do otherwise.
VARIATIONS: dict[str, Change] = {}
#: name -> its level, and what goes wrong.
BREAKS: dict[str, tuple[str, Change]] = {}


def build(recipe: Recipe) -> str:
    """The token of this recipe; the same one each time, but for signatures that are random."""
    ring, kid = recipe.signer
    key = keyring(ring).keys[kid]
    random = Random(recipe.entropy)
    header = {"alg": key.algorithm, "typ": "at+jwt", "kid": kid}
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "user-1", "iat": NOW - 60, "exp": NOW + 300}
    draft = Draft(key, ring, header, claims)
    for name in recipe.variations:
        VARIATIONS[name](draft, random)
    for level in LEVELS:
        _begin(level, draft)
        for name in recipe.breaks:
            if BREAKS[name][0] == level:
                BREAKS[name][1](draft, random)
    return ".".join(draft.segments)


def _begin(level: str, draft: Draft) -> None:
    if level == "json":
        written = (json.dumps(part, **draft.formats) for part in (draft.header, draft.claims))
        draft.texts = [text.encode("utf-8", "surrogatepass") for text in written]
    elif level == "base64":
        draft.segments = [encode(text) for text in draft.texts]
    elif level == "signature":
        draft.signature = draft.key.sign(draft.signing_input())
    elif level == "segments":
        draft.segments.append(encode(draft.signature))


def variation(name: str) -> Callable[[Change], Change]:
    return lambda change: VARIATIONS.setdefault(name, change)


def breaks(level: str, name: str) -> Callable[[Change], Change]:
    return lambda change: BREAKS.setdefault(name, (level, change))[1]


@variation("members in another order")
def _shuffled(draft: Draft, random: Random) -> None:
    for part in (draft.header, draft.claims):
        members = list(part.items())
        random.shuffle(members)
        part.clear()
        part.update(members)


@variation("white space in the JSON")
def _spaced(draft: Draft, random: Random) -> None:
    draft.formats |= {"indent": random.choice(["\t", " ", "\r\n"]), "separators": (" ,", "\n: ")}


@variation("escapes in the JSON")
def _escaped(draft: Draft, random: Random) -> None:
    draft.formats["ensure_ascii"] = True
    draft.claims["name"] = random.choice(["Zoë \U0001f511", "\u0000\u001f", "\ud7ff\ue000\uffff"])


@variation("several audiences")
def _audiences(draft: Draft, random: Random) -> None:
    others = random.choice([[], ["https://other.test"], ["", "a" * 200, AUDIENCE]])
    draft.claims["aud"] = random.sample([*others, AUDIENCE], len(others) + 1)


@variation("more claims")
def _more(draft: Draft, random: Random) -> None:
    nested: Any = random.choice([None, True, 1.5, -0.0, 1e300, "ü", [], {}, {"": [{}]}])
    for _ in range(random.randrange(28)):
        nested = random.choice([[nested], {"in": nested}])
    draft.claims |= {
        "scope": "read write",
        "jti": f"{random.random()}",
        "https://claims.test/x": nested,
        "": 0,
    }


@variation("dates with fractions")
def _fractions(draft: Draft, random: Random) -> None:
    draft.claims |= {"exp": NOW + 300.25, "iat": NOW - random.random() * 100, "nbf": NOW - 0.5}


@variation("fewer claims")
def _fewer(draft: Draft, random: Random) -> None:
    for name in random.sample(["sub", "iat"], random.randint(1, 2)):
        draft.claims.pop(name, None)


@variation("unicode in claims")
def _unicode(draft: Draft, random: Random) -> None:
    draft.claims |= {
        "sub": random.choice(["", "Ω≈ç", "\U0001f600", "\ufeff", "a\u0301", "\u202e"]),
        "ключ": "值",
    }


@variation("no kid, one key")
def _no_kid(draft: Draft, _: Random) -> None:
    if len(keyring(draft.ring).keys) == 1:
        del draft.header["kid"]


@variation("another spelling of the type")
def _typed(draft: Draft, random: Random) -> None:
    typ = random.choice(["JWT", "jwt", "AT+JWT", "application/at+jwt", "Application/JWT", None])
    draft.header["typ"] = typ
    if typ is None:
        del draft.header["typ"]


@variation("more members in the header")
def _more_header(draft: Draft, random: Random) -> None:
    draft.header |= random.choice(
        [{"cty": "json"}, {"x5t": "eA"}, {"trace": [1, {}]}, {"jku": "https://issuer.test/j"}]
    )


# Values, one of which takes the place of the member; ... leaves the member out.
_MEMBERS: dict[str, dict[str, list[Any]]] = {
    "header": {
        "alg": [
            ..., None, "", "none", "None", "NONE", "nOnE", "none ", "rs256", "RS256 ", "HS1", "ES256K", "Ed25519",
            0, True, [], ["RS256"], {"RS256": 1}, "RSA-OAEP", "dir", "A256KW",
        ],
        "kid": [
            ..., None, "", 7, True, [], ["RS256"], {}, "unknown", "../../dev/null", "' OR 1=1 --", "rs256", "ES256",
            "HS256", "RS256\u0000", "RS256 alone", "\ud800",
        ],
        "typ": [
            None, "", "JWE", "JOSE", "at+jwt ", "dpop+jwt", "logout+jwt", "id_token+jwt", "jwtx", 1, True, [], {},
            "application/application/jwt", "application/", "text/jwt", "secevent+jwt",
        ],
        "crit": [[], ["exp"], ["b64"], ["alg"], ["kid", "typ"], "exp", None, {}, [1], [None], ["trace"], ["crit"], ""],
        "b64": [True, False, None, "false", 0],
        "zip": ["DEF", "", None],
        "jku": ["https://attacker.test/jwks", 1, "file:///etc/passwd", None],
        "x5u": ["https://attacker.test/chain", [], "//", False],
        "x5c": [["MIIB"], "MIIB", [1], None],
        "cty": ["JWT", 5, None],
        "enc": ["A256GCM"],
        "trace": ["x" * 400, "x" * 700, list(range(300))],
    },
    "claims": {
        "iss": [
            ..., None, "", ISSUER.upper(), ISSUER[:-1], ISSUER + "/", f" {ISSUER}", f"x{ISSUER}", [ISSUER], 1, {},
            ISSUER.replace("issuer", "іssuer"), ISSUER + "\u0000", True,
        ],
        "aud": [
            ..., None, "", AUDIENCE.upper(), f"{AUDIENCE}/", f" {AUDIENCE}", AUDIENCE[:-1], [], [[AUDIENCE]], 1, {},
            [AUDIENCE, 1], [None, AUDIENCE], {AUDIENCE: 1}, [AUDIENCE, {}], True, f"{AUDIENCE} x", ["x"],
        ],
        "sub": [None, 1, True, [], {}, ["user-1"], 1.5],
        "jti": [None, 1, False, [], {}],
        "at_hash": ["x", None],
        "c_hash": ["x"],
        "s_hash": [""],
        "cnf": [{"jkt": "x"}, None, {}, {"x5t#S256": "x"}, {"jkt": None}, {"kid": "1"}, [], "x"],
        "nonce": ["x"],
        "scope": [None, 1, ["read"], {}],
    },
}  # fmt: skip
_DATES = [
    None,
    True,
    False,
    "",
    "soon",
    str(NOW + 300),
    f"{NOW - 300}",
    [],
    [NOW + 300],
    {},
    0,
    -1,
    -0.0,
    0.5,
    2**53,
]
_DATES += [-(2**53), 2**53 - 1, 2**63, 10**30, -(10**30), 10**400, 1e18, 1e300, -1e300]
_DATES += [float("nan"), float("inf"), float("-inf"), ...]
_DATES += [
    NOW + side * 30 + off for side in (-1, 0, 1) for off in (-1, -0.5, -0.001, 0, 0.001, 0.5, 1)
]
_MEMBERS["claims"] |= dict.fromkeys(("exp", "nbf", "iat"), _DATES)


def _set(level: str, name: str, values: list[Any]) -> Change:
    def change(draft: Draft, random: Random) -> None:
        part = draft.header if level == "header" else draft.claims
        value = random.choice(values)
        part[name] = value
        if value is ...:
            del part[name]

    return change


for _level, _members in _MEMBERS.items():
    for _name, _values in _members.items():
        breaks(_level, f"{_level}: {_name}")(_set(_level, _name, _values))
