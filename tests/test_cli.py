"""The output, exit status and JSON of each command, in process and as a program."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from command_line import POLICY, run, run_program
from hypothesis import given, settings
from hypothesis import strategies as st

from jwt_wsgi.cli.decoded_token import decode_token, remarks
from jwt_wsgi.jose import encoding
from jwt_wsgi.testing import LocalIssuer

AUDIENCE = "https://api.test"


@pytest.fixture(scope="module")
def served():
    """An issuer that serves HTTP on loopback."""
    local = LocalIssuer(audience=AUDIENCE)
    with local.serve():
        yield local


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    file = tmp_path_factory.mktemp("policy") / "policy.toml"
    file.write_text(POLICY)
    return file


@pytest.fixture(scope="module")
def trust(served, policy):
    return ("--policy", policy, "--issuer", served.issuer, "--audience", AUDIENCE)


# --- explain


@pytest.mark.parametrize(
    ("scope", "path", "more", "status", "reason"),
    [
        pytest.param("read:messages", "/api/private-scoped", {}, None, None, id="allowed"),
        pytest.param(
            "openid", "/api/private-scoped", {}, 403, "insufficient_scope", id="a scope is missing"
        ),
        pytest.param(
            "openid", "/api/private", {"expires_in": -3600}, 401, "token_expired", id="expired"
        ),
        pytest.param(
            "openid",
            "/api/private",
            {"aud": "another"},
            401,
            "audience_mismatch",
            id="for another API",
        ),
        pytest.param(
            "openid", "/api/public", {"expires_in": -3600}, None, None, id="public, token ignored"
        ),
        pytest.param("openid", "/nowhere", {}, 403, "no_rule", id="no rule"),
        pytest.param("openid", "/api//private", {}, 400, "path_ambiguous", id="an ambiguous path"),
        pytest.param("openid", "/api/%70rivate", {}, None, None, id="a path in percent-encoding"),
        pytest.param("openid", "/api/private?page=2", {}, None, None, id="a query"),
    ],
)
def test_explain_gives_the_verdict_of_the_stack(served, trust, scope, path, more, status, reason):
    result = run("explain", *trust, "--json", "GET", path, stdin=served.token(scope, **more))
    assert result.status == (0 if status is None else 1)
    answer = result.json
    assert (answer["allowed"], answer["reason"]) == (status is None, reason)
    assert (answer["response"] or {"status": None})["status"] == status
    assert answer.keys() == {
        "method", "path", "app", "token", "allowed", "reason", "would_be", "rule", "hint", "advice",
        "note", "not_called", "keys_problem", "replay_unknown", "steps", "response",
    }  # fmt: skip
    assert answer["steps"][0].keys() == {"name", "passed", "expected", "found"}


def test_explain_prints_each_check_and_the_response(served, trust):
    result = run("explain", *trust, "GET", "/api/private-scoped", stdin=served.token("openid"))
    assert result.status == 1
    lines = [line.split() for line in result.output.splitlines()]
    assert ["signature", "yes", "good"] in lines
    assert next(line for line in lines if line[:1] == ["rule"])[1] == "NO"
    assert 'WWW-Authenticate: Bearer realm="api", error="insufficient_scope"' in result.output
    assert '"reason": "insufficient_scope"' in result.output


def test_explain_without_a_token(trust):
    result = run("explain", *trust, "--no-token", "--json", "GET", "/api/private")
    assert (result.status, result.json["reason"], result.json["token"]) == (
        1,
        "missing_token",
        None,
    )


def test_explain_says_why_the_keys_could_not_be_fetched(served, policy):
    with LocalIssuer().serve() as url:
        pass
    token = served.token(iss=url)
    result = run(
        "explain",
        "--policy",
        policy,
        "--issuer",
        url,
        "--audience",
        AUDIENCE,
        "GET",
        "/api/private",
        stdin=token,
    )
    assert result.status == 1
    assert "The issuer's keys could not be fetched: the metadata: 127.0.0.1:" in result.output
    assert "Retry-After" in result.output


def test_explain_uses_the_time_of_the_option_at(served, trust):
    token = served.token("openid")
    result = run(
        "explain",
        *trust,
        "--json",
        "--at",
        "2100-01-01T00:00:00Z",
        "GET",
        "/api/private",
        stdin=token,
    )
    assert result.json["reason"] == "token_expired"


def test_explain_reads_keys_from_a_file_and_respects_the_mount(tmp_path):
    local = LocalIssuer("urn:me", algorithms=("ES256",))
    jwks = tmp_path / "keys.json"
    policy = tmp_path / "mounted.toml"
    jwks.write_text(json.dumps(local.jwks))
    policy.write_text(f'mounts = ["/app"]\n{POLICY}')
    words = (
        "explain",
        "--policy",
        policy,
        "--issuer",
        "urn:me",
        "--any-audience",
        "--jwks",
        jwks,
        "--algorithm",
        "ES256",
    )
    assert run(*words, "--mount", "/app", "GET", "/api/private", stdin=local.token()).status == 0
    assert (
        run(*words, "GET", "/api/private", "--json", stdin=local.token()).json["reason"]
        == "mount_unknown"
    )


def test_explain_reads_a_shared_secret_from_the_environment(policy):
    local = LocalIssuer("urn:me", audience=AUDIENCE, algorithms=("HS256",))
    secret = "a secret of thirty-two bytes and more"
    signed = local.key()
    signed.private = secret.encode()
    words = (
        "explain",
        "--policy",
        policy,
        "--issuer",
        "urn:me",
        "--audience",
        AUDIENCE,
        "--secret-env",
        "API_SECRET",
    )
    result = run(*words, "GET", "/api/private", stdin=local.token(), env={"API_SECRET": secret})
    assert result.status == 0
    assert secret not in result.output


def test_explain_prints_what_a_report_only_rule_would_refuse(served, tmp_path):
    policy = tmp_path / "reporting.toml"
    policy.write_text(f"report_only = true\n{POLICY}")
    words = (
        "explain",
        "--policy",
        policy,
        "--issuer",
        served.issuer,
        "--audience",
        AUDIENCE,
        "GET",
        "/api/private-scoped",
    )
    result = run(*words, stdin=served.token("openid"))
    assert result.status == 0
    assert "it would refuse the request: insufficient_scope" in result.output


# --- where the token is


def places(file, token):
    return {
        "standard input": ((), token, {}),
        "standard input, asked for": (("--token-file", "-"), token, {"JWT_WSGI_TOKEN": "another"}),
        "a file": (("--token-file", file), "", {}),
        "the usual variable": ((), "", {"JWT_WSGI_TOKEN": token}),
        "another variable": (("--token-env", "MINE"), "", {"MINE": token}),
        "a token endpoint's answer": (
            (),
            json.dumps({"access_token": token, "token_type": "Bearer"}),
            {},
        ),
        "a header's value": ((), f"Bearer {token}", {}),
    }


@pytest.mark.parametrize("place", places(Path(), ""))
def test_a_token_is_read_from(served, tmp_path, place):
    file = tmp_path / "token.txt"
    token = served.token()
    file.write_text(f"  {token}\n")
    words, stdin, env = places(file, token)[place]
    result = run("inspect", "--json", *words, stdin=stdin, env=env)
    assert result.json["claims"]["iss"] == served.issuer


# --- inspect


def test_inspect_prints_dates_in_words_and_the_reminder(local):
    result = run(
        "inspect", stdin=local.token("read:messages", expires_in=7200, exp=1_800_000_000), env=None
    )
    assert result.status == 0
    assert "2027-01-15 08:00:00 UTC" in result.output
    assert result.output.rstrip().endswith(
        "Nothing of this is verified: anyone can write such a token."
    )


def test_inspect_prints_json(local):
    answer = run(
        "inspect", "--json", "--at", "1800000000", stdin=local.token(exp=1_800_000_060)
    ).json
    assert answer.keys() == {
        "verified", "source", "bytes", "header", "claims", "times", "signature_bytes", "binding",
        "proof", "unusual", "hint", "problem",
    }  # fmt: skip
    assert answer["verified"] is False
    assert answer["times"]["exp"] == "2027-01-15 08:01:00 UTC, in 1 minute"
    assert answer["signature_bytes"] == 256


@pytest.mark.parametrize(
    ("token", "problem"),
    [
        pytest.param("opaque", "not three segments", id="opaque"),
        pytest.param("e30.e30.", None, id="an empty signature can be read"),
        pytest.param("e30.e30.!", "not base64url", id="a signature that is not base64url"),
        pytest.param("e30..e30", "the payload: not JSON", id="no payload"),
        pytest.param(
            "e3.e30.e30", "the header: not base64url", id="a header that is not base64url"
        ),
        pytest.param("e30.e30.e30.e30.e30", "an encrypted token (JWE)", id="a JWE"),
    ],
)
def test_inspect_says_which_part_cannot_be_read(token, problem):
    result = run("inspect", "--json", stdin=token)
    assert result.status == (0 if problem is None else 1)
    assert problem is None or problem in result.json["problem"]
    assert problem is None or "The token cannot be read: " in run("inspect", stdin=token).output


NOW = 1_800_000_000
USUAL = {"iss": "a", "aud": "b", "exp": NOW + 60, "iat": NOW, "scope": "c"}


@pytest.mark.parametrize(
    ("header", "claims", "remark"),
    [
        pytest.param({"alg": "none"}, {}, "alg is not a supported signature algorithm", id="none"),
        pytest.param(
            {"alg": "HS256"},
            {},
            "anyone who can verify such a token can also create one",
            id="a secret",
        ),
        pytest.param({"kid": None}, {}, "no kid", id="no kid"),
        pytest.param(
            {"typ": "dpop+jwt"}, {}, "typ is not the type of an access token", id="another type"
        ),
        pytest.param({"crit": ["b64"]}, {}, "crit changes", id="crit"),
        pytest.param({"jwk": {}}, {}, "jwk names a key", id="a key of its own"),
        pytest.param({}, {"exp": None}, "no exp", id="no expiry"),
        pytest.param(
            {}, {"exp": "soon"}, "exp is not a number", id="an expiry that is not a number"
        ),
        pytest.param({}, {"exp": NOW - 60}, "the token expired 1 minute ago", id="expired"),
        pytest.param({}, {"nbf": NOW + 3600}, "nbf is 1 hour in the future", id="not yet valid"),
        pytest.param(
            {}, {"exp": NOW + 10 * 86400}, "the token is valid for 10 days", id="a long lifetime"
        ),
        pytest.param({}, {"nonce": "n"}, "it looks like an ID token", id="an ID token"),
        pytest.param({}, {"cnf": {}}, "cnf binds the token", id="bound"),
        pytest.param({}, {"scope": None}, "no scope", id="no scope"),
        pytest.param({}, {"name": "a\x1b[2Jb"}, "not printable", id="control characters"),
        pytest.param({}, {"x": "a" * 20000}, "over 16384", id="too large"),
    ],
)
def test_an_unusual_token_has_a_remark(header, claims, remark):
    made = {"alg": "RS256", "typ": "at+jwt", "kid": "k", **header}
    assert any(
        remark in each for each in remarks(decode_token(written(made, {**USUAL, **claims})), NOW)
    )


def test_a_padded_token_is_shown_and_has_a_remark():
    token = LocalIssuer(like="aws-alb").token(client="c")
    decoded = decode_token(token)
    assert (decoded.problem, decoded.claims["client"], decoded.is_padded) == (None, "c", True)
    assert decoded.signature_size == 64
    assert any("padded (=)" in each for each in remarks(decoded, NOW))
    shown = run("inspect", "--json", stdin=token)
    assert (shown.status, shown.json["hint"]["kind"]) == (0, "padded")
    assert run("inspect", stdin=token + "=").status == 1


def test_a_usual_token_has_no_remarks():
    token = written({"alg": "RS256", "typ": "at+jwt", "kid": "k"}, USUAL)
    assert remarks(decode_token(token), NOW) == []


def written(header, claims):
    parts = ({k: v for k, v in each.items() if v is not None} for each in (header, claims))
    return ".".join(
        [*(encoding.encode(json.dumps(each).encode()) for each in parts), "c2lnbmF0dXJl"]
    )


# --- values from outside are escaped, and no token is ever printed


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(max_size=8), st.text(max_size=30), max_size=4), st.text(max_size=10))
def test_inspect_escapes_everything_from_the_token(claims, kid):
    usable = (
        json.dumps([claims, kid], ensure_ascii=False)
        .encode("utf-8", "replace")
        .decode("utf-8", "replace")
    )
    claims, kid = json.loads(usable)
    token = written({"alg": "RS256", "kid": kid}, claims)
    for words in (("inspect",), ("inspect", "--json")):
        result = run(*words, stdin=token)
        assert token not in result.output + result.errors
        kinds = {unicodedata.category(each) for each in result.output if each != "\n"}
        assert not kinds & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize(
    "spoil", [str, lambda t: t[:-8], lambda t: t + ".x", lambda t: "x" * 20000 + t], ids=range(4)
)
def test_no_command_prints_the_token(served, trust, form, spoil):
    token = spoil(served.token("openid"))
    for words in (("explain", *trust, "GET", "/api/private"), ("inspect",)):
        result = run(*words, *form, stdin=token)
        assert token not in result.output + result.errors
        assert token.split(".")[2][:40] not in result.output + result.errors


def test_markup_and_control_characters_in_a_path_have_no_effect(trust):
    result = run("explain", *trust, "--no-token", "GET", "/[bold]x[/bold]\x1b[2J:smile:")
    assert "/[bold]x[/bold]\\u001b[2J:smile:" in result.output


# --- keys


def test_keys_describes_the_keys_of_a_live_issuer(served):
    result = run("keys", served.issuer, "--json")
    (key,) = result.json["keys"]
    assert result.status == 0
    assert (key["kty"], key["use"], key["size"], key["algorithms"]) == (
        "RSA",
        "sig",
        "2048 bits",
        ["RS256"],
    )
    assert result.json["jwks_uri"] == served.jwks_uri
    assert abs(result.json["clock_skew"]) <= 30
    assert result.json.keys() == {
        "source", "jwks_uri", "keys", "cache_control", "max_age", "date", "clock_skew", "problem",
    }  # fmt: skip
    assert run("keys", "--jwks", served.jwks_uri, "--json").json["keys"] == result.json["keys"]
    assert "Cache-Control: none" in run("keys", served.issuer).output


def test_keys_says_why_a_key_is_skipped(tmp_path, every_algorithm):
    file = tmp_path / "jwks.json"
    bad = {"kty": "RSA", "kid": "a\x1b[31m", "use": "enc"}
    file.write_text(json.dumps({"keys": [bad, *every_algorithm.jwks["keys"]]}))
    result = run("keys", "--jwks", file)
    assert result.status == 0
    assert "no: use is not 'sig'" in result.output
    assert "a\\u001b[31m" in result.output
    assert "Ed25519" in result.output


@pytest.mark.parametrize(
    ("algorithm", "octets"),
    [
        pytest.param("Ed448", 114, id="Ed448"),
        pytest.param("ML-DSA-44", 2420, id="ML-DSA-44"),
        pytest.param("ML-DSA-87", 4627, id="ML-DSA-87"),
    ],
)
def test_inspect_knows_the_newer_algorithms(every_algorithm, algorithm, octets):
    decoded = decode_token(every_algorithm.token(algorithm=algorithm))
    assert decoded.problem is None
    assert decoded.signature_size == octets
    assert not [remark for remark in remarks(decoded, 0) if "alg" in remark]


@pytest.mark.parametrize(
    ("algorithm", "description"),
    [
        pytest.param("RS256", ["RSA", "2048 bits", ["RS256"]], id="RS256"),
        pytest.param("ES256", ["EC", "P-256", ["ES256"]], id="ES256"),
        pytest.param("EdDSA", ["OKP", "Ed25519", ["Ed25519", "EdDSA"]], id="EdDSA"),
        pytest.param("Ed448", ["OKP", "Ed448", ["Ed448"]], id="Ed448"),
        pytest.param("ML-DSA-44", ["AKP", "1312 bytes", ["ML-DSA-44"]], id="ML-DSA-44"),
        pytest.param("ML-DSA-87", ["AKP", "2592 bytes", ["ML-DSA-87"]], id="ML-DSA-87"),
    ],
)
def test_keys_describes_each_type_of_key(tmp_path, every_algorithm, algorithm, description):
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [every_algorithm.key(algorithm).jwk]}))
    (key,) = run("keys", "--jwks", file, "--json").json["keys"]
    assert [key["kty"], key["size"], key["algorithms"]] == description


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param("[]", "not a JSON object", id="not an object"),
        pytest.param('{"keys": {}}', 'no list "keys"', id="not a list"),
        pytest.param('{"keys": []}', "no usable key", id="empty"),
        pytest.param(json.dumps({"keys": [{}] * 101}), "over 100 keys", id="too many"),
        pytest.param(" " * 524289, "over 524288 bytes", id="too large"),
    ],
)
def test_keys_fails_for_a_file_without_usable_keys(tmp_path, content, problem):
    file = tmp_path / "jwks.json"
    file.write_text(content)
    result = run("keys", "--jwks", file)
    assert result.status == 1
    assert problem in result.output


def test_keys_says_why_an_issuer_does_not_answer():
    local = LocalIssuer()
    with local.serve() as url:
        local.available = False
        down = run("keys", url)
    gone = run("keys", url)
    assert (down.status, gone.status) == (1, 1)
    assert "the metadata: HTTP status 503" in down.output
    assert "The server's clock is" in down.output
    assert "refuses connections" in gone.output


# --- check


def test_check_accepts_a_good_policy_and_a_good_issuer(served, policy):
    result = run("check", policy, "--issuer", served.issuer, "--audience", AUDIENCE)
    assert result.status == 0
    assert "The linter found no problems." in result.output
    assert "1 of 1 keys are usable" in result.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            '[rules]\n"/" = "PUBLIC"\n"/a" = "AUTHENTICATED"', "weaker_above", id="a finding"
        ),
        pytest.param('[rules]\n"/" = "PUBLIK"', "PUBLIK", id="an unknown requirement"),
        pytest.param("[rules", "policy: ", id="not TOML"),
        pytest.param("# \udcff", "not UTF-8", id="not UTF-8"),
    ],
)
def test_check_reports_a_bad_policy(tmp_path, text, message):
    file = tmp_path / "policy.toml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    result = run("check", file)
    assert result.status == 1
    assert message in result.output
    answer = run("check", file, "--json").json
    assert answer.keys() == {
        "policy", "problem", "rules", "default", "findings", "unused", "warnings", "possession", "issuers",
        "resource",
    }  # fmt: skip
    assert bool(answer["problem"]) != bool(answer["findings"])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        pytest.param(
            ("--algorithm", "ES256"),
            "no key for ES256; there are keys for RS256",
            id="an algorithm without a key",
        ),
        pytest.param(
            ("--jwks", "http://127.0.0.1:9/"),
            "refuses connections",
            id="a key set that nobody serves",
        ),
    ],
)
def test_check_reports_a_live_issuer_that_does_not_fit(served, policy, more, message):
    result = run("check", policy, "--issuer", served.issuer, "--audience", AUDIENCE, *more)
    assert result.status == 1
    assert message in result.output


def test_check_offline_counts_the_issuers_and_contacts_none(served, policy):
    requests_before = len(served.requests)
    result = run(
        "check",
        policy,
        "--issuer",
        "https://a.example/",
        "--issuer",
        served.issuer,
        "--audience",
        "b",
        "--offline",
    )
    assert result.status == 1
    assert "any_issuer" in result.output
    assert len(served.requests) == requests_before


@pytest.fixture(scope="module")
def doubtful(tmp_path_factory):
    """A policy with two findings of one code, of which one is about a rule with a colon."""
    file = tmp_path_factory.mktemp("policy") / "policy.toml"
    rules = '[rules]\n"/" = "PUBLIC"\n"/a" = "AUTHENTICATED"\n"GET /b:c" = "AUTHENTICATED"'
    file.write_text(rules)
    return file


@pytest.mark.parametrize(
    ("accepted", "remaining"),
    [
        pytest.param((), ["/a", "GET /b:c"], id="F1 none"),
        pytest.param(("weaker_above",), [], id="F1 a code"),
        pytest.param(("weaker_above:/a",), ["GET /b:c"], id="F1 a code and a rule"),
        pytest.param(("weaker_above:/a", "weaker_above:GET /b:c"), [], id="F1 each rule"),
    ],
)
def test_check_accepts_findings_that_are_intended(doubtful, accepted, remaining):
    words = [word for value in accepted for word in ("--accept", value)]
    result = run("check", doubtful, *words, "--json")
    assert [finding["rule"] for finding in result.json["findings"]] == remaining
    assert result.json["unused"] == []
    assert result.status == bool(remaining)
    said = run("check", doubtful, *words).output
    assert ("--accept CODE:RULE" in said) is bool(remaining)
    assert ("The linter found no problems." in said) is not bool(remaining)


@pytest.mark.parametrize(
    "stale",
    [
        pytest.param("unreachable", id="F1 a code without a finding"),
        pytest.param("unreachable:/a", id="F1 a rule without this finding"),
        pytest.param("weaker_above:/none", id="F1 no such rule"),
    ],
)
def test_check_reports_an_accept_option_that_matches_no_finding(doubtful, stale):
    words = ("check", doubtful, "--accept", "weaker_above", "--accept", stale)
    result = run(*words)
    assert result.status == 1
    assert f"--accept {stale}: there is no such finding; remove the option" in result.output
    assert run(*words, "--json").json["unused"] == [stale]


def test_check_accepts_a_finding_of_several_issuers_beside_one_issuer_f1(policy):
    assert run("check", policy, "--accept", "any_issuer").status == 0


@pytest.mark.parametrize("value", ["weaker", "", ":/a", "stale_acceptance:/a"], ids="F1 {}".format)
def test_check_refuses_a_code_that_the_linter_does_not_have(doubtful, value):
    result = run("check", doubtful, "--accept", value)
    assert result.status == 2
    assert "does not begin with a code; choose from method_hole" in " ".join(result.errors.split())


# --- routes


def test_routes_accepts_an_application_that_is_covered(policy):
    assert run("routes", "--policy", policy, "app:router()").status == 0


def test_routes_fails_on_an_endpoint_that_no_rule_covers(tmp_path):
    file = tmp_path / "policy.toml"
    file.write_text(
        '[rules]\n"/" = "PUBLIC"\n"/api/private" = "AUTHENTICATED"\n"/api/private-scoped" = "AUTHENTICATED"'
    )
    words = ("routes", "--policy", file, "app:router()")
    result = run(*words)
    assert result.status == 1
    assert "write a rule for 'GET /api/public'" in result.output
    answer = run(*words, "--json").json
    assert answer["uncovered"] == ["GET /api/public", "HEAD /api/public"]
    assert run(*words, "--accept", "GET /api/public", "--accept", "HEAD /api/public").status == 0


def test_routes_gives_advice_for_a_route_that_cannot_be_read(policy, tmp_path, monkeypatch):
    (tmp_path / "unread.py").write_text(
        "class Shop:\n    routes = {'/api/private': print}\n    def __call__(*_): ...\n"
        "class Around:\n    app = Shop()\n    def __call__(*_): ...\napp = Around()"
    )
    monkeypatch.chdir(tmp_path)
    result = run("routes", "--policy", policy, "unread:app")
    assert result.status == 1
    assert "simplify its route, put the layers in front of it, or use --accept" in result.output


@pytest.fixture
def below(tmp_path):
    file = tmp_path / "below.toml"
    file.write_text('[rules]\n"/api" = "AUTHENTICATED"\n"/gone" = "DENY"')
    return file


def test_routes_accepts_a_rule_for_a_path_above_unless_it_is_strict_f4(below):
    words = ("routes", "--policy", below, "app:router()")
    assert run(*words).status == 0
    answer = run(*words, "--json").json
    assert {endpoint["covered_by"] for endpoint in answer["endpoints"]} == {"under a rule"}
    strict = run(*words, "--strict", "--json")
    assert strict.status == 1
    assert len(strict.json["uncovered"]) == len(answer["endpoints"]) == 6
    accepted = [word for key in strict.json["uncovered"] for word in ("--accept", key)]
    assert run(*words, "--strict", *accepted).status == 0
    assert run(*words, *accepted[:2]).status == 2


def test_routes_lists_rules_that_match_no_route_f4(below):
    words = ("routes", "--policy", below, "app:router()")
    assert "The rule /gone matches no route." in run(*words).output
    assert run(*words, "--json").json["unmatched_rules"] == ["/gone"]


def test_routes_names_a_catch_all_and_a_route_that_cannot_be_read_f4(tmp_path, monkeypatch):
    (tmp_path / "policy.toml").write_text('[rules]\n"/" = "AUTHENTICATED"')
    (tmp_path / "around.py").write_text(
        "class Shop:\n    routes = {'/a': print}\n    def __call__(*_): ...\n"
        "class Around:\n    app = Shop()\n    def __call__(*_): ...\napp = Around()"
    )
    monkeypatch.chdir(tmp_path)
    result = run("routes", "--policy", "policy.toml", "around:app")
    assert result.status == 1
    lines = result.output.splitlines()
    assert ["uncertain" in line for line in lines if "Around" in line][:1] == [True]
    assert any(line.startswith("* /a") and "a catch-all" in line for line in lines)


OPERATION = {"responses": {"200": {"description": "ok"}}}
DOCUMENT = {
    "openapi": "3.0.3",
    "info": {"title": "t", "version": "1"},
    "paths": {"/api/a": {"get": OPERATION}, "/b": {"get": OPERATION}},
}


def test_routes_reads_an_openapi_document_f15(below, tmp_path):
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(DOCUMENT))
    result = run("routes", "--openapi", file, "--policy", below, "--json")
    assert (result.status, result.json["uncovered"]) == (1, ["GET /b"])
    assert run("routes", "--openapi", file, "--policy", below, "--accept", "GET /b").status == 0


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        pytest.param("{}", (), "write the policy with --policy", id="no policy"),
        pytest.param("{}", ("app:router()",), "leave out MODULE:APP", id="an application too"),
        pytest.param(
            "{}", ("--policy", "below.toml"), "not an OpenAPI 3 document", id="another document"
        ),
        pytest.param("[]", ("--policy", "below.toml"), "not an OpenAPI 3 document", id="a list"),
        pytest.param(
            '{"openapi": "2.0"}', ("--policy", "below.toml"), "'2.0'", id="another version"
        ),
        pytest.param("openapi: 3", ("--policy", "below.toml"), "not JSON", id="YAML"),
        pytest.param("[" * 99_999, ("--policy", "below.toml"), "not JSON", id="too deep"),
        pytest.param(None, ("--policy", "below.toml"), "No such file", id="no file"),
    ],
)
def test_routes_refuses_an_openapi_option_with_the_remedy(
    below, tmp_path, monkeypatch, content, words, message
):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "openapi.json").write_text(content)
    result = run("routes", "--openapi", "openapi.json", *words)
    assert result.status == 2
    assert message in " ".join(result.errors.split())


# --- as a program of its own


@pytest.mark.slow
def test_each_command_runs_as_a_program(served, policy, trust):
    token = served.token("openid")
    table = [
        (("explain", *trust, "GET", "/api/private"), 0, "The request reaches the application."),
        (
            ("explain", *trust, "GET", "/api/private-scoped"),
            1,
            "The request is refused: insufficient_scope",
        ),
        (("inspect",), 0, "Nothing of this is verified"),
        (("keys", served.issuer), 0, "Key set: "),
        (("check", policy), 0, "The linter found no problems."),
        (("routes", "--policy", policy, "app:router()"), 0, "A rule decides each endpoint"),
        (("--help",), 0, "explain"),
    ]
    for words, status, message in table:
        result = run_program(*words, stdin=token)
        assert (result.status, result.errors) == (status, ""), words
        assert message in result.output
        assert "\x1b" not in result.output
