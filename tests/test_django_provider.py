"""The tokens of Django OAuth Toolkit, a process of its own, at a protected application.

Its access tokens are opaque, so an API that knows JWTs alone refuses them. Its ID tokens are for
the client, and are accepted only where that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import django_provider as issuing
import pytest
import requests
from code_grant import CodeGrant
from running_app import running
from token_parts import altered
from webtest import TestApp

from jwt_wsgi import AUTHENTICATED, Issuer, get_auth, protect

pytestmark = pytest.mark.slow

API = "https://api.example.com"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CodeGrant]:
    log = tmp_path_factory.mktemp("provider") / "log"
    with running(log, issuing.__file__) as provider, requests.Session() as http:
        http.trust_env = False
        yield CodeGrant(http, provider.says(r"Serving on (http://\S+)\n")[1], issuing)


@pytest.fixture(scope="module")
def tokens(client: CodeGrant) -> dict[str, str]:
    answer = client.tokens("openid read:messages")
    identity = answer["id_token"]
    return {
        "an access token": answer["access_token"],
        "an ID token": identity,
        "an altered ID token": altered(identity, sub="another"),
    }


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    auth = get_auth(environ)
    assert auth is not None
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(auth.claims["aud"]).encode()]


@pytest.mark.parametrize(
    ("audience", "allow_id_tokens", "name", "reason"),
    [
        pytest.param(API, False, "an access token", "token_malformed", id="opaque"),
        pytest.param(API, False, "an ID token", "audience_mismatch", id="an ID token"),
        pytest.param(
            issuing.CLIENT_ID, False, "an ID token", "id_token", id="the client as audience"
        ),
        pytest.param(API, True, "an ID token", "audience_mismatch", id="allowed, for the API"),
        pytest.param(
            issuing.CLIENT_ID, True, "an access token", "token_malformed", id="allowed, opaque"
        ),
        pytest.param(
            issuing.CLIENT_ID, True, "an altered ID token", "signature_invalid", id="altered"
        ),
        pytest.param(issuing.CLIENT_ID, True, "an ID token", None, id="allowed, for the client"),
    ],
)
def test_an_id_token_is_accepted_only_by_name_and_for_its_client(
    client: CodeGrant,
    tokens: dict[str, str],
    audience: str,
    allow_id_tokens: bool,
    name: str,
    reason: str | None,
) -> None:
    issuer = Issuer(client.issuer, audience=audience, allow_id_tokens=allow_id_tokens)
    app = TestApp(protect(application, issuer=issuer, rules={"/": AUTHENTICATED}))
    headers = {"Authorization": f"Bearer {tokens[name]}"}
    if reason is None:
        assert app.get("/", headers=headers).text == issuing.CLIENT_ID
    else:
        assert app.get("/", headers=headers, status=401).json["reason"] == reason
