"""The keys that the installed cryptography may lack, and how that is found out."""

from __future__ import annotations

import json
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import needs_ml_dsa
from cryptography.exceptions import UnsupportedAlgorithm

from jwt_wsgi import RemoteJWKS
from jwt_wsgi.jose import raw_keys
from jwt_wsgi.jose.algorithms import ALGORITHMS, remedy_for
from jwt_wsgi.jose.compact import MAX_TOKEN_BYTES
from jwt_wsgi.jose.raw_keys import RAW_KEYS, find_classes, find_remedies, name_of
from jwt_wsgi.testing import LocalIssuer, SigningKey

ML_DSA = {"ML-DSA-44", "ML-DSA-65", "ML-DSA-87"}


class Unsupported:
    """A class of keys whose algorithm the cryptographic library lacks."""

    @staticmethod
    def from_public_bytes(_octets: bytes) -> None:
        raise UnsupportedAlgorithm("not supported by this backend")


def without_module(name: str) -> Any:
    if name.endswith(".mldsa"):
        raise ImportError(name)
    return import_module(name)


def without_classes(name: str) -> Any:
    return SimpleNamespace() if name.endswith(".mldsa") else import_module(name)


def without_backend(name: str) -> Any:
    if name.endswith(".ed448"):
        return SimpleNamespace(Ed448PublicKey=Unsupported)
    if name.endswith(".mldsa"):
        return SimpleNamespace(**{RAW_KEYS[kind].class_name: Unsupported for kind in ML_DSA})
    return import_module(name)


@pytest.mark.parametrize(
    ("importer", "lacking"),
    [
        pytest.param(import_module, set(), id="everything"),
        pytest.param(without_module, ML_DSA, id="cryptography 46, without the module"),
        pytest.param(without_classes, ML_DSA, id="the module without the classes"),
        pytest.param(without_backend, {"Ed448", *ML_DSA}, id="a library without the algorithms"),
    ],
)
@needs_ml_dsa
def test_what_the_installation_lacks_is_found(importer: Any, lacking: set[str]) -> None:
    classes = find_classes(importer)
    assert classes.keys() == RAW_KEYS.keys() - lacking
    remedies = find_remedies(classes)
    assert remedies.keys() == lacking
    assert all("cryptography" in remedy for remedy in remedies.values())


@needs_ml_dsa
def test_an_algorithm_has_the_remedy_of_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [name for name in ALGORITHMS if remedy_for(name)] == []
    monkeypatch.setattr("jwt_wsgi.jose.algorithms.UNAVAILABLE", dict.fromkeys(RAW_KEYS, "newer"))
    lacking = {name for name in ALGORITHMS if remedy_for(name)}
    assert lacking == {"EdDSA", "Ed25519", "Ed448", *ML_DSA}


@pytest.mark.parametrize("name", RAW_KEYS)
def test_a_key_has_the_name_of_its_curve_or_parameter_set(
    every_algorithm: LocalIssuer, name: str
) -> None:
    public_key = every_algorithm.key(name).private.public_key()
    assert name_of(public_key) == name
    assert len(public_key.public_bytes_raw()) == RAW_KEYS[name].octets


def test_other_keys_have_no_name(every_algorithm: LocalIssuer) -> None:
    assert name_of(every_algorithm.key("RS256").private.public_key()) is None
    assert name_of(b"a secret") is None


@needs_ml_dsa
def test_the_largest_keys_and_tokens_fit_the_default_bounds(every_algorithm: LocalIssuer) -> None:
    largest = every_algorithm.key("ML-DSA-87")
    entries = [{**(largest.jwk or {}), "kid": f"key-{number}"} for number in range(100)]
    document = json.dumps({"keys": entries}).encode()
    source = RemoteJWKS("https://issuer.test/jwks", fetch=lambda _: document)
    assert source.find("key-99", "ML-DSA-87")
    held = source.held()
    assert held is not None
    assert len(held.keys) == 100
    assert len(every_algorithm.token("a b", algorithm="ML-DSA-87")) < MAX_TOKEN_BYTES / 2


def test_a_signing_key_that_the_installation_lacks_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(raw_keys.UNAVAILABLE, "Ed448", "install something newer")
    with pytest.raises(ValueError, match=r"algorithm='Ed448'.*install something newer"):
        SigningKey("Ed448")
    with pytest.raises(ValueError, match="install something newer"):
        LocalIssuer(algorithms=("Ed448",))
