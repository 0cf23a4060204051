"""The tokens of IdentityPython's OpenID provider, a process of its own, at a protected application.

`test_end_to_end.py` tells the same of Authlib's server, whose tokens are those of RFC 9068. This
provider is discovered by OpenID Connect, and its access tokens and ID tokens look alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import openid_provider as issuing
import pytest
import requests
from code_grant import CodeGrant
from running_app import DEADLINE, running
from token_parts import altered, part
from webtest import TestApp

from jwt_wsgi import AUTHENTICATED, Issuer, get_auth, protect, scope

pytestmark = pytest.mark.slow

API, OTHER_API = issuing.RESOURCES
#: The claim that tells access tokens from ID tokens, which have the same `typ` and audience.
ACCESS_TOKEN = {"token_class": "access_token"}
LEEWAY = 30
HOUR = 3600


class Client(CodeGrant):
    """A client of the provider."""

    def __init__(self, http: requests.Session, issuer: str, algorithm: str) -> None:
        super().__init__(http, issuer, issuing)
        self.algorithm = algorithm

    def access_token(self, scopes: str = "openid read:messages", resource: str = API) -> str:
        return str(self.tokens(scopes, resource=resource)["access_token"])

    def id_token(self, **parameters: str) -> str:
        return str(self.tokens("openid read:messages", resource=API, **parameters)["id_token"])

    def rotate(self) -> None:
        """Make another key sign, and be the only one published."""
        self.http.post(f"{self.issuer}/rotate", timeout=DEADLINE).raise_for_status()


@pytest.fixture(scope="module", params=sorted(issuing.KEYS))
def client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    log = tmp_path_factory.mktemp("provider") / "log"
    with running(log, issuing.__file__, request.param) as provider, requests.Session() as http:
        http.trust_env = False
        yield Client(http, provider.says(r"Serving on (http://\S+)\n")[1], request.param)


def api(client: Client, clock: Callable[[], float] = time.time) -> TestApp:
    """Return an API that trusts the provider, and has fetched nothing yet."""

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        auth = get_auth(environ)
        assert auth is not None
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [auth.claims["client_id"].encode()]

    issuer = Issuer(client.issuer, audience=API, algorithms=[client.algorithm], claims=ACCESS_TOKEN)
    rules = {"/messages": scope("read:messages"), "/": AUTHENTICATED}
    return TestApp(protect(application, issuer=issuer, rules=rules, clock=clock))


def refusal(app: TestApp, token: str, path: str = "/") -> tuple[int, str | None]:
    """Return the status of the answer, and the reason of a refusal."""
    answer = app.get(path, headers={"Authorization": f"Bearer {token}"}, expect_errors=True)
    return answer.status_int, None if answer.status_int == 200 else answer.json["reason"]


PASSES = (200, None)


def test_an_access_token_opens_what_its_scopes_allow(client: Client) -> None:
    app = api(client)
    token = client.access_token()
    answer = app.get("/messages", headers={"Authorization": f"Bearer {token}"})
    assert answer.text == issuing.CLIENT_ID
    profile = client.access_token("openid read:profile")
    assert refusal(app, profile) == PASSES
    assert refusal(app, profile, "/messages") == (403, "insufficient_scope")


def test_the_audience_does_not_tell_access_tokens_from_id_tokens(client: Client) -> None:
    tokens = client.tokens("openid", resource=API)
    access, identity = part(tokens["access_token"], 1), part(tokens["id_token"], 1)
    assert API in access["aud"]
    assert API in identity["aud"]
    assert ACCESS_TOKEN.items() <= access.items()
    assert "token_class" not in identity


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        pytest.param(Client.id_token, "claim_missing", id="an ID token"),
        pytest.param(
            lambda client: client.id_token(nonce="a-nonce"),
            "claim_missing",
            id="an ID token with a nonce",
        ),
        pytest.param(
            lambda client: client.access_token(resource=OTHER_API),
            "audience_mismatch",
            id="a token for another API",
        ),
        pytest.param(
            lambda client: altered(client.access_token("openid"), scope="read:messages"),
            "signature_invalid",
            id="a scope more",
        ),
        pytest.param(
            lambda client: altered(client.id_token(), **ACCESS_TOKEN),
            "signature_invalid",
            id="an ID token that claims to be an access token",
        ),
    ],
)
def test_other_tokens_of_the_provider_are_refused(
    client: Client, token: Callable[[Client], str], reason: str
) -> None:
    assert refusal(api(client), token(client)) == (401, reason)


@pytest.mark.parametrize(
    ("later", "outcome"),
    [
        pytest.param(HOUR - LEEWAY, PASSES, id="before its end"),
        pytest.param(HOUR + 2 * LEEWAY, (401, "token_expired"), id="after its end"),
    ],
)
def test_a_token_is_good_for_the_hour_that_the_provider_says(
    client: Client, later: int, outcome: tuple[int, str | None]
) -> None:
    token = client.access_token()
    assert refusal(api(client, lambda: time.time() + later), token) == outcome


def test_a_rotated_key_of_the_provider_is_picked_up(client: Client) -> None:
    app = api(client)
    old = client.access_token()
    assert refusal(app, old) == PASSES
    client.rotate()
    new = client.access_token()
    assert part(new, 0)["kid"] != part(old, 0)["kid"]
    assert refusal(app, new) == PASSES
    assert refusal(app, old) == (401, "kid_unknown")
