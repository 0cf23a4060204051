"""Bound tokens on the command line: explain, inspect, check, proof and the local issuer."""

from __future__ import annotations

import importlib
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from client_tls import Authority
from command_line import POLICY, run
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jwt_wsgi import DPoP, InvalidProof, Issuer, StaticJWKS, Verifier
from jwt_wsgi.cli.minting import MintingIssuer
from jwt_wsgi.testing import DPoPKey, LocalIssuer

BASE = "https://api.example.com"
URL = f"{BASE}/api/private"
LOCAL = LocalIssuer(algorithms=("ES256",))
KEY = DPoPKey()
BOUND = LOCAL.token("read:messages", cnf=KEY, expires_in=86400)
CLIENT = Authority("clients").issue("client")
BY_CERTIFICATE = LOCAL.token(cnf=CLIENT.der, expires_in=86400)
CALL = ("GET", "/api/private")

APP = f"""
from jwt_wsgi import AUTHENTICATED, DPoP, Issuer, StaticJWKS, protect
from jwt_wsgi.client_certificates import from_environ
from jwt_wsgi.stores import MemoryStore

class SharedStore:
    def __init__(self):
        self.memory = MemoryStore()
    def add(self, *args, **options):
        adds.append(args)
        return self.memory.add(*args, **options)
    def __getattr__(self, name):
        return getattr(self.memory, name)

adds = []
def start(environ, start_response):
    start_response("200 OK", [])
    return []

def make(**options):
    issuer = Issuer({LOCAL.issuer!r}, audience={LOCAL.audience!r}, algorithms=["ES256"], keys=StaticJWKS("jwks.json"))
    return protect(start, issuer=issuer, rules={{"/": AUTHENTICATED}}, **options)

shared = make(dpop=DPoP({BASE!r}, replay=SharedStore(), required=True))
own = make(dpop=DPoP({BASE!r}), client_certificate=from_environ("SSL_CLIENT_CERT"))
unchecked = make(dpop=DPoP({BASE!r}, replay=None))
by_function = make(client_certificate=lambda environ: None)
plain = make()
"""  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bound")
    (place / "jwks.json").write_text(json.dumps(LOCAL.jwks))
    (place / "policy.toml").write_text(POLICY)
    (place / "bound_shop.py").write_text(APP)
    (place / "token").write_text(BOUND)
    (place / "client.pem").write_text(CLIENT.pem)
    (place / "client.der").write_bytes(CLIENT.der)
    (place / "client.key").write_bytes(CLIENT.write(place, "x")[1].read_bytes())
    return place


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def trust(here: Path) -> tuple[object, ...]:
    issuer = ("--issuer", LOCAL.issuer, "--jwks", "jwks.json", "--audience", LOCAL.audience)
    return ("--policy", "policy.toml", *issuer, "--algorithm", "ES256")


DESCRIBED = ("--dpop-base-url", BASE)


def proof(method: str = "GET", url: str = URL, token: str | None = BOUND, **claims: Any) -> str:
    return KEY.proof(method, url, token, **claims)


def steps(answer: Any) -> dict[str, Any]:
    return {step["name"]: step for step in answer["steps"]}


# --- explain

Words = Callable[[str], tuple[tuple[object, ...], str]]

