"""The pure core: `verify` returns the header and payload of a token, or raises `InvalidToken`.

The numbers in ids and comments are lines of `conformance.toml`.
"""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from conftest import ASYMMETRIC, SYMMETRIC
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import reason_of

from jwt_wsgi import InvalidToken, jose
from jwt_wsgi.jose import KeySet
from jwt_wsgi.jose.compact import MAX_TOKEN_BYTES, parse
from jwt_wsgi.jose.encoding import encode
from jwt_wsgi.testing import LocalIssuer, SigningKey

KEY = SigningKey("ES256", kid="k")
KEYS = KeySet.from_jwks({"keys": [KEY.jwk]})
EVERY = (*ASYMMETRIC, *SYMMETRIC)
HEADER = {"alg": "ES256", "kid": "k"}
PAYLOAD = b'{"sub":"user-1"}'


def token(header: object = HEADER, payload: bytes = PAYLOAD, key: SigningKey = KEY) -> str:
    """Return a token with a valid signature over this header: bytes unchanged, else as JSON."""
    octets = header if isinstance(header, bytes) else json.dumps(header).encode()
    signing_input = f"{encode(octets)}.{encode(payload)}"
    return f"{signing_input}.{encode(key.sign(signing_input.encode()))}"


def reason(text: Any, keys: KeySet = KEYS, algorithms: Any = ("ES256",)) -> str | None:
    """Return the reason of the refusal, or None where the token is accepted."""
    return reason_of(jose.verify, text, keys, algorithms)


def key_set(issuer: LocalIssuer, algorithm: str) -> KeySet:
    key = issuer.key(algorithm)
    if isinstance(key.private, bytes):
        return KeySet.from_secret(key.private)
    return KeySet.from_jwks({"keys": [key.jwk]})


@pytest.mark.parametrize("algorithm", EVERY)
def test_a_valid_token_returns_its_header_and_payload(
    every_algorithm: LocalIssuer, algorithm: str
) -> None:
    keys = key_set(every_algorithm, algorithm)
    text = every_algorithm.sign(PAYLOAD, algorithm=algorithm)
    header, payload = jose.verify(text, keys, [algorithm])
    assert (header["alg"], payload) == (algorithm, PAYLOAD)


@pytest.mark.conforms(17)
@pytest.mark.parametrize("payload", [b"", b"no json", b"\xff\x00", b"[]"])
def test_the_payload_need_not_be_json_and_may_be_empty(payload: bytes) -> None:
    assert jose.verify(token(payload=payload), KEYS, ["ES256"]).payload == payload


# RFC 7515 appendices A.1 and A.3, RFC 8037 appendix A.4. Headers and payloads hold line ends.
CLAIMS = (
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
)
A1_KEY = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
A1 = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
A3_KEY = {
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
A3 = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
A4_KEY = {"crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
A4_PAYLOAD = "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
A4 = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
PUBLISHED = {
    "HS256": (
        {"kty": "oct", "k": A1_KEY},
        f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{CLAIMS}.{A1}",
    ),
    "ES256": ({"kty": "EC", **A3_KEY}, f"eyJhbGciOiJFUzI1NiJ9.{CLAIMS}.{A3}"),
    "EdDSA": ({"kty": "OKP", **A4_KEY}, f"eyJhbGciOiJFZERTQSJ9.{A4_PAYLOAD}.{A4}"),
}


@pytest.mark.parametrize("algorithm", PUBLISHED)
def test_the_examples_of_the_rfcs_verify(algorithm: str) -> None:
    jwk, text = PUBLISHED[algorithm]
    keys = KeySet.from_jwks({"keys": [jwk]}, symmetric=True)
    assert jose.verify(text, keys, [algorithm]).header["alg"] == algorithm


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b'{"alg":"ES256","kid":"k"}', id="compact"),
        pytest.param(b'{"kid":"k","alg":"ES256"}', id="another order"),
        pytest.param(b' {\r\n\t"alg" :\n"ES256" , "kid":"k" } ', id="odd white space"),
        pytest.param(b'{"\\u0061lg":"ES25\\u0036","kid":"\\u006b"}', id="escapes"),
        pytest.param(b'{"alg":"ES256","kid":"k","x":1.0e0}', id="a number written oddly"),
        pytest.param(b'{"alg":"ES256"}', id="no kid"),
        pytest.param(b'{"alg":"ES256","kid":"k","cty":"x","x5t":"y","nonce":[{}]}', id="unknown"),
    ],
)
def test_the_received_bytes_are_verified(header: bytes) -> None:
    text = token(header)
    assert reason(text) is None
    # The same header in another notation was not signed.
    again = encode(json.dumps(json.loads(header), indent=2).encode())
    assert reason(f"{again}.{text.partition('.')[2]}") == "signature_invalid"


