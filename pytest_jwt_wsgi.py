"""The pytest plugin of jwt-wsgi: the fixtures `jwt_clock`, `jwt_key` and `jwt_issuer`.

This module is outside the package, and only its fixtures import the package. A test run without
the fixtures loads nothing of it, and coverage tools start before it is imported.
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
    """The first RS256 key of every `jwt_issuer`, made once because that takes a while."""
    from jwt_wsgi.testing import SigningKey

    return SigningKey("RS256")


@pytest.fixture
def jwt_issuer(jwt_clock: Clock, jwt_key: SigningKey) -> LocalIssuer:
    """An issuer of real tokens that uses `jwt_clock`; each test has its own."""
    from jwt_wsgi.testing import LocalIssuer

    return LocalIssuer(keys=[jwt_key], clock=jwt_clock)
