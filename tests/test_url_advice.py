"""The advice of an error about a URL works at the place where the error appears (row D8)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jwt_wsgi import AUTHENTICATED, Issuer, RemoteJWKS, protect
from jwt_wsgi.paste import filter_app_factory
from jwt_wsgi.presets import auth0, keycloak

HTTP = "http://login.example.com/"
HTTPS = "https://login.example.com/"
NAME = "login.example.com"
RULES = {"/": AUTHENTICATED}

Make = Callable[[], object]


def guarded(issuer: str | Issuer, audience: str | None = None) -> object:
    return protect(
        lambda environ, start_response: [], issuer=issuer, audience=audience, rules=RULES
    )


# The place, the advice, and a call that follows it.
ADVICE: dict[str, tuple[Make, str, Make]] = {
    "D8 RemoteJWKS over http": (
        lambda: RemoteJWKS(HTTP),
        "with allow_http=True",
        lambda: RemoteJWKS(HTTP, allow_http=True),
    ),
    "D8 RemoteJWKS of a name": (
        lambda: RemoteJWKS(NAME),
        "write an https URL",
        lambda: RemoteJWKS(HTTPS),
    ),
    "D8 discovered over http": (
        lambda: RemoteJWKS.discovered(HTTP),
        "with allow_http=True",
        lambda: RemoteJWKS.discovered(HTTP, allow_http=True),
    ),
    "D8 discovered from a name": (
        lambda: RemoteJWKS.discovered(NAME),
        "write an https URL",
        lambda: RemoteJWKS.discovered(HTTPS),
    ),
    "D8 Issuer over http": (
        lambda: Issuer(HTTP, audience="a"),
        f"write Issuer({HTTP!r}, audience=…, allow_http=True)",
        lambda: Issuer(HTTP, audience="a", allow_http=True),
    ),
    "D8 Issuer of a name": (
        lambda: Issuer(NAME, audience="a"),
        f"name the keys: Issuer({NAME!r}, audience=…, keys=RemoteJWKS('https://…'))",
        lambda: Issuer(NAME, audience="a", keys=RemoteJWKS(HTTPS)),
    ),
    "D8 Issuer with a query": (
        lambda: Issuer(HTTPS + "?tenant=a", audience="a"),
        "name the keys: Issuer(",
        lambda: Issuer(HTTPS + "?tenant=a", audience="a", keys=RemoteJWKS(HTTPS)),
    ),
    "D8 protect over http": (
        lambda: guarded(HTTP, "a"),
        f"write Issuer({HTTP!r}, audience=…, allow_http=True)",
        lambda: guarded(Issuer(HTTP, audience="a", allow_http=True)),
    ),
    "D8 protect of a name": (
        lambda: guarded(NAME, "a"),
        f"name the keys: Issuer({NAME!r}, audience=…, keys=RemoteJWKS('https://…'))",
        lambda: guarded(Issuer(NAME, audience="a", keys=RemoteJWKS(HTTPS))),
    ),
    "D8 Keycloak over http": (
        lambda: keycloak(HTTP, "main", audience="a"),
        f"base_url={HTTP!r}: must be https (http only on loopback, or with allow_http=True)",
        lambda: keycloak(HTTP, "main", audience="a", allow_http=True),
    ),
    "D8 Keycloak of a name": (
        lambda: keycloak(NAME, "main", audience="a"),
        f"base_url={NAME!r}: write an https URL",
        lambda: keycloak(HTTPS, "main", audience="a"),
    ),
    "D8 Auth0 of a URL": (
        lambda: auth0(HTTPS, audience="a"),
        "write the host alone",
        lambda: auth0(NAME, audience="a"),
    ),
}


@pytest.mark.parametrize(("wrong", "advice", "followed"), ADVICE.values(), ids=ADVICE)
def test_the_advice_works_where_it_is_given(wrong: Make, advice: str, followed: Make) -> None:
    with pytest.raises(ValueError, match="=") as error:
        wrong()
    assert advice in str(error.value)
    assert followed()


def test_protect_does_not_advise_an_option_that_it_lacks_d8() -> None:
    with pytest.raises(ValueError, match="must be https") as error:
        guarded(HTTP, "a")
    assert "with allow_http=True" not in str(error.value)
    with pytest.raises(TypeError):
        protect(lambda environ, start_response: [], issuer=HTTP, allow_http=True, rules=RULES)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"issuer": HTTP}, id="D8 issuer"),
        pytest.param({"issuer": HTTPS, "jwks_uri": HTTP}, id="D8 jwks_uri"),
    ],
)
def test_paste_does_not_advise_an_option_that_it_lacks(
    settings: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "policy.toml").write_text('[rules]\n"/" = "AUTHENTICATED"\n')
    values = {"audience": "a", "policy": "policy.toml", **settings}

    def make(**changed: str) -> object:
        here = {"here": str(tmp_path)}
        return filter_app_factory(lambda environ, start: [], here, **{**values, **changed})

    with pytest.raises(ValueError, match=r"must be https, except on loopback$"):
        make()
    assert make(**dict.fromkeys(settings, HTTPS))
