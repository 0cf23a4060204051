"""The cases taken over from the Express stack, run as WSGI with WebTest's lint on.

Errors at construction are tested in test_issuer.py, the key source alone in test_remote.py.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from conftest import Clock
from webob import Request, Response
from webob.dec import wsgify
from webtest import TestApp, TestResponse

from jwt_wsgi import (
    AUTHENTICATED,
    OPTIONAL,
    PUBLIC,
    Issuer,
    RemoteJWKS,
    SharedSecret,
    StaticJWKS,
    claim,
    get_auth,
    protect,
    scope,
)
from jwt_wsgi.testing import LocalIssuer

AUDIENCE = "https://api.test"


@wsgify
def echo(request: Request) -> Response:
    """Answer with the caller's subject and the received body."""
    auth = get_auth(request)
    return Response(
        json={"subject": None if auth is None else auth.subject, "body": request.body.decode()}
    )


RULES = {
    "/public": PUBLIC,
    "/optional": OPTIONAL,
    "/private": AUTHENTICATED,
    "/all": scope("read:a", "read:b"),
    "/any": scope("read:a") | scope("read:b"),
    "/claimed": claim("org", "acme"),
    "POST /form": AUTHENTICATED,
    "OPTIONS /form": PUBLIC,
}


def api(
    local: LocalIssuer,
    *,
    keys: Any = None,
    get_token: Any = None,
    is_revoked: Any = None,
    clock: Callable[[], float] | None = None,
    **profile: Any,
) -> TestApp:
    profile = {"audience": AUDIENCE, **profile}
    issuer = Issuer(local.issuer, keys=keys or StaticJWKS(local.jwks), **profile)
    return TestApp(
        protect(
            echo,
            issuer=issuer,
            rules=RULES,
            get_token=get_token,
            is_revoked=is_revoked,
            clock=clock or local.clock,
        )
    )


def get(app: TestApp, path: str, header: str | None = None) -> TestResponse:
    headers = {} if header is None else {"Authorization": header}
    return app.get(path, headers=headers, status="*")


def bearer(app: TestApp, token: str, path: str = "/private") -> TestResponse:
    return get(app, path, f"Bearer {token}")


def outcome(response: TestResponse) -> tuple[int, str | None]:
    return response.status_int, response.json.get("reason")


@pytest.mark.conforms(8, 12)
def test_no_token_is_401_without_an_error_code(local: LocalIssuer) -> None:
    response = get(api(local), "/private")
    assert outcome(response) == (401, "missing_token")
    assert "error" not in response.json
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.conforms(3, 4, 13)
@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("wrong", (401, "missing_token"), id="another scheme, no credentials"),
        pytest.param("Basic foobar", (401, "missing_token"), id="Basic"),
        pytest.param("Basic x, Bearer y", (401, "missing_token"), id="Basic first, then Bearer"),
        pytest.param("Bearer", (400, "malformed_header"), id="scheme alone"),
        pytest.param("Bearer a b", (400, "malformed_header"), id="two words"),
        pytest.param("Bearer a, Bearer b", (400, "several_tokens"), id="two headers, joined"),
        pytest.param("Bearer wrongjwt", (401, "token_malformed"), id="wrongjwt"),
    ],
)
def test_a_header_without_a_valid_token_is_refused(
    local: LocalIssuer, header: str, expected: tuple[int, str]
) -> None:
    assert outcome(get(api(local), "/private", header)) == expected


@pytest.mark.conforms(1, 2)
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_case_insensitive(local: LocalIssuer, scheme: str) -> None:
    response = get(api(local), "/private", f"{scheme} {local.token()}")
    assert response.json["subject"] == "user-1"


def test_basic_passes_an_optional_rule_without_auth(local: LocalIssuer) -> None:
    assert get(api(local), "/optional", "Basic foobar").json["subject"] is None


@pytest.mark.conforms(5, 6)
def test_tokens_in_query_form_and_json_are_ignored(local: LocalIssuer) -> None:
    app, token = api(local), local.token()
    assert get(app, f"/private?access_token={token}").status_int == 401
    form = app.post("/form", {"access_token": token}, status="*")
    assert form.status_int == 401
    sent = json.dumps({"access_token": token})
    header = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    assert app.post("/form", sent, headers=header).json["body"] == sent


@pytest.mark.conforms(7)
def test_get_token_replaces_the_header(local: LocalIssuer) -> None:
    token = local.token()
    app = api(local, get_token=lambda environ: Request(environ).cookies.get("token"))
    app.set_cookie("token", token)
    assert app.get("/private").json["subject"] == "user-1"
    app.reset()
    assert outcome(bearer(app, token)) == (401, "missing_token")


