"""The pytest plugin of jwt-wsgi: `jwt_clock`, `jwt_key` and `jwt_issuer`.

It stands outside the package, and imports it in the fixtures alone: a run of tests that uses none of
them loads nothing of it, and a measurement of coverage sees the package imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from jwt_wsgi.testing import Clock, LocalIssuer, SigningKey


@pytest.fixture
def jwt_clock() -> Clock:
    """A clock that stands still until the test moves it: `jwt_clock.advance(seconds)`."""
    from jwt_wsgi.testing import Clock

    return Clock()


@pytest.fixture(scope="session")
def jwt_key() -> SigningKey:
    """The RS256 key that every `jwt_issuer` begins with: it takes a while to make one."""
    from jwt_wsgi.testing import SigningKey

    return SigningKey("RS256")


@pytest.fixture
def jwt_issuer(jwt_clock: Clock, jwt_key: SigningKey) -> LocalIssuer:
    """An issuer of real tokens, on `jwt_clock`; every test has its own."""
    from jwt_wsgi.testing import LocalIssuer

    return LocalIssuer(keys=[jwt_key], clock=jwt_clock)
