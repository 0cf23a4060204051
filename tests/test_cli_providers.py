"""`check --issuer` recognises providers by the names of their issuers and by their metadata."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import recipe_pages
from command_line import POLICY, run, run_program

from jwt_wsgi import presets
from jwt_wsgi.cli.known_presets import PRESETS
from jwt_wsgi.cli.known_rows import ROWS
from jwt_wsgi.cli.recognition import UNKNOWN, Provider, recognise
from jwt_wsgi.errors import REASONS
from jwt_wsgi.testing import LocalIssuer
from jwt_wsgi.testing.server import serve_documents

PAGE = recipe_pages.text_of("how-to/providers.md")
KNOWN = (*PRESETS, *ROWS)

GUID = "00000000-0000-0000-0000-000000000001"

#: Names of issuers as the providers' documentation writes them.
NAMES = [
    ("https://acme.us.auth0.com/", "Auth0"),
    ("https://acme.okta.com/oauth2/default", "Okta"),
    ("https://acme.okta.com", "Okta"),
    ("https://acme.oktapreview.com/oauth2/aus1", "Okta"),
    (f"https://login.microsoftonline.com/{GUID}/v2.0", "Microsoft Entra ID"),
    ("https://login.microsoftonline.com/common/v2.0", "Microsoft Entra ID"),
    (f"https://sts.windows.net/{GUID}/", "Microsoft Entra ID"),
    (f"https://login.microsoftonline.us/{GUID}/v2.0", "Microsoft Entra ID"),
    (f"https://login.partner.microsoftonline.cn/{GUID}/v2.0", "Microsoft Entra ID"),
    (f"https://sts.chinacloudapi.cn/{GUID}/", "Microsoft Entra ID"),
    (f"https://{GUID}.ciamlogin.com/{GUID}/v2.0", "Microsoft Entra External ID"),
    (f"https://acme.b2clogin.com/{GUID}/v2.0/", "Azure AD B2C"),
    ("https://fs.example.com/adfs", "Active Directory Federation Services (ADFS)"),
    ("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123", "Amazon Cognito"),
    ("https://sso.example.com/realms/main", "Keycloak"),
    ("https://sso.example.com/auth/realms/main", "Keycloak"),
    ("https://cloud.google.com/iap", "Google Identity-Aware Proxy"),
    ("https://securetoken.google.com/my-project", "Firebase"),
    ("https://accounts.google.com", "Google"),
    ("https://acme.cloudflareaccess.com", "Cloudflare Access"),
    ("https://public-keys.auth.elb.eu-west-1.amazonaws.com", "AWS Application Load Balancer"),
    ("https://abcdefghijklmnop.supabase.co/auth/v1", "Supabase"),
    ("https://happy-cat-1.clerk.accounts.dev", "Clerk"),
    ("https://clerk.example.com", "Clerk"),
    ("https://kubernetes.default.svc.cluster.local", "Kubernetes service accounts"),
    ("https://kubernetes.default.svc", "Kubernetes service accounts"),
    ("https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF", "Kubernetes service accounts"),
    (
        "https://container.googleapis.com/v1/projects/p/locations/l/clusters/c",
        "Kubernetes service accounts",
    ),
    (f"https://eastus.oic.prod-aks.azure.com/{GUID}/{GUID}/", "Kubernetes service accounts"),
    ("https://token.actions.githubusercontent.com", "GitHub Actions"),
    ("https://gitlab.com", "GitLab CI"),
    ("https://gitlab.example.com", "GitLab CI"),
    ("https://dex.example.com", "Dex"),
    ("https://login.example.com/dex", "Dex"),
    ("https://my-instance.zitadel.cloud", "Zitadel"),
    ("https://auth.example.com/application/o/my-app/", "authentik"),
    ("https://my-project.projects.oryapis.com", "Ory Hydra"),
    ("https://my-tenant.logto.app/oidc", "Logto"),
    ("https://my-business.kinde.com", "Kinde"),
    ("https://api.workos.com/user_management/client_123456789", "WorkOS"),
    ("https://acme.authkit.app", "WorkOS"),
    ("https://api.descope.com/v1/apps/P2abc", "Descope"),
    ("https://api.euc1.descope.com/P2abc", "Descope"),
    ("https://acme.customers.stytch.dev", "Stytch"),
    ("https://acme.fusionauth.io", "FusionAuth"),
    (f"https://auth.pingone.eu/{GUID}/as", "PingOne"),
    (f"https://auth.pingone.com.au/{GUID}/as", "PingOne"),
    ("https://acme.my.salesforce.com", "Salesforce"),
    ("https://login.salesforce.com", "Salesforce"),
    ("https://acme.authentication.eu10.hana.ondemand.com/oauth/token", "SAP XSUAA"),
    ("https://acme.authentication.sap.hana.ondemand.com/oauth/token", "SAP XSUAA"),
    ("https://acme.accounts.ondemand.com", "SAP Cloud Identity Services"),
    ("https://acme.accounts400.ondemand.com", "SAP Cloud Identity Services"),
    ("https://idsvr.example.com/oauth/v2/oauth-anonymous", "Curity"),
]

#: Metadata of each provider on a host of one's own: the issuer's path, and the members that tell.
#: `{}` is the server's URL without a slash at the end.
METADATA: dict[str, tuple[str, dict[str, Any]]] = {
    "Auth0": (
        "/",
        {"jwks_uri": "{}/.well-known/jwks.json", "mfa_challenge_endpoint": "{}/mfa/challenge"},
    ),
    "Okta": (
        "/oauth2/default",
        {
            "jwks_uri": "{}/oauth2/default/v1/keys",
            "authorization_endpoint": "{}/oauth2/default/v1/authorize",
        },
    ),
    "Microsoft Entra ID": (
        "/tenant/v2.0",
        {
            "jwks_uri": "{}/discovery/v2.0/keys",
            "tenant_region_scope": "EU",
            "cloud_instance_name": "microsoftonline.com",
            "msgraph_host": "graph.microsoft.com",
        },
    ),
    "Active Directory Federation Services (ADFS)": (
        "/",
        {
            "jwks_uri": "{}/adfs/discovery/keys",
            "access_token_issuer": "http://fs/adfs/services/trust",
        },
    ),
    "Keycloak": ("/login", {"jwks_uri": "{}/login/protocol/openid-connect/certs"}),
    "Kubernetes service accounts": (
        "/cluster",
        {
            "jwks_uri": "{}/openid/v1/jwks",
            "authorization_endpoint": "urn:kubernetes:programmatic_authorization",
        },
    ),
    "GitLab CI": ("", {"jwks_uri": "{}/oauth/discovery/keys"}),
    "Dex": (
        "/login",
        {"jwks_uri": "{}/login/keys", "device_authorization_endpoint": "{}/login/device/code"},
    ),
    "Zitadel": (
        "",
        {"jwks_uri": "{}/oauth/v2/keys", "authorization_endpoint": "{}/oauth/v2/authorize"},
    ),
    "authentik": (
        "/application/o/my-app/",
        {
            "jwks_uri": "{}/application/o/my-app/jwks/",
            "authorization_endpoint": "{}/application/o/authorize/",
        },
    ),
    "Ory Hydra": (
        "/",
        {"jwks_uri": "{}/.well-known/jwks.json", "credentials_endpoint_draft_00": "{}/credentials"},
    ),
    "Authelia": (
        "",
        {"jwks_uri": "{}/jwks.json", "authorization_endpoint": "{}/api/oidc/authorization"},
    ),
    "Logto": ("/oidc", {"jwks_uri": "{}/oidc/jwks", "authorization_endpoint": "{}/oidc/auth"}),
    "Kinde": ("", {"jwks_uri": "{}/.well-known/jwks", "authorization_endpoint": "{}/oauth2/auth"}),
    "FusionAuth": (
        "",
        {
            "jwks_uri": "{}/.well-known/jwks.json",
            "device_authorization_endpoint": "{}/oauth2/device_authorize",
        },
    ),
    "Duende IdentityServer": (
        "",
        {
            "jwks_uri": "{}/.well-known/openid-configuration/jwks",
            "token_endpoint": "{}/connect/token",
        },
    ),
    "Salesforce": ("", {"jwks_uri": "{}/id/keys", "token_endpoint": "{}/services/oauth2/token"}),
    "Curity": (
        "/oauth/v2/oauth-anonymous",
        {
            "jwks_uri": "{}/oauth/v2/oauth-anonymous/jwks",
            "authorization_endpoint": "{}/oauth/v2/oauth-authorize",
        },
    ),
}


@contextmanager
def serving(
    local: LocalIssuer, path: str, members: Mapping[str, Any], issuer: str | None = None
) -> Iterator[str]:
    """Serve metadata with these members, and a key set at its `jwks_uri`; yield the issuer."""
    documents: dict[str, bytes] = {}
    with serve_documents(lambda at: documents[at], 0) as url:
        base = url.rstrip("/")
        filled = json.loads(json.dumps(members).replace("{}", base))
        name = f"{base}{path}"
        metadata = {"issuer": issuer or name, **filled}
        documents[f"{path.rstrip('/')}/.well-known/openid-configuration"] = json.dumps(
            metadata
        ).encode()
        documents[str(metadata["jwks_uri"]).removeprefix(base)] = json.dumps(local.jwks).encode()
        yield name


def told(*words: object) -> dict[str, Any]:
    [issuer] = run("check", *words, "--json").json["issuers"]
    provider: dict[str, Any] = issuer["provider"]
    return provider


@pytest.mark.parametrize(("issuer", "name"), NAMES, ids=[name for name, _ in NAMES])
def test_a_provider_is_recognised_by_the_name_of_its_issuer(issuer: str, name: str) -> None:
    result = run("check", "--issuer", issuer, "--offline", "--json")
    assert result.status == 0
    [report] = result.json["issuers"]
    assert (report["provider"]["name"], report["provider"]["recognised_by"]) == (name, "name")


@pytest.mark.parametrize("name", METADATA)
def test_a_provider_is_recognised_by_the_metadata_that_a_live_server_has(
    name: str, local: LocalIssuer
) -> None:
    path, members = METADATA[name]
    with serving(local, path, members) as issuer:
        result = run("check", "--issuer", issuer, "--json")
        shown = run("check", "--issuer", issuer)
    [report] = result.json["issuers"]
    assert (report["provider"]["name"], report["problems"], result.status) == (name, [], 0)
    assert shown.output.startswith(
        f"Issuer {issuer}: 1 of 1 keys are usable\n  Provider: {name}, by its"
    )
    for fact in ("preset", "traps"):
        assert (report["provider"][fact] or "") in shown.output


def test_every_provider_is_recognised_in_some_test() -> None:
    known = {provider.name for provider in KNOWN}
    assert {name for _, name in NAMES} | METADATA.keys() == known
    by_metadata = {each.name for each in KNOWN if each.members or each.endpoints}
    assert by_metadata == METADATA.keys()
    assert len(known) == len(KNOWN)


@pytest.mark.parametrize("name", ["P2abcdefghijklmnopqrstuvwxyz", "stytch.com/project-live-0000"])
def test_a_name_that_is_not_a_url_is_recognised_beside_its_keys(name: str) -> None:
    provider = told("--issuer", name, "--jwks", "https://keys.example.com/", "--offline")
    assert provider["row"] == {"P": "descope", "s": "stytch"}[name[0]]


@pytest.mark.parametrize(
    "issuer",
    [
        pytest.param("https://login.example.com/", id="any"),
        pytest.param("https://acme.auth0.com.evil.example/", id="a host that begins so"),
        pytest.param("https://evilauth0.com/", id="a host that ends so"),
        pytest.param("https://evil.example/x.auth0.com/", id="a path"),
        pytest.param("https://evil.example/accounts.google.com", id="another path"),
        pytest.param("https://login.microsoftonline.com.evil.example/v2.0", id="Microsoft"),
        pytest.param("https://sso.example.com/realms/", id="no realm"),
    ],
)
def test_an_unknown_provider_is_said_to_be_unknown_with_what_to_check(issuer: str) -> None:
    provider = told("--issuer", issuer, "--offline")
    assert (provider["name"], provider["recognised_by"], provider["preset"]) == (None, None, None)
    shown = run("check", "--issuer", issuer, "--offline").output
    assert "Provider: unknown\n" in shown
    assert provider["traps"] in shown
    assert "inspect" in provider["traps"]


def test_metadata_that_is_refused_tells_the_provider_all_the_same(local: LocalIssuer) -> None:
    path, members = METADATA["Dex"]
    with serving(local, path, members, issuer="https://elsewhere.example.com") as issuer:
        result = run("check", "--issuer", issuer, "--json")
    [report] = result.json["issuers"]
    assert (result.status, report["provider"]["name"]) == (1, "Dex")
    assert "names the issuer" in report["problems"][0]


def test_keys_of_another_algorithm_are_a_problem_and_the_trap_names_the_reason() -> None:
    path, members = METADATA["Logto"]
    with serving(LocalIssuer(algorithms=("ES384",)), path, members) as issuer:
        result = run("check", "--issuer", issuer)
        named = run("check", "--issuer", issuer, "--algorithm", "ES384")
    assert (result.status, named.status) == (1, 0)
    assert "no key for RS256; there are keys for ES384" in result.output
    assert "algorithm_not_allowed" in result.output


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param({"mfa_challenge_endpoint": "\x1b[31mred\u202e"}, id="control characters"),
        pytest.param({"mfa_challenge_endpoint": ["x"] * 2000}, id="a long list"),
        pytest.param({"token_endpoint": "z" * 200_000 + "/connect/token"}, id="a long text"),
        pytest.param({"token_endpoint": {"/connect/token": 1}}, id="an object"),
        pytest.param({"authorization_endpoint": None}, id="null"),
        pytest.param({"authorization_endpoint": 7}, id="a number"),
        pytest.param({"name": "eyJhbGciOiJub25lIn0.e30."}, id="a token"),
    ],
)
def test_nothing_of_the_metadata_is_printed(hostile: dict[str, Any], local: LocalIssuer) -> None:
    members = {"jwks_uri": "{}/keys", **hostile}
    with serving(local, "/issuer", members) as issuer:
        for words in ((), ("--json",)):
            result = run("check", "--issuer", issuer, *words)
            assert result.status == 0
            assert len(result.output) < 4000
            assert set(result.output) <= {"\n", *map(chr, range(32, 127))}
            assert "red" not in result.output.replace("recognised", "")
            assert "zzz" not in result.output
            assert "eyJ" not in result.output


@pytest.mark.parametrize("document", [b"", b"[]", b"\xff", b"{", b'{"a":' * 500])
def test_metadata_that_is_not_a_document_leaves_the_provider_unknown(document: bytes) -> None:
    with serve_documents(lambda _path: document, 0) as url:
        result = run("check", "--issuer", url, "--json")
    [report] = result.json["issuers"]
    assert (result.status, report["provider"]["name"]) == (1, None)


def test_the_program_itself_recognises_a_live_issuer(local: LocalIssuer) -> None:
    path, members = METADATA["Zitadel"]
    with serving(local, path, members) as issuer:
        result = run_program("check", "--issuer", issuer)
    assert (result.status, result.errors) == (0, "")
    assert "Lines: docs/how-to/providers.md#zitadel" in result.output


def test_several_issuers_and_a_preset_each_have_a_provider() -> None:
    words = ("--issuer", "https://a.us.auth0.com/", "--issuer", "https://b.example.com/")
    more = ("--preset", "keycloak:https://sso.example.com,main", "--audience", "api")
    answer = run("check", *words, *more, "--offline", "--json").json
    assert [each["provider"]["name"] for each in answer["issuers"]] == ["Auth0", None, "Keycloak"]
    assert answer["policy"] is None
    assert (answer["findings"], answer["rules"], answer["default"]) == ([], [], None)


def test_without_a_file_no_audience_is_needed_and_with_one_it_is(tmp_path: Any) -> None:
    (tmp_path / "policy.toml").write_text(POLICY)
    words = ("--issuer", "https://a.us.auth0.com/", "--offline")
    assert run("check", *words).status == 0
    assert run("check", *words, "--audience", "api").status == 0
    refused = run("check", tmp_path / "policy.toml", *words)
    assert refused.status == 2
    assert "--audience" in refused.errors
    both = run("check", *words, "--audience", "api", "--any-audience")
    assert (both.status, "not both" in both.errors) == (2, True)


def test_accept_without_a_policy_is_a_usage_error() -> None:
    refused = run("check", "--issuer", "https://a.example/", "--offline", "--accept", "any_issuer")
    assert refused.status == 2
    assert "--accept" in refused.errors


def test_a_policy_is_reported_before_the_provider(tmp_path: Any) -> None:
    (tmp_path / "policy.toml").write_text(POLICY)
    words = ("--issuer", "https://a.us.auth0.com/", "--audience", "api", "--offline")
    shown = run("check", tmp_path / "policy.toml", *words).output
    assert shown.index("policy.toml: 3 rules") < shown.index("Provider: Auth0")


def test_the_sample_on_the_page_of_the_command_line_is_what_is_printed() -> None:
    section = recipe_pages.text_of("command-line.md").split("\n## Which provider is this?\n")[1]
    [sample] = re.findall(
        r"^```text\n(.*?)^```$", section.split("\n## ")[0], re.DOTALL | re.MULTILINE
    )
    shown = run("check", "--issuer", "https://login.example.com/dex", "--offline").output
    assert sample.splitlines()[1:] == shown.splitlines()[1:]


# --- the table, and the page


def anchors() -> set[str]:
    headings = re.findall(r"^###? (.+)$", PAGE, re.MULTILINE)
    return {heading.lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("provider", [*KNOWN, UNKNOWN], ids=lambda each: each.name)
def test_a_provider_leads_to_a_preset_or_to_a_section_of_the_page(provider: Provider) -> None:
    assert provider.preset or provider.row
    assert provider.row is None or provider.row in anchors()
    if provider.preset is not None:
        name = provider.preset.partition("(")[0]
        assert name in presets.__all__


def test_every_section_without_a_preset_is_recognised() -> None:
    sections = PAGE.split("\n## Providers without a preset\n")[1].split("\n## ")[0]
    named = {
        text.lower().replace(" ", "-") for text in re.findall(r"^### (.+)$", sections, re.MULTILINE)
    }
    assert named == {provider.row for provider in ROWS}


@pytest.mark.parametrize("provider", KNOWN, ids=lambda each: each.name)
def test_the_traps_are_two_sentences_at_most_and_name_reasons_that_exist(
    provider: Provider,
) -> None:
    assert provider.traps.endswith(".")
    assert len(re.findall(r"[.;] [A-Z]", provider.traps)) <= 1
    in_parentheses = set(re.findall(r"\((\w+_\w+)\)", provider.traps))
    assert in_parentheses <= REASONS.keys()


@pytest.mark.parametrize(
    ("issuer", "metadata", "expected"),
    [
        pytest.param("x.us.auth0.com", {}, "Auth0", id="no scheme"),
        pytest.param("HTTPS://X.AUTH0.COM/", {}, "Auth0", id="upper case"),
        pytest.param("https://" + "a" * 5000 + ".auth0.com/", {}, "unknown", id="too long"),
        pytest.param(
            "https://x.auth0.com/",
            {"credentials_endpoint_draft_00": ""},
            "Auth0",
            id="the name comes first",
        ),
        pytest.param("", {}, "unknown", id="nothing"),
    ],
)
def test_the_name_comes_before_the_metadata_and_is_bounded(
    issuer: str, metadata: dict[str, Any], expected: str
) -> None:
    assert recognise(issuer, metadata, KNOWN).provider.name == expected
