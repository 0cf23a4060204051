"""Several key sources, asked in order."""

from __future__ import annotations

import pytest

from jwt_wsgi import KeysUnavailable, RemoteJWKS, StaticJWKS
from jwt_wsgi.jose import KeySet
from jwt_wsgi.jose.jwk import Key
from jwt_wsgi.jwks.source import KeySource, LocalFirst
from jwt_wsgi.testing import LocalIssuer, SigningKey

ONE, TWO = SigningKey("ES256", kid="one"), SigningKey("ES256", kid="two")


def static(*keys: SigningKey) -> StaticJWKS:
    return StaticJWKS({"keys": [key.jwk for key in keys]})


class Unavailable:
    """A source that can never tell."""

    def held(self) -> KeySet | None:
        return None

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        raise KeysUnavailable


def test_a_local_key_costs_no_fetch_and_an_unknown_one_does() -> None:
    remote = LocalIssuer(algorithms=("ES256",))
    source = LocalFirst([static(ONE), RemoteJWKS(remote.jwks_uri, fetch=remote.fetch)])
    assert source.find("one", "ES256")
    assert remote.requests == []
    assert source.find(remote.key().kid, "ES256")
    assert len(remote.requests) == 1


def test_the_first_that_has_a_key_answers() -> None:
    other = SigningKey("ES256", kid="one")
    [key] = LocalFirst([static(ONE), static(other)]).find("one", "ES256")
    assert key.verifies("ES256", b"x", ONE.sign(b"x"))


def test_a_source_that_cannot_tell_hides_no_key_behind_it() -> None:
    source = LocalFirst([Unavailable(), static(ONE)])
    assert source.find("one", "ES256")
    with pytest.raises(KeysUnavailable):
        source.find("two", "ES256")
    assert LocalFirst([static(ONE), static(TWO)]).find("three", "ES256") == ()


def test_what_is_held_is_one_object_until_a_source_changes() -> None:
    remote = LocalIssuer(algorithms=("ES256",))
    source = LocalFirst([static(ONE), RemoteJWKS(remote.jwks_uri, fetch=remote.fetch)])
    before = source.held()
    assert before is source.held() is not None
    assert before.kids == {"one"}
    source.find(remote.key().kid, "ES256")
    after = source.held()
    assert after is source.held() is not before
    assert after is not None
    assert after.kids == {"one", remote.key().kid}


def test_nothing_is_held_where_no_source_holds_anything() -> None:
    assert LocalFirst([Unavailable()]).held() is None


@pytest.mark.parametrize("source", [Unavailable(), static(ONE), LocalFirst([])], ids=lambda s: type(s).__name__)
def test_two_methods_make_a_source(source: object) -> None:
    assert isinstance(source, KeySource)