def test_an_exception_of_get_token_propagates(local: LocalIssuer) -> None:
    def explode(environ: dict[str, Any]) -> str:
        raise KeyError("no cookie jar")

    with pytest.raises(KeyError, match="no cookie jar"):
        get(api(local, get_token=explode), "/private")


def test_a_preflight_takes_the_options_rule(local: LocalIssuer) -> None:
    app = api(local)
    assert app.options("/form").status_int == 200
    assert app.options("/all", status="*").status_int == 401


@pytest.mark.parametrize(
    "header", ["Bearer wrongjwt", "Bearer", "Bearer a, Bearer b"], ids=["bad", "none", "two"]
)
def test_an_exempt_path_passes_whatever_the_header_says(local: LocalIssuer, header: str) -> None:
    assert get(api(local), "/public", header).json["subject"] is None


def swapped(token: str) -> str:
    head, _, signature = token.split(".")
    claims = json.dumps({"iss": "https://issuer.test/", "aud": AUDIENCE, "exp": 2**40})
    return f"{head}.{base64.urlsafe_b64encode(claims.encode()).decode().rstrip('=')}.{signature}"


BELIEVING: list[Any] = [
    ("payload is not JSON", lambda i: i.sign(b"no json"), {}, "token_malformed"),
    ("payload swapped", lambda i: swapped(i.token()), {}, "signature_invalid"),
    ("wrong audience", lambda i: i.token(aud="https://other.test"), {}, "audience_mismatch"),
    ("audience list overlaps", lambda i: i.token(aud=["https://x.test", AUDIENCE]), {}, None),
    ("several expected", lambda i: i.token(), {"audience": ["https://x.test", AUDIENCE]}, None),
    ("wrong issuer", lambda i: i.token(iss="https://evil.test/"), {}, "issuer_mismatch"),
    (
        "issuer contains the right one",
        lambda i: i.token(iss="https://evil.test/?https://issuer.test/"),
        {},
        "issuer_mismatch",
    ),
    ("expired", lambda i: i.token(expires_in=-31), {}, "token_expired"),
    ("expired within the leeway", lambda i: i.token(expires_in=-15), {}, None),
    ("not yet valid", lambda i: i.token(nbf=i.clock() + 60), {}, "token_not_yet_valid"),
    ("nearly valid, within the leeway", lambda i: i.token(nbf=i.clock() + 15), {}, None),
    ("nbf is text", lambda i: i.token(nbf="1"), {}, "claim_malformed"),
    ("exp is text", lambda i: i.token(exp="9999999999"), {}, "claim_malformed"),
    ("iat is text", lambda i: i.token(iat="1"), {}, "claim_malformed"),
    ("older than the maximum age", lambda i: i.token(iat=i.clock() - 91), {"max_age": 60},
     "token_too_old"),
    ("at+jwt wanted, JWT sent", lambda i: i.token(header={"typ": "JWT"}), {"profile": "at+jwt"},
     "type_mismatch"),
    ("at+jwt in any case", lambda i: i.token(header={"typ": "AT+JWT"}), {"profile": "at+jwt"},
     None),
    ("at+jwt without jti", lambda i: i.token(jti=None), {"profile": "at+jwt"}, "claim_missing"),
    ("at+jwt without client_id", lambda i: i.token(client_id=None), {"profile": "at+jwt"},
     "claim_missing"),
    ("at+jwt without sub", lambda i: i.token(sub=None), {"profile": "at+jwt"}, "claim_missing"),
    ("bound to a key", lambda i: i.token(cnf={"jkt": "x"}), {}, "token_bound"),
]  # fmt: skip


@pytest.mark.conforms(13, 33, 34, 35, 36, 37, 53, 54, 55, 57, 70)
@pytest.mark.parametrize(
    ("token", "profile", "reason"), [pytest.param(*case, id=name) for name, *case in BELIEVING]
)
def test_a_token_is_accepted_or_refused_with_its_reason(
    local: LocalIssuer,
    token: Callable[[LocalIssuer], str],
    profile: dict[str, Any],
    reason: str | None,
) -> None:
    app = api(local, **profile)
    expected = (200, None) if reason is None else (401, reason)
    assert outcome(bearer(app, token(local))) == expected
    # A bad token is also refused where a token is optional.
    assert outcome(bearer(app, token(local), "/optional")) == expected


def test_a_wrong_secret_is_a_wrong_signature() -> None:
    one, other = (LocalIssuer(algorithms=("HS256",)) for _ in range(2))
    app = api(one, keys=SharedSecret(one.secret()), algorithms=["HS256"])
    assert bearer(app, one.token()).status_int == 200
    assert outcome(bearer(app, other.token())) == (401, "signature_invalid")


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_another_algorithm_is_refused_without_a_fetch(algorithm: str) -> None:
    local = LocalIssuer(algorithms=("HS256",))
    app = api(local, keys=RemoteJWKS(local.jwks_uri, fetch=local.fetch))
    token = local.token(header={"alg": algorithm})
    assert outcome(bearer(app, token)) == (401, "algorithm_not_allowed")
    assert local.requests == []


