"""The lines of the providers without a preset accept their access tokens, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import recipe_pages
from provider_rows import ROWS, Plain, Refused, Row
from refusals import reason
from webtest import TestApp

from jwt_wsgi import Issuer, StaticJWKS, Verifier, protect
from jwt_wsgi.errors import REASONS
from jwt_wsgi.http.client import Fetcher
from jwt_wsgi.http.fetching import FetchError
from jwt_wsgi.jwks.discovery import metadata_urls
from jwt_wsgi.testing import LocalIssuer, SigningKey
from jwt_wsgi.testing.shapes import SHAPES

PAGE = recipe_pages.text_of("how-to/providers.md")
WITHOUT_PRESET = PAGE.split("\n## Providers without a preset\n")[1].split("\n## ")[0]
SECTIONS = {
    text.partition("\n")[0]: text
    for text in re.split(r"^### ", WITHOUT_PRESET, flags=re.MULTILINE)[1:]
}
SNIPPET = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
KEYS = {name: SigningKey(name) for name in ("RS256", "ES384", "HS256")}
#: Another key of the same kind: a provider has one for each issuer.
OTHER_KEYS = {name: SigningKey(name) for name in ("RS256", "ES384", "HS256")}

every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def lines_of(section: str) -> dict[str, Any]:
    """Run the imports of the page and the lines of one section, and return their names."""
    namespace: dict[str, Any] = {}
    [first] = [code for code in SNIPPET.findall(PAGE) if "from jwt_wsgi.presets import" in code]
    [imports] = SNIPPET.findall(WITHOUT_PRESET.partition("\n### ")[0])
    [lines] = SNIPPET.findall(SECTIONS[section])
    for code in (first, imports, lines):
        exec(compile(code, section, "exec"), namespace)
    return namespace


class Provider:
    """A provider that publishes its metadata and its keys at the URLs of its documentation."""

    def __init__(
        self, row: Row, monkeypatch: pytest.MonkeyPatch, keys: dict[str, SigningKey]
    ) -> None:
        monkeypatch.setitem(SHAPES, row.name, row.shape)
        if row.secret is not None:
            keys["HS256"].private = row.secret.encode()
        self.row = row
        self.not_found: list[str] = []
        # One provider signs with one key; the others stand for another configuration of it.
        names = (row.algorithm, *(name for name in keys if name != row.algorithm))
        self.local = LocalIssuer(like=row.name, algorithms=names, keys=keys.values())
        self._documents = {self.local.jwks_uri: self.local.jwks}
        if self.local.issuer.startswith("https://"):
            self._documents[metadata_urls(self.local.issuer).openid] = self.local.metadata

    def fetch(self, url: str) -> bytes:
        """Return the document at exactly this URL."""
        if url not in self._documents:
            self.not_found.append(url)
            raise FetchError(f"nothing at {url}", 404)
        return json.dumps(self._documents[url]).encode()

    def access_token(self, algorithm: str | None = None, **claims: Any) -> str:
        header = {"typ": self.row.access_typ} if self.row.access_typ else None
        return self.local.token(algorithm=algorithm, header=header, **{**self.row.grants, **claims})

    def id_token(self, **claims: Any) -> str:
        return self.local.id_token(**{**self.row.grants, **claims})

    def token_of(self, refused: Refused) -> str:
        if refused.text is not None:
            return refused.text
        if refused.of_id_token:
            return self.id_token(**refused.claims)
        return self.access_token(refused.algorithm, **refused.claims)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Callable[[Row], Provider]:
    """Make a provider whose documents the HTTP client of the package finds."""

    def make(row: Row) -> Provider:
        made = Provider(row, monkeypatch, dict(KEYS))
        monkeypatch.setattr(Fetcher, "__call__", lambda self, url: made.fetch(url))
        monkeypatch.setattr(Fetcher, "begin", lambda self: made.fetch)
        return made

    return make


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def api_of(row: Row) -> TestApp:
    """Return an API that is protected by the lines of the row's section."""
    lines = lines_of(row.section)
    return TestApp(protect(application, issuer=lines[row.issuer], rules=lines[row.rules]))


def outcome(api: TestApp, token: str) -> Any:
    """Return the reason of the API's refusal, or None if the request reached the application."""
    reply = api.get("/", headers={"Authorization": f"Bearer {token}"}, status="*")
    if reply.status_int == 200:
        return None
    return reply.json["reason"]


@every_row
def test_the_lines_accept_an_access_token_that_grants_what_the_rules_ask_for(
    row: Row, provider: Callable[[Row], Provider]
) -> None:
    server = provider(row)
    api = api_of(row)
    assert outcome(api, server.access_token()) is None
    for claims in row.accepted:
        assert outcome(api, server.access_token(**claims)) is None
    # The URLs of the page are those of the provider, and no other was asked, such as a jku.
    assert server.not_found == []


