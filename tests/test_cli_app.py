"""Commands with --app: the module is imported, and the layers of the application are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import POLICY, run, run_program
from test_cli_live import on_a_terminal

from jwt_wsgi import presets
from jwt_wsgi.cli.provider_presets import FORMS
from jwt_wsgi.errors import REASONS
from jwt_wsgi.explain.advice import ADVICE, advice_for
from jwt_wsgi.jose.hints import Hint
from jwt_wsgi.testing import LocalIssuer

LOCAL = LocalIssuer("https://issuer.test/", audience="https://api.test", algorithms=("ES256",))
CHECKOUT = Path(__file__).resolve().parent.parent

SHOP = f"""
import logging
from flask import Flask
from jwt_wsgi import *

print("imported")
logging.basicConfig(level=logging.INFO, filename="shop.log")
issuer = Issuer(
    {LOCAL.issuer!r}, audience={LOCAL.audience!r}, algorithms=["ES256"], keys=StaticJWKS("jwks.json")
)
policy = Policy({{"/orders": scope("read:orders"), "/health": PUBLIC}})
counted = []

def get_token(environ):
    print("asked for the token")
    if environ["PATH_INFO"] == "/broken":
        raise LookupError("eyJhbGciOiJub25lIn0.e30.")
    return environ.get("HTTP_X_TOKEN")

app = Flask("shop", static_folder=None)

@app.get("/orders")
def orders():
    raise SystemExit("the application is never called")

app.wsgi_app = protect(
    app.wsgi_app, issuer=issuer, rules=policy, get_token=get_token,
    on_decision=lambda environ, decision: open("counted", "w").close(),
)

class Around:
    def __init__(self, app):
        self.app = app
    def __call__(self, environ, start_response):
        raise SystemExit("no middleware is called")

around = Around(app)

def create_app():
    return app

def wants(settings):
    return app

def start(environ, start_response): ...