@pytest.mark.conforms(44, 47, 56)
def test_the_issuer_selects_the_key_and_an_unknown_one_costs_no_fetch() -> None:
    one = LocalIssuer("https://one.test/", algorithms=("ES256",))
    two = LocalIssuer("https://two.test/", algorithms=("ES256",))
    stranger = LocalIssuer("https://three.test/", algorithms=("ES256",))
    issuers = [
        Issuer(
            each.issuer,
            audience=AUDIENCE,
            algorithms=["ES256"],
            keys=RemoteJWKS(each.jwks_uri, fetch=each.fetch),
        )
        for each in (one, two)
    ]
    app = TestApp(protect(echo, issuer=issuers, rules=RULES))
    assert outcome(bearer(app, stranger.token())) == (401, "issuer_mismatch")
    assert one.requests == two.requests == []
    assert bearer(app, one.token()).status_int == bearer(app, two.token()).status_int == 200
    # A key does not verify a token that names another issuer.
    assert outcome(bearer(app, one.token(iss=two.issuer))) == (401, "kid_unknown")


def test_a_revoked_token_is_401_and_a_check_that_raises_is_503(local: LocalIssuer) -> None:
    def explode(auth: object) -> bool:
        raise ConnectionError("the deny list is gone")

    assert outcome(bearer(api(local, is_revoked=lambda auth: True), local.token())) == (
        401,
        "token_revoked",
    )
    assert bearer(api(local, is_revoked=lambda auth: False), local.token()).status_int == 200
    unknown = bearer(api(local, is_revoked=explode), local.token())
    assert outcome(unknown) == (503, "revocation_unknown")
    assert int(unknown.headers["Retry-After"]) >= 1


@pytest.mark.conforms(80)
def test_the_issuer_that_discovery_names_must_be_the_tokens() -> None:
    local = LocalIssuer(algorithms=("ES256",))
    documents = {"issuer": "https://other.test/", "jwks_uri": local.jwks_uri}
    keys = RemoteJWKS.discovered(local.issuer, fetch=lambda url: json.dumps(documents).encode())
    app = api(local, keys=keys, algorithms=["ES256"])
    assert outcome(bearer(app, local.token())) == (503, "keys_unavailable")


class Keys:
    """A remote key source for a local issuer, with its own clock."""

    def __init__(self, **options: Any) -> None:
        self.local = LocalIssuer(algorithms=("ES256",))
        self.clock = Clock(1000.0)
        self.source = RemoteJWKS(
            self.local.jwks_uri, fetch=self.local.fetch, clock=self.clock, **options
        )
        self.app = api(self.local, keys=self.source, algorithms=["ES256"])

    def call(self, token: str | None = None) -> tuple[int, str | None]:
        return outcome(bearer(self.app, token or self.local.token()))

    @property
    def fetches(self) -> int:
        return len(self.local.requests)


GOOD = (200, None)


def test_a_cached_kid_costs_one_fetch() -> None:
    keys = Keys()
    assert [keys.call() for _ in range(5)] == [GOOD] * 5
    assert keys.fetches == 1


@pytest.mark.conforms(82)
def test_a_new_kid_costs_one_refetch() -> None:
    keys = Keys()
    assert keys.call() == GOOD
    keys.local.rotate()
    keys.clock.advance(31)
    assert [keys.call(), keys.call()] == [GOOD, GOOD]
    assert keys.fetches == 2


def test_concurrent_first_requests_cost_one_fetch() -> None:
    keys = Keys()
    keys.local.delay = 0.1
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: keys.call(), range(8)))
    assert answers == [GOOD] * 8
    assert keys.fetches == 1


def test_after_a_failed_fetch_the_next_one_serves() -> None:
    keys = Keys()
    keys.local.available = False
    assert keys.call() == (503, "keys_unavailable")
    keys.local.available = True
    keys.clock.advance(2)
    assert keys.call() == GOOD


def test_an_outage_is_bridged_for_the_stale_window_and_no_longer() -> None:
    keys = Keys(stale_for=1000)
    assert keys.call() == GOOD
    keys.local.available = False
    keys.clock.advance(600 + 999)
    assert keys.call() == GOOD
    keys.clock.advance(61)
    assert keys.call() == (503, "keys_unavailable")


def test_an_unknown_kid_in_an_outage_is_503_and_a_known_one_is_served() -> None:
    keys = Keys()
    known = keys.local.token()
    assert keys.call(known) == GOOD
    keys.local.rotate()
    keys.local.available = False
    assert keys.call() == (503, "keys_unavailable")
    assert keys.call(known) == GOOD


