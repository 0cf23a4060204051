"""Presets for Google's tokens: IAP, service accounts and Firebase."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
from fetched import Fetched
from refusals import reason
from webtest import TestApp

from jwt_wsgi import AUTHENTICATED, Issuer, Verifier, has, protect
from jwt_wsgi.cli.provider_presets import preset_issuer
from jwt_wsgi.policy.requirements import Requirement
from jwt_wsgi.presets import firebase, google_iap, google_self_signed, google_service_account
from jwt_wsgi.sources import TokenSource, bearer, from_header
from jwt_wsgi.testing import Clock, LocalIssuer, SigningKey

BACKEND = "/projects/123456789/global/backendServices/987"
ACCOUNT, SECOND = (
    "caller@my-project.iam.gserviceaccount.com",
    "cron@my-project.iam.gserviceaccount.com",
)
API = "https://api.example.com"
GOOGLE = "https://www.googleapis.com"
IAP_HEADER = "X-Goog-IAP-JWT-Assertion"


class Case(NamedTuple):
    """A preset, the URL of its keys, and other audiences for which the issuer signs tokens."""

    preset: Callable[..., Issuer]
    jwks_uri: str
    other_audiences: list[Any]


CASES = {
    "google-iap": Case(
        partial(google_iap, BACKEND),
        "https://www.gstatic.com/iap/verify/public_key-jwk",
        ["/projects/123456789/global/backendServices/98", "/projects/2/apps/a", "987"],
    ),
    "google-service-account": Case(
        partial(google_service_account, [ACCOUNT, SECOND], audience=API),
        f"{GOOGLE}/oauth2/v3/certs",
        ["https://other.example.com", f"{API}/", "32555940559.apps.googleusercontent.com"],
    ),
    "google-self-signed": Case(
        partial(google_self_signed, ACCOUNT, audience=API),
        f"{GOOGLE}/service_accounts/v1/jwk/{ACCOUNT}",
        ["https://oauth2.googleapis.com/token", "https://pubsub.googleapis.com/"],
    ),
    "firebase": Case(
        partial(firebase, "my-project"),
        f"{GOOGLE}/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com",
        ["other-project", "123456789", ["other-project"]],
    ),
}
every_preset = pytest.mark.parametrize("name", CASES)


@every_preset
def test_a_token_passes_with_keys_from_the_documented_url(name: str) -> None:
    local = LocalIssuer(like=name)
    fetched = Fetched(local)
    issuer = CASES[name].preset(fetch=fetched)
    assert fetched == []
    assert Verifier(issuer).verify(local.token()).issuer == local.issuer
    assert fetched == [CASES[name].jwks_uri]


@every_preset
def test_a_token_for_another_audience_is_refused(name: str) -> None:
    local = LocalIssuer(like=name)
    verifier = Verifier(CASES[name].preset(fetch=local.fetch))
    for audience in CASES[name].other_audiences:
        assert reason(verifier, local.token(aud=audience)) == "audience_mismatch"
    assert reason(verifier, local.token(aud=None)) == "claim_missing"


@pytest.mark.parametrize(
    ("name", "issuer"),
    [
        ("google-iap", "https://accounts.google.com"),
        ("google-iap", "https://cloud.google.com/iap/"),
        ("google-service-account", "accounts.google.com"),
        ("google-service-account", ACCOUNT),
        ("google-service-account", "https://cloud.google.com/iap"),
        ("google-self-signed", SECOND),
        ("google-self-signed", "https://accounts.google.com"),
        ("firebase", "https://securetoken.google.com/other-project"),
        ("firebase", "https://securetoken.google.com/my-project2"),
        ("firebase", "https://session.firebase.google.com/my-project"),
        ("firebase", "https://accounts.google.com"),
    ],
)
def test_a_token_of_another_issuer_is_refused_without_a_fetch(name: str, issuer: str) -> None:
    local = LocalIssuer(like=name)
    fetched = Fetched(local)
    assert reason(Verifier(CASES[name].preset(fetch=fetched)), local.token(iss=issuer)) == (
        "issuer_mismatch"
    )
    assert fetched == []


@every_preset
def test_a_token_that_another_key_signed_is_refused(name: str) -> None:
    local, forger = LocalIssuer(like=name), LocalIssuer(like=name)
    verifier = Verifier(CASES[name].preset(fetch=local.fetch))
    assert reason(verifier, forger.token()) == "kid_unknown"
    kid = local.key().kid
    assert reason(verifier, forger.token(header={"kid": kid})) == "signature_invalid"


@pytest.mark.parametrize(
    ("name", "algorithm"), [("google-iap", "RS256"), ("google-service-account", "ES256")]
)
def test_the_algorithm_is_the_providers(name: str, algorithm: str) -> None:
    local = LocalIssuer(like=name, algorithms=[algorithm])
    verifier = Verifier(CASES[name].preset(fetch=local.fetch))
    assert reason(verifier, local.token()) == "algorithm_not_allowed"
    either = CASES[name].preset(fetch=local.fetch, algorithms=["ES256", "RS256"])
    assert Verifier(either).verify(local.token())


@pytest.mark.parametrize(
    ("name", "claims", "expected"),
    [
        ("google-iap", {"sub": None}, "claim_missing"),
        ("google-service-account", {"email": SECOND}, None),
        ("google-service-account", {"email": f"x{ACCOUNT}"}, "claim_mismatch"),
        ("google-service-account", {"email": ACCOUNT.upper()}, "claim_mismatch"),
        ("google-service-account", {"email": [ACCOUNT]}, "claim_mismatch"),
        ("google-service-account", {"email": None}, "claim_missing"),
        ("google-service-account", {"email_verified": False}, "claim_mismatch"),
        ("google-service-account", {"email_verified": "true"}, "claim_mismatch"),
        ("google-service-account", {"email_verified": 1}, "claim_mismatch"),
        ("google-service-account", {"email_verified": None}, "claim_missing"),
        ("google-service-account", {"at_hash": "a"}, "id_token"),
        ("google-self-signed", {"sub": SECOND}, "claim_mismatch"),
        ("google-self-signed", {"sub": None}, "claim_missing"),
        ("firebase", {"sub": ""}, "claim_mismatch"),
        ("firebase", {"sub": None}, "claim_missing"),
        ("firebase", {"firebase": None}, "claim_missing"),
        ("firebase", {"firebase": "password"}, "claim_mismatch"),
        ("firebase", {"auth_time": None}, "claim_missing"),
        ("firebase", {"auth_time": "0"}, "claim_mismatch"),
        ("firebase", {"auth_time": True}, "claim_mismatch"),
        ("firebase", {"firebase": {"tenant": "t"}}, "claim_mismatch"),
        ("firebase", {"firebase": {"tenant": ["t"]}}, "claim_mismatch"),
    ],
)
def test_a_token_needs_the_claims_of_the_provider(
    name: str, claims: dict[str, Any], expected: str | None
) -> None:
    local = LocalIssuer(like=name)
    verifier = Verifier(CASES[name].preset(fetch=local.fetch))
    assert reason(verifier, local.token(**claims)) == expected


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("google-service-account", {"email": "other@my-project.iam.gserviceaccount.com"}),
        ("google-service-account", {"email_verified": False}),
        ("google-self-signed", {"sub": SECOND}),
        ("firebase", {"sub": ""}),
        ("firebase", {"auth_time": "0"}),
        ("firebase", {"firebase": {"tenant": "t"}}),
    ],
)
def test_claims_of_the_caller_never_weaken_those_of_the_preset(
    name: str, bad: dict[str, Any]
) -> None:
    local = LocalIssuer(like=name)
    claims = {**dict.fromkeys(bad, ...), "org": "acme"}
    verifier = Verifier(CASES[name].preset(fetch=local.fetch, claims=claims))
    assert verifier.verify(local.token(org="acme"))
    assert reason(verifier, local.token()) == "claim_missing"
    assert reason(verifier, local.token(org="acme", **bad)) == "claim_mismatch"


def plain(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"in"]


def protected(issuer: Issuer, rule: Requirement, *sources: TokenSource) -> TestApp:
    return TestApp(protect(plain, issuer=issuer, rules={"/": rule}, token_sources=sources))


# --- IAP


@pytest.mark.parametrize(
    "audience",
    [
        BACKEND,
        "/projects/123456789/apps/my-project",
        "/projects/123456789/apps/example.com:my-project",
        "/projects/123456789/locations/europe-west1/services/shop",
        "/projects/123456789/us-central1/backendServices/987",
    ],
)
def test_iap_takes_the_audience_of_every_kind_of_application(audience: str) -> None:
    local = LocalIssuer(like="google-iap", audience=audience)
    issuer = google_iap(["/projects/1/apps/other", audience], fetch=local.fetch)
    assert Verifier(issuer).verify(local.token()).claims["aud"] == audience


def test_an_assertion_of_iap_counts_only_in_its_header() -> None:
    local = LocalIssuer(like="google-iap")
    issuer = google_iap(BACKEND, fetch=local.fetch)
    app = protected(issuer, has("hd", "example.com"), from_header(IAP_HEADER))
    token = local.token()
    assert app.get("/", headers={IAP_HEADER.lower(): token}).status_int == 200
    assert app.get("/", headers={IAP_HEADER: local.token(hd="example.org")}, status=403)
    for name, value in (
        ("Authorization", f"Bearer {token}"),
        ("X-Goog-IAP-JWT", token),
        (IAP_HEADER, f"Bearer {token}"),
        (IAP_HEADER, local.id_token()),
        ("X-Goog-Authenticated-User-Email", "accounts.google.com:user@example.com"),
    ):
        assert app.get("/", headers={name: value}, status=401)


# --- service accounts


def test_the_id_token_of_a_person_who_may_call_is_accepted_only_by_name() -> None:
    local = LocalIssuer(like="google-service-account")
    preset = partial(google_service_account, "user@example.com", audience=[API, local.client_id])
    token = local.id_token()
    assert reason(Verifier(preset(fetch=local.fetch)), token) == "id_token"
    by_name = preset(fetch=local.fetch, allow_id_tokens=True)
    assert Verifier(by_name).verify(token).claims["email"] == "user@example.com"


def test_google_service_accounts_call_with_bearer_tokens() -> None:
    local = LocalIssuer(like="google-service-account")
    issuer = google_service_account(ACCOUNT, audience=API, fetch=local.fetch)
    app = protected(issuer, AUTHENTICATED, bearer)
    assert app.get("/", headers=local.headers()).status_int == 200
    assert app.get("/", headers=local.headers(email=SECOND), status=401)
    assert app.get("/", headers={"Authorization": f"Bearer {local.id_token()}"}, status=401)


def test_several_self_signing_accounts_are_a_list_of_issuers() -> None:
    emails = {ACCOUNT: SigningKey("RS256"), SECOND: SigningKey("RS256")}
    accounts = {
        email: LocalIssuer(email, like="google-self-signed", keys=[key])
        for email, key in emails.items()
    }

    def fetch(url: str) -> bytes:
        return accounts[url.rpartition("/")[2]].fetch(url)

    verifier = Verifier([google_self_signed(email, audience=API, fetch=fetch) for email in emails])
    for email, local in accounts.items():
        assert verifier.verify(local.token()).subject == email
    forged = accounts[SECOND].token(iss=ACCOUNT, sub=ACCOUNT)
    assert reason(verifier, forged) == "kid_unknown"


# --- Firebase


def test_firebase_compares_the_time_of_the_login_with_its_clock() -> None:
    clock = Clock()
    local = LocalIssuer(like="firebase", clock=clock)
    issuer = firebase("my-project", fetch=local.fetch, clock=clock, leeway=10)
    verifier = Verifier(issuer, clock=clock)
    assert verifier.verify(local.token(auth_time=0))
    assert verifier.verify(local.token(auth_time=clock.now + 10))
    early = local.token(auth_time=clock.now + 20)
    assert reason(verifier, early) == "claim_mismatch"
    clock.advance(10)
    assert verifier.verify(early)
    clock.advance(86400)
    assert verifier.verify(local.token())


@pytest.mark.parametrize(
    ("tenants", "tenant", "good"),
    [
        (None, None, True),
        (None, "a", False),
        ("a", "a", True),
        ("a", "b", False),
        ("a", None, False),
        (["a", "b"], "b", True),
    ],
)
def test_firebase_accepts_users_of_the_named_tenants(
    tenants: Any, tenant: str | None, good: bool
) -> None:
    local = LocalIssuer(like="firebase")
    details = {"sign_in_provider": "password"} | ({} if tenant is None else {"tenant": tenant})
    verifier = Verifier(firebase("my-project", tenants=tenants, fetch=local.fetch))
    expected = None if good else "claim_mismatch"
    assert reason(verifier, local.token(firebase=details)) == expected


def test_firebase_can_be_narrowed_to_one_way_of_signing_in() -> None:
    local = LocalIssuer(like="firebase")
    claims = {("firebase", "sign_in_provider"): "password"}
    app = protected(firebase("my-project", fetch=local.fetch, claims=claims), AUTHENTICATED, bearer)
    assert app.get("/", headers=local.headers()).status_int == 200
    anonymous = {"identities": {}, "sign_in_provider": "anonymous"}
    assert app.get("/", headers=local.headers(firebase=anonymous), status=401)


# --- arguments

WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "the client ID of IAP": (
        lambda: google_iap("123-abc.apps.googleusercontent.com"),
        "signed header JWT audience",
    ),
    "an audience of IAP without a number": (
        lambda: google_iap("/projects/my-project/apps/a"),
        "audience='/projects/my-project/apps/a'",
    ),
    "one wrong audience of IAP": (lambda: google_iap([BACKEND, "x"]), "audience='x'"),
    "no audience of IAP": (lambda: google_iap([]), "audience="),
    "no accounts": (lambda: google_service_account([], audience="a"), "emails="),
    "no email": (lambda: google_service_account("my-project", audience="a"), "emails holds"),
    "an email in capitals": (
        lambda: google_service_account([ACCOUNT, ACCOUNT.upper()], audience="a"),
        "emails holds 'CALLER@",
    ),
    "no audience of a service": (lambda: google_service_account(ACCOUNT, audience=""), "audience="),
    "a person who signs tokens": (
        lambda: google_self_signed("user@example.com", audience="a"),
        "email='user@example.com'",
    ),
    "an account with a path": (lambda: google_self_signed(f"../{ACCOUNT}", audience="a"), "email="),
    "an account of None": (
        lambda: google_self_signed(None, audience="a"),  # type: ignore[arg-type]
        "email=None",
    ),
    "a project by its domain": (lambda: firebase("my-project.firebaseapp.com"), "project="),
    "a project by its number": (lambda: firebase("123456789"), "project="),
    "no tenants": (lambda: firebase("my-project", tenants=[]), "tenants="),
    "a clock of None": (lambda: firebase("my-project", clock=5), "clock=5"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_an_invalid_argument_is_named_in_the_error(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("text", "audience", "name"),
    [
        ("google-iap", BACKEND, "google-iap"),
        (f"google-service-account:{ACCOUNT}", API, "google-service-account"),
        (f"google-service-account:{SECOND},a@b.example,{ACCOUNT}", API, "google-service-account"),
        (f"google-self-signed:{ACCOUNT}", API, "google-self-signed"),
        ("firebase:my-project", "my-project", "firebase"),
    ],
)
def test_the_command_line_takes_the_preset(text: str, audience: str, name: str) -> None:
    local = LocalIssuer(like=name)
    issuer = preset_issuer(text, (audience,), {"fetch": local.fetch})
    assert Verifier(issuer).verify(local.token()).issuer == local.issuer