verifier_alone = TokenVerifier(start, issuer)
authorizer_alone = ScopeAuthorizer(start, policy)
"""
MODULES = {
    "shop.py": SHOP,
    "raises.py": "x = 1\nraise RuntimeError('not today')",
    "exits.py": "import sys\nsys.exit(3)",
    "misses.py": "import no_such_library",
    "empty.py": "",
    "twice.py": "from werkzeug.middleware.dispatcher import DispatcherMiddleware\n"
    "import shop\napp = DispatcherMiddleware(shop.app, {'/v2': shop.verifier_alone})",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("shop")
    for name, text in MODULES.items():
        (place / name).write_text(text)
    (place / "jwks.json").write_text(json.dumps(LOCAL.jwks))
    (place / "policy.toml").write_text(POLICY)
    return place


def test_explain_judges_with_the_application_and_leaves_no_trace_f2(folder: Path) -> None:
    token = LOCAL.token("read:orders")
    for target in ("shop:app", "shop:create_app()"):
        result = run_program(
            *("explain", "--app", target, "--json", "GET", "/orders"),
            stdin=f"X-Token: {token}",
            cwd=folder,
        )
        assert result.status == 0, result
        assert result.json["rule"] == "/orders: scope('read:orders')"
        assert result.json["app"] == target
        assert result.json["not_called"] == []
        assert "imported" in result.errors
        assert "asked for the token" in result.errors
    refused = run_program("explain", "--app", "shop:app", "--no-token", "GET", "/none", cwd=folder)
    assert "The request is refused: missing_token" in refused.output
    assert "What to do: Write a rule that covers this path" in refused.output
    assert not (folder / "counted").exists()
    assert (folder / "shop.log").read_text() == ""


def test_explain_names_the_middleware_that_it_does_not_call_f2(folder: Path) -> None:
    result = run_program(
        *("explain", "--app", "shop:around", "--at", "2000-01-01T00:00:00Z", "GET", "/orders"),
        stdin=f"X-Token: {LOCAL.token('read:orders')}",
        cwd=folder,
    )
    assert result.status == 1
    assert "Judged by the layers of shop:around" in result.output
    assert "Not called, although it may change the request or answer it: shop.Around" in (
        result.output
    )
    assert "The request is refused: token_not_yet_valid" in result.output
    assert result.output.rstrip().splitlines()[-1].startswith("What to do: Synchronize the clocks")


WRONG = [
    ("shop/wsgi.py:app", "write a module, not a file"),
    ("shop", "write a module and a name, such as shop.wsgi:application"),
    ("nowhere:app", "No module named 'nowhere' here; run the command in the folder"),
    ("misses:app", "the import fails with ModuleNotFoundError: No module named 'no_such_library'"),
    ("raises:app", "the import fails with RuntimeError: not today (raises.py, line 2)"),
    ("exits:app", "the module ends the program while it is imported (SystemExit (exits.py, line"),
    ("shop:ap", "shop has no attribute 'ap'; it has app, around, create_app"),
    ("empty:app", "empty has no attribute 'app'; write the name of the application in it"),
    ("shop:app.x", "shop has no attribute 'x'; write the name"),
    ("shop:wants()", "the factory fails with TypeError: wants() missing 1 required"),
    ("shop:create_app", "if create_app makes the application, write shop:create_app()"),
    ("shop:policy", "app=Policy: not a WSGI application"),
    ("shop:start", "no layer of jwt-wsgi stands in it; give the result of protect()"),
    ("twice:app", "2 stacks are in it, each with its own TokenVerifier, at the root and /v2"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("target", "message"), WRONG, ids=[target for target, _ in WRONG])
def test_a_wrong_application_is_a_sentence_f2(target: str, message: str, folder: Path) -> None:
    result = run_program("explain", "--app", target, "--no-token", "GET", "/orders", cwd=folder)
    assert (result.status, result.output) == (2, "")
    last = result.errors.splitlines()[-1]
    assert last.startswith(f"jwt-wsgi explain: --app {target!r}: ")
    assert message in last
    assert "Traceback" not in result.errors


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in the folder of the modules. They are imported once, as `shop` in this process."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    return folder


def test_code_of_the_application_that_raises_is_a_sentence_f2(here: Path) -> None:
    result = run("explain", "--app", "shop:app", "GET", "/broken", stdin="t")
    assert result.status == 2
    assert "the application's own code raises LookupError for this request" in result.errors
    assert "eyJ" not in result.errors


def test_routes_and_check_and_keys_read_the_application_f2(here: Path) -> None:
    routes = run("routes", "--app", "shop:app", "--json")
    assert (routes.status, routes.json["uncovered"]) == (0, [])
    assert run("routes", "shop:app").status == 0
    check = run("check", "--app", "shop:app")
    assert check.status == 0, check
    assert "shop:app: 2 rules, default DENY" in check.output
    assert f"Issuer {LOCAL.issuer}" in check.output
    keys = run("keys", "--app", "shop:app", "--json")
    assert keys.status == 0
    [issuer] = keys.json["issuers"]
    assert issuer["issuer"] == LOCAL.issuer
    assert [key["algorithms"] for key in issuer["keys"]] == [["ES256"]]
    assert f"Issuer {LOCAL.issuer}" in run("keys", "--app", "shop:app").output


MISUSES = [
    (("explain", "--app", "shop:app", "--policy", "p", "GET", "/"), "--policy: leave it out, --app"),
    (("explain", "--app", "shop:app", "--issuer", "i", "GET", "/"), "--issuer: leave it out"),
    (("explain", "--app", "shop:app", "--preset", "i", "GET", "/"), "--preset: leave it out"),
    (("explain", "--app", "shop:app", "--audience", "i", "GET", "/"), "--audience: leave it out"),
    (
        ("explain", "--app", "shop:app", "--token-sources", "bearer", "GET", "/"),
        "--token-sources: leave it out",
    ),
    (
        ("explain", "--app", "shop:app", "--cookie-origin", "https://a.test", "GET", "/"),
        "--cookie-origin: leave it out",
    ),
    (("check", "--app", "shop:app", "--issuer", "i"), "--issuer: leave it out, --app has"),
    (("check", "--app", "shop:app", "--preset", "i"), "--preset: leave it out"),
    (("check", "--app", "shop:app", "--leeway", "1"), "--leeway: leave it out"),
    (("check", "--app", "shop:app", "policy.toml"), "FILE: write the policy's file, or --app"),
    (("check",), "FILE: write the policy's file, or --app; one of the two"),
    (("check", "--app", "shop:verifier_alone"), "TokenVerifier and a ScopeAuthorizer must stand"),
    (("keys", "--app", "shop:authorizer_alone"), "no TokenVerifier stands in it"),
    (("keys", "--app", "shop:app", "--allow-http"), "--ca-certs and --allow-http: leave them out"),
    (("routes",), "MODULE:APP: write it as an argument, or with --app; one of the two"),
    (("routes", "--app", "shop:app", "shop:app"), "one of the two"),
    (("routes", "shop:start"), "or write the policy with --policy FILE"),
    (("routes", "shop:verifier_alone"), "no ScopeAuthorizer stands in it; write the policy"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"), MISUSES, ids=[" ".join(words) for words, _ in MISUSES]
)
def test_options_that_do_not_go_with_app_are_refused_f2(
    words: tuple[str, ...], message: str, here: Path
) -> None:
    result = run(*words, stdin="t")
    assert (result.status, result.output) == (2, "")
    assert message in result.errors


def test_the_help_says_that_the_module_runs_f2() -> None:
    for command in ("explain", "routes", "check", "keys"):
        words = " ".join(run(command, "--help").output.split())
        assert "the module is imported, so its code runs" in words


# --- issuers from options

BALANCER = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/50dc6c495c0c"
PRESETS = {
    "auth0:tenant.eu.auth0.com": "https://tenant.eu.auth0.com/",
    "okta:org.okta.com": "https://org.okta.com/oauth2/default",
    "okta:org.okta.com,mine": "https://org.okta.com/oauth2/mine",
    "entra:11111111-2222-3333-4444-555555555555": (
        "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0"
    ),
    "entra:11111111-2222-3333-4444-555555555555,1": (
        "https://sts.windows.net/11111111-2222-3333-4444-555555555555/"
    ),
    "cognito:eu-west-1,eu-west-1_AbCdEf123": (
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123"
    ),
    "keycloak:https://sso.example.com,shop": "https://sso.example.com/realms/shop",
    "cloudflare-access:team.cloudflareaccess.com": "https://team.cloudflareaccess.com",
    "supabase:abcdefghijklmnopqrst": "https://abcdefghijklmnopqrst.supabase.co/auth/v1",
    "clerk:clerk.example.com": "https://clerk.example.com",
    "kubernetes-service-accounts:shop:frontend": "https://kubernetes.default.svc.cluster.local",
    "kubernetes-service-accounts:shop:frontend,https://cluster.example.com": "https://cluster.example.com",
    "github-actions:octo-org/octo-repo": "https://token.actions.githubusercontent.com",
    "github-actions:octo-org/octo-repo,65": "https://token.actions.githubusercontent.com",
    "gitlab-ci:my-group/my-project": "https://gitlab.com",
    "gitlab-ci:my-group/my-project,https://git.example.com": "https://git.example.com",
    f"aws-alb:eu-west-1,{BALANCER},https://idp.example.com": "https://idp.example.com",
}  # fmt: skip


def explain_with(folder: Path, *words: str, token: str, path: str = "/api/private") -> Any:
    return run(
        *("explain", "--policy", folder / "policy.toml", "--jwks", folder / "jwks.json"),
        *("--algorithm", "ES256", "--audience", LOCAL.audience, "--json", *words, "GET", path),
        stdin=token,
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_makes_its_own_checks_f3(preset: str, folder: Path) -> None:
    # The token lacks what only the provider's access tokens have, but for Auth0's.
    token = LOCAL.token(iss=PRESETS[preset])
    result = explain_with(folder, "--preset", preset, token=token)
    if preset.startswith("auth0"):
        assert result.json["allowed"], result.output
    elif preset.startswith("aws-alb"):
        assert result.json["reason"] == "token_malformed"
    else:
        assert result.json["reason"] in ("claim_missing", "claim_mismatch")
    plain = explain_with(folder, "--issuer", PRESETS[preset], token=token)
    assert plain.json["allowed"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--preset", "x:y"), "write one of auth0:DOMAIN"),
        (("--preset", "auth0"), "write auth0:DOMAIN"),
        (("--preset", "auth0:a,b"), "write auth0:DOMAIN"),
        (("--preset", "cognito:eu-west-1"), "write cognito:REGION,POOL"),
        (("--preset", "google-iap:a"), "write google-iap"),
        (("--preset", "google-service-account"), "write google-service-account:EMAIL[,EMAIL…]"),
        (
            ("--preset", "firebase:a"),
            "--preset: audience=('https://api.test',): write the project, a",
        ),
        (("--preset", "aws-alb:eu-west-1,x"), "write aws-alb:REGION,ARN,ISSUER"),
        (("--preset", "aws-alb:eu-west-1,x,y"), "--preset: load_balancer_arn='x'"),
        (("--preset", "auth0:https://x"), "--preset: domain='https://x': write the host alone"),
        (("--preset", "entra:11111111-2222-3333-4444-555555555555,3"), "version='3': write 1 or 2"),
        (("--preset", "auth0:a.b", "--issuer", "c"), "--issuer and --preset: use only one"),
        (("--preset", "auth0:a.b", "--any-audience"), "--preset: write --audience"),
        ((), "--issuer: write the issuer, exactly as it stands in tokens; or --preset"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_preset_is_refused_f3(words: tuple[str, ...], message: str, folder: Path) -> None:
    result = explain_with(folder, *words, token="t")
    assert result.status == 2
    assert message in result.errors


def test_a_preset_takes_the_certificates_and_check_takes_a_preset_f3(folder: Path) -> None:
    words = ("--preset", "auth0:tenant.example.com", "--audience", "b", "--offline")
    result = run("check", folder / "policy.toml", *words)
    assert result.status == 0
    assert "Issuer https://tenant.example.com/" in result.output
    refused = run("check", folder / "policy.toml", *words, "--ca-certs", folder / "jwks.json")
    assert "--ca-certs: ca_certs=" in refused.errors
    assert {form.partition(":")[0].replace("-", "_") for form in FORMS} == {
        name for name in presets.__all__ if name.islower()
    }


def test_types_and_id_tokens_are_options_u6_u8(folder: Path) -> None:
    typed = LOCAL.token(header={"typ": "vendor"})
    trust = ("--issuer", LOCAL.issuer)
    assert explain_with(folder, *trust, token=typed).json["reason"] == "type_mismatch"
    assert explain_with(folder, *trust, "--type", "vendor", token=typed).json["allowed"]
    id_token = LOCAL.token(at_hash="x")
    assert explain_with(folder, *trust, token=id_token).json["reason"] == "id_token"
    assert explain_with(folder, *trust, "--allow-id-tokens", token=id_token).json["allowed"]


def test_scopes_that_imply_others_are_an_option_and_explained(folder: Path) -> None:
    trust = ("--issuer", LOCAL.issuer)
    implied = ("--scope-implies", "all=messages", "--scope-implies", "messages=read:messages")
    scoped = "/api/private-scoped"
    token = LOCAL.token("all")
    refused = explain_with(folder, *trust, token=token, path=scoped).json
    assert (refused["allowed"], refused["steps"][-1]["found"]) == (False, "scopes ['all']")
    allowed = explain_with(folder, *trust, *implied, token=token, path=scoped).json
    assert allowed["allowed"]
    assert allowed["steps"][-1]["found"] == "scopes ['all']; all implies read:messages"


def test_check_shows_an_issuers_hierarchy_and_lints_with_it(folder: Path) -> None:
    rules = "[rules]\n'/a' = 'scope(\"admin\") & scope(\"read\")'\n'/w' = 'scope(\"write\")'\n"
    (folder / "scopes.toml").write_text(rules)
    words = ("check", folder / "scopes.toml", "--scope-implies", "admin=write")
    words = (*words, "--scope-implies", "write=read")
    assert run(*words[:2]).status == 0
    alone = run(*words)
    assert (alone.status, "redundant_scope" in alone.output) == (1, True)
    assert run(*words, "--accept", "redundant_scope:/a").status == 0
    trust = ("--issuer", "https://a.example/", "--audience", "b", "--offline")
    shown = run(*words, *trust)
    assert "  Scope admin implies read, write\n  Scope write implies read\n" in shown.output
    [issuer] = run(*words, *trust, "--json").json["issuers"]
    assert issuer["scope_implies"] == {"admin": ["read", "write"], "write": ["read"]}
    many = [word for number in range(25) for word in ("--scope-implies", f"s{number}=read")]
    assert "and 5 more scopes that imply others" in run(*words[:2], *many, *trust).output


def test_the_token_of_a_load_balancer_passes_with_its_preset(folder: Path) -> None:
    balancer = LocalIssuer(like="aws-alb", keys=[LOCAL.key("ES256")])
    header = {"signer": BALANCER}
    preset = f"aws-alb:eu-west-1,{BALANCER},{balancer.issuer}"
    words = ("--preset", preset, "--audience", balancer.client_id)
    token = balancer.token(header=header)
    result = explain_with(folder, *words, token=token)
    assert result.json["allowed"], result.output
    other = explain_with(folder, *words, token=balancer.token(header={"signer": "x"}))
    assert other.json["reason"] == "claim_mismatch"


def test_the_header_and_the_padding_are_options(folder: Path) -> None:
    trust = ("--issuer", LOCAL.issuer)
    token = LOCAL.token(header={"signer": "a"})
    assert explain_with(folder, *trust, "--header", "signer=a", token=token).json["allowed"]
    other = explain_with(folder, *trust, "--header", "signer=b", token=token)
    assert other.json["reason"] == "claim_mismatch"
    padded = explain_with(folder, *trust, "--padded", token=token)
    assert padded.json["reason"] == "token_malformed"
    wrong = explain_with(folder, *trust, "--header", "signer", token=token)
    assert "--header: 'signer': write NAME=VALUE" in wrong.errors


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("http://a.example/", "--audience", "b"), "http only on loopback, or with --allow-http"),
        (("https://a.example/", "--audience", ""), "or --any-audience"),
        (("login.example.com", "--audience", "b"), "say where its keys are with --jwks"),
        (
            ("https://a.example/", "--audience", "b", "--algorithm", "HS256"),
            "a secret cannot be published; use --secret-env",
        ),
    ],
    ids=["plain http", "no audience", "not a URL", "a secret"],
)
def test_remedies_can_be_followed_on_the_command_line_d8(
    words: tuple[str, ...], message: str, folder: Path
) -> None:
    command = ("explain", "--policy", folder / "policy.toml", "--issuer", *words, "GET", "/")
    result = run(*command, stdin="t")
    assert result.status == 2
    assert message in result.errors


# --- what explain says


def test_no_issuer_is_needed_without_a_token_f11(folder: Path) -> None:
    words = ("explain", "--policy", folder / "policy.toml", "--no-token", "--json", "GET")
    result = run(*words, "/api/private")
    assert (result.status, result.json["reason"]) == (1, "missing_token")
    assert run(*words, "/api/public").status == 0


def test_a_bad_token_does_not_hide_the_rule_and_dates_can_be_read_f11(folder: Path) -> None:
    token = LOCAL.token("read:messages", expires_in=-3 * 3600)
    trust = ("--issuer", LOCAL.issuer)
    answer = explain_with(folder, *trust, token=token, path="/api/private-scoped").json
    assert answer["rule"] == "/api/private-scoped: scope('read:messages')"
    steps = {step["name"]: step for step in answer["steps"]}
    assert steps["rule"]["expected"] == answer["rule"]
    assert "Z, 3 hours ago)" in steps["expiry"]["found"]
    assert answer["advice"].startswith("Get a new token.")


def test_the_hint_of_a_token_is_shown_with_its_remedy_f11(folder: Path) -> None:
    graph = "00000003-0000-0000-c000-000000000000"
    token = LOCAL.token(aud=graph, iss="https://sts.windows.net/x/")
    answer = explain_with(folder, "--issuer", LOCAL.issuer, token=token).json
    assert answer["hint"]["kind"] == "microsoft_graph"
    assert answer["advice"] == answer["hint"]["remedy"]
    shown = run("inspect", stdin=token)
    assert f"What to do: {answer['hint']['remedy']}" in shown.output
    assert run("inspect", "--json", stdin=LOCAL.token()).json["hint"] is None


def test_every_reason_has_advice_of_one_or_two_sentences_f11() -> None:
    assert ADVICE.keys() == REASONS.keys()
    for reason, advice in ADVICE.items():
        assert advice[0].isupper(), reason
        assert advice.endswith("."), reason
        assert advice.count(". ") <= 1, reason
        assert len(advice) <= 200, reason


def test_the_advice_and_the_page_of_reasons_have_the_same_rows_f11() -> None:
    page = (CHECKOUT / "docs" / "verdicts-and-reasons.md").read_text("utf-8")
    assert [reason for reason in ADVICE if f"\n| `{reason}` |" not in page] == []


def test_a_hint_replaces_the_advice_only_about_the_kind_of_a_token_f11() -> None:
    hint = Hint("id_token", "It is an ID token.", "Send the access token.")
    assert advice_for("id_token", hint) == hint.remedy
    assert advice_for("token_expired", hint) == ADVICE["token_expired"]
    assert advice_for("id_token") == ADVICE["id_token"]
    assert "get_token found none" in advice_for("missing_token", reads_header=False)


@pytest.mark.slow
@pytest.mark.parametrize("no_color", [False, True], ids=["F11 colours", "F11 NO_COLOR"])
def test_the_failing_step_is_red_on_a_terminal(no_color: bool, folder: Path) -> None:
    words = ("explain", "--policy", folder / "policy.toml", "--no-token", "GET", "/api/private")
    env = {"NO_COLOR": "1"} if no_color else {}
    status, shown, _, _ = on_a_terminal(*words, which="stdout", env=env)
    assert status == 1
    [row] = [line for line in shown.splitlines() if "AUTHENTICATED" in line]
    assert ("\x1b[1;31m" in row) is not no_color