GOOD = token()
HEAD, BODY, SIGNATURE = GOOD.split(".")
ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


def same_octets(segment: str) -> str:
    """Return the text with a trailing bit set, which a lenient decoder reads as the same octets."""
    return segment[:-1] + ALPHABET[ALPHABET.index(segment[-1]) + 1]


MALFORMED: dict[str, Any] = {
    "nothing": "",
    "wrongjwt": "wrongjwt",
    "dots alone (17)": "..",
    "one segment (17)": HEAD,
    "two segments (17)": f"{HEAD}.{BODY}",
    "four segments (17)": f"{GOOD}.{SIGNATURE}",
    "five segments, as encryption has": f"{HEAD}.{BODY}.{BODY}.{BODY}.{SIGNATURE}",
    "many dots (CVE-2025-27144)": "." * 10_000,
    "no header (17)": f".{BODY}.{SIGNATURE}",
    "no signature (17)": f"{HEAD}.{BODY}.",
    "a dot in front": f".{GOOD}",
    "a dot behind": f"{GOOD}.",
    "padding (16)": f"{HEAD}.{BODY}.{SIGNATURE}==",
    "padding in the header (16)": f"{HEAD}=.{BODY}.{SIGNATURE}",
    "a line end behind (16)": f"{GOOD}\n",
    "a space in front (16)": f" {GOOD}",
    "white space within (16)": f"{HEAD}.{BODY[:4]}\n{BODY[4:]}.{SIGNATURE}",
    "a NUL behind": f"{GOOD}\x00",
    "the alphabet of plain base64 (16)": f"{HEAD}.{BODY}.{'+/' + SIGNATURE[2:]}",
    "a foreign character": f"{HEAD}.{BODY}.!{SIGNATURE[1:]}",
    "a letter outside ASCII": f"{HEAD}.{BODY}.é{SIGNATURE[1:]}",
    "a full-width letter": f"{HEAD}.{BODY}.\uff21{SIGNATURE[1:]}",
    "a lone surrogate": f"{HEAD}.{BODY}.\ud800",
    "a segment of an impossible length": f"{HEAD}.{BODY}AAA.{SIGNATURE}",
    "JSON-serialised (CVE-2022-39227)": json.dumps(
        {"protected": HEAD, "payload": BODY, "signature": SIGNATURE}
    ),
    "polyglot (CVE-2022-39227)": f'{{"payload":"{GOOD}","x":"{HEAD}.{BODY}.{SIGNATURE}"}}',
    "the scheme too": f"Bearer {GOOD}",
    "bytes": GOOD.encode(),
    "None": None,
    "a number": 1,
    "a list of segments": [HEAD, BODY, SIGNATURE],
}


@pytest.mark.conforms(3, 16, 17, 50)
@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_anything_but_one_compact_token_is_malformed(text: Any) -> None:
    assert reason(text) == "token_malformed"


@pytest.mark.conforms(16)
@pytest.mark.parametrize("position", [0, 1, 2], ids=["header", "payload", "signature"])
def test_another_encoding_of_the_same_token_is_refused(position: int) -> None:
    # Header, payload and signature have lengths that leave trailing bits.
    text = token(b'{"alg":"ES256"} ', b'{"a":"bcd"}')
    segments = text.split(".")
    assert reason(text) is None
    segments[position] = same_octets(segments[position])
    assert reason(".".join(segments)) == "token_malformed"


