"""Presets of services whose tokens stand in other places, or come from jobs instead of people."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from refusals import reason
from webtest import TestApp

from jwt_wsgi import AUTHENTICATED, Issuer, RemoteJWKS, StaticJWKS, Verifier, claim, protect
from jwt_wsgi.presets import (
    clerk,
    cloudflare_access,
    github_actions,
    gitlab_ci,
    kubernetes_service_accounts,
    supabase,
)
from jwt_wsgi.sources import TokenSource, bearer, from_cookie, from_header
from jwt_wsgi.testing import LocalIssuer, SigningKey
from jwt_wsgi.testing.shapes import SHAPES

TAG = SHAPES["cloudflare-access"].example.audience
APPLICATION = "https://app.example.com"
DEPLOY = "https://deploy.example.com"
ORDERS = "https://orders.example.com"
SECRET = "the legacy secret of a project, forty characters"

#: The call of each preset.
PRESETS: dict[str, Callable[..., Issuer]] = {
    "cloudflare-access": partial(cloudflare_access, "team.cloudflareaccess.com", audience=TAG),
    "supabase": partial(supabase, "abcdefghijklmnopqrst"),
    "clerk": partial(clerk, "clerk.example.com", authorized_parties=[APPLICATION, "http://localhost:3000"]),
    "kubernetes-service-accounts": partial(kubernetes_service_accounts, audience=ORDERS, service_accounts="shop:frontend"),
    "github-actions": partial(github_actions, audience=DEPLOY, repositories="octo-org/octo-repo"),
    "gitlab-ci": partial(gitlab_ci, audience=DEPLOY, projects="my-group/my-project"),
}  # fmt: skip
KEYS = {
    "cloudflare-access": "https://team.cloudflareaccess.com/cdn-cgi/access/certs",
    "supabase": "https://abcdefghijklmnopqrst.supabase.co/auth/v1/.well-known/jwks.json",
    "clerk": "https://clerk.example.com/.well-known/jwks.json",
    "kubernetes-service-accounts": "https://kubernetes.default.svc/openid/v1/jwks",
    "github-actions": "https://token.actions.githubusercontent.com/.well-known/jwks",
    "gitlab-ci": "https://gitlab.com/oauth/discovery/keys",
}
every_service = pytest.mark.parametrize("name", PRESETS)


class Service:
    """The local issuer of a service, and the URLs that were fetched of it."""

    def __init__(self, name: str, key: SigningKey) -> None:
        self.name = name
        self.local = LocalIssuer(like=name, algorithms=(key.algorithm,), keys=[key])
        self.fetched: list[str] = []

    def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        return self.local.fetch(url)

    def preset(self, **options: Any) -> Issuer:
        return PRESETS[self.name](fetch=self.fetch, **options)

    def refusal(self, token: str, **options: Any) -> str | None:
        return reason(Verifier(self.preset(**options)), token)


@pytest.fixture
def service(name: str, local: LocalIssuer) -> Service:
    return Service(name, local.key())


# --- every preset


@every_service
def test_a_token_passes_with_keys_from_the_documented_url(name: str, service: Service) -> None:
    auth = Verifier(service.preset()).verify(service.local.token())
    assert auth.issuer == SHAPES[name].example.issuer
    assert service.fetched == [KEYS[name]]


@pytest.mark.parametrize(
    "name", [name for name in PRESETS if name != "kubernetes-service-accounts"]
)
def test_the_built_in_client_fetches_from_the_same_url(name: str) -> None:
    source = PRESETS[name]().keys
    assert isinstance(source, RemoteJWKS)
    assert KEYS[name] in repr(source)


#: What each preset must refuse, beside what every `Issuer` refuses: claims, and the reason.
REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "Cloudflare, another team": (
        "cloudflare-access", {"iss": "https://other.cloudflareaccess.com"}, "issuer_mismatch",
    ),
    "Cloudflare, another application": ("cloudflare-access", {"aud": ["0" * 64]}, "audience_mismatch"),
    "Cloudflare, a session of the team": ("cloudflare-access", {"type": "org"}, "claim_mismatch"),
    "Cloudflare, no type": ("cloudflare-access", {"type": None}, "claim_missing"),
    "Supabase, another project": (
        "supabase", {"iss": "https://tsrqponmlkjihgfedcba.supabase.co/auth/v1"}, "issuer_mismatch",
    ),
    "Supabase, another audience": ("supabase", {"aud": "anon"}, "audience_mismatch"),
    "Supabase, the role anon": ("supabase", {"role": "anon"}, "claim_mismatch"),
    "Supabase, the role service_role": ("supabase", {"role": "service_role"}, "claim_mismatch"),
    "Supabase, several roles": ("supabase", {"role": ["authenticated"]}, "claim_mismatch"),
    "Supabase, no session": ("supabase", {"session_id": None}, "claim_missing"),
    "Clerk, another instance": ("clerk", {"iss": "https://clerk.example.org"}, "issuer_mismatch"),
    "Clerk, another application": ("clerk", {"azp": "https://evil.example.com"}, "claim_mismatch"),
    "Clerk, a list of applications": ("clerk", {"azp": [APPLICATION]}, "claim_mismatch"),
    "Clerk, no application": ("clerk", {"azp": None}, "claim_missing"),
    "Clerk, no session": ("clerk", {"sid": None}, "claim_missing"),
    "Clerk, a pending session": ("clerk", {"sts": "pending"}, "claim_mismatch"),
    "Clerk, version 1": ("clerk", {"sts": None, "v": None}, "claim_missing"),
    "GitHub, another repository": ("github-actions", {"repository": "octo-org/other"}, "claim_mismatch"),
    "GitHub, another owner": ("github-actions", {"repository": "evil/octo-repo"}, "claim_mismatch"),
    "GitHub, a longer name": ("github-actions", {"repository": "octo-org/octo-repo2"}, "claim_mismatch"),
    "GitHub, another case": ("github-actions", {"repository": "Octo-Org/octo-repo"}, "claim_mismatch"),
    "GitHub, no repository": ("github-actions", {"repository": None}, "claim_missing"),
    "GitHub, another audience": ("github-actions", {"aud": "https://other.example.com"}, "audience_mismatch"),
    "GitHub, an enterprise": (
        "github-actions", {"iss": "https://token.actions.githubusercontent.com/octocorp"}, "issuer_mismatch",
    ),
    "GitLab, another project": ("gitlab-ci", {"project_path": "my-group/other"}, "claim_mismatch"),
    "GitLab, a project of a subgroup": (
        "gitlab-ci", {"project_path": "my-group/sub/my-project"}, "claim_mismatch",
    ),
    "GitLab, no project": ("gitlab-ci", {"project_path": None}, "claim_missing"),
    "GitLab, another audience": ("gitlab-ci", {"aud": "https://gitlab.com"}, "audience_mismatch"),
    "GitLab, another instance": ("gitlab-ci", {"iss": "https://git.example.com"}, "issuer_mismatch"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "claims", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_token_of_somebody_else_is_refused(
    claims: dict[str, Any], expected: str, service: Service
) -> None:
    assert service.refusal(service.local.token(**claims)) == expected
    if expected == "issuer_mismatch":
        assert service.fetched == []


@every_service
def test_the_other_token_of_the_service_is_refused(service: Service) -> None:
    expected = {"audience_mismatch", "claim_missing", "claim_mismatch"}
    assert service.refusal(service.local.id_token()) in expected


@pytest.mark.parametrize("name", ["cloudflare-access", "supabase", "clerk", "gitlab-ci"])
def test_it_is_refused_even_if_its_client_is_the_audience(service: Service) -> None:
    token = service.local.id_token()
    refusal = service.refusal(token, audience=service.local.client_id)
    assert refusal in {"claim_missing", "claim_mismatch"}


#: A claim of each preset with a value that it refuses.
CLAIMS: dict[str, dict[str, str]] = {
    "cloudflare-access": {"type": "org"},
    "supabase": {"role": "anon"},
    "clerk": {"sts": "pending"},
    "kubernetes-service-accounts": {"sub": "system:serviceaccount:shop:other"},
    "github-actions": {"repository": "octo-org/other"},
    "gitlab-ci": {"project_path": "my-group/other"},
}


@pytest.mark.parametrize(("name", "wrong"), CLAIMS.items(), ids=CLAIMS)
def test_claims_of_the_caller_never_weaken_those_of_the_preset(
    wrong: dict[str, str], service: Service
) -> None:
    claims = {**dict.fromkeys(wrong, ...), "org": "acme"}
    assert service.refusal(service.local.token(org="acme"), claims=claims) is None
    assert service.refusal(service.local.token(), claims=claims) == "claim_missing"
    bad = service.local.token(**{**wrong, "org": "acme"})
    assert service.refusal(bad, claims=claims) == "claim_mismatch"
    for name in wrong:
        refusing = service.refusal(service.local.token(), claims={name: lambda _: False})
        assert refusing == "claim_mismatch"


@every_service
def test_other_options_are_passed_to_the_issuer(service: Service, local: LocalIssuer) -> None:
    keys = StaticJWKS(local.jwks)
    issuer = service.preset(leeway=0, keys=keys, algorithms=["RS256", "PS256"])
    assert (issuer.profile.leeway, issuer.algorithms) == (0, {"RS256", "PS256"})
    assert Verifier(issuer).verify(service.local.token())
    assert service.fetched == []
    with pytest.raises(TypeError):
        service.preset(lifetime=5)


# --- who may call, of those who run jobs

CALLERS: dict[str, tuple[str, Callable[..., Issuer], dict[str, Any], str | None]] = {
    "GitHub, an ID": ("github-actions", github_actions, {"repository_ids": "74"}, None),
    "GitHub, another ID": ("github-actions", github_actions, {"repository_ids": ["7", "740"]}, "claim_mismatch"),
    "GitHub, an owner": ("github-actions", github_actions, {"owners": ["octo-org", "b"]}, None),
    "GitHub, another owner": ("github-actions", github_actions, {"owners": "octo"}, "claim_mismatch"),
    "GitHub, the ID of the owner": ("github-actions", github_actions, {"owner_ids": "65"}, None),
    "GitHub, a name and the ID of its owner": (
        "github-actions", github_actions, {"repositories": "octo-org/octo-repo", "owner_ids": "65"}, None,
    ),
    "GitHub, a name that another owner registered": (
        "github-actions", github_actions, {"repositories": "octo-org/octo-repo", "owner_ids": "66"}, "claim_mismatch",
    ),
    "GitLab, an ID": ("gitlab-ci", gitlab_ci, {"project_ids": "20"}, None),
    "GitLab, another ID": ("gitlab-ci", gitlab_ci, {"project_ids": "2"}, "claim_mismatch"),
    "GitLab, a group": ("gitlab-ci", gitlab_ci, {"namespaces": "my-group"}, None),
    "GitLab, another group": ("gitlab-ci", gitlab_ci, {"namespaces": ["my", "group"]}, "claim_mismatch"),
    "GitLab, the ID of the group": ("gitlab-ci", gitlab_ci, {"namespace_ids": "72"}, None),
    "GitLab, a path that another group registered": (
        "gitlab-ci", gitlab_ci, {"projects": "my-group/my-project", "namespace_ids": "73"}, "claim_mismatch",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "make", "options", "expected"), CALLERS.values(), ids=CALLERS)
def test_every_option_that_names_callers_must_hold(
    make: Callable[..., Issuer], options: dict[str, Any], expected: str | None, service: Service
) -> None:
    issuer = make(audience=DEPLOY, fetch=service.fetch, **options)
    assert reason(Verifier(issuer), service.local.token()) == expected


def test_a_group_does_not_include_the_projects_of_its_subgroups(local: LocalIssuer) -> None:
    gitlab = LocalIssuer(like="gitlab-ci", keys=[local.key()], client_id="my-group/sub/project")
    issuer = gitlab_ci(audience=DEPLOY, namespaces="my-group", fetch=gitlab.fetch)
    assert reason(Verifier(issuer), gitlab.token()) == "claim_mismatch"


# --- Supabase before and after its signing keys


def signed_with(secret: str, *, kid: str | None = None, **claims: Any) -> str:
    """Return a token of the project that a secret signed."""
    key = SigningKey("HS256", kid)
    key.private = secret.encode()
    return LocalIssuer(like="supabase", algorithms=("HS256",), keys=[key]).token(**claims)


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_supabase_accepts_published_keys_and_the_legacy_secret(algorithm: str) -> None:
    project = LocalIssuer(like="supabase", algorithms=(algorithm,))
    verifier = Verifier(supabase("abcdefghijklmnopqrst", legacy_secret=SECRET, fetch=project.fetch))
    assert verifier.verify(signed_with(SECRET))
    assert project.requests == []
    assert verifier.verify(project.token())


def test_supabase_refuses_the_legacy_secret_unless_it_is_named() -> None:
    project = LocalIssuer(like="supabase", algorithms=("ES256",))
    published = Verifier(supabase("abcdefghijklmnopqrst", fetch=project.fetch))
    assert reason(published, signed_with(SECRET)) == "algorithm_not_allowed"
    other = supabase("abcdefghijklmnopqrst", legacy_secret="x" * 40, fetch=project.fetch)
    assert reason(Verifier(other), signed_with(SECRET)) == "signature_invalid"


API_KEY = dict.fromkeys(
    ("aal", "amr", "app_metadata", "aud", "email", "phone", "session_id", "sub", "user_metadata", "is_anonymous")
)  # fmt: skip


@pytest.mark.parametrize("role", ["anon", "service_role"])
@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        ("supabase", "issuer_mismatch"),
        # A server of one's own may give its API keys any issuer.
        ("https://abcdefghijklmnopqrst.supabase.co/auth/v1", "claim_missing"),
    ],
)
def test_supabase_refuses_the_api_keys_that_the_legacy_secret_signed(
    issuer: str, expected: str, role: str
) -> None:
    verifier = Verifier(supabase("abcdefghijklmnopqrst", legacy_secret=SECRET))
    token = signed_with(SECRET, **API_KEY, iss=issuer, role=role, ref="abcdefghijklmnopqrst")
    assert reason(verifier, token) == expected


def test_a_public_key_of_supabase_is_never_a_secret() -> None:
    project = LocalIssuer(like="supabase", algorithms=("ES256",))
    verifier = Verifier(supabase("abcdefghijklmnopqrst", legacy_secret=SECRET, fetch=project.fetch))
    public = json.dumps(project.jwks["keys"][0])
    forged = signed_with(public, kid=project.key().kid)
    assert reason(verifier, forged) == "signature_invalid"


@pytest.mark.parametrize(
    ("project", "issuer"),
    [
        ("abcdefghijklmnopqrst", "https://abcdefghijklmnopqrst.supabase.co/auth/v1"),
        ("https://auth.example.com", "https://auth.example.com/auth/v1"),
        ("https://auth.example.com/", "https://auth.example.com/auth/v1"),
        ("http://127.0.0.1:54321", "http://127.0.0.1:54321/auth/v1"),
    ],
)
def test_supabase_takes_a_reference_or_a_url(project: str, issuer: str) -> None:
    assert supabase(project).issuer == issuer


def test_supabase_takes_roles_that_a_hook_sets(local: LocalIssuer) -> None:
    project = LocalIssuer(like="supabase", keys=[local.key()])
    issuer = supabase("abcdefghijklmnopqrst", roles=["manager"], fetch=project.fetch)
    assert reason(Verifier(issuer), project.token(role="manager")) is None
    assert reason(Verifier(issuer), project.token()) == "claim_mismatch"


# --- where the tokens stand

ACCESS = [from_header("Cf-Access-Jwt-Assertion"), from_cookie("CF_Authorization")]
CLERK = [bearer, from_cookie("__session")]
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}

#: A request: the service, its sources, headers with `{}` for the token, the method, the status.
PLACES: dict[str, tuple[str, list[TokenSource], dict[str, str], str, int]] = {
    "Cloudflare, the header": ("cloudflare-access", ACCESS, {"Cf-Access-Jwt-Assertion": "{}"}, "POST", 200),
    "Cloudflare, the cookie": ("cloudflare-access", ACCESS, {"Cookie": "CF_Authorization={}"}, "GET", 200),
    "Cloudflare, both": (
        "cloudflare-access", ACCESS,
        {"Cf-Access-Jwt-Assertion": "{}", "Cookie": "CF_Authorization={}", **SAME_ORIGIN}, "POST", 200,
    ),
    "Cloudflare, a form of another site": (
        "cloudflare-access", ACCESS,
        {"Cf-Access-Jwt-Assertion": "{}", "Cookie": "CF_Authorization={}", "Sec-Fetch-Site": "cross-site"},
        "POST", 403,
    ),
    "Cloudflare, a form of another site in an old browser": (
        "cloudflare-access", ACCESS,
        {"Cf-Access-Jwt-Assertion": "{}", "Cookie": "CF_Authorization={}"}, "POST", 403,
    ),
    "Cloudflare, the wrong header": ("cloudflare-access", ACCESS, {"Authorization": "Bearer {}"}, "GET", 401),
    "Cloudflare, the wrong cookie": ("cloudflare-access", ACCESS, {"Cookie": "CF_AppSession={}"}, "GET", 401),
    "Clerk, the header": ("clerk", CLERK, {"Authorization": "Bearer {}"}, "POST", 200),
    "Clerk, the cookie": ("clerk", CLERK, {"Cookie": "__session={}"}, "GET", 200),
    "Clerk, a form of its own": ("clerk", CLERK, {"Cookie": "__session={}", **SAME_ORIGIN}, "POST", 200),
    "Clerk, a form of another site": (
        "clerk", CLERK, {"Cookie": "__session={}", "Sec-Fetch-Site": "cross-site"}, "POST", 403,
    ),
    "Clerk, the wrong cookie": ("clerk", CLERK, {"Cookie": "__client={}"}, "GET", 401),
    "Supabase, the header apikey": ("supabase", [bearer], {"apikey": "{}"}, "GET", 401),
    "GitHub, the header": ("github-actions", [bearer], {"Authorization": "Bearer {}"}, "POST", 200),
}  # fmt: skip


def plain(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"in"]


@pytest.mark.parametrize(
    ("name", "sources", "headers", "method", "status"), PLACES.values(), ids=PLACES
)
def test_a_token_is_read_where_the_service_puts_it(
    sources: list[TokenSource], headers: dict[str, str], method: str, status: int, service: Service
) -> None:
    app = TestApp(
        protect(plain, issuer=service.preset(), token_sources=sources, rules={"/": AUTHENTICATED})
    )
    token = service.local.token()
    sent = {header: value.format(token) for header, value in headers.items()}
    app.request("/", method=method, headers=sent, status=status)


RULES: dict[str, tuple[str, Any, dict[str, Any], dict[str, Any]]] = {
    "Cloudflare, a service token": (
        "cloudflare-access", claim("common_name", "e367826f93b8d71185e03fe518aff3b4.access"),
        {"common_name": "e367826f93b8d71185e03fe518aff3b4.access", "sub": "", "email": None}, {},
    ),
    "Supabase, no anonymous users": (
        "supabase", claim("is_anonymous", False), {}, {"is_anonymous": True},
    ),
    "GitHub, one branch": (
        "github-actions", claim("ref", "refs/heads/main"), {}, {"ref": "refs/heads/feature"},
    ),
    "GitHub, an environment": (
        "github-actions", claim("environment", "prod"), {}, {"environment": None},
    ),
    "GitLab, protected branches": (
        "gitlab-ci", claim("ref_protected", "true"), {}, {"ref_protected": "false"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "rule", "good", "bad"), RULES.values(), ids=RULES)
def test_rules_read_the_claims_of_the_service(
    rule: Any, good: dict[str, Any], bad: dict[str, Any], service: Service
) -> None:
    app = TestApp(protect(plain, issuer=service.preset(), rules={"/": rule}))
    for claims, status in ((good, 200), (bad, 403)):
        app.get("/", headers=service.local.headers(**claims), status=status)


# --- options

WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "a team without its domain": (lambda: cloudflare_access("team", audience="a"), "team_domain="),
    "a URL for a team": (lambda: cloudflare_access("https://t.example.com", audience="a"), "team_domain="),
    "no application": (lambda: cloudflare_access("t.example.com", audience=""), "audience="),
    "a project in capitals": (lambda: supabase("ABC"), "project='ABC'"),
    "a host for a project": (lambda: supabase("auth.example.com"), "project="),
    "no project": (lambda: supabase(""), "project=''"),
    "a project of None": (lambda: supabase(None), "project=None"),  # type: ignore[arg-type]
    "a project over http": (lambda: supabase("http://auth.example.com"), "project=.*https"),
    "a project with a query": (lambda: supabase("https://auth.example.com/?a=b"), "project=.*query"),
    "no role": (lambda: supabase("abc", roles=[]), "roles="),
    "an empty role": (lambda: supabase("abc", roles=""), "roles="),
    "a short secret": (lambda: supabase("abc", legacy_secret="short"), "legacy_secret: "),
    "an empty secret": (lambda: supabase("abc", legacy_secret=""), "legacy_secret: "),
    "a secret beside keys": (
        lambda: supabase("abc", legacy_secret=SECRET, keys=RemoteJWKS("https://a.example.com/")),
        "legacy_secret beside keys",
    ),
    "a path in a Frontend API": (
        lambda: clerk("https://example.com/__clerk", authorized_parties=APPLICATION), "frontend_api=",
    ),
    "Clerk over http": (lambda: clerk("http://clerk.example.com", authorized_parties=APPLICATION), "frontend_api="),
    "a Frontend API of None": (lambda: clerk(None, authorized_parties=APPLICATION), "frontend_api="),  # type: ignore[arg-type]
    "no party": (lambda: clerk("clerk.example.com", authorized_parties=[]), "authorized_parties="),
    "a party with a slash": (
        lambda: clerk("clerk.example.com", authorized_parties=f"{APPLICATION}/"), "authorized_parties=.*slash",
    ),
    "any party": (lambda: clerk("clerk.example.com", authorized_parties="*"), "authorized_parties="),
    "a party of None": (lambda: clerk("clerk.example.com", authorized_parties=[None]), "authorized_parties="),  # type: ignore[list-item]
    "every repository": (lambda: github_actions(audience="a"), "repositories, repository_ids, owners, owner_ids"),
    "a wildcard": (lambda: github_actions(audience="a", repositories="o/*"), "repositories='o/"),
    "a repository without its owner": (lambda: github_actions(audience="a", repositories="r"), "repositories='r'"),
    "no repositories": (lambda: github_actions(audience="a", repositories=()), "repositories="),
    "an ID that is a number": (lambda: github_actions(audience="a", owner_ids=65), "owner_ids=65.*text"),  # type: ignore[arg-type]
    "IDs that are numbers": (lambda: github_actions(audience="a", owner_ids=[65]), r"owner_ids=\[65\].*text"),  # type: ignore[list-item]
    "a name for an ID": (lambda: github_actions(audience="a", repository_ids="o/r"), "repository_ids='o/r'"),
    "a repository for an owner": (lambda: github_actions(audience="a", owners="o/r"), "owners='o/r'"),
    "a host for GitHub": (lambda: github_actions(audience="a", owners="o", url="github.example.com"), "url="),
    "every project": (lambda: gitlab_ci(audience="a"), "projects, project_ids, namespaces, namespace_ids"),
    "a project without its group": (lambda: gitlab_ci(audience="a", projects="p"), "projects='p'"),
    "a wildcard for projects": (lambda: gitlab_ci(audience="a", projects="my-group/*"), "projects="),
    "a GitLab over http": (
        lambda: gitlab_ci(audience="a", projects="a/b", url="http://git.example.com"), "url=.*https",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_an_invalid_argument_is_named_in_the_error(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        call()
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "frontend_api", ["clerk.example.com", "https://clerk.example.com", "https://clerk.example.com/"]
)
def test_clerk_takes_the_frontend_api_with_or_without_its_scheme(frontend_api: str) -> None:
    issuer = clerk(frontend_api, authorized_parties=APPLICATION)
    assert issuer.issuer == "https://clerk.example.com"


def test_clerk_requires_an_audience_that_is_named(local: LocalIssuer) -> None:
    instance = LocalIssuer(like="clerk", keys=[local.key()])
    issuer = clerk(
        "clerk.example.com", authorized_parties=APPLICATION, audience="api", fetch=instance.fetch
    )
    assert reason(Verifier(issuer), instance.token(aud="api")) is None
    assert reason(Verifier(issuer), instance.token(aud="convex")) == "audience_mismatch"


def test_urls_of_own_servers_may_be_plain_http_if_that_is_allowed() -> None:
    issuer = gitlab_ci(audience="a", projects="a/b", url="http://git.example.com", allow_http=True)
    assert issuer.issuer == "http://git.example.com"
