"""Any octets as a JWKS or PEM: a `ValueError` that quotes none, or keys that verify nothing forged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from jwt_wsgi.jose import KeySet
from jwt_wsgi.jose.algorithms import ALGORITHMS, SYMMETRIC
from jwt_wsgi.jose.keys import MAX_CANDIDATES
from jwt_wsgi.jose.pem import is_pem
from jwt_wsgi.jose.strict_json import read_document

FORGED = [b"", b"\0", bytes(64), b"\x01" * 64, b"\xff" * 256]
#: Characters; shorter ones may stand in an honest sentence.
QUOTABLE = 24


def one_input(octets: bytes) -> None:
    if is_pem(octets):
        _read_pem(octets)
        return
    try:
        jwks = read_document(octets)
    except ValueError as error:
        _check_text(str(error), [octets[:QUOTABLE].decode("latin-1")])
        return
    for symmetric in (False, True):
        try:
            keys = KeySet.from_jwks(jwks, symmetric=symmetric)
        except ValueError as error:
            _check_text(str(error), _texts(jwks))
        else:
            _check_text(repr([skipped.reason for skipped in keys.skipped]), _texts(jwks))
            _check(keys, symmetric)


def _read_pem(octets: bytes) -> None:
    # A label may be quoted, so that only the lines between the labels count.
    lines = [line for line in octets.decode("latin-1").splitlines() if "-----" not in line]
    try:
        keys = KeySet.from_pem(octets)
    except ValueError as error:
        _check_text(str(error), lines)
    else:
        assert not keys.symmetric
        _check(keys, symmetric=False)


def _check_text(said: str, texts: Iterable[str]) -> None:
    assert not any(text in said for text in texts if len(text) >= QUOTABLE)


def _check(keys: KeySet, symmetric: bool) -> None:
    assert keys.keys
    assert keys.algorithms <= ALGORITHMS.keys()
    assert keys.symmetric is not keys.algorithms.isdisjoint(SYMMETRIC)
    assert symmetric or not keys.symmetric
    assert keys.algorithms <= SYMMETRIC or not keys.symmetric
    for key in keys.keys[:2]:
        assert key.algorithms
        for alg in key.algorithms:
            assert 0 < len(keys.find(key.kid, alg)) <= MAX_CANDIDATES
            assert not any(key.verifies(alg, b"message", signature) for signature in FORGED)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
