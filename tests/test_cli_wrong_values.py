"""Wrong values on the command line: status 2, and one line with the option and a remedy."""

from __future__ import annotations

import pytest
from command_line import POLICY, run, run_program

EXPLAIN = ("explain", "--policy", "POLICY", "--issuer", "https://a.example/")
TRUST = (*EXPLAIN, "--audience", "b")
CALL = ("GET", "/")


@pytest.mark.parametrize(
    ("words", "stdin", "message"),
    [
        pytest.param(
            (*EXPLAIN, *CALL),
            "t",
            "--audience: write this API's identifier, or --any-audience",
            id="no audience",
        ),
        pytest.param((*TRUST, "--any-audience", *CALL), "t", "not both", id="an audience and any"),
        pytest.param((*EXPLAIN, "--audience", "", *CALL), "t", "audience=", id="an empty audience"),
        pytest.param(
            (*TRUST, "GET", "https://a.example/x"), "t", "beginning with /", id="a URL for a path"
        ),
        pytest.param(
            (*TRUST, "--algorithm", "none", *CALL),
            "t",
            "algorithms holds 'none': choose from",
            id="none",
        ),
        pytest.param(
            (*TRUST, "--algorithm", "HS256", *CALL),
            "t",
            "use --secret-env",
            id="a secret as a published key",
        ),
        pytest.param(
            (*TRUST, "--leeway", "301", *CALL),
            "t",
            "leeway=301.0: write seconds, 0 to 300",
            id="leeway",
        ),
        pytest.param(
            (*TRUST, "--leeway", "x", *CALL),
            "t",
            "'--leeway': 'x' is not a valid float",
            id="not a number",
        ),
        pytest.param(
            (*TRUST, "--profile", "x", *CALL),
            "t",
            "'x' is not one of 'jwt', 'at+jwt'",
            id="profile",
        ),
        pytest.param((*TRUST, "--scope-claim", "", *CALL), "t", "scope_claim", id="an empty claim"),
        pytest.param(
            (*TRUST, "--scope-implies", "admin", *CALL),
            "t",
            "--scope-implies: 'admin': write NAME=NAME",
            id="an implication of one scope",
        ),
        pytest.param(
            (*TRUST, "--scope-implies", "a=b", "--scope-implies", "b=a", *CALL),
            "t",
            "which is a cycle",
            id="implications in a cycle",
        ),
        pytest.param(
            ("check", "POLICY", "--scope-implies", "a=a"),
            "",
            "--scope-implies: scope_implies['a']=",
            id="a scope that implies itself",
        ),
        pytest.param(
            (*TRUST, "--jwks", "/none", *CALL),
            "t",
            "--jwks: /none: cannot be read",
            id="no such key file",
        ),
        pytest.param(
            (*TRUST, "--jwks", "POLICY", *CALL),
            "t",
            "--jwks: key file policy.toml: not JSON",
            id="not a key file",
        ),
        pytest.param(
            (*TRUST, "--jwks", "http://a.example/", *CALL),
            "t",
            "must be https",
            id="keys over http",
        ),
        pytest.param(
            (*TRUST, "--secret-env", "NONE", *CALL),
            "t",
            "--secret-env: 'NONE' is not set",
            id="no secret",
        ),
        pytest.param(
            (*TRUST, "--secret-env", "SHORT", *CALL), "t", "HS256 needs 32", id="a short secret"
        ),
        pytest.param(
            (*TRUST, "--secret-env", "A", "--jwks", "B", *CALL),
            "t",
            "use only one of them",
            id="two keys",
        ),
        pytest.param(
            (*TRUST, "--at", "soon", *CALL), "t", "--at 'soon': write seconds", id="not a time"
        ),
        pytest.param(
            (*TRUST, "--at", "2027-01-15T08:00:00", *CALL), "t", "write seconds since", id="no zone"
        ),
        pytest.param(
            (*TRUST, "--at", "999999999999", *CALL),
            "t",
            "write seconds since",
            id="beyond the calendar",
        ),
        pytest.param((*TRUST, *CALL), "", "no token: write it to standard input", id="no token"),
        pytest.param(
            (*TRUST, "--token-env", "NONE", *CALL),
            "",
            "--token-env: no such environment variable",
            id="env",
        ),
        pytest.param(
            (*TRUST, "--token-file", "/none", *CALL),
            "",
            "--token-file: cannot be read (No such",
            id="file",
        ),
        pytest.param(
            (*TRUST, "--token-file", "a", "--token-env", "b", *CALL),
            "",
            "use only one of them",
            id="two places",
        ),
        pytest.param(
            (*TRUST, "--no-token", "--token-env", "b", *CALL),
            "",
            "--no-token: remove it",
            id="a token or none",
        ),
        pytest.param(
            (*TRUST, *CALL), b"\xff", "standard input: not UTF-8", id="a token that is not text"
        ),
        pytest.param((*TRUST, *CALL), "{}", "JSON without an access_token", id="another answer"),
        pytest.param((*TRUST, *CALL), "{", "JSON without an access_token", id="half an answer"),
        pytest.param((*TRUST, *CALL), "x" * 131073, "over 131072 bytes", id="too many bytes"),
        pytest.param(
            ("explain", "--issuer", "a", *CALL),
            "t",
            "--app: write the application, such as",
            id="no policy",
        ),
        pytest.param((*TRUST, "GET"), "t", "METHOD and PATH: write them", id="no path"),
        pytest.param(
            (*TRUST, *CALL, "eyJhbGciOiJub25lIn0.e30."),
            "t",
            "unexpected extra argument",
            id="one word too many",
        ),
        pytest.param(
            ("explain", "--policy", "/none", "--issuer", "a", *CALL),
            "t",
            "--policy: policy file /none",
            id="none",
        ),
        pytest.param(
            ("explain", "--policy", "POLICY", "--issuer", "a", *CALL),
            "t",
            "--issuer: issuer='a'",
            id="not a URL",
        ),
        pytest.param(("keys",), "", "write the issuer's URL, or --jwks", id="keys of nothing"),
        pytest.param(
            ("keys", "https://a.example/", "--jwks", "x"), "", "one of the three", id="keys of two"
        ),
        pytest.param(
            ("keys", "a.example"),
            "",
            "URL: issuer='a.example': write an https URL",
            id="keys of a bad URL",
        ),
        pytest.param(
            ("keys", "http://a.example/"),
            "",
            "URL: issuer='http://a.example/': must be https",
            id="plain http",
        ),
        pytest.param(
            ("keys", "--jwks", "/none"), "", "--jwks: /none: cannot be read", id="keys of no file"
        ),
        pytest.param(("check", "/none"), "", "No such file", id="check nothing"),
        pytest.param(
            ("check", "POLICY", "--issuer", "https://a.example/"),
            "",
            "--audience: write",
            id="check: audience",
        ),
        pytest.param(
            ("routes", "--policy", "POLICY", "app"),
            "",
            "MODULE:APP 'app': write a module and a name, such as",
            id="no colon",
        ),
        pytest.param(
            ("routes", "--policy", "POLICY", "no_such:app"),
            "",
            "No module named 'no_such'",
            id="no module",
        ),
        pytest.param(
            ("routes", "--policy", "POLICY", "app:none"),
            "",
            "has no attribute 'none'",
            id="no name in it",
        ),
        pytest.param(
            ("routes", "--policy", "POLICY", "app:public"),
            "",
            "cannot read the routes of",
            id="unreadable",
        ),
        pytest.param(
            ("routes", "--policy", "POLICY", "app:router()", "--accept", "GET /x"),
            "",
            "--accept 'GET /x'",
            id="accept",
        ),
        pytest.param(
            ("issuer", "--port", "65536"), "", "65536 is not in the range 0<=x<=65535", id="port"
        ),
        pytest.param(
            ("issuer", "--algorithm", "none"),
            "",
            "--algorithm: algorithm='none': choose",
            id="mint none",
        ),
        pytest.param(
            ("issuer", "--algorithm", "HS256"),
            "",
            "a secret cannot be published",
            id="mint with a secret",
        ),
        pytest.param(("no-such",), "", "No such command 'no-such'", id="no such command"),
        pytest.param(("inspect", "--what\x1b[31m"), "", "No such option", id="no such option"),
    ],
)
def test_a_wrong_value_is_reported_on_one_line(tmp_path, words, stdin, message):
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    result = run(
        *(policy if word == "POLICY" else word for word in words),
        stdin=stdin,
        env={"SHORT": "short"},
    )
    assert (result.status, result.output) == (2, "")
    assert message in result.errors
    assert result.errors.startswith("jwt-wsgi")
    assert len(result.errors.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("inspect", "--token-file"), ("inspect", "--token-env"), ("inspect",), ("keys",), ("check",),
        (*TRUST, "GET"), (*TRUST, "GET", "/"), (*TRUST, "--jwks"), ("routes", "--policy"), ("issuer", "--port"), (),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_token_given_as_an_argument_is_not_repeated(local, words):
    token = local.token()
    result = run(*words, token)
    assert result.status == 2
    assert token[:20] not in result.output + result.errors
    assert token.split(".")[2][:20] not in result.output + result.errors


def test_routes_reports_import_errors_and_keeps_prints_out_of_the_json(tmp_path):
    (tmp_path / "policy.toml").write_text(POLICY)
    (tmp_path / "broken.py").write_text("raise RuntimeError('not\\x1b[2J today')")
    shop = "class App:\n    routes = {'/api/private': print}\n    def __call__(*_): ...\napp = App()\nprint('hello')"
    (tmp_path / "shop.py").write_text(shop)
    broken = run_program("routes", "--policy", "policy.toml", "broken:app", cwd=tmp_path)
    assert broken.status == 2
    assert "RuntimeError: not\\u001b[2J today" in broken.errors
    good = run_program("routes", "--policy", "policy.toml", "--json", "shop:app", cwd=tmp_path)
    assert (good.status, good.errors) == (0, "hello\n")
    assert good.json["uncovered"] == []


def test_a_usage_error_has_the_same_status_as_a_program():
    result = run_program("inspect", "--token-env", "NONE")
    assert (result.status, result.output) == (2, "")
    assert result.errors.startswith("jwt-wsgi inspect: --token-env: ")


def test_without_a_command_the_help_is_shown():
    result = run()
    assert (result.status, result.output) == (2, "")
    assert "Commands:" in result.errors
