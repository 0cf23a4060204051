"""Honest traffic: no refusal of thousands of paths of published APIs, standards and frameworks.

`tests/honest/` lists them with their sources. `refused.tsv` lists the ones that the path rule
refuses nevertheless.
"""

from __future__ import annotations

import http.client
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import pytest
from environs import environ
from honest.regenerate import SOURCES
from webtest.http import StopableWSGIServer

from jwt_wsgi import AUTHENTICATED, InvalidRequest, Issuer, Policy, StaticJWKS, protect
from jwt_wsgi.testing import LocalIssuer

LISTS = Path(__file__).with_name("honest")
DEADLINE = 60.0  # seconds, for one answer of a busy machine


def rows(name: str) -> list[list[str]]:
    lines = (LISTS / name).read_text("utf-8").splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


def heading(name: str) -> str:
    return "\n".join(
        line for line in (LISTS / name).read_text("utf-8").splitlines() if line.startswith("#")
    )


FROM_PACKAGES, BY_HAND, REFUSED = map(rows, ("from_packages.tsv", "by_hand.tsv", "refused.tsv"))
PATHS = list(dict.fromkeys(path for path, _ in FROM_PACKAGES + BY_HAND))


def path_info(path: str) -> str:
    """Return the `PATH_INFO` of a path; PEP 3333 hands over its bytes as Latin-1."""
    return unquote_to_bytes(path).decode("latin-1")


def segments(path: str) -> list[str]:
    """Return the decoded segments of a path; a trailing slash is dropped."""
    return unquote(path, errors="strict").removesuffix("/").split("/")[1:]


DEEPEST = max(len(segments(path)) for path in PATHS)
#: One rule for each depth, so that a match has every segment as a parameter.
BY_DEPTH = Policy({
    "/" + "/".join(f"{{s{i}}}" for i in range(depth)): AUTHENTICATED for depth in range(DEEPEST + 1)
})  # fmt: skip


def requested(path: str) -> dict[str, Any]:
    return environ(PATH_INFO=path_info(path))


def test_there_are_thousands_of_paths_and_clients_may_send_each() -> None:
    assert len(PATHS) >= 3000
    for path in PATHS + [path for path, *_ in REFUSED]:
        assert re.fullmatch(r"/[!$-;=@-~]*", path), (
            path
        )  # ASCII, without query, fragment, space and what quotes


def test_every_path_names_a_source_that_the_list_tells_of() -> None:
    for name, listed in (("from_packages.tsv", FROM_PACKAGES), ("by_hand.tsv", BY_HAND)):
        sources = set(re.findall(r"^# (\S+?)(?: [\d.]+)?: ", heading(name), re.MULTILINE))
        assert {source for _, source in listed} == sources
    counted = dict(
        re.findall(r"^# (\S+) [\d.]+: (\d+) of", heading("from_packages.tsv"), re.MULTILINE)
    )
    assert counted.keys() == SOURCES.keys()
    assert Counter(source for _, source in FROM_PACKAGES) == {
        name: int(count) for name, count in counted.items()
    }


@pytest.mark.parametrize(
    "form",
    [
        "%2F", "%20", "%25", "%C3%A9", "cafe%CC%81", "%F0%9F", "%E2%80%8D", "%5C", "%7C", "%3C", "@", "%40", ":", "%3A",
        ";", ",", "=", "+", "%2B", "~", "!", "$", "&", "'", "(", "*", "..", "/.", "%D7%A2", "%5B", "[", "%7B",
    ],
)  # fmt: skip
def test_the_paths_hold_every_form_of_honest_identifiers(form: str) -> None:
    assert sum(form in path for path in PATHS) >= 1


def test_no_path_is_refused_and_its_segments_are_those_of_the_path() -> None:
    refused = []
    for path in PATHS:
        try:
            match = BY_DEPTH.match(requested(path))
        except InvalidRequest as refusal:
            refused.append((path, refusal.expected))
            continue
        assert list(match.params.values()) == segments(path), path
        assert match.requirement is AUTHENTICATED
    assert refused == []


