"""The examples of the RFCs as portable JSON, each with this package's verdict.

The `reason` of a refused token is one of `jwt_wsgi.errors.REASONS`, that of a refused key set
the text of the `ValueError`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jwt_wsgi.errors import InvalidToken
from jwt_wsgi.jose import KeySet, Verified, verify

Vector = dict[str, Any]

SECTIONS = {
    "rfc7515.json": {"A.1", "A.2", "A.3", "A.4", "A.5", "A.6", "A.7", "E"},
    "rfc7517.json": {"A.1", "A.2", "A.3", "B"},
    "rfc7520.json": {"4.1", "4.2", "4.3", "4.4", "4.5", "4.6", "4.7", "4.8"},
    "rfc7797.json": {"4.1", "4.2"},
    "rfc8037.json": {"A.1", "A.2", "A.3", "A.4", "A.5", "A.6"},
    "rfc9964.json": {"A.1"},
}

FILES: dict[str, list[Vector]] = {
    path.name: json.loads(path.read_text("utf-8"))
    for path in sorted(Path(__file__).with_name("vectors").glob("*.json"))
}
VECTORS = [vector for vectors in FILES.values() for vector in vectors]
OF_TOKENS = [vector for vector in VECTORS if "token" in vector["input"]]
OF_KEYS = [vector for vector in VECTORS if "token" not in vector["input"]]


def identity(vector: Vector) -> str:
    return f"{vector['source']} {vector['section']}: {vector['description']}"


def key_set(vector: Vector) -> KeySet:
    return KeySet.from_jwks(
        vector["input"]["jwks"], symmetric=vector["input"].get("symmetric", False)
    )


def every(vectors: list[Vector], verdict: str) -> pytest.MarkDecorator:
    judged = [vector for vector in vectors if vector["verdict"] == verdict]
    return pytest.mark.parametrize("vector", judged, ids=identity)


@pytest.mark.conforms(96)
@every(OF_TOKENS, "accepted")
def test_an_accepted_token_of_the_rfc_verifies(vector: Vector) -> None:
    verified = verify(vector["input"]["token"], key_set(vector), vector["algorithms"])
    assert verified == Verified(vector["header"], vector["payload"].encode("utf-8"))


@every(OF_TOKENS, "accepted")
def test_an_accepted_token_is_refused_with_any_segment_touched(vector: Vector) -> None:
    keys, segments = key_set(vector), vector["input"]["token"].split(".")
    for place, segment in enumerate(segments):
        touched = [
            *segments[:place],
            ("e" if segment[0] != "e" else "f") + segment[1:],
            *segments[place + 1 :],
        ]
        with pytest.raises(InvalidToken):
            verify(".".join(touched), keys, vector["algorithms"])


@every(OF_TOKENS, "refused")
def test_a_token_is_refused_for_its_reason(vector: Vector) -> None:
    keys = key_set(vector)
    with pytest.raises(InvalidToken) as refused:
        verify(vector["input"]["token"], keys, vector["algorithms"])
    assert refused.value.reason == vector["reason"]


@every(OF_KEYS, "accepted")
def test_a_key_set_lists_its_usable_and_skipped_keys(vector: Vector) -> None:
    keys = key_set(vector)
    assert sorted(keys.kids) == vector["kids"]
    assert {str(skipped.position): skipped.reason for skipped in keys.skipped} == vector["skipped"]


@every(OF_KEYS, "refused")
def test_a_key_set_without_a_usable_key_is_refused_with_every_reason(vector: Vector) -> None:
    with pytest.raises(ValueError, match="no usable key") as refused:
        key_set(vector)
    assert str(refused.value) == vector["reason"]


def test_every_section_has_a_vector_under_its_own_rfc() -> None:
    assert {
        name: {vector["section"] for vector in vectors} for name, vectors in FILES.items()
    } == SECTIONS
    for name, vectors in FILES.items():
        assert {vector["source"] for vector in vectors} == {f"RFC {name[3:7]}"}


def test_every_vector_has_a_name_of_its_own() -> None:
    assert len({identity(vector) for vector in VECTORS}) == len(VECTORS)
