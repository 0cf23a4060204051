"""Any text as any argument and any token: an exit status, a bounded output, and no token in it."""

from __future__ import annotations

import json
import string

import click
import pytest
from command_line import POLICY, run
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jwt_wsgi.cli.concealment import MARK, conceal_secrets, conceal_tokens
from jwt_wsgi.cli.program import program
from jwt_wsgi.jose import encoding
from jwt_wsgi.testing import LocalIssuer

#: The most characters that `inspect` and `explain` print, whatever the token is.
MAX_ANSWER = 2 * 1_048_576
#: The most characters that a command prints for arguments of 300 characters at most.
MAX_SHORT_ANSWER = 65_536


def compact(header: str, payload: str, signature: bytes = b"\x9f" * 64) -> str:
    parts = (header.encode(), payload.encode(), signature)
    return ".".join(map(encoding.encode, parts))


# --- dates and numbers

NUMBERS = {
    "U33 10^400": 10**400,
    "U33 -10^400": -(10**400),
    "U33 10^4000": 10**4000,
    "U33 1e308": 1e308,
    "U33 -1e308": -1e308,
    "U33 the first second of the year 10000": 253_402_300_800,
    "U33 before the year 1": -62_135_596_801,
    "U33 2^63": 2**63,
    "U33 a boolean": True,
    "U33 the text NaN": "NaN",
    "U33 nothing": None,
    "U33 a list of huge numbers": [10**400] * 20,
    "U33 an object": {"exp": 10**400},
}


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize("value", NUMBERS.values(), ids=NUMBERS)
def test_inspect_reads_any_date(value: object, form: tuple[str, ...]) -> None:
    claims = dict.fromkeys(("iat", "nbf", "exp", "auth_time"), value)
    result = run("inspect", *form, stdin=compact('{"alg":"RS256"}', json.dumps(claims)))
    assert (result.status, result.errors) == (0, "")
    assert len(result.output) <= MAX_SHORT_ANSWER
    assert "outside the range" in result.output or "not a number" in result.output


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param('{"a":' + "[" * 31 + "1," * 45_000 + "1" + "]" * 31 + "}", id="U33 nested numbers"),
        pytest.param('{"a":[' + ",".join(["9" * 4000] * 20) + "]}", id="U33 long numbers"),
        pytest.param('{"a":"' + "\u4e00" * 30_000 + '"}', id="U33 text that is escaped"),
        pytest.param('{"a":"' + "\u202e" * 30_000 + '"}', id="U33 text that cannot be printed"),
        pytest.param(json.dumps({f"\u202e{i}" * 9: "\u202e" * 99 for i in range(200)}, ensure_ascii=False), id="U33 members"),
        pytest.param('{"exp":1e999}', id="U33 a number beyond a float"),
        pytest.param('{"exp":NaN}', id="U33 NaN"),
        pytest.param('{"exp":' + "9" * 5000 + "}", id="U33 5000 digits"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_the_answer_to_any_token_is_bounded(payload: str, form: tuple[str, ...]) -> None:
    result = run("inspect", *form, stdin=compact('{"alg":"RS256"}', payload))
    assert result.status in (0, 1, 2)
    assert len(result.output) + len(result.errors) <= (MAX_ANSWER if form else MAX_SHORT_ANSWER)


# --- tokens where they do not belong

HEADERS = {
    "U33 as usual": '{"alg":"RS256","kid":"k"}',
    "U33 a space after the brace": '{ "alg": "RS256" }',
    "U33 two lines": '{\n  "alg": "RS256"\n}',
    "U33 carriage return": '{\r\n"alg":"RS256"}',
    "U33 a tab": '{\t"alg":"RS256"}',
    "U33 a space before the brace": ' {"alg":"RS256"}',
    "U33 a BOM": '\ufeff{"alg":"RS256"}',
    "U33 a BOM and a line": '\ufeff\n{ "alg":"RS256"}',
    "U33 much whitespace": "{" + " " * 500 + '"alg":"RS256"}',
    "U33 another first member": '{"~":1,"alg":"RS256"}',
    "U33 a member without a name": '{"":"","alg":"RS256"}',
    "U33 no members": "{}",
    "U33 no JSON": "RS256 and not a header at all",
}


def words(policy: object, token: str) -> dict[str, tuple[object, ...]]:
    """A token at each place where a text may stand."""
    trust = ("--policy", policy, "--issuer", "https://a.example/", "--audience", "b")
    return {
        "a file of a token": ("inspect", "--token-file", token),
        "the name of a variable": ("inspect", "--token-env", token),
        "an argument": ("inspect", token),
        "an option": ("inspect", f"--{token}"),
        "a time": ("inspect", "--at", token),
        "a command": (token,),
        "an issuer": ("keys", token),
        "an application": ("explain", "--app", token, "GET", "/"),
        "an attribute": ("explain", "--app", f"json:{token}", "GET", "/"),
        "a preset": ("explain", *trust[:2], "--preset", token, "GET", "/"),
        "certificates": ("keys", "https://a.example/", "--ca-certs", token),
        "a URL": ("keys", f"http://a.example/?access_token={token}"),
        "a file of keys": ("keys", "--jwks", f"/tmp/{token}"),
        "a file of keys to trust": ("explain", *trust, "--jwks", token, "GET", "/"),
        "the name of a secret": ("explain", *trust, "--secret-env", token, "GET", "/"),
        "an algorithm": ("explain", *trust, "--algorithm", token, "GET", "/"),
        "a leeway": ("explain", *trust, "--leeway", token, "GET", "/"),
        "a path": ("explain", *trust, "GET", token),
        "a header as a path": ("explain", *trust, "GET", f"Authorization: Bearer {token}"),
        "a path of a request": ("explain", *trust, "--no-token", "GET", f"/x/{token}"),
        "a path in JSON": ("explain", *trust, "--no-token", "--json", "GET", f"/x/{token}?{token}"),
        "a mount": ("explain", *trust, "--no-token", "--mount", f"/{token}", "GET", "/"),
        "a method": ("explain", *trust, "--no-token", token, "/"),
        "a policy": ("explain", "--policy", token, "--issuer", "a", "GET", "/"),
        "a policy to check": ("check", token),
        "an issuer to check": ("check", policy, "--any-audience", "--offline", "--issuer", f"https://{token}/"),
        "a module": ("routes", "--policy", policy, f"{token}:app"),
        "an endpoint": ("routes", "--policy", policy, "--accept", token, "app:router()"),
        "a port": ("issuer", "--port", token),
        "an algorithm to sign with": ("issuer", "--algorithm", token),
    }  # fmt: skip


def assert_concealed(token: str, shown: str) -> None:
    for segment in token.split("."):
        assert len(segment) < 16 or segment not in shown
    assert len(token) < 16 or token not in shown


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize("place", words("", ""))
def test_a_token_at_a_wrong_place_is_not_printed(
    tmp_path_factory: pytest.TempPathFactory, place: str, header: str
) -> None:
    policy = tmp_path_factory.getbasetemp() / "policy.toml"
    policy.write_text(POLICY)
    token = compact(header, header.replace("alg", "iss"), bytes(range(64)))
    result = run(*words(policy, token)[place], stdin="t")
    assert result.status in (0, 1, 2)
    assert_concealed(token, result.output + result.errors)


def test_an_encrypted_token_is_not_printed_u33() -> None:
    token = compact('{ "alg": "dir" }', "", b"") + "." + ".".join(["QUJDREVGRw0123456789"] * 2)
    assert token.count(".") == 4
    assert_concealed(token, run("keys", token).errors)


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_a_file_or_variable_named_as_a_token_is_not_printed_u33(
    tmp_path, monkeypatch, form
) -> None:
    token = compact('{ "alg":"RS256"}', '{ "iss":"x"}')
    monkeypatch.chdir(tmp_path)
    (tmp_path / token).write_text(token)
    for place in (("--token-file", token), ("--token-env", token)):
        result = run("inspect", *form, *place, env={token: token})
        assert result.status == 0
        assert_concealed(token, result.output + result.errors)


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_a_part_of_the_token_inside_the_token_is_not_printed_u33(form) -> None:
    payload = encoding.encode(b'["no object", "and long enough"]')
    nested = compact('{ "alg":"RS256"}', '{ "sub":"another"}')
    header = encoding.encode(json.dumps({"kid": payload, nested: [nested]}).encode())
    token = f"{header}.{payload}.{'c2lnbmF0dXJl' * 4}"
    result = run("inspect", *form, stdin=token)
    assert MARK in result.output
    assert_concealed(token, result.output)
    assert_concealed(nested, result.output)


NOT_TOKENS = (
    "https://login.microsoftonline.com/common/v2.0", "/etc/jwt-wsgi/policy.toml", "shop.wsgi:application",
    "my-service.my-project-123.iam.gserviceaccount.com", "[Errno 2] No such file or directory: 'keys.json'",
    "/tmp/pytest-of-root/pytest-12/test_a_token_at_0/policy.toml", "read:messages write:messages", "file30.tar.gz",
    "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "{ 'iss' }", "e30", "examine.exact.exponent",
)  # fmt: skip


@pytest.mark.parametrize("text", NOT_TOKENS)
def test_what_is_no_token_is_printed(text: str) -> None:
    assert conceal_tokens(text) == text


def test_an_error_text_shows_no_lone_signature_u33() -> None:
    signature = encoding.encode(bytes(range(64)))
    assert conceal_secrets(f"no file {signature!r}") == f"no file '{MARK}'"


def test_routes_reports_a_module_that_exits_u33(tmp_path, monkeypatch) -> None:
    (tmp_path / "policy.toml").write_text(POLICY)
    (tmp_path / "leaving_u33.py").write_text("raise SystemExit(0)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    result = run("routes", "--policy", "policy.toml", "leaving_u33:app")
    assert (result.status, result.output) == (2, "")


# --- any text


WHITESPACE = st.text(" \t\r\n", max_size=5)
BEGINNING = st.sampled_from(["", "\ufeff"])
MEMBER = st.tuples(st.text(max_size=8), st.integers() | st.text(max_size=8))


@st.composite
def objects(draw: st.DrawFn) -> str:
    members = draw(st.lists(MEMBER, min_size=1, max_size=3))
    inside = ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in members)
    return draw(BEGINNING) + draw(WHITESPACE) + "{" + draw(WHITESPACE) + inside + "}"


@st.composite
def tokens(draw: st.DrawFn) -> str:
    return compact(draw(objects()), draw(objects()), draw(st.binary(min_size=16, max_size=64)))


LOCAL = LocalIssuer(algorithms=("ES256",))
# No host of the network is asked, and no character that an argument cannot hold.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60).filter(
    lambda text: "://" not in text
)  # fmt: skip
BEFORE = st.sampled_from(
    ["", "", "Bearer ", "/tmp/", "x/", "-", "--at=", "Authorization: Bearer ", "curl -H 'x: "]
)
COMMANDS = sorted(program.commands)
OPTIONS = {
    name: [option.opts[-1] for option in command.params if isinstance(option, click.Option)]
    for name, command in program.commands.items()
}