def test_a_rule_for_the_root_decides_them_all() -> None:
    policy = Policy({"/": AUTHENTICATED})
    assert {policy.match(requested(path)).rule for path in PATHS} == set(policy.rules)


@pytest.mark.parametrize(("path", "lacking", "_seen"), REFUSED, ids=[path for path, *_ in REFUSED])
def test_an_honest_path_with_two_readings_is_refused_for_a_known_reason(
    path: str, lacking: str, _seen: str
) -> None:
    with pytest.raises(InvalidRequest, match="path_ambiguous") as refused:
        BY_DEPTH.match(requested(path))
    assert refused.value.expected == lacking


def test_a_tail_accepts_every_honest_path_with_an_empty_segment_u28() -> None:
    policy = Policy({"/{rest...}": AUTHENTICATED})
    for path, lacking, _ in REFUSED:
        if lacking == "no empty segment":
            assert policy.match(requested(path)).requirement is AUTHENTICATED
            continue
        with pytest.raises(InvalidRequest, match="path_ambiguous"):
            policy.match(requested(path))


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("/web/{date}/{url...}", "/web/2020/http://example.com/"),
        ("/web/{date}/{url...}", "/web/2020/http%3A%2F%2Fexample.com%2F"),
        ("/webmasters/v3/sites/{rest...}",
         "/webmasters/v3/sites/https%3A%2F%2Fwww.example.com%2F/searchAnalytics/query"),
        ("/image-service/{rest...}",
         "/image-service/https%3A%2F%2Fexample.com%2Fa.tif/full/max/0/default.jpg"),
        ("/bucket/{key...}", "/bucket/backup//2024/dump.sql"),
        ("/b64/{text...}", "/b64/ab%2F%2Fcd"),
        ("/metrics/job/{rest...}", "/metrics/job/directory_cleaner/path//var/tmp"),
    ],
    ids=lambda text: f"U28 {text}",
)  # fmt: skip
def test_the_tail_of_an_honest_path_can_be_written_where_it_begins(key: str, path: str) -> None:
    rules = {key: AUTHENTICATED, "/": AUTHENTICATED}
    match = Policy(rules).match(requested(path))
    assert (match.rule and match.rule.key) == key
    with pytest.raises(InvalidRequest, match="path_ambiguous"):
        Policy({"/": AUTHENTICATED}).match(requested(path))


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    return [
        json.dumps([environ["PATH_INFO"], dict(environ["jwt_wsgi.rule"].params)]).encode("ascii")
    ]


@pytest.fixture(scope="module")
def server(local: LocalIssuer) -> Iterator[StopableWSGIServer]:
    """Start waitress with all three layers, and an application that echoes its path."""
    issuer = Issuer(local.issuer, audience=local.audience, keys=StaticJWKS(local.jwks))
    running = StopableWSGIServer.create(
        protect(echo, issuer=issuer, rules=BY_DEPTH), host="127.0.0.1", threads=1
    )
    yield running
    running.shutdown()


@pytest.mark.slow
def test_no_path_is_refused_behind_a_server_either(
    server: StopableWSGIServer, local: LocalIssuer
) -> None:
    connection = http.client.HTTPConnection(
        server.effective_host, int(server.effective_port), timeout=DEADLINE
    )
    headers = {"Authorization": f"Bearer {local.token()}"}
    statuses: Counter[int] = Counter()
    sockets = set()
    for path in PATHS:
        connection.request("GET", path, headers=headers)
        sockets.add(connection.sock)
        response = connection.getresponse()
        body = response.read()
        statuses[response.status] += 1
        assert response.status == 200, (path, body)
        reached, params = json.loads(body)
        assert reached == path_info(path)
        assert list(params.values()) == segments(path)
    assert statuses == {200: len(PATHS)}
    assert len(sockets) == 1
    for path, *_ in REFUSED:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        response.read()
        assert response.status == 400, path
    connection.close()
