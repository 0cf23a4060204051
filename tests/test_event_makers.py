"""Deliveries by the software of others and by the documents, through a real server."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openid_provider
import pytest
from event_makers import FORM_TYPE, RECEIVER, SET_TYPE, Maker, Receiving
from idpyoidc.server import Server
from idpyoidc.server.configure import OPConfiguration
from joserfc import jwt
from joserfc.jwk import ECKey
from serving import served

from jwt_wsgi import AUTHENTICATED, PUBLIC, Issuer, StaticJWKS, protect
from jwt_wsgi.revocation import DenyList, EventReceiver
from jwt_wsgi.stores import MemoryStore
from jwt_wsgi.testing import Clock, LocalIssuer

VECTORS = Path(__file__).parent / "recorded" / "logout_tokens.json"
DELIVERIES = json.loads(VECTORS.read_text("utf-8"))["deliveries"]


# --- logout tokens of oidc-provider


@pytest.mark.conforms(93)
@pytest.mark.parametrize("delivery", DELIVERIES)
def test_logout_tokens_of_oidc_provider_end_their_sessions(delivery: dict[str, Any]) -> None:
    clock = Clock(1_795_910_420.0)
    issuer = Issuer(
        "https://op.example.com",
        audience="https://api.example.com",
        keys=StaticJWKS(delivery["jwks"]),
        algorithms=[delivery["algorithm"]],
    )
    receiving = Receiving(clock, issuer, audience="reporting")
    with served(receiving.receiver) as port:
        status, _ = send(port, delivery["body"], delivery["content_type"])
    assert status == 200
    ends_session = delivery["session_required"]
    assert receiving.is_revoked(issuer.issuer, age=60, sid="session-1", sub="x") is ends_session
    assert receiving.is_revoked(issuer.issuer, age=60, sid="x") is not ends_session


# --- logout tokens of idpyoidc


@pytest.fixture(scope="module")
def provider() -> Server:
    """A provider of idpyoidc that logs out by back channel."""
    configuration = openid_provider._configuration("https://idp.example.com", "ES256")
    session = {"path": "session", "class": "idpyoidc.server.oidc.session.Session", "kwargs": {}}
    configuration["endpoint"]["session"] = session
    return Server(OPConfiguration(configuration, base_path="."))


@pytest.mark.conforms(93)
def test_logout_tokens_of_idpyoidc_end_their_session(provider: Server) -> None:
    client = {
        "client_id": openid_provider.CLIENT_ID,
        "backchannel_logout_uri": "https://api.example.com/events",
        "id_token_signed_response_alg": "ES256",
    }
    endpoint = provider.get_endpoint("session")
    _, token = endpoint.do_back_channel_logout(client, "session-1")
    keys = StaticJWKS(provider.keyjar.export_jwks())
    issuer = Issuer("https://idp.example.com", audience=RECEIVER, keys=keys, algorithms=["ES256"])
    receiving = Receiving(Clock(), issuer, audience=openid_provider.CLIENT_ID)
    with served(receiving.receiver) as port:
        # The form is that of idpyoidc's own request.
        status, _ = send(port, f"logout_token={token}", FORM_TYPE)
        again, _ = send(port, f"logout_token={token}", FORM_TYPE)
        other, _ = send(port, f"logout_token={token[:-4]}AAAA", FORM_TYPE)
    assert [status, again, other] == [200, 200, 400]
    assert receiving.is_revoked(issuer.issuer, age=5, sid="session-1")
    assert not receiving.is_revoked(issuer.issuer, age=5, sid="session-2")


# --- the examples of CAEP 1.0 and SSF 1.1, which joserfc signs

DOCUMENTED = {
    "CAEP 1.0, session-revoked, a simple subject": (
        {"format": "opaque", "id": "dMTlD|1600802906337.16|16008.16"},
        "session-revoked",
        {"sid": "dMTlD|1600802906337.16|16008.16"},
    ),
    "CAEP 1.0, session-revoked, a session": (
        {
            "format": "complex",
            "session": {"format": "opaque", "id": "dMTlD|1600802906337.16|16008.16"},
            "user": {
                "format": "iss_sub",
                "iss": "https://idp.example.com/123456789/",
                "sub": "99beb27c-c1c2-4955-882a-e0dc4996fcbc",
            },
            "tenant": {"format": "opaque", "id": "123456789"},
        },
        "session-revoked",
        {"sid": "dMTlD|1600802906337.16|16008.16"},
    ),
    "CAEP 1.0, session-revoked, a user's device": (
        {
            "format": "complex",
            "user": {
                "format": "iss_sub",
                "iss": "https://idp.example.com/123456789/",
                "sub": "user@example.com",
            },
            "device": {
                "format": "iss_sub",
                "iss": "https://idp.example.com/123456789/",
                "sub": "e9297990-14d2-42ec-a4a9-4036db86509a",
            },
            "tenant": {"format": "opaque", "id": "123456789"},
        },
        "session-revoked",
        {"sub": "user@example.com"},
    ),
    "CAEP 1.0, credential-change": (
        {
            "format": "iss_sub",
            "iss": "https://idp.example.com/123456789/",
            "sub": "user@example.com",
        },
        "credential-change",
        {"sub": "user@example.com"},
    ),
}


@pytest.mark.conforms(89)
@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_examples_of_the_documents_end_their_tokens(name: str) -> None:
    sub_id, event, ended = DOCUMENTED[name]
    clock = Clock(1_615_305_160.0)
    key = ECKey.generate_key("P-256", {"kid": "k", "alg": "ES256", "use": "sig"})
    issuer = Issuer(
        "https://idp.example.com/123456789/",
        audience="https://api.example.com",
        keys=StaticJWKS({"keys": [key.as_dict(private=False)]}),
        algorithms=["ES256"],
    )
    claims = {
        "iss": issuer.issuer,
        "jti": "24c63fb56e5a2d77a6b512616ca9fa24",
        "iat": 1615305159,
        "aud": RECEIVER,
        "txn": "8675309",
        "sub_id": sub_id,
        "events": {
            f"https://schemas.openid.net/secevent/caep/event-type/{event}": {
                "initiating_entity": "policy",
                "reason_admin": {"en": "Landspeed Policy Violation: C076E82F"},
                "event_timestamp": 1615304991,
            }
        },
    }
    token = jwt.encode({"alg": "ES256", "typ": "secevent+jwt", "kid": "k"}, claims, key)
    receiving = Receiving(clock, issuer)
    with served(receiving.receiver) as port:
        assert send(port, token, SET_TYPE) == (202, b"")
        assert send(port, [token[:100], token[100:]], SET_TYPE) == (202, b""), "chunked"
    assert receiving.is_revoked(issuer.issuer, iat=1615304991, **ended)
    assert not receiving.is_revoked(issuer.issuer, iat=1615304992, **ended)
    assert not receiving.is_revoked(issuer.issuer, iat=1615304991, sub="another", sid="another")
    assert [event.outcome for event in receiving.events] == ["accepted", "repeated"]


# --- a whole application on a real server


@pytest.fixture(scope="module")
def local() -> LocalIssuer:
    return LocalIssuer("https://idp.example.com/", algorithms=["ES256"])


def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def dispatcher(receiver: EventReceiver) -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> Any:
        chosen = receiver if environ["PATH_INFO"] == "/events" else hello
        return chosen(environ, start_response)

    return application


def test_an_event_ends_tokens_on_a_second_stack_within_cache_ttl(local: LocalIssuer) -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    here = DenyList(store, clock=clock)
    there = DenyList(store, clock=clock)
    receiver = EventReceiver(local.trusted(), here, audience=RECEIVER, clock=clock)
    rules = {"/events": PUBLIC, "/api": AUTHENTICATED}
    apps = [
        protect(
            dispatcher(receiver), issuer=local.trusted(), rules=rules, is_revoked=deny, clock=clock
        )
        for deny in (here, there)
    ]
    headers = local.headers(sub="user-1", iat=clock(), exp=clock() + 300)
    with served(apps[0]) as first, served(apps[1]) as second:
        assert [get(port, "/api", headers) for port in (first, second)] == [200, 200]
        event = Maker(local, clock).event()
        assert send(first, event, SET_TYPE, "/events") == (202, b"")
        assert [get(port, "/api", headers) for port in (first, second)] == [401, 200]
        clock.advance(1)
        assert [get(port, "/api", headers) for port in (first, second)] == [401, 401]
        clock.advance(1)
        later = local.headers(sub="user-1", iat=clock(), exp=clock() + 300)
        assert [get(port, "/api", later) for port in (first, second)] == [200, 200]


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_that_is_too_long_ends_at_the_server_or_at_the_receiver(
    local: LocalIssuer, chunked: bool
) -> None:
    clock = Clock()
    receiving = Receiving(clock, local.trusted())
    body: Any = ["x" * 50_000, "x" * 50_000] if chunked else "x" * 100_000
    with served(receiving.receiver) as port:
        status, answer = send(port, body, SET_TYPE)
        assert (status, json.loads(answer)["err"]) == (400, "invalid_request")
        assert send(port, Maker(local, clock).event(), SET_TYPE)[0] == 202


def send(port: int, body: str | list[str], content_type: str, path: str = "/") -> tuple[int, bytes]:
    """Post a body, chunked where it is a list."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        content: Any = body
        if isinstance(body, list):
            content = pieces(body)
        connection.request(
            "POST",
            path,
            content,
            {"Content-Type": content_type},
            encode_chunked=isinstance(body, list),
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def pieces(body: list[str]) -> Iterator[bytes]:
    for piece in body:
        yield piece.encode()


def get(port: int, path: str, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()