def test_invented_kids_stay_within_the_budget_and_valid_tokens_pass() -> None:
    keys = Keys()
    valid, stranger = keys.local.token(), LocalIssuer(algorithms=("ES256",))
    assert keys.call(valid) == GOOD

    def attack(number: int) -> tuple[int, str | None]:
        keys.call(stranger.token(header={"kid": f"invented-{number}"}))
        return keys.call(valid)

    with ThreadPoolExecutor(5) as pool:
        assert set(pool.map(attack, range(20))) == {GOOD}
    # The first fetch, and a burst of two.
    assert keys.fetches <= 3


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        pytest.param(1, GOOD, id="one key is used"),
        pytest.param(2, GOOD, id="two keys are both tried"),
        pytest.param(5, (401, "signature_invalid"), id="a fifth key is not"),
    ],
)
def test_a_token_without_kid(published: int, expected: tuple[int, str | None]) -> None:
    issuers = [LocalIssuer(algorithms=("ES256",)) for _ in range(published)]
    signer = issuers[-1]
    jwks = {"keys": [each.jwks["keys"][0] for each in issuers]}
    app = api(signer, keys=StaticJWKS(jwks), algorithms=["ES256"])
    assert outcome(bearer(app, signer.token(header={"kid": None}))) == expected


@pytest.mark.conforms(27)
def test_keys_for_encryption_are_not_used() -> None:
    local = LocalIssuer(algorithms=("ES256",))
    jwks = {"keys": [{**local.jwks["keys"][0], "use": "enc"}]}
    keys = RemoteJWKS(local.jwks_uri, fetch=lambda url: json.dumps(jwks).encode())
    app = api(local, keys=keys, algorithms=["ES256"])
    assert outcome(bearer(app, local.token())) == (503, "keys_unavailable")


@pytest.mark.conforms(26)
def test_an_unsupported_curve_beside_rsa_leaves_rsa_usable(local: LocalIssuer) -> None:
    odd = {"kty": "EC", "crv": "secp256k1", "kid": "odd", "x": "AA", "y": "AA"}
    app = api(local, keys=StaticJWKS({"keys": [odd, *local.jwks["keys"]]}))
    assert bearer(app, local.token()).status_int == 200


def test_the_same_kid_with_another_key_is_a_wrong_signature() -> None:
    one, other = (LocalIssuer(algorithms=("ES256",)) for _ in range(2))
    app = api(one, algorithms=["ES256"])
    forged = other.token(header={"kid": one.key().kid})
    assert outcome(bearer(app, forged)) == (401, "signature_invalid")


SCOPES = {"error": "insufficient_scope"}


@pytest.mark.conforms(14, 85)
@pytest.mark.parametrize(
    ("claims", "path", "passes"),
    [
        pytest.param({"scope": "read:a read:b"}, "/all", True, id="string, all"),
        pytest.param({"scope": ["read:b", "read:a"]}, "/all", True, id="list, all"),
        pytest.param({"scp": ["read:a", "read:b"]}, "/all", True, id="scp, all"),
        pytest.param({"scope": "read:a"}, "/all", False, id="one of two, all wanted"),
        pytest.param({"scope": "read:b"}, "/any", True, id="one of two, any wanted"),
        pytest.param({}, "/all", False, id="absent"),
        pytest.param({"scope": ""}, "/all", False, id="empty string"),
        pytest.param({"scope": []}, "/all", False, id="empty list"),
        pytest.param({"scope": {"read:a": 1}}, "/any", False, id="odd shape"),
        pytest.param({"scope": "read:a\tread:b"}, "/any", False, id="tab is no separator"),
    ],
)
def test_scopes(local: LocalIssuer, claims: dict[str, Any], path: str, passes: bool) -> None:
    response = bearer(api(local), local.token(**claims), path)
    if passes:
        assert response.status_int == 200
        return
    assert outcome(response) == (403, "insufficient_scope")
    named = "read:a read:b" if path == "/all" else "read:a"
    assert 'error="insufficient_scope", ' in response.headers["WWW-Authenticate"]
    assert response.headers["WWW-Authenticate"].endswith(f'scope="{named}"')


def test_a_custom_scope_claim_is_honoured(local: LocalIssuer) -> None:
    app = api(local, scope_claim=("realm_access", "roles"))
    token = local.token(scope="read:a read:b", realm_access={"roles": ["read:a"]})
    assert bearer(app, token, "/any").status_int == 200
    assert bearer(app, token, "/all").status_int == 403


def test_a_claim_that_forbids_is_403_without_a_challenge(local: LocalIssuer) -> None:
    app = api(local)
    assert bearer(app, local.token(org="acme"), "/claimed").status_int == 200
    response = bearer(app, local.token(org="other"), "/claimed")
    assert outcome(response) == (403, "claim_forbidden")
    assert "WWW-Authenticate" not in response.headers