#: Each way in which a request with a proof reaches `explain`: the words, and standard input.
WAYS: dict[str, Words] = {
    "its text": lambda text: (("--token-file", "token", "--proof", text, *CALL), ""),
    "a file": lambda text: (("--token-file", "token", "--proof", "@proof", *CALL), ""),
    "standard input": lambda text: (("--token-file", "token", "--proof", "-", *CALL), text),
    "a header line": lambda text: (("--token-file", "token", "--proof", f"dpop: {text}", *CALL), ""),
    "a token on standard input": lambda text: (("--proof", text, *CALL), BOUND),
    "the scheme before the token": lambda text: (("--proof", text, *CALL), f"DPoP {BOUND}"),
    "the answer of a token endpoint": lambda text: (
        ("--proof", text, *CALL), json.dumps({"access_token": BOUND, "token_type": "dpop"}),
    ),
    "header lines": lambda text: (CALL, f"Authorization: DPoP {BOUND}\nDPoP: {text}"),
    "header lines and the option": lambda text: (("--proof", text, *CALL), f"Authorization: DPoP {BOUND}"),
    "a request": lambda text: (
        (), f"GET /api/private HTTP/1.1\nHost: x\nAuthorization: DPoP {BOUND}\nDPoP: {text}\n\n",
    ),
    "a curl command": lambda text: ((), f"curl {URL} -H 'Authorization: DPoP {BOUND}' -H 'DPoP: {text}'"),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_explain_judges_a_proof_from_every_place_twice_alike(way: str, trust: Any) -> None:
    text = proof()
    Path("proof").write_text(text)
    words, stdin = WAYS[way](text)
    for _ in range(2):
        result = run("explain", *trust, *DESCRIBED, *words, "--json", stdin=stdin)
        assert (result.status, result.errors) == (0, "")
        answer = result.json
        assert steps(answer)["possession"]["found"] == "proven by dpop"
        assert steps(answer)["credentials"]["expected"] == "Bearer or DPoP and one token"
        assert (answer["replay_unknown"], answer["token"]["bytes"]) == (True, len(BOUND))
        assert text.split(".")[2] not in result.output


def test_explain_shows_the_step_of_a_wrong_proof_in_text(trust: Any) -> None:
    wrong = proof(url=f"{BASE}/other")
    result = run("explain", *trust, *DESCRIBED, "--token-file", "token", "--proof", wrong, *CALL)
    [row] = [line for line in result.output.splitlines() if " NO " in line]
    assert result.status == 1
    assert row.startswith("possession")
    assert "proof_mismatch" in row
    assert f"{BASE}/other" in row
    assert "replay" not in result.output


#: More options of a described API, the token, and the reason; None reaches the application.
DESCRIPTIONS: dict[str, tuple[tuple[object, ...], str, str | None]] = {
    "bound, and no proof": (DESCRIBED, f"DPoP {BOUND}", "proof_missing"),
    "bound, under Bearer": (DESCRIBED, BOUND, "token_bound"),
    "no DPoP in the API": ((), f"Bearer {BOUND}", "token_bound"),
    "unbound, and DPoP required": ((*DESCRIBED, "--dpop-required"), LOCAL.token(expires_in=86400), "token_not_bound"),
    "unbound, and possible": (DESCRIBED, LOCAL.token(expires_in=86400), None),
    "unbound, and the issuer binds": ((*DESCRIBED, "--sender-constrained"), LOCAL.token(expires_in=86400), "token_not_bound"),
    "an answer of the type DPoP": (
        DESCRIBED, json.dumps({"access_token": BOUND, "token_type": "DPoP"}), "proof_missing",
    ),
    "an answer of the type Bearer": (
        DESCRIBED, json.dumps({"access_token": BOUND, "token_type": "Bearer"}), "token_bound",
    ),
    "an answer of another type": (
        DESCRIBED, json.dumps({"access_token": BOUND, "token_type": 7}), "token_bound",
    ),
    "unproven, and accepted": (("--accept-unproven-binding",), BOUND, None),
    "a certificate in PEM": (("--certificate", "client.pem"), BY_CERTIFICATE, None),
    "a certificate in DER": (("--certificate", "client.der"), BY_CERTIFICATE, None),
    "no certificate": (("--client-certificates",), BY_CERTIFICATE, "token_bound"),
    "a certificate for another token": (
        ("--certificate", "client.pem"), LOCAL.token(cnf={"x5t#S256": "x"}, expires_in=86400), "binding_mismatch",
    ),
    "an old proof": ((*DESCRIBED, "--proof", proof(iat=1)), BOUND, "proof_expired"),
    "an algorithm": (
        (*DESCRIBED, "--dpop-algorithm", "ES384", "--proof", proof()), BOUND, "proof_algorithm_not_allowed",
    ),
    "a narrow window": (
        (*DESCRIBED, "--dpop-max-age", "1", "--proof", proof(iat=int(KEY.clock()) - 200)), BOUND, "proof_expired",
    ),
    "a proof of tomorrow": (
        (*DESCRIBED, "--dpop-leeway", "3600", "--proof", proof(iat=int(KEY.clock()) + 3000)), BOUND, None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DESCRIPTIONS)
def test_the_options_describe_an_api_without_an_application(case: str, trust: Any) -> None:
    words, stdin, reason = DESCRIPTIONS[case]
    result = run("explain", *trust, *words, "--json", *CALL, stdin=stdin)
    assert (result.status, result.errors) == (int(reason is not None), "")
    assert result.json["reason"] == reason


def test_both_challenges_are_in_the_answer(trust: Any) -> None:
    words = ("explain", *trust, *DESCRIBED, "--no-token", *CALL)
    challenge = run(*words, "--json").json["response"]["headers"]["WWW-Authenticate"]
    assert challenge.startswith("Bearer ")
    assert ", DPoP " in challenge
    assert run(*words).output.count("WWW-Authenticate: ") == 2


def test_with_an_application_a_used_proof_is_shown_and_none_is_used(here: Path) -> None:
    run("check", "--app", "bound_shop:shared", "--offline")
    shop = importlib.import_module("bound_shop")
    text = proof()
    words = ("explain", "--app", "bound_shop:shared", "--token-file", "token", "--proof", text)
    for _ in range(2):
        answer = run(*words, "--json", *CALL).json
        assert (answer["allowed"], steps(answer)["replay"]["passed"]) == (True, True)
        assert (answer["replay_unknown"], shop.adds) == (False, [])
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/api/private"}
    environ |= {"HTTP_AUTHORIZATION": f"DPoP {BOUND}", "HTTP_DPOP": text}
    shop.shared(environ, lambda *start: print)
    answer = run(*words, "--json", *CALL).json
    assert (answer["reason"], steps(answer)["replay"]["passed"]) == ("proof_replayed", False)
    assert len(shop.adds) == 1


@pytest.mark.parametrize(
    ("target", "unknown"),
    [
        pytest.param("own", True, id="a memory of the server's process"),
        pytest.param("unchecked", False, id="no replay check"),
    ],
)
def test_a_replay_that_cannot_be_seen_is_said(target: str, unknown: bool, here: Path) -> None:
    words = ("explain", "--app", f"bound_shop:{target}", "--token-file", "token", "--proof")
    assert run(*words, proof(), "--json", *CALL).json["replay_unknown"] is unknown
    assert ("Only the running API" in run(*words, proof(), *CALL).output) is unknown
    assert run(*words, proof(iat=1), "--json", *CALL).json["replay_unknown"] is False


def test_a_certificate_reaches_the_application_that_checks_one(here: Path) -> None:
    words = ("explain", "--app", "bound_shop:own", "--json", *CALL)
    without = run(*words, stdin=BY_CERTIFICATE).json
    sent = run(*words, "--certificate", "client.pem", stdin=BY_CERTIFICATE).json
    assert (without["reason"], sent["reason"]) == ("token_bound", None)


WRONG: dict[str, tuple[tuple[object, ...], str, str]] = {
    "a proof for an API that checks none": (("--proof", "x"), BOUND, "--proof: this API checks no proofs"),
    "an empty proof": ((*DESCRIBED, "--proof", " "), BOUND, "--proof: empty"),
    "no file": ((*DESCRIBED, "--proof", "@nowhere"), BOUND, "--proof: cannot be read (No such file"),
    "a folder": ((*DESCRIBED, "--proof", "@."), BOUND, "--proof: cannot be read"),
    "an impossible name": ((*DESCRIBED, "--proof", "@a\0b"), BOUND, "--proof: cannot be read"),
    "not UTF-8": ((*DESCRIBED, "--proof", "@client.der"), BOUND, "--proof: not UTF-8"),
    "too long": ((*DESCRIBED, "--proof", "@large"), BOUND, "--proof: over 65536 bytes"),
    "both on standard input": ((*DESCRIBED, "--proof", "-"), BOUND, "standard input has the token"),
    "no token": ((*DESCRIBED, "--proof", "x", "--no-token"), "", "--no-token: remove it"),
    "two proofs": (
        (*DESCRIBED, "--proof", "x"), f"Authorization: DPoP {BOUND}\nDPoP: y", "--proof: leave it out",
    ),
    "no base URL": (("--dpop-required",), BOUND, "--dpop-required: write --dpop-base-url"),
    "an algorithm without a base URL": (("--dpop-algorithm", "ES256"), BOUND, "--dpop-algorithm: write"),
    "a base URL over http": (("--dpop-base-url", "http://api.example.com"), BOUND, "write the public https URL"),
    "a symmetric algorithm": ((*DESCRIBED, "--dpop-algorithm", "HS256"), BOUND, "algorithms holds 'HS256'"),
    "a window": ((*DESCRIBED, "--dpop-max-age", "0"), BOUND, "max_age=0.0"),
    "a certificate that is none": (("--certificate", "jwks.json"), BOUND, "--certificate: not exactly one"),
    "a key": (("--certificate", "client.key"), BOUND, "--certificate: not exactly one"),
    "no such certificate": (("--certificate", "nowhere"), BOUND, "--certificate: cannot be read"),
    "an issuer that cannot be satisfied": (
        ("--sender-constrained",), BOUND, "write --dpop-base-url URL or --client-certificates",
    ),
    "contradicting options": (
        ("--sender-constrained", "--accept-unproven-binding", *DESCRIBED), BOUND, "accept_unproven_binding",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_evidence_is_a_usage_error_on_one_line(case: str, trust: Any, here: Path) -> None:
    words, stdin, message = WRONG[case]
    Path("large").write_text("x" * 70_000)
    result = run("explain", *trust, *words, *CALL, stdin=stdin)
    assert (result.status, result.output, result.errors.count("\n")) == (2, "", 1)
    assert message in result.errors


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(words, id=str(words[0]))
        for words in (
            DESCRIBED,
            ("--dpop-required",),
            ("--dpop-leeway", "5"),
            ("--dpop-algorithm", "ES256"),
            ("--client-certificates",),
            ("--sender-constrained",),
            ("--accept-unproven-binding",),
        )
    ],
)
def test_options_that_describe_an_api_do_not_go_with_an_application(words: Any, here: Path) -> None:
    result = run("explain", "--app", "bound_shop:own", *words, *CALL, stdin=BOUND)
    assert result.status == 2
    assert f"{words[0]}: leave it out" in result.errors


# --- inspect


def checks(answer: Any) -> dict[str, Any]:
    return {check["name"]: check["passed"] for check in answer["proof"]["checks"]}


@pytest.mark.parametrize(
    ("cnf", "expected"),
    [
        pytest.param({"jkt": "a"}, {"jkt": "a", "x5t#S256": None, "others": [], "problem": None}, id="DPoP"),
        pytest.param({"x5t#S256": "b"}, {"jkt": None, "x5t#S256": "b", "others": [], "problem": None}, id="a certificate"),
        pytest.param({"jkt": "a", "kid": 1, "x5t#S256": "b"}, {"jkt": "a", "x5t#S256": "b", "others": ["kid"], "problem": None}, id="both, and another member"),
        pytest.param({"jwk": {}}, {"jkt": None, "x5t#S256": None, "others": ["jwk"], "problem": "jkt or x5t#S256 in cnf"}, id="another member alone"),
        pytest.param({"jkt": None}, {"jkt": None, "x5t#S256": None, "others": [], "problem": "jkt a thumbprint"}, id="no thumbprint"),
    ],
)  # fmt: skip
def test_inspect_shows_the_binding_of_a_token(cnf: Any, expected: Any) -> None:
    token = LOCAL.token(cnf=cnf)
    assert run("inspect", "--json", stdin=token).json["binding"] == expected
    shown = run("inspect", stdin=token).output
    for member in ("jkt", "x5t#S256"):
        assert expected[member] is None or f"({member})" in shown
    assert all(f"not understood: {name}" in shown for name in expected["others"])


def test_a_binding_of_another_type_and_an_unbound_token() -> None:
    payload = json.dumps({"cnf": 7}).encode()
    answer = run("inspect", "--json", stdin=LOCAL.sign(payload)).json
    assert answer["binding"]["problem"] == "cnf an object"
    assert run("inspect", "--json", stdin=LOCAL.token()).json["binding"] is None


ALL = {
    "size": True, "typ": True, "alg": True, "signature": True, "htm": None, "htu": None,
    "iat": True, "jti": True, "ath": True, "binding": True,
}  # fmt: skip
OTHER = DPoPKey()

#: The proof, the token or None, and the checks that differ from those of a good proof.
PROOFS: dict[str, tuple[Callable[[], str], str | None, dict[str, bool | None]]] = {
    "good": (proof, BOUND, {}),
    "alone": (proof, None, {"ath": None, "binding": None}),
    "of an unbound token": (proof, LOCAL.token(expires_in=86400), {"ath": False, "binding": False}),
    "of another token": (lambda: proof(token="x"), BOUND, {"ath": False}),
    "of another key": (lambda: OTHER.proof("GET", URL, BOUND), BOUND, {"binding": False}),
    "without ath": (lambda: proof(token=None), BOUND, {"ath": False}),
    "without anything": (lambda: proof(jti=None, htm=None, htu=None, iat=None, ath=None), BOUND, dict.fromkeys(("jti", "htm", "htu", "iat", "ath"), False)),
    "of other types": (lambda: proof(jti=1, htm=2, htu=3, iat="4", ath=5), BOUND, dict.fromkeys(("jti", "htm", "htu", "iat", "ath"), False)),
    "old": (lambda: proof(iat=1), BOUND, {"iat": False}),
    "to come": (lambda: proof(iat=2**40), BOUND, {"iat": False}),
    "outside the calendar": (lambda: proof(iat=10**400), BOUND, {"iat": False}),
    "a long jti": (lambda: proof(jti="x" * 257), BOUND, {"jti": False}),
    "forged": (lambda: proof()[:-8] + "AAAAAAAA", BOUND, {"signature": False}),
    "another typ": (lambda: KEY.proof("GET", URL, BOUND, header={"typ": "JWT"}), BOUND, {"typ": False}),
    "symmetric": (lambda: KEY.proof("GET", URL, BOUND, header={"alg": "HS256"}), BOUND, {"alg": False, "signature": None}),
    "without jwk": (lambda: KEY.proof("GET", URL, BOUND, header={"jwk": None}), BOUND, {"signature": None, "binding": False}),
    "jwk a text": (lambda: KEY.proof("GET", URL, BOUND, header={"jwk": "x"}), BOUND, {"signature": None, "binding": False}),
    "a private member": (lambda: KEY.proof("GET", URL, BOUND, header={"jwk": {**KEY.jwk, "d": "AA"}}), BOUND, {"signature": None}),
    "too large": (lambda: proof(x="y" * 9000), BOUND, {"size": False, "signature": None}),
}  # fmt: skip


@pytest.mark.parametrize("case", PROOFS)
def test_inspect_checks_a_proof_beside_its_token(case: str, here: Path) -> None:
    make, token, differing = PROOFS[case]
    text = make()
    env = {} if token is None else {"JWT_WSGI_TOKEN": token}
    result = run("inspect", "--proof", text, "--json", env=env)
    assert (result.status, result.errors) == (0, "")
    answer = result.json
    assert checks(answer) == {**ALL, **differing}
    assert (answer["claims"] is None) is (token is None)
    shown = run("inspect", "--proof", text, env=env).output
    labels = {True: "yes", False: "NO", None: "-"}
    for name, passed in checks(answer).items():
        assert any(line.split()[:2] == [name, labels[passed]] for line in shown.splitlines())
    for part in text.split("."):
        assert part not in result.output + shown


def test_the_key_of_a_proof_is_shown_with_its_thumbprint(here: Path) -> None:
    answer = run("inspect", "--proof", proof(), "--json").json
    assert answer["proof"]["jkt"] == KEY.thumbprint
    assert answer["proof"]["header"]["jwk"] == KEY.jwk


@pytest.mark.parametrize(
    ("words", "stdin", "has_token"),
    [
        pytest.param((), lambda: proof(), False, id="in the place of a token"),
        pytest.param((), lambda: f"DPoP: {proof()}", False, id="a header line alone"),
        pytest.param((), lambda: f"Authorization: DPoP {BOUND}\nDPoP: {proof()}", True, id="both header lines"),
        pytest.param((), lambda: f"curl {URL} -H 'Authorization: DPoP {BOUND}' -H 'DPoP: {proof()}'", True, id="a curl command"),
        pytest.param(("--proof", "-"), proof, False, id="standard input"),
        pytest.param(("--proof", "-", "--token-file", "token"), proof, True, id="standard input, and a token"),
        pytest.param(("--token-file", "-", "--proof", "@proof"), lambda: BOUND, True, id="a token on standard input"),
    ],
)  # fmt: skip
def test_inspect_recognises_a_proof(
    words: Any, stdin: Callable[[], str], has_token: bool, here: Path
) -> None:
    Path("proof").write_text(proof())
    answer = run("inspect", *words, "--json", stdin=stdin()).json
    assert answer["proof"]["problem"] is None
    assert (answer["claims"] is not None, checks(answer)["ath"]) == (has_token, has_token or None)


def test_a_proof_that_cannot_be_read_is_a_negative_answer() -> None:
    result = run("inspect", "--proof", "a.b", "--json")
    assert (result.status, result.json["proof"]["problem"] is None) == (1, False)
    assert "cannot be read" in run("inspect", "--proof", "a.b").output


@pytest.mark.parametrize(
    ("words", "stdin", "message"),
    [
        pytest.param(("--token-file", "-", "--proof", "-"), BOUND, "standard input has the token", id="both"),
        pytest.param((), "Accept: text/html", "without one Bearer or DPoP token", id="neither"),
        pytest.param(("--token-file", "-", "--proof", "x"), "DPoP: y", "--proof: leave it out", id="two proofs"),
    ],
)  # fmt: skip
def test_inspect_refuses_evidence_that_contradicts(words: Any, stdin: str, message: str) -> None:
    result = run("inspect", *words, stdin=stdin)
    assert (result.status, message in result.errors) == (2, True)


# --- check


@pytest.mark.parametrize(
    ("target", "dpop", "certificate", "shown"),
    [
        pytest.param("shared", {"required": True, "replay": "SharedStore", "nonces": False}, None, "are required, without nonces", id="a shared store"),
        pytest.param("own", {"required": False, "replay": "MemoryStore"}, "from_environ('SSL_CLIENT_CERT')", "each process for itself", id="a memory of each process"),
        pytest.param("unchecked", {"replay": None, "base_urls": ["https://api.example.com:443"]}, None, "replay of proofs is not checked", id="no replay check"),
        pytest.param("by_function", None, "bound_shop.<lambda>", "Client certificates come from bound_shop", id="certificates of a function"),
    ],
)  # fmt: skip
def test_check_says_how_possession_is_checked(
    target: str, dpop: Any, certificate: str | None, shown: str, here: Path
) -> None:
    words = ("check", "--app", f"bound_shop:{target}", "--offline")
    possession = run(*words, "--json").json["possession"]
    assert possession["client_certificate"] == certificate
    assert possession["dpop"] == dpop or dpop.items() <= possession["dpop"].items()
    assert shown in run(*words).output


def test_check_is_silent_where_no_possession_is_checked(here: Path) -> None:
    words = ("check", "--app", "bound_shop:plain", "--offline")
    assert run(*words, "--json").json["possession"] is None
    assert "proofs" not in run(*words).output
    assert run("check", "policy.toml", "--json").json["possession"] is None


# --- proof


def pem(*words: str) -> bytes:
    """A private key as OpenSSL writes it."""
    return subprocess.run(["openssl", *words], capture_output=True, check=True).stdout


KEYS: dict[str, tuple[tuple[str, ...], str]] = {
    "EC": (("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"), "ES256"),
    "P-384 in its older form": (("ecparam", "-genkey", "-name", "secp384r1"), "ES384"),
    "P-521": (("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"), "ES512"),
    "RSA": (("genpkey", "-algorithm", "RSA"), "PS256"),
    "Ed25519": (("genpkey", "-algorithm", "ED25519"), "EdDSA"),
}


def verifier(**options: Any) -> Verifier:
    issuer = Issuer(
        LOCAL.issuer, audience=LOCAL.audience, algorithms=["ES256"], keys=StaticJWKS(LOCAL.jwks)
    )
    return Verifier(issuer, dpop=DPoP(BASE), **options)


@pytest.mark.parametrize("case", KEYS)
def test_a_proof_with_a_key_of_openssl_is_accepted_once(case: str, tmp_path: Path) -> None:
    words, algorithm = KEYS[case]
    (tmp_path / "key").write_bytes(pem(*words))
    thumbprint = DPoPKey.from_pem((tmp_path / "key").read_bytes()).thumbprint
    token = LOCAL.token(cnf={"jkt": thumbprint})
    result = run("proof", "GET", f"{URL}?a=b#c", "--key", tmp_path / "key", "--json", stdin=token)
    assert result.status == 0
    assert result.json["jkt"] == thumbprint
    assert result.json["algorithm"] == algorithm
    judge = verifier()
    text = result.json["proof"]
    assert judge.verify(token, proof=text, method="GET", url=URL).possession.bindings == {"dpop"}
    with pytest.raises(InvalidProof, match="proof_replayed"):
        judge.verify(token, proof=text, method="GET", url=URL)


def test_a_proof_is_one_line_and_new_each_time(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(pem(*KEYS["EC"][0]))
    words = ("proof", "POST", URL, "--key", tmp_path / "key", "--nonce", "n1", "--at", "1000")
    outputs = [run(*words, stdin=BOUND).output for _ in range(2)]
    assert outputs[0] != outputs[1]
    assert [output.count("\n") for output in outputs] == [1, 1]
    claims = run("inspect", "--proof", outputs[0], "--json").json["proof"]["claims"]
    assert (claims["htm"], claims["htu"], claims["iat"], claims["nonce"]) == (
        "POST",
        URL,
        1000,
        "n1",
    )
    without = run(*words, "--no-token").output
    assert "ath" in claims
    assert "ath" not in run("inspect", "--proof", without, "--json").json["proof"]["claims"]


ENCRYPTED = (*KEYS["EC"][0], "-aes256", "-pass", "pass:secret")
BAD_KEYS: dict[str, tuple[Callable[[], bytes], str]] = {
    "encrypted": (lambda: pem(*ENCRYPTED), "the key is encrypted"),
    "empty": (lambda: b"", "not a private key in PEM"),
    "a certificate": (lambda: CLIENT.pem.encode(), "not a private key in PEM"),
    "octets": (lambda: bytes(range(256)), "not a private key in PEM"),
    "broken": (lambda: pem(*KEYS["EC"][0])[:100], "not a private key in PEM"),
    "for key agreement": (lambda: pem("genpkey", "-algorithm", "X25519"), "not supported"),
    "a curve of others": (
        lambda: pem("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"), "not supported",
    ),
    "small RSA": (
        lambda: pem("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"), "1024 bits",
    ),
    "large": (lambda: b"x" * 70_000, "over 65536 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_KEYS)
def test_a_file_that_holds_no_key_is_a_usage_error(case: str, tmp_path: Path) -> None:
    make, message = BAD_KEYS[case]
    (tmp_path / "key").write_bytes(make())
    result = run("proof", "GET", URL, "--key", tmp_path / "key", "--no-token")
    assert (result.status, result.output, result.errors.count("\n")) == (2, "", 1)
    assert result.errors.startswith("jwt-wsgi proof: --key: ")
    assert message in result.errors
    assert "secret" not in result.errors


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(("get it", URL), "METHOD: write it as the request has it", id="a method"),
        pytest.param(("GET", "/orders"), "URL: write the whole URL", id="a path"),
        pytest.param(
            ("GET", "https://a:b@api.example.com/"), "URL: write the whole URL", id="a user"
        ),
        pytest.param(("GET", URL, "--nonce", "a\nb"), "--nonce: copy the value", id="a nonce"),
        pytest.param(("GET", URL, "--algorithm", "RS256"), "choose from ES256", id="an algorithm"),
        pytest.param(
            ("GET", URL, "--token-env", "X"), "--no-token: remove it", id="a token and none"
        ),
    ],
)
def test_wrong_words_make_no_proof(words: Any, message: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(pem(*KEYS["EC"][0]))
    result = run("proof", *words, "--key", tmp_path / "key", "--no-token")
    assert (result.status, result.output) == (2, "")
    assert message in result.errors


# --- the local issuer


def ask(
    text: str | None, body: bytes = b"", media_type: str = "application/x-www-form-urlencoded"
) -> tuple[int, Any]:
    """Return the status and the document of a token request to the issuer."""
    local = LocalIssuer("http://127.0.0.1:8917/", audience="https://api.test")
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/token",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8917",
        "SERVER_NAME": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": media_type,
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
    }
    if text is not None:
        environ["HTTP_DPOP"] = text
    started: list[str] = []
    answer = MintingIssuer(local)(environ, lambda status, headers: started.append(status))
    return int(started[0][:3]), json.loads(b"".join(answer))


ENDPOINT = "http://127.0.0.1:8917/token"


def cnf_of(document: Any) -> Any:
    return run("inspect", "--json", stdin=document["access_token"]).json["claims"].get("cnf")


def test_a_token_request_with_a_proof_gets_a_bound_token() -> None:
    status, document = ask(KEY.proof("POST", ENDPOINT, None))
    assert (status, document["token_type"]) == (200, "DPoP")
    assert cnf_of(document) == {"jkt": KEY.thumbprint}
    status, document = ask(None)
    assert (status, document["token_type"], cnf_of(document)) == (200, "Bearer", None)


def test_the_proofs_key_wins_over_a_jkt_that_is_asked_for() -> None:
    body = json.dumps({"claims": {"cnf": {"jkt": "x", "kid": "k"}}}).encode()
    _, document = ask(KEY.proof("POST", ENDPOINT, None), body, "application/json")
    assert cnf_of(document) == {"jkt": KEY.thumbprint, "kid": "k"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda: KEY.proof("GET", ENDPOINT, None), "htm is not POST", id="a method"),
        pytest.param(lambda: KEY.proof("POST", URL, None), f"htu is not {ENDPOINT}", id="a URL"),
        pytest.param(lambda: KEY.proof("POST", ENDPOINT, None, htu=5), "htu is not right", id="a number"),
        pytest.param(lambda: KEY.proof("POST", ENDPOINT, None, iat=1), "iat is not right", id="old"),
        pytest.param(lambda: KEY.proof("POST", ENDPOINT, None, jti=None), "jti is not right", id="no jti"),
        pytest.param(lambda: KEY.proof("POST", ENDPOINT, None)[:-8] + "AAAAAAAA", "signature is not right", id="forged"),
        pytest.param(lambda: KEY.proof("POST", ENDPOINT, None, header={"typ": "x"}), "typ is not right", id="typ"),
        pytest.param(lambda: KEY.proof("POST", ENDPOINT, None, header={"jwk": {**KEY.jwk, "d": "A"}}), "jwk is not a public key", id="a private key"),
        pytest.param(lambda: "x", "not three segments", id="not a proof"),
        pytest.param(lambda: "", "not three segments", id="empty"),
    ],
)  # fmt: skip
def test_a_bad_proof_gets_no_token(make: Callable[[], str], message: str) -> None:
    status, document = ask(make())
    assert (status, document["error"]) == (400, "invalid_dpop_proof")
    assert message in document["error_description"]


@pytest.mark.parametrize("cnf", [7, [], "x"], ids=str)
def test_a_confirmation_of_another_type_is_answered_with_400(cnf: Any) -> None:
    body = json.dumps({"claims": {"cnf": cnf}}).encode()
    status, document = ask(None, body, "application/json")
    assert (status, document["error"]) == (400, "invalid_request")


# --- hostile input

TEXTS = st.text(max_size=200) | st.binary(max_size=200).map(lambda octets: octets.decode("latin-1"))
MEMBERS = st.sampled_from(["typ", "alg", "jwk", "htm", "htu", "iat", "jti", "ath", "nonce", "kid"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
)  # fmt: skip


@st.composite
def proofs(draw: st.DrawFn) -> str:
    """Any text, or a signed proof with any members."""
    if draw(st.booleans()):
        return draw(TEXTS)
    members = draw(st.dictionaries(MEMBERS, VALUES, max_size=4))
    header = {name: members[name] for name in ("typ", "jwk") if name in members}
    payload = json.dumps(members).encode("utf-8", "surrogatepass")
    return KEY.sign(payload, header=header)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(text="\x00", form=())
@example(text="@", form=("--json",))
@example(text="a,b", form=())
@given(text=proofs(), form=st.sampled_from([(), ("--json",)]))
def test_any_text_as_a_proof_is_answered_and_nothing_secret_is_printed(
    text: str, form: tuple[str, ...], trust: Any
) -> None:
    words = ("--token-file", "token", "--proof", text, *form)
    for result in (run("inspect", *words), run("explain", *trust, *DESCRIBED, *words, *CALL)):
        assert result.status in (0, 1, 2)
        assert len(result.output) + len(result.errors) <= 65_536
        for part in BOUND.split("."):
            assert part not in result.output + result.errors


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("inspect", "--proof", "@" + BOUND), id="a file of a proof"),
        pytest.param(("proof", "GET", URL, "--no-token", "--key", BOUND), id="a file of a key"),
        pytest.param(("proof", BOUND, URL, "--no-token", "--key", "token"), id="a method"),
        pytest.param(("proof", "GET", BOUND, "--no-token", "--key", "token"), id="a URL"),
        pytest.param(("proof", "GET", URL, "--no-token", "--key", "client.key", "--algorithm", BOUND), id="an algorithm"),
        pytest.param(("explain", "--policy", "policy.toml", "--no-token", "--certificate", BOUND, "GET", "/"), id="a certificate"),
        pytest.param(("explain", "--policy", "policy.toml", "--no-token", "--dpop-base-url", BOUND, "GET", "/"), id="a base URL"),
        pytest.param(("explain", "--policy", "policy.toml", "--no-token", *DESCRIBED, "--dpop-algorithm", BOUND, "GET", "/"), id="an algorithm of proofs"),
    ],
)  # fmt: skip
def test_a_token_at_a_wrong_place_is_not_printed(words: Any, here: Path) -> None:
    result = run(*words)
    assert result.status == 2
    for part in BOUND.split("."):
        assert part not in result.output + result.errors
