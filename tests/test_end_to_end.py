"""The journey of a token from Authlib's server to app.py, each a process of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

import authorization_server as issuing
import pytest
import requests
from ports import free_port
from running_app import APP, DEADLINE, Running, running
from token_parts import altered, part

PLACES = ("public", "private", "private-scoped")
SERVING = r"Serving on (http://\S+)\n"


class Journey:
    """A client of both servers; what it was answered goes into the report of a failure."""

    def __init__(self, http: requests.Session, issuer: str, api: str) -> None:
        self._http = http
        self._issuer = issuer
        self._api = api

    def token(self, scope: str) -> str:
        """A token through the client-credentials grant (RFC 6749 §4.4)."""
        answer = self._http.post(
            f"{self._issuer}/token",
            auth=(issuing.CLIENT_ID, issuing.CLIENT_SECRET),
            data={"grant_type": "client_credentials", "scope": scope},
            timeout=DEADLINE,
        )
        print(answer.status_code, answer.url, answer.text)
        return answer.json()["access_token"]

    def rotate(self) -> None:
        """From now on another key signs, and is the only one published."""
        self._http.post(f"{self._issuer}/rotate", timeout=DEADLINE).raise_for_status()

    def get(self, path: str, token: str | None = None) -> requests.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        answer = self._http.get(f"{self._api}{path}", headers=headers, timeout=DEADLINE)
        print(answer.status_code, answer.url, answer.headers, answer.text)
        return answer


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Running]]:
    logs = tmp_path_factory.mktemp("servers")
    with running(logs / "issuer", issuing.__file__, "0") as issuer:
        trusted = {"ISSUER_BASE_URL": issuer.says(SERVING)[1], "AUDIENCE": issuing.AUDIENCE}
        with running(logs / "api", APP, PORT=str(free_port()), **trusted) as api:
            yield issuer, api


@pytest.fixture
def journey(servers: tuple[Running, Running]) -> Iterator[Journey]:
    with requests.Session() as http:
        http.trust_env = False
        yield Journey(http, *(server.says(SERVING)[1] for server in servers))
    # A failed test's report shows it.
    for server in servers:
        print(server.output)


def test_the_server_issues_access_tokens_as_rfc_9068_has_them(journey):
    token = journey.token("read:messages")
    assert part(token, 0).keys() == {"alg", "typ", "kid"}
    assert part(token, 0)["typ"] == "at+jwt"
    required = {"iss", "exp", "aud", "sub", "client_id", "iat", "jti"}
    assert part(token, 1).keys() == required | {"scope"}


@pytest.mark.conforms(1, 58)
def test_a_token_with_the_scope_opens_all_three_endpoints(journey):
    token = journey.token("read:messages")
    answers = [journey.get(f"/api/{place}", token) for place in PLACES]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    subjects = [answer.json().get("subject") for answer in answers]
    assert subjects == [None, issuing.CLIENT_ID, issuing.CLIENT_ID]
    assert answers[2].json()["message"].endswith("grants read:messages.")


def test_a_refusal_names_the_scope_that_the_token_lacks(journey):
    token = journey.token("read:profile")
    assert journey.get("/api/private", token).status_code == 200
    answer = journey.get("/api/private-scoped", token)
    assert answer.status_code == 403
    assert answer.json()["error"] == "insufficient_scope"
    scheme, _, parameters = answer.headers["WWW-Authenticate"].partition(" ")
    assert scheme == "Bearer"
    assert dict(re.findall(r'(\w+)="([^"]*)"', parameters)) == {
        "realm": "api",
        "error": "insufficient_scope",
        "error_description": answer.json()["error_description"],
        "scope": "read:messages",
    }


def test_without_a_token_only_the_public_endpoint_answers(journey):
    answers = [journey.get(f"/api/{place}") for place in PLACES]
    assert [answer.status_code for answer in answers] == [200, 401, 401]
    assert [answer.headers.get("WWW-Authenticate") for answer in answers] == [
        None,
        'Bearer realm="api"',
        'Bearer realm="api", scope="read:messages"',
    ]
    assert [answer.json().get("reason") for answer in answers[1:]] == ["missing_token"] * 2


@pytest.mark.conforms(56, 82)
def test_a_rotated_key_is_followed_without_a_restart(journey, servers):
    # Before the altered tokens, whose signatures would use up the fetches on demand.
    old = journey.token("read:messages")
    assert journey.get("/api/private-scoped", old).status_code == 200

    journey.rotate()
    new = journey.token("read:messages")
    assert part(new, 0)["kid"] != part(old, 0)["kid"]
    # The unknown kid refetches at once; the set that it brings no longer holds the old key.
    assert journey.get("/api/private-scoped", new).status_code == 200
    answer = journey.get("/api/private-scoped", old)
    assert (answer.status_code, answer.json()["reason"]) == (401, "kid_unknown")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert servers[1].process.poll() is None


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"scope": "read:messages"}, id="a scope more"),
        pytest.param({"sub": "somebody-else"}, id="another subject"),
        pytest.param({}, id="only spelt in another way"),
    ],
)
def test_a_token_whose_payload_was_altered_is_refused(journey, claims):
    token = altered(journey.token("read:profile"), **claims)
    for place in ("private", "private-scoped"):
        answer = journey.get(f"/api/{place}", token)
        assert (answer.status_code, answer.json()["reason"]) == (401, "signature_invalid")
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
        assert token.split(".")[1] not in answer.text + str(answer.headers)
