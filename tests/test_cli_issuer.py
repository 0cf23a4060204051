"""`jwt-wsgi issuer` as a process on a socket: its tokens, its clients, and its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import contextmanager

import pytest
import urllib3
from command_line import command, environment

from jwt_wsgi import Issuer, Verifier
from jwt_wsgi.cli.minting import MintingIssuer
from jwt_wsgi.jose.raw_keys import UNAVAILABLE
from jwt_wsgi.testing import LocalIssuer

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


@contextmanager
def started(*words):
    process = subprocess.Popen(
        command("issuer", *words),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        # A person ends it with Ctrl-C.
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)


@pytest.fixture(scope="module")
def served():
    words = ["--json", "--audience", "https://mine.test"]
    for algorithm in ("ES256", "RS256", "Ed448", "ML-DSA-87"):
        if algorithm not in UNAVAILABLE:
            words += ["--algorithm", algorithm]
    with started(*words) as process:
        yield json.loads(process.stdout.readline())


def ask(url, body=b"", headers=None, method="POST"):
    return urllib3.request(
        method, url, body=body, headers=headers or FORM, timeout=60, retries=False
    )


def test_a_minted_token_is_verified_by_discovery(served):
    answer = ask(served["token_endpoint"], b"scope=read%3Amessages&sub=alice&expires_in=60").json()
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == (
        "Bearer",
        60,
        "read:messages",
    )
    verifier = Verifier(
        Issuer(served["issuer"], audience="https://mine.test", algorithms=["ES256"])
    )
    auth = verifier.verify(answer["access_token"])
    assert (auth.subject, auth.scopes) == ("alice", frozenset({"read:messages"}))


def test_a_json_request_chooses_claims_and_algorithm(served):
    body = json.dumps(
        {"algorithm": "RS256", "audience": "b", "claims": {"org": "acme", "sub": None}}
    ).encode()
    token = ask(served["token_endpoint"], body, JSON).json()["access_token"]
    claims = Verifier(Issuer(served["issuer"], audience="b")).verify(token).claims
    assert claims["org"] == "acme"
    assert "sub" not in claims


@pytest.mark.parametrize("algorithm", ["Ed448", "ML-DSA-87"])
def test_a_token_of_a_newer_algorithm_is_verified_by_discovery(served, algorithm):
    body = json.dumps({"algorithm": algorithm, "sub": "alice"}).encode()
    token = ask(served["token_endpoint"], body, JSON).json()["access_token"]
    issuer = Issuer(served["issuer"], audience="https://mine.test", algorithms=[algorithm])
    assert Verifier(issuer).verify(token).subject == "alice"


def test_the_metadata_names_the_token_endpoint(served):
    metadata = ask(served["issuer"] + ".well-known/openid-configuration", method="GET").json()
    algorithms = metadata.pop("dpop_signing_alg_values_supported")
    assert metadata.pop("introspection_endpoint") == served["issuer"] + "introspect"
    assert metadata == {name: served[name] for name in ("issuer", "jwks_uri", "token_endpoint")}
    assert "ES256" in algorithms


@pytest.mark.parametrize(
    ("body", "headers", "message"),
    [
        pytest.param(b"expires_in=soon", FORM, "expires_in: write seconds", id="not a number"),
        pytest.param(b'{"expires_in": true}', JSON, "expires_in: write seconds", id="a boolean"),
        pytest.param(b"expires_in=nan", FORM, "expires_in: write seconds", id="NaN"),
        pytest.param(b"expires_in=1e30", FORM, "expires_in: write seconds", id="too long"),
        pytest.param(
            b"algorithm=HS256",
            FORM,
            "algorithm: choose from ES256, RS256",
            id="an algorithm without a key",
        ),
        pytest.param(b"scpoe=a", FORM, "unknown member: choose from scope", id="an unknown member"),
        pytest.param(b"scope=a&scope=b", FORM, "a member is repeated", id="twice"),
        pytest.param(b"[]", JSON, "not a JSON object", id="not an object"),
        pytest.param(b'{"scope": 1}', JSON, "scope: write text", id="a number for a scope"),
        pytest.param(
            b'{"claims": []}', JSON, "claims: write an object", id="claims that are not an object"
        ),
        pytest.param(
            b'{"claims": {"header": 1}}', JSON, "leave out the reserved names", id="a reserved name"
        ),
        pytest.param(b"scope=%ff", FORM, "", id="not UTF-8"),
        pytest.param(b"x" * 4097, FORM, "at most 4096 bytes", id="too many bytes"),
        pytest.param(b"scope=a", {"Content-Type": "text/plain"}, "send a form", id="another type"),
    ],
)
def test_a_wrong_token_request_is_400(served, body, headers, message):
    answer = ask(served["token_endpoint"], body, headers)
    assert answer.status == 400
    assert answer.json()["error"] == "invalid_request"
    assert message in answer.json()["error_description"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 200, id="its own name"),
        pytest.param({"Host": "localhost:3000"}, 200, id="another name of loopback"),
        pytest.param({"Host": "evil.example"}, 403, id="a rebound name"),
        pytest.param({"Host": "127.0.0.1.evil.example"}, 403, id="a name that begins as loopback"),
        pytest.param({"X-Forwarded-For": "127.0.0.1"}, 403, id="through a proxy"),
        pytest.param({"Via": "1.1 proxy"}, 403, id="through another proxy"),
        pytest.param({"Origin": "http://localhost:5173"}, 200, id="a page of loopback"),
        pytest.param({"Origin": "https://evil.example"}, 403, id="a page of another site"),
        pytest.param({"Origin": "null"}, 403, id="a page without an origin"),
    ],
)
def test_only_loopback_clients_and_pages_get_a_token(served, headers, status):
    answer = ask(served["token_endpoint"], headers={**FORM, **headers})
    assert answer.status == status
    assert ("access_token" in answer.json()) == (status == 200)
    allowed = headers.get("Origin") if status == 200 else None
    assert answer.headers.get("Access-Control-Allow-Origin") == allowed


def test_another_machine_is_refused_even_with_a_loopback_name():
    environ = {
        "REMOTE_ADDR": "192.0.2.1",
        "HTTP_HOST": "localhost",
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/token",
    }
    seen = []
    MintingIssuer(LocalIssuer())(environ, lambda *start: seen.append(start))
    assert seen[0][0] == "403 Forbidden"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("OPTIONS", "token", 204),
        ("GET", "token", 405),
        ("PUT", ".well-known/jwks.json", 405),
        ("HEAD", ".well-known/jwks.json", 200),
        ("GET", "elsewhere", 404),
    ],
)
def test_methods_and_paths(served, method, path, status):
    assert ask(served["issuer"] + path, method=method).status == status


def test_a_port_in_use_is_a_usage_error(served):
    port = served["issuer"].rsplit(":", 1)[1].strip("/")
    with started("--port", port) as process:
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert (
        errors
        == f"jwt-wsgi issuer: --port {port}: Address already in use; choose a free port, or leave it out\n"
    )


def test_ctrl_c_ends_it_with_0_after_the_greeting():
    with started() as process:
        lines = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "\n")
    assert "curl -d scope=read:messages" in lines[2]


def test_ctrl_c_ends_any_other_command_with_130(tmp_path):
    fifo = tmp_path / "token"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        command("inspect", "--token-file", fifo), env=environment(), stderr=subprocess.PIPE
    )
    try:
        # Opening the pipe waits for the reader, which then waits for a token that never comes.
        with fifo.open("wb"):
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, errors) == (130, b"\n")