def test_another_encoding_of_an_rsa_signature_is_refused(local: LocalIssuer) -> None:
    keys = KeySet.from_jwks(local.jwks)
    text = local.token()
    assert reason(text, keys, ["RS256"]) is None
    assert reason(same_octets(text), keys, ["RS256"]) == "token_malformed"


HEADERS: list[tuple[str, object, str]] = [
    # Line 18: a UTF-8 JSON object, and the strict reader's rules.
    ("an array (18)", [HEADER], "token_malformed"),
    ("text (18)", "ES256", "token_malformed"),
    ("null (18)", None, "token_malformed"),
    ("not JSON (18)", b"{alg:ES256}", "token_malformed"),
    ("not UTF-8 (18)", b'{"alg":"ES256","kid":"\xff"}', "token_malformed"),
    ("UTF-16 (18)", json.dumps(HEADER).encode("utf-16"), "token_malformed"),
    ("a byte order mark (18)", b"\xef\xbb\xbf" + json.dumps(HEADER).encode(), "token_malformed"),
    ("text behind (18)", b'{"alg":"ES256"}{}', "token_malformed"),
    ("alg twice (15)", b'{"alg":"none","alg":"ES256"}', "token_malformed"),
    ("kid twice (15)", b'{"alg":"ES256","kid":"x","kid":"k"}', "token_malformed"),
    ("NaN", b'{"alg":"ES256","x":NaN}', "token_malformed"),
    ("1e999", b'{"alg":"ES256","x":1e999}', "token_malformed"),
    ("a lone surrogate", b'{"alg":"ES256","kid":"\\ud800"}', "token_malformed"),
    ("nested deeply", b'{"alg":"ES256","x":%s%s}' % (b"[" * 4000, b"]" * 4000), "token_malformed"),
    ("kid null", {**HEADER, "kid": None}, "token_malformed"),
    ("kid a number", {**HEADER, "kid": 1}, "token_malformed"),
    ("kid an array", {**HEADER, "kid": ["k"]}, "token_malformed"),
    ("typ null", {**HEADER, "typ": None}, "token_malformed"),
    ("typ an array", {**HEADER, "typ": ["JWT"]}, "token_malformed"),
    # Lines 20, 21, 23 and 51.
    ("crit with an unknown name (20)", {**HEADER, "crit": ["x"], "x": 1}, "header_unsupported"),
    ("crit empty (21)", {**HEADER, "crit": []}, "header_unsupported"),
    ("crit twice the same (21)", {**HEADER, "crit": ["x", "x"], "x": 1}, "header_unsupported"),
    ("crit with an absent name (21)", {**HEADER, "crit": ["x"]}, "header_unsupported"),
    ("crit with a registered name (21)", {**HEADER, "crit": ["alg"]}, "header_unsupported"),
    ("crit null", {**HEADER, "crit": None}, "header_unsupported"),
    ("crit with b64 (CVE-2026-32597)", {**HEADER, "crit": ["b64"], "b64": True},
     "header_unsupported"),
    ("b64 false (23)", {**HEADER, "b64": False}, "header_unsupported"),
    ("b64 true", {**HEADER, "b64": True}, "header_unsupported"),
    ("zip (51, CVE-2024-33664)", {**HEADER, "zip": "DEF"}, "header_unsupported"),
    # Lines 19, 40, 42 and 49.
    ("no alg (19)", {"kid": "k"}, "algorithm_not_allowed"),
    ("alg null", {"alg": None, "kid": "k"}, "algorithm_not_allowed"),
    ("alg an array", {"alg": ["ES256"], "kid": "k"}, "algorithm_not_allowed"),
    ("alg an object", {"alg": {"ES256": 1}, "kid": "k"}, "algorithm_not_allowed"),
    ("alg in another case (19)", {"alg": "es256", "kid": "k"}, "algorithm_not_allowed"),
    ("alg with a space", {"alg": "ES256 ", "kid": "k"}, "algorithm_not_allowed"),
    ("alg not on the list (40)", {"alg": "ES384", "kid": "k"}, "algorithm_not_allowed"),
    ("alg HS256", {"alg": "HS256", "kid": "k"}, "algorithm_not_allowed"),
    ("PBES2 (49, CVE-2023-6681)", {"alg": "PBES2-HS256+A128KW", "p2c": 2**31, "kid": "k"},
     "algorithm_not_allowed"),
    *((f"alg {none!r} (42, CVE-2026-28802)", {"alg": none, "kid": "k"}, "algorithm_not_allowed")
      for none in ("none", "None", "NONE", "nOnE", "", " none", "none\x00")),
    # Line 46.
    ("kid unknown", {**HEADER, "kid": "x"}, "kid_unknown"),
    ("kid in another case", {**HEADER, "kid": "K"}, "kid_unknown"),
    ("kid empty", {**HEADER, "kid": ""}, "kid_unknown"),
    ("kid a path (46)", {**HEADER, "kid": "../../k"}, "kid_unknown"),
    ("kid a query (46)", {**HEADER, "kid": "k' OR '1'='1"}, "kid_unknown"),
    ("kid a URL (46)", {**HEADER, "kid": "https://evil.example.com/k"}, "kid_unknown"),
]  # fmt: skip