@st.composite
def lines(draw: st.DrawFn, token: str) -> list[str]:
    """A command with texts for arguments and options; the token is one of the texts, often."""
    text = (
        TEXTS
        | BEFORE.map(lambda before: before + token)
        | st.sampled_from(["POLICY", "1", "9" * 400, "GET"])
    )
    name = draw(st.sampled_from(COMMANDS))
    line = [name]
    for option in draw(st.lists(st.sampled_from(OPTIONS[name]), max_size=4)):
        line += [option, draw(text)]
    line += draw(st.lists(text, max_size=3))
    # The issuer would serve until Ctrl-C.
    return [*line, "--", "unexpected"] if name == "issuer" else line


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(data=None, token=compact('{ "alg":"RS256"}', '{ "iss":"x"}'))
@given(data=st.data(), token=tokens())
def test_any_text_is_answered_with_a_status_a_bounded_output_and_no_token_u33(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject | None, token: str
) -> None:
    policy = tmp_path_factory.getbasetemp() / "policy.toml"
    policy.write_text(POLICY)
    line = ["keys", token] if data is None else data.draw(lines(token))
    stdin = (
        token if data is None else data.draw(TEXTS | st.just(token) | st.just(f"Bearer {token}"))
    )
    # `run` fails for a traceback.
    result = run(*(policy if word == "POLICY" else word for word in line), stdin=stdin)
    assert result.status in (0, 1, 2)
    assert len(result.output) + len(result.errors) <= MAX_SHORT_ANSWER
    assert_concealed(token, result.output + result.errors)


@settings(max_examples=200, deadline=None)
@given(token=st.text(string.ascii_letters + string.digits + "-_.", min_size=16, max_size=80))
def test_an_opaque_token_on_standard_input_is_not_printed_u33(token: str) -> None:
    for words_ in (("inspect",), ("inspect", "--json")):
        result = run(*words_, stdin=token)
        assert result.status in (0, 1)
        assert_concealed(token, result.output + result.errors)
