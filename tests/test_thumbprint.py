"""JWK thumbprints: the examples of the standards, other libraries, and what is refused."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from conftest import ASYMMETRIC
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import import_key

from jwt_wsgi.jose import encoding
from jwt_wsgi.jose.thumbprint import jwk_thumbprint
from jwt_wsgi.testing import LocalIssuer

#: By the document that has the example: the key and its thumbprint.
EXAMPLES = {
    "RFC 7638 §3.1": (
        {
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tS"
            "oc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQ"
            "R0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTW"
            "hAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB",
            "alg": "RS256",
            "kid": "2011-04-29",
        },
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
    ),
    "RFC 8037 A.3": (
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    ),
    "RFC 9449 §6.1": (
        {
            "kty": "EC",
            "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
            "crv": "P-256",
        },
        "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
    ),
}
EC = EXAMPLES["RFC 9449 §6.1"][0]
REQUIRED = {
    "EC": {"crv", "kty", "x", "y"},
    "RSA": {"e", "kty", "n"},
    "OKP": {"crv", "kty", "x"},
    "AKP": {"alg", "kty", "pub"},
}


@pytest.mark.parametrize(("jwk", "thumbprint"), EXAMPLES.values(), ids=EXAMPLES)
def test_the_examples_of_the_standards(jwk: dict[str, str], thumbprint: str) -> None:
    assert jwk_thumbprint(jwk) == thumbprint


# joserfc has no ML-DSA.
@pytest.mark.parametrize(
    "algorithm", [name for name in ASYMMETRIC if not name.startswith("ML-DSA")]
)
def test_another_library_agrees(every_algorithm: LocalIssuer, algorithm: str) -> None:
    jwk: Any = every_algorithm.key(algorithm).jwk
    assert jwk_thumbprint(jwk) == import_key(jwk).thumbprint()


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    st.sampled_from(sorted(REQUIRED)),
    st.dictionaries(st.sampled_from(["use", "d"]), TEXT),
    st.data(),
)
def test_the_hash_is_over_the_canonical_json_of_the_required_members(
    kty: str, others: dict[str, str], drawn: st.DataObject
) -> None:
    members = {name: drawn.draw(TEXT, label=name) for name in REQUIRED[kty]} | {"kty": kty}
    text = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    expected = encoding.encode(hashlib.sha256(text.encode()).digest())
    assert jwk_thumbprint({**others, **members}) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param({"x": 'a","y":"b', "y": "c"}, {"x": "a", "y": 'b","y":"c'}, id="quotes"),
        pytest.param({"x": '\\"', "y": ""}, {"x": '"', "y": ""}, id="a backslash"),
        pytest.param({"x": "\n", "y": ""}, {"x": "\\n", "y": ""}, id="a line break"),
        pytest.param({"x": "é", "y": ""}, {"x": "\\u00e9", "y": ""}, id="an escape"),
        pytest.param({"x": "é", "y": ""}, {"x": "e\u0301", "y": ""}, id="normal forms"),
        pytest.param({"x": "AA", "y": ""}, {"x": "AA=", "y": ""}, id="padding"),
    ],
)
def test_members_that_differ_in_any_character_have_different_thumbprints(
    one: dict[str, str], other: dict[str, str]
) -> None:
    assert jwk_thumbprint({**EC, **one}) != jwk_thumbprint({**EC, **other})


@pytest.mark.parametrize(
    "kty",
    [None, 1, ["EC"], {}, "", "ec", "oct", "P-256"],
    ids=lambda kty: f"{type(kty).__name__} {kty}",
)
def test_an_unknown_key_type_is_refused(kty: object) -> None:
    with pytest.raises(ValueError, match="kty"):
        jwk_thumbprint({**EC, "kty": kty})


MEMBERS = [(kty, name) for kty, names in REQUIRED.items() for name in sorted(names)]


@pytest.mark.parametrize("value", [None, 1, True, b"AA", ["AA"], {"a": "b"}, "\ud800"], ids=ascii)
@pytest.mark.parametrize(("kty", "name"), MEMBERS, ids=[" ".join(row) for row in MEMBERS])
def test_a_required_member_that_is_not_a_string_is_refused(
    kty: str, name: str, value: object
) -> None:
    members: dict[str, object] = {**dict.fromkeys(REQUIRED[kty], "AA"), "kty": kty}
    assert len(jwk_thumbprint(members)) == 43
    with pytest.raises(ValueError, match="JWK") as refusal:
        jwk_thumbprint({**members, name: value})
    assert type(refusal.value) is ValueError
    del members[name]
    with pytest.raises(ValueError, match=name):
        jwk_thumbprint(members)
