"""Tokens and keys that do not fit, and other algorithms than RS256."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.comparison import tokens
from benchmarks.comparison.cases import ACCEPT, REFUSE, Case
from benchmarks.comparison.tokens import Keyring, claims, header

THEME = "key"


def cases(keys: Keyring) -> Iterator[Case]:
    """Yield the cases. The first of ES256 and PS256 says whether the algorithm is offered."""
    ec = keys.keys["ES256"]
    pss = keys.keys["PS256"]
    weak = keys.keys["RSA of 1024 bits"]
    curve = keys.keys["ES256 with P-384"]
    other = keys.keys["alg of the key"]
    good_ec = tokens.good(ec)
    zeros = f"{good_ec.rpartition('.')[0]}.{tokens.base64url(bytes(64))}"
    der = tokens.sign_as_der(ec, header(ec), claims())
    crossed = tokens.sign_with_p384(curve, header(curve, alg="ES256"), claims())
    salted = tokens.sign_with_salt(pss, header(pss), claims(), 64)
    unsalted = tokens.sign_with_salt(pss, header(pss), claims(), 0)
    yield Case(THEME, "a good token, ES256", ACCEPT, "RFC 7518 §3.4", good_ec, "ES256")
    yield Case(THEME, "a signature of zeros", REFUSE, "RFC 7518 §3.4", zeros, "ES256")
    yield Case(THEME, "a signature as DER", REFUSE, "RFC 7518 §3.4", der, "ES256")
    name = "ES256 with P-384"
    yield Case(THEME, "ES256 with a key on P-384", REFUSE, "RFC 7518 §3.4", crossed, name)
    yield Case(THEME, "a good token, PS256", ACCEPT, "RFC 7518 §3.5", tokens.good(pss), "PS256")
    yield Case(THEME, "PS256 with a longer salt", REFUSE, "RFC 7518 §3.5", salted, "PS256")
    yield Case(THEME, "PS256 without a salt", REFUSE, "RFC 7518 §3.5", unsalted, "PS256")
    name = "RSA of 1024 bits"
    small = tokens.good(weak)
    yield Case(THEME, "an RSA key of 1024 bits", REFUSE, "RFC 7518 §3.3", small, name)
    name = "alg of the key"
    wrong = tokens.good(other)
    yield Case(THEME, "RS256 with a key for PS256", REFUSE, "RFC 8725 §3.1", wrong, name)