@pytest.mark.conforms(15, 18, 19, 20, 21, 23, 40, 42, 46, 49, 51)
@pytest.mark.parametrize(
    ("header", "expected"), [pytest.param(*case, id=name) for name, *case in HEADERS]
)
def test_a_header_that_is_refused_under_a_good_signature(header: object, expected: str) -> None:
    assert reason(token(header)) == expected


@pytest.mark.conforms(42)
@pytest.mark.parametrize("none", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.parametrize("keys", ["public", "secret"])
def test_none_is_refused_even_where_the_list_names_it(none: str, keys: str) -> None:
    # Line 42: no key serves an algorithm that is not in the table.
    held = KEYS if keys == "public" else KeySet.from_secret(bytes(64))
    unsigned = f"{encode(json.dumps({'alg': none}).encode())}.{BODY}.{SIGNATURE}"
    assert reason(unsigned, held, [none, "ES256"]) == "kid_unknown"


@pytest.mark.conforms(24)
def test_keys_in_a_tokens_header_never_verify_it() -> None:
    # Line 24, and CVE-2018-0114 and CVE-2026-27962.
    attacker = SigningKey("ES256", kid="k")
    brought = {
        "jwk": attacker.jwk,
        "jku": "https://evil.example.com/jwks.json",
        "x5u": "https://evil.example.com/chain.pem",
        "x5c": ["MIIB"],
    }
    assert reason(token({**HEADER, **brought})) is None
    for name, value in brought.items():
        assert reason(token({**HEADER, name: value}, key=attacker)) == "signature_invalid"
        assert reason(token({"alg": "ES256", name: value}, key=attacker)) == "signature_invalid"


@pytest.mark.conforms(40, 41, 95)
@pytest.mark.parametrize("named", EVERY)
@pytest.mark.parametrize(
    "held",
    [
        "RS256",
        "PS256",
        "ES256",
        "ES384",
        "ES512",
        "EdDSA",
        "Ed448",
        "ML-DSA-44",
        "ML-DSA-87",
        "HS512",
    ],
)
def test_a_token_must_use_the_algorithm_of_its_key(
    every_algorithm: LocalIssuer, held: str, named: str
) -> None:
    # Line 40: a key verifies under its own algorithm only, whatever the header names.
    keys = key_set(every_algorithm, held)
    text = every_algorithm.sign(
        PAYLOAD, algorithm=held, header={"alg": named, "kid": every_algorithm.key(held).kid}
    )
    good = named == held or {named, held} == {"EdDSA", "Ed25519"}
    if named in SYMMETRIC and held in SYMMETRIC:
        assert reason(text, keys, EVERY) == (None if good else "signature_invalid")
    else:
        assert reason(text, keys, EVERY) == (None if good else "kid_unknown")


@pytest.mark.conforms(32)
@pytest.mark.parametrize("curve", ["ES256", "ES384", "ES512"])
def test_an_es_algorithm_is_bound_to_its_curve(every_algorithm: LocalIssuer, curve: str) -> None:
    # In a JWK without alg, only the curve decides.
    key = every_algorithm.key(curve)
    jwk = {name: value for name, value in (key.jwk or {}).items() if name != "alg"}
    keys = KeySet.from_jwks({"keys": [jwk]})
    refused = [
        named
        for named in ASYMMETRIC
        if reason(token({"alg": named, "kid": key.kid}, key=key), keys, EVERY) == "kid_unknown"
    ]
    assert refused == [named for named in ASYMMETRIC if named != curve]


def test_rsa_signatures_of_another_padding_or_hash_are_refused(
    every_algorithm: LocalIssuer,
) -> None:
    key = every_algorithm.key("RS256")
    jwk = {name: value for name, value in (key.jwk or {}).items() if name != "alg"}
    keys = KeySet.from_jwks({"keys": [jwk]})
    for named in ("RS384", "RS512", "PS256", "PS384", "PS512"):
        text = token({"alg": named, "kid": key.kid}, key=key)
        assert reason(text, keys, EVERY) == "signature_invalid"


@pytest.mark.parametrize("position", [0, 1, 2], ids=["header", "payload", "signature"])
def test_a_changed_token_has_a_wrong_signature(position: int) -> None:
    segments = token().split(".")
    other = token({**HEADER, "typ": "at+jwt"}, b'{"sub":"root"}').split(".")
    segments[position] = other[position]
    assert reason(".".join(segments)) == "signature_invalid"


@pytest.mark.parametrize(("position", "tried"), [(0, True), (3, True), (4, False), (5, False)])
@pytest.mark.parametrize("kid", ["same", None], ids=["duplicate kids", "no kid"])
def test_four_keys_are_tried_at_most(kid: str | None, position: int, tried: bool) -> None:
    # Line 29.
    signers = [SigningKey("ES256", kid="same") for _ in range(6)]
    keys = KeySet.from_jwks({"keys": [signer.jwk for signer in signers]})
    header = {"alg": "ES256", "kid": kid} if kid else {"alg": "ES256"}
    expected = None if tried else "signature_invalid"
    assert reason(token(header, key=signers[position]), keys) == expected


def test_a_key_without_kid_serves_only_tokens_without_one() -> None:
    nameless = {name: value for name, value in (KEY.jwk or {}).items() if name != "kid"}
    keys = KeySet.from_jwks({"keys": [nameless]})
    assert reason(token({"alg": "ES256"}), keys) is None
    assert reason(token({"alg": "ES256", "kid": "k"}), keys) == "kid_unknown"
    assert reason(token({"alg": "ES256", "kid": ""}), keys) == "kid_unknown"


@pytest.mark.parametrize(
    ("text", "expected", "found"),
    [
        pytest.param("A" * 16_385, 16_384, 16_385, id="a byte too many"),
        pytest.param("A" * 16_384, "three segments", 1, id="no dots"),
        pytest.param(f"{GOOD}.{SIGNATURE}", "three segments", 4, id="four segments"),
        pytest.param(
            f"{HEAD}.!{BODY[1:]}.{SIGNATURE}", None, "not base64url", id="a foreign character"
        ),
        pytest.param(
            f"{encode(b'{')}.{BODY}.{SIGNATURE}", None, "not JSON", id="no JSON in the header"
        ),
        pytest.param(token({**HEADER, "crit": ["x"]}), None, "crit", id="crit"),
        pytest.param(token({**HEADER, "kid": 1}), "kid a string", 1, id="D11 kid a number"),
        pytest.param(token({**HEADER, "typ": 1}), "typ a string", 1, id="D11 typ a number"),
        pytest.param("é.x.y", "ASCII", "another character", id="not ASCII"),
        pytest.param(7, "text", "int", id="not text"),
        pytest.param(token({"alg": "none"}), ["ES256", "ES384"], "none", id="alg none"),
    ],
)
def test_a_refusal_records_expected_and_found(text: str, expected: object, found: object) -> None:
    with pytest.raises(InvalidToken) as refused:
        jose.verify(text, KEYS, ("ES384", "ES256"))
    assert (refused.value.expected, refused.value.found) == (expected, found)


def test_a_known_header_is_not_parsed_again() -> None:
    known = {"alg": "ES256"}
    assert parse(f"!.{BODY}.{SIGNATURE}", known_headers={"!": known}).header is known
    with pytest.raises(InvalidToken):
        parse(f"!.{BODY}.{SIGNATURE}", known_headers={HEAD: known})


def test_a_token_above_the_size_limit_is_refused() -> None:
    def of_size(size: int) -> str:
        head, _, signature = token().split(".")
        return f"{head}.{'A' * (size - len(head) - len(signature) - 2)}.{signature}"

    assert reason(of_size(MAX_TOKEN_BYTES)) in ("signature_invalid", "token_malformed")
    assert reason(of_size(MAX_TOKEN_BYTES + 1)) == "token_too_large"
    assert reason("A" * 5_000_000) == "token_too_large"
    assert parse(GOOD, len(GOOD)).payload == PAYLOAD
    with pytest.raises(InvalidToken, match="token_too_large"):
        parse(GOOD, len(GOOD) - 1)


@pytest.mark.parametrize("algorithms", [[], (), set()])
def test_an_empty_allow_list_allows_nothing(algorithms: Any) -> None:
    assert reason(GOOD, KEYS, algorithms) == "algorithm_not_allowed"


def test_an_allow_list_that_is_one_string_is_a_value_error() -> None:
    # `"ES25" in "ES256"` is true, so a string would allow parts of its name.
    with pytest.raises(ValueError, match="algorithms"):
        jose.verify(GOOD, KEYS, "ES256")


def test_an_empty_key_set_verifies_nothing() -> None:
    assert reason(GOOD, KeySet(())) == "kid_unknown"


@pytest.mark.parametrize(
    ("header", "keys", "refused_as"),
    [
        pytest.param({"alg": "ES256", "kid": "another"}, KEYS, "kid_unknown", id="another kid"),
        pytest.param({"alg": "ES256", "kid": "k"}, KeySet(()), "kid_unknown", id="no key"),
        pytest.param({"alg": "ES256"}, KeySet(()), "kid_unknown", id="no key, no kid"),
        pytest.param(
            {"alg": "ES256", "kid": "k"}, KEYS, "signature_invalid", id="a stranger's signature"
        ),
        pytest.param({"alg": "ES256"}, KEYS, "signature_invalid", id="a stranger's, no kid"),
    ],
)
def test_a_refusal_records_the_kid(header: dict[str, str], keys: KeySet, refused_as: str) -> None:
    with pytest.raises(InvalidToken) as refused:
        jose.verify(token(header, key=SigningKey("ES256")), keys, ("ES256",))
    assert (refused.value.reason, refused.value.found) == (refused_as, header.get("kid"))


SEGMENTS = st.text(ALPHABET, max_size=40) | st.binary(max_size=40).map(encode)
JSON_HEADERS = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "x"]),
    st.sampled_from(["ES256", "none", "HS256", "k", "", None, 1, [], {}, True, "JWT", 1e300]),
).map(lambda header: encode(json.dumps(header).encode()))
DAMAGED = st.builds(
    lambda at, length, text: GOOD[:at] + text + GOOD[at + length :],
    st.integers(0, len(GOOD)),
    st.integers(0, 3),
    st.text(max_size=3) | st.text(ALPHABET, max_size=3),
).filter(lambda text: text != GOOD)
ANYTHING = (
    st.text()
    | st.text(ALPHABET + ".=+/ ", max_size=80)
    | st.builds("{}.{}.{}".format, JSON_HEADERS | SEGMENTS, SEGMENTS, SEGMENTS)
    | DAMAGED
)


@settings(deadline=None, max_examples=400)
@given(text=ANYTHING)
def test_any_other_text_raises_only_invalid_token(text: str) -> None:
    with pytest.raises(InvalidToken):
        jose.verify(text, KEYS, ["ES256"])
    with pytest.raises(InvalidToken):
        jose.verify(text, KeySet.from_secret(bytes(64)), EVERY)
