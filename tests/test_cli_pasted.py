"""Requests as they are pasted: curl commands, header lines, whole requests. Nothing is executed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from command_line import POLICY, run
from hypothesis import given, settings
from hypothesis import strategies as st

from jwt_wsgi.cli.curl import is_curl, parse_curl
from jwt_wsgi.cli.pasted import is_request, parse_request
from jwt_wsgi.testing import LocalIssuer

LOCAL = LocalIssuer("https://issuer.test/", audience="https://api.test")
TOKEN = "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"
AUTHORIZATION = ("Authorization", f"Bearer {TOKEN}")
URL = "https://api.test/orders"

CURLS: dict[str, tuple[str, str, str, list[tuple[str, str]], bytes]] = {
    "F11 a URL": (f"curl {URL}", "GET", URL, [], b""),
    "F11 a prompt": (f"$ curl {URL}", "GET", URL, [], b""),
    "F11 a path to curl": (f"/usr/bin/curl {URL}", "GET", URL, [], b""),
    "F11 Windows": (f"curl.exe {URL}", "GET", URL, [], b""),
    "F11 without a scheme": ("curl api.test", "GET", "http://api.test/", [], b""),
    "F11 --url": (f"curl --url {URL}", "GET", URL, [], b""),
    "F11 --url=": (f"curl --url={URL}", "GET", URL, [], b""),
    "F11 -H": (f"curl -H 'Authorization: Bearer {TOKEN}' {URL}", "GET", URL, [AUTHORIZATION], b""),
    "F11 -H joined": (
        f"curl -sSLH'Authorization: Bearer {TOKEN}' {URL}",
        "GET",
        URL,
        [AUTHORIZATION],
        b"",
    ),
    "F11 a header without a value": (f"curl -H 'Accept:' -H 'X;' {URL}", "GET", URL, [], b""),
    "F11 several lines": (
        f"curl '{URL}' \\\n  -H $'Authorization: Bearer {TOKEN}' \\\r\n  --compressed",
        "GET",
        URL,
        [AUTHORIZATION],
        b"",
    ),
    "F11 -X": (f"curl -X DELETE {URL}", "DELETE", URL, [], b""),
    "F11 -I": (f"curl -sI {URL}", "HEAD", URL, [], b""),
    "F11 -T": (f"curl -T file {URL}", "PUT", URL, [], b""),
    "F11 -F": (f"curl -F a=b {URL}", "POST", URL, [], b""),
    "F11 -d": (
        f"curl -d a=1 -d b=2 -d @file {URL}",
        "POST",
        URL,
        [("Content-Type", "application/x-www-form-urlencoded")],
        b"a=1&b=2",
    ),
    "F11 --json": (
        f"curl --json '{{}}' {URL}",
        "POST",
        URL,
        [("Content-Type", "application/json")],
        b"{}",
    ),
    "F11 -d with a type": (
        f"curl -H 'Content-Type: text/x' --data-raw @x {URL}",
        "POST",
        URL,
        [("Content-Type", "text/x")],
        b"@x",
    ),
    "F11 -G": (f"curl -G -d a=1 {URL}?b=2", "GET", f"{URL}?b=2&a=1", [], b""),
    "F11 -u": (f"curl -u a:b {URL}", "GET", URL, [("Authorization", "Basic YTpi")], b""),
    "F11 -b": (f"curl -b 's=1; t=2' {URL}", "GET", URL, [("Cookie", "s=1; t=2")], b""),
    "F11 --oauth2-bearer": (f"curl --oauth2-bearer {TOKEN} {URL}", "GET", URL, [AUTHORIZATION], b""),
    "F11 -A and -e": (
        f"curl -A me -e you -r 0-1 {URL}",
        "GET",
        URL,
        [("User-Agent", "me"), ("Referer", "you")],
        b"",
    ),
    "F11 options that change nothing": (
        f"curl -skvo out --max-time 5 --retry=3 {URL}#part",
        "GET",
        URL,
        [],
        b"",
    ),
    "F11 dot segments": ("curl http://a/b/./c/../d/..", "GET", "http://a/b/", [], b""),
    "F11 --path-as-is": ("curl --path-as-is http://a/b/../c", "GET", "http://a/b/../c", [], b""),
    "F11 two slashes": ("curl http://a//b", "GET", "http://a//b", [], b""),
}  # fmt: skip


@pytest.mark.parametrize("case", CURLS)
def test_a_curl_command_is_read_as_curl_reads_it(case: str) -> None:
    text, method, url, headers, body = CURLS[case]
    assert is_curl(text)
    pasted = parse_curl(text)
    assert (pasted.method, pasted.url, pasted.headers, pasted.body) == (method, url, headers, body)
    assert TOKEN not in repr(pasted)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("curl -s ", "0 URLs; it needs one", id="F11 no URL"),
        pytest.param(f"curl {URL} {URL}", "2 URLs", id="F11 two URLs"),
        pytest.param("curl 'http://a", "ends inside quotes", id="F11 half a command"),
        pytest.param(f"curl --what {URL}", "--what of curl is not known", id="F11 a long option"),
        pytest.param(f"curl -=x {URL}", "option -= of curl is not known", id="F11 a short option"),
        pytest.param("curl http://a -H", "--header of curl has no value", id="F11 no value"),
        pytest.param("curl http://a --max-time", "has no value", id="F11 no ignored value"),
        pytest.param(f"curl -b jar {URL}", "--cookie names a file", id="F11 a cookie jar"),
        pytest.param(
            f'curl -H "Authorization: Bearer $TOKEN" {URL}', "a variable ($NAME)", id="F11 $TOKEN"
        ),
        pytest.param(f"curl {URL}?x=$(date)", "a variable", id="F11 a command in it"),
        pytest.param("curl http://[", "URL of the curl command cannot be read", id="F11 a bad URL"),
        pytest.param("curl http:///x", "cannot be read", id="F11 no host"),
        pytest.param("curl 'http://a/\x07'", "cannot be read", id="F11 a control character"),
    ],
)
def test_a_curl_command_that_cannot_be_read_is_refused(text: str, message: str) -> None:
    with pytest.raises(
        ValueError, match=message.replace("$", r"\$").replace("(", r"\(").replace(")", r"\)")
    ):
        parse_curl(text)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("ab -='\"$\\\n/:.HXdub{}()#"), max_size=60))
def test_any_text_after_curl_is_read_or_refused(text: str) -> None:
    try:
        parse_curl(f"curl {text}")
    except ValueError:
        return


@pytest.mark.parametrize(
    ("text", "method", "url", "headers"),
    [
        pytest.param("Authorization: Bearer x", None, None, [("Authorization", "Bearer x")], id="F11 a header"),
        pytest.param("A: 1\r\nB:2\n\nbody: 3", None, None, [("A", "1"), ("B", "2")], id="F11 headers"),
        pytest.param("GET /a?b HTTP/1.1\nHost: c", "GET", "/a?b", [("Host", "c")], id="F11 a request"),
        pytest.param("GET //a HTTP/2", "GET", "//a", [], id="F11 a request line"),
    ],
)  # fmt: skip
def test_header_lines_are_read(text: str, method: Any, url: Any, headers: Any) -> None:
    assert is_request(text)
    pasted = parse_request(text)
    assert (pasted.method, pasted.url, pasted.headers) == (method, url, headers)


@pytest.mark.parametrize("text", [TOKEN, f"Bearer {TOKEN}", '{"a": 1}', "opaque", ""])
def test_a_token_is_no_request(text: str) -> None:
    assert not is_request(text)
    assert not is_curl(text)


def test_a_line_that_is_no_header_is_refused() -> None:
    with pytest.raises(ValueError, match="header 2: write its name, a colon and its value"):
        parse_request("A: b\nno header")
    with pytest.raises(ValueError, match="header 1"):
        parse_request("GET / HTTP/1.1\nA: \x00")


# --- as the input of commands


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    folder = tmp_path_factory.mktemp("trust")
    (folder / "policy.toml").write_text(f'mounts = ["", "/v1"]\n{POLICY}')
    (folder / "jwks.json").write_text(json.dumps(LOCAL.jwks))
    return (
        *("--policy", folder / "policy.toml", "--jwks", folder / "jwks.json"),
        *("--issuer", LOCAL.issuer, "--audience", LOCAL.audience),
    )


def spelled(token: str) -> dict[str, tuple[str, tuple[str, ...], str | None]]:
    """Return spellings of a request: the input, the arguments, and the reason of the refusal."""
    header = f"Authorization: Bearer {token}"
    url = "https://api.test/api/private-scoped?page=1"
    return {
        "curl": (f"curl '{url}' -H '{header}'", (), None),
        "curl, post": (f"curl '{url}' -H '{header}' -d x", (), None),
        "curl, mounted": (
            f"curl https://api.test/v1/api/private -H '{header}'",
            ("--mount", "/v1"),
            None,
        ),
        "curl, the mount itself": (
            f"curl https://api.test/v1 -H '{header}'",
            ("--mount", "/v1"),
            "no_rule",
        ),
        "curl, user": ("curl -u a:b https://api.test/api/private", (), "missing_token"),
        "curl, two headers": (f"curl '{url}' -H '{header}' -H '{header}'", (), "several_tokens"),
        "a request": (f"GET /api/private HTTP/1.1\nHost: api.test\n{header}\n", (), None),
        "a request with two slashes": (
            f"GET //api/private HTTP/1.1\n{header}\n",
            (),
            "path_ambiguous",
        ),
        "a header": (header, ("GET", "/api/private"), None),
        "text after the token": (f"{header} x", ("GET", "/api/private"), "malformed_header"),
    }


@pytest.mark.parametrize("case", spelled(""))
def test_explain_judges_what_was_pasted_f11(case: str, trust: tuple[object, ...]) -> None:
    token = LOCAL.token("read:messages")
    text, words, reason = spelled(token)[case]
    for form in ((), ("--json",)):
        result = run("explain", *trust, *form, *words, stdin=text)
        assert result.status == (0 if reason is None else 1), result
        assert reason is None or reason in result.output
        for part in token.split("."):
            assert part not in result.output + result.errors


def test_secrets_of_a_pasted_request_are_not_shown_f11(trust: tuple[object, ...]) -> None:
    secret = "correct-horse-battery-staple"
    text = f"curl -b 'a=1; s={secret}' 'https://api.test/api/public?key={secret}&page=2'"
    result = run("explain", *trust, stdin=text)
    assert result.status == 0
    assert "page=2" in result.output
    assert secret not in result.output


@pytest.mark.parametrize(
    ("words", "stdin", "message"),
    [
        pytest.param(("GET", "/"), f"curl {URL}", "leave them out, a curl command has its own", id="F11 twice"),
        pytest.param((), "Authorization: Bearer x", "METHOD and PATH: write them", id="F11 no path"),
        pytest.param((), "curl -H x", "0 URLs", id="F11 no URL"),
        pytest.param((), "GET * HTTP/1.1\nA: b", "beginning with /", id="F11 a star"),
    ],
)  # fmt: skip
def test_an_incomplete_request_is_a_usage_error_f11(
    words: Any, stdin: str, message: str, trust: tuple[object, ...]
) -> None:
    result = run("explain", *trust, *words, stdin=stdin)
    assert (result.status, result.output) == (2, "")
    assert message in result.errors


def test_inspect_reads_the_token_of_a_pasted_request_f11() -> None:
    token = LOCAL.token()
    result = run("inspect", "--json", stdin=f"curl {URL} -H 'Authorization: Bearer {token}'")
    assert result.json["claims"]["iss"] == LOCAL.issuer
    without = run("inspect", stdin=f"curl {URL}")
    assert without.status == 2
    assert "a curl command without one Bearer or DPoP token" in without.errors


# --- token sources without an application (F12)


SOURCES = ("--token-sources", "bearer header:X-Token cookie:__Host-session")
SENT = [
    pytest.param("Cookie: __Host-session={}", "GET", SOURCES, None, id="a cookie"),
    pytest.param("X-Token: {}", "GET", SOURCES, None, id="a header"),
    pytest.param("Authorization: Bearer {}", "GET", SOURCES, None, id="Authorization"),
    pytest.param("Cookie: other={}", "GET", SOURCES, "missing_token", id="another cookie"),
    pytest.param("Cookie: __Host-session={}", "GET", (), "missing_token", id="by default"),
    pytest.param("Cookie: __Host-session={}", "POST", SOURCES, "cross_site", id="no origin"),
    pytest.param(
        "Cookie: __Host-session={}\nOrigin: https://app.test",
        "POST",
        (*SOURCES, "--cookie-origin", "https://app.test"),
        None,
        id="a listed origin",
    ),
]


@pytest.mark.parametrize(("headers", "method", "words", "reason"), SENT)
def test_explain_reads_the_token_from_named_sources_f12(
    headers: str, method: str, words: tuple[str, ...], reason: str | None, trust: Any
) -> None:
    text = headers.format(LOCAL.token("read:messages"))
    result = run("explain", *trust, *words, "--json", method, "/api/private", stdin=text)
    assert result.json["reason"] == reason


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(("--token-sources", "jar"), "'jar' is not a source", id="no source"),
        pytest.param(("--token-sources", ""), "--token-sources", id="empty"),
        pytest.param(("--cookie-origin", "https://a.test"), "name the cookie", id="no cookie"),
        pytest.param(
            ("--token-sources", "bearer", "--cookie-origin", "https://a.test"),
            "origins without a cookie",
            id="another source",
        ),
    ],
)
def test_explain_refuses_wrong_token_sources(words: Any, message: str, trust: Any) -> None:
    result = run("explain", *trust, *words, "GET", "/api/private", stdin=LOCAL.token())
    assert result.status == 2
    assert message in " ".join(result.errors.split())
