"""Key sets: the usable and the skipped entries of a JWKS, and the look-up by `(kid, alg)`.

The numbers in comments are lines of `conformance.toml`.
"""

from __future__ import annotations

import copy
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OKPKey

from jwt_wsgi import InvalidToken, SharedSecret
from jwt_wsgi.jose import KeySet, verify
from jwt_wsgi.jose.encoding import encode
from jwt_wsgi.jose.keys import MAX_CANDIDATES
from jwt_wsgi.testing import SigningKey


def public(algorithm: str = "ES256", **members: Any) -> dict[str, Any]:
    """Return a new public JWK; members of None are left out."""
    merged = {**(SigningKey(algorithm).jwk or {}), **members}
    return {name: value for name, value in merged.items() if value is not None}


ONE = public(kid="one")
TWO = public(kid="two")
NAMELESS = public(kid=None)
SECRET = {"kty": "oct", "kid": "secret", "k": encode(b"sixty-four octets that nobody knows " * 2)}


def kids(keys: KeySet, kid: str | None, alg: str = "ES256") -> list[str | None]:
    return [key.kid for key in keys.find(kid, alg)]


@pytest.mark.conforms(25)
@pytest.mark.parametrize(
    "jwks",
    [
        pytest.param({}, id="no member keys"),
        pytest.param({"Keys": [ONE]}, id="another case"),
        pytest.param({"keys": None}, id="null"),
        pytest.param({"keys": {"0": ONE}}, id="an object"),
        pytest.param({"keys": "x"}, id="text"),
        pytest.param({"keys": (ONE,)}, id="no JSON array"),
        pytest.param([ONE], id="an array alone"),
        pytest.param(ONE, id="a key alone"),
        pytest.param(None, id="nothing"),
        pytest.param('{"keys": []}', id="not read yet"),
    ],
)
def test_a_jwks_is_a_mapping_with_an_array_of_keys(jwks: Any) -> None:
    # Line 25.
    with pytest.raises(
        ValueError, match=r'^a JWKS is a mapping with a list "keys" \(RFC 7517 §5\)$'
    ):
        KeySet.from_jwks(jwks)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        pytest.param([], "^no usable key among 0$", id="none"),
        pytest.param(
            [public(use="enc")], r"among 1 \(keys\[0\]: use is not 'sig'\)$", id="for encryption"
        ),
        pytest.param([SECRET], "symmetric", id="a secret"),
        pytest.param(["x"] * 50, r"among 50 .*keys\[2\]: [^;]*$", id="the first three are named"),
    ],
)
def test_a_jwks_without_a_usable_key_is_a_value_error(entries: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KeySet.from_jwks({"keys": entries})


@pytest.mark.conforms(26)
def test_unusable_entries_are_skipped_one_by_one_and_reported() -> None:
    # Lines 26 and 27, and the foreign members that a set may have (RFC 7517 §5).
    entries = [
        "garbage",
        public(kid="enc", use="enc"),
        ONE,
        {"kty": "LWE", "kid": "future"},
        public(kid="k1", crv="secp256k1"),
        public(kid="beside", y=ONE["x"]),
        {"kty": "EC", "kid": 7},
        {"kty": "RSA"},
        SECRET,
        {**public(kid="private"), "d": "AQAB"},
        TWO,
    ]
    keys = KeySet.from_jwks({"keys": entries, "more": 1})
    assert keys.kids == {"one", "two"}
    assert [(skip.position, skip.kid) for skip in keys.skipped] == [
        (0, None),
        (1, "enc"),
        (3, "future"),
        (4, "k1"),
        (5, "beside"),
        (6, None),
        (7, None),
        (8, "secret"),
        (9, "private"),
    ]
    assert all(skip.reason for skip in keys.skipped)


def test_a_good_set_reports_nothing_skipped() -> None:
    keys = KeySet.from_jwks({"keys": [ONE]})
    assert (keys.skipped, keys.symmetric, keys.algorithms) == ((), False, {"ES256"})


def test_secrets_are_read_with_symmetric_true() -> None:
    keys = KeySet.from_jwks({"keys": [SECRET]}, symmetric=True)
    assert keys.symmetric
    assert kids(keys, "secret", "HS512") == ["secret"]
    # A secret of a JWKS serves its own kid only, unlike a SharedSecret.
    assert kids(keys, "other", "HS512") == []


def test_secrets_and_public_keys_do_not_mix() -> None:
    with pytest.raises(ValueError, match="mixes") as raised:
        KeySet.from_jwks({"keys": [SECRET, ONE]}, symmetric=True)
    assert (
        str(raised.value)
        == "a JWKS that mixes secrets and public keys; make a set of each, for two issuers"
    )
    assert KeySet.from_jwks({"keys": [SECRET, ONE]}).algorithms == {"ES256"}


@pytest.mark.conforms(29)
def test_keys_are_found_by_kid_and_algorithm() -> None:
    keys = KeySet.from_jwks({"keys": [ONE, TWO, public("EdDSA", kid="one")]})
    assert kids(keys, "one") == ["one"]
    assert kids(keys, "two") == ["two"]
    assert kids(keys, "one", "Ed25519") == ["one"]
    assert keys.find("one", "ES256") != keys.find("one", "Ed25519")


@pytest.mark.conforms(29)
@pytest.mark.parametrize(
    ("kid", "alg"),
    [
        pytest.param("three", "ES256", id="an unknown kid"),
        pytest.param("One", "ES256", id="a kid in another case, line 29"),
        pytest.param("one ", "ES256", id="a kid with a space"),
        pytest.param("one\x00", "ES256", id="a kid with a NUL"),
        pytest.param("", "ES256", id="an empty kid"),
        pytest.param("../one", "ES256", id="a kid that is a path, line 46"),
        pytest.param("' OR 1=1 --", "ES256", id="a kid that is a query, line 46"),
        pytest.param("https://evil.example.com/jwks", "ES256", id="a kid that is a URL, line 46"),
        pytest.param("one", "ES384", id="another curve's algorithm"),
        pytest.param("one", "es256", id="an algorithm in another case"),
        pytest.param("one", "HS256", id="a symmetric algorithm"),
        pytest.param("one", "none", id="none"),
        pytest.param(None, "none", id="none, without kid"),
        pytest.param(None, "RS256", id="an algorithm without keys"),
    ],
)
def test_another_kid_or_algorithm_finds_nothing(kid: str | None, alg: str) -> None:
    assert KeySet.from_jwks({"keys": [ONE, TWO]}).find(kid, alg) == ()


def test_a_token_without_kid_finds_all_compatible_keys() -> None:
    keys = KeySet.from_jwks({"keys": [ONE, NAMELESS, public("ES384", kid="x"), TWO]})
    assert kids(keys, None) == ["one", None, "two"]
    assert kids(keys, None, "ES384") == ["x"]


def test_a_key_without_kid_serves_tokens_without_one_only() -> None:
    keys = KeySet.from_jwks({"keys": [NAMELESS]})
    assert kids(keys, None) == [None]
    assert kids(keys, "one") == kids(keys, "") == kids(keys, "None") == []
    assert keys.kids == frozenset()


@pytest.mark.parametrize("kid", ["same", None], ids=["duplicate kids", "without kid"])
def test_the_first_four_keys_are_tried_and_no_more(kid: str | None) -> None:
    # Line 29.
    entries = [public(kid="same", use=None, x5t=str(n)) for n in range(6)]
    keys = KeySet.from_jwks({"keys": entries})
    assert MAX_CANDIDATES == 4
    assert keys.find(kid, "ES256") == keys.keys[:4]


def test_four_keys_are_counted_for_each_algorithm() -> None:
    entries = [public("EdDSA", kid="same") for _ in range(5)]
    keys = KeySet.from_jwks({"keys": [*entries, public(kid="same")]})
    assert len(kids(keys, "same", "EdDSA")) == 4
    assert len(kids(keys, "same")) == 1


@pytest.mark.conforms(95)
def test_ed448_tokens_of_another_library_verify() -> None:
    private = OKPKey.generate_key("Ed448")
    keys = KeySet.from_jwks({"keys": [private.as_dict(private=False)]})
    text = jws.serialize_compact({"alg": "Ed448"}, b"payload", private, algorithms=["Ed448"])
    assert verify(text, keys, ["Ed448"]).payload == b"payload"


@pytest.mark.conforms(95)
def test_eddsa_does_not_name_ed448() -> None:
    # PyJWT signs with a key on either curve under the name EdDSA, as RFC 8037 §3.1 lets it.
    key = SigningKey("Ed448", kid="k")
    text = jwt.encode({}, key.private, "EdDSA", headers={"kid": "k"})
    published = {name: value for name, value in (key.jwk or {}).items() if name != "alg"}
    keys = KeySet.from_jwks({"keys": [published]})
    assert keys.algorithms == {"Ed448"}
    with pytest.raises(InvalidToken) as refused:
        verify(text, keys, ["EdDSA", "Ed25519", "Ed448"])
    assert refused.value.reason == "kid_unknown"


@pytest.mark.conforms(28, 52)
def test_eddsa_and_ed25519_serve_each_other() -> None:
    # Lines 28 and 52.
    for said in ("EdDSA", "Ed25519", None):
        keys = KeySet.from_jwks({"keys": [public("EdDSA", kid="k", alg=said)]})
        assert keys.find("k", "EdDSA") == keys.find("k", "Ed25519") != ()


@pytest.mark.parametrize("kid", ["any", "", None, "../x"])
def test_a_shared_secret_serves_any_kid(kid: str | None) -> None:
    keys = KeySet.from_secret(bytes(48))
    assert len(keys.find(kid, "HS256")) == len(keys.find(kid, "HS384")) == 1
    assert keys.find(kid, "HS512") == keys.find(kid, "ES256") == keys.find(kid, "none") == ()
    assert keys.symmetric


def test_a_set_does_not_change_with_what_it_was_made_from() -> None:
    source = {"keys": [copy.deepcopy(ONE)]}
    keys = KeySet.from_jwks(source)
    source["keys"][0]["kid"] = "other"
    source["keys"].append(TWO)
    assert kids(keys, "one") == ["one"]
    assert kids(keys, "two") == kids(keys, "other") == []


def test_two_sets_of_the_same_keys_are_not_equal() -> None:
    # The identity of a set is its epoch.
    first, second = (KeySet.from_jwks({"keys": [ONE]}) for _ in range(2))
    assert first != second
    assert first.find("one", "ES256") != second.find("one", "ES256")


def test_no_representation_shows_a_secret() -> None:
    secret = b"sixty-four octets that nobody knows, in plain ASCII, and some more"
    keys = KeySet.from_secret(secret)
    shown = f"{keys!r} {keys} {keys.keys!r} {SharedSecret(secret)!r} {keys.find(None, 'HS256')!r}"
    read = KeySet.from_jwks({"keys": [SECRET]}, symmetric=True)
    shown += f"{read!r} {read.keys!r} {KeySet.from_jwks({'keys': [SECRET, ONE]}).skipped!r}"
    assert "octets" not in shown
    assert SECRET["k"] not in shown


MEMBERS = st.sampled_from(
    ["kty", "kid", "use", "key_ops", "alg", "crv", "x", "y", "n", "e", "k", "d", "x5c"]
)
VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.lists(st.text(max_size=4) | st.none(), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.none(), max_size=2)
    | st.sampled_from(["EC", "RSA", "OKP", "oct", "P-256", "P-384", "Ed25519", "ES256", "verify"])
    | st.sampled_from([ONE["x"], ONE["y"], "AQAB", "AA", encode(bytes(256)), encode(b"\xff" * 256)])
)  # fmt: skip
CHANGED = st.builds(
    lambda base, changes: {**base, **changes},
    st.sampled_from([ONE, public("EdDSA"), SECRET, {"kty": "RSA", "n": encode(b"\xff" * 256)}]),
    st.dictionaries(MEMBERS, VALUES, max_size=3),
)


@settings(deadline=None, max_examples=200)
@given(entries=st.lists(CHANGED | st.dictionaries(MEMBERS, VALUES) | VALUES, max_size=4))
def test_no_entry_makes_the_whole_set_fail(entries: list[Any]) -> None:
    keys = KeySet.from_jwks({"keys": [*entries, NAMELESS]})
    assert len(keys.keys) + len(keys.skipped) == len(entries) + 1
    assert None in [key.kid for key in keys.keys]


@settings(deadline=None, max_examples=100)
@given(entries=st.lists(CHANGED | VALUES, max_size=4))
def test_a_set_with_secrets_is_read_or_a_value_error(entries: list[Any]) -> None:
    try:
        keys = KeySet.from_jwks({"keys": entries}, symmetric=True)
    except ValueError:
        return
    assert keys.keys