@every_row
def test_the_lines_refuse_an_access_token_without_the_role_or_scope(
    row: Row, provider: Callable[[Row], Provider]
) -> None:
    server = provider(row)
    token = server.access_token(**row.grants_nothing)
    assert outcome(api_of(row), token) in ("insufficient_scope", "claim_forbidden")


@every_row
def test_the_lines_refuse_another_audience_another_issuer_and_another_key(
    row: Row, provider: Callable[[Row], Provider], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = provider(row)
    api = api_of(row)
    assert outcome(api, server.token_of(row.for_another)) == row.for_another.reason
    stranger = f"{server.local.issuer.rstrip('/')}x"
    assert outcome(api, server.access_token(iss=stranger)) == "issuer_mismatch"
    forger = Provider(row._replace(secret=None), monkeypatch, dict(OTHER_KEYS))
    assert outcome(api, forger.access_token()) in ("kid_unknown", "signature_invalid")


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.has_id_tokens], ids=lambda row: row.name
)
def test_the_lines_refuse_an_id_token_with_the_reason_on_the_page(
    row: Row, provider: Callable[[Row], Provider]
) -> None:
    server = provider(row)
    assert outcome(api_of(row), server.id_token()) == row.id_token


def refused() -> Iterator[Any]:
    for row in ROWS:
        for each in row.refused:
            yield pytest.param(row, each, id=f"{row.name}: {each.case}")


@pytest.mark.parametrize(("row", "case"), list(refused()))
def test_the_lines_refuse_with_the_reason_of_the_trap(
    row: Row, case: Refused, provider: Callable[[Row], Provider]
) -> None:
    server = provider(row)
    assert outcome(api_of(row), server.token_of(case)) == case.reason


def plain() -> Iterator[Any]:
    for row in ROWS:
        for each in row.plain:
            yield pytest.param(row, each, id=f"{row.name}: {each.case}")


@pytest.mark.parametrize(("row", "case"), list(plain()))
def test_a_plain_configuration_refuses_with_the_reason_of_the_trap(
    row: Row, case: Plain, provider: Callable[[Row], Provider]
) -> None:
    server = provider(row)
    keys = StaticJWKS(server.local.jwks)
    issuer = Issuer(
        server.local.issuer, audience=row.shape.example.audience, keys=keys, **case.options
    )
    assert reason(Verifier(issuer), server.access_token(**case.claims)) == case.reason


# --- the page says what the rows are


def cells_of(section: str) -> list[str]:
    """Return the cells of the section's table."""
    line = SECTIONS[section].split("\n| --- | --- | --- | --- |\n")[1].partition("\n")[0]
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_every_section_has_rows_and_the_page_names_every_provider_asked_for() -> None:
    assert {row.section for row in ROWS} == SECTIONS.keys()
    assert len({row.name for row in ROWS}) == len(ROWS)


@every_row
def test_the_table_of_the_section_has_the_algorithm_the_claims_and_the_reason(row: Row) -> None:
    algorithm, _audience, grants, id_token = cells_of(row.section)
    assert f"`{row.algorithm}`" in algorithm
    names = set(re.findall(r"`([\w.]+)`", SECTIONS[row.section]))
    shown = {name for name in row.grants if re.fullmatch(r"[\w.]+", name)}
    assert shown <= names
    assert grants
    is_first = row.issuer == "issuer"
    if is_first and row.has_id_tokens:
        assert id_token == (f"`{row.id_token}`" if row.id_token else "accepted")


@pytest.mark.parametrize("section", SECTIONS)
def test_every_reason_of_a_section_is_one_that_a_token_was_refused_with(section: str) -> None:
    seen: set[str | None] = set()
    for row in ROWS:
        if row.section == section:
            seen |= {row.id_token, row.for_another.reason}
            seen |= {each.reason for each in (*row.refused, *row.plain)}
    named = set(re.findall(r"`(\w+)`", SNIPPET.sub("", SECTIONS[section]))) & REASONS.keys()
    assert named <= seen


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_links_to_where_its_facts_are_from(section: str) -> None:
    [source] = re.findall(r"^Source: (.*)$", SECTIONS[section], re.MULTILINE)
    links = re.findall(r"\[[^]]+\]\((https://[^)]+)\)", source)
    assert links
    assert "documentation" in source or "code" in source


def test_the_index_leads_to_every_section() -> None:
    index = PAGE.partition("\n`jwt-wsgi check")[0]
    names = set(re.findall(r"^\| \[([^]]+)\]\(#", index, re.MULTILINE))
    headings = set(re.findall(r"^###? (.+)$", PAGE, re.MULTILINE))
    assert headings - {"Providers without a preset", "Any other provider"} == names - {"any other"}
