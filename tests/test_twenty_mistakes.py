"""Prepared mistakes: the one command that a newcomer runs says what is wrong and what to do.

The commands run as processes of their own, and their durations are printed (`pytest -s`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from command_line import run_program
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from https import Certificates, served

from jwt_wsgi.testing import LocalIssuer

AUDIENCE = "https://api.test"
#: Seconds that a command may take: a person waits for it.
PATIENCE = 30

SHOP = """
import json
from http.cookies import SimpleCookie
from jwt_wsgi import *
from jwt_wsgi.jose import KeySet

ISSUER = "{issuer}"
KEYS = json.loads('''{keys}''')


def handler(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def cookie(environ):
    morsel = SimpleCookie(environ.get("HTTP_COOKIE", "")).get("session")
    return morsel and morsel.value


issuer = Issuer(ISSUER, audience="https://api.test", keys=StaticJWKS(KeySet.from_jwks(KEYS)))
rules = {{
    "/health/{{$}}": PUBLIC,
    "GET /orders": scope("read:orders"),
    "/me": AUTHENTICATED,
}}
app = protect(handler, issuer=issuer, rules=rules)
trial = protect(handler, issuer=issuer, rules=Policy(rules, report_only=True))
with_cookie = protect(handler, issuer=issuer, rules=rules, get_token=cookie)
logged_out = protect(handler, issuer=issuer, rules=rules, is_revoked=lambda auth: True)
down = protect(
    handler,
    issuer=Issuer(ISSUER, audience="https://api.test", keys=RemoteJWKS("http://127.0.0.1:9/jwks")),
    rules=rules,
)


def create_app():
    return app
"""


class Place(NamedTuple):
    """What the mistakes need: a folder with `shop.py`, an issuer, and servers."""

    folder: Path
    local: LocalIssuer
    redirecting: str
    private_authority: str
    private_key: str

    def token(self, scope: str = "read:orders", **claims: Any) -> str:
        return self.local.token(scope, **claims)


class Mistake(NamedTuple):
    """A mistake: the command and its input, its exit status, and words of its answer.

    `cause` must be in the answer, and so must `remedy`.
    """

    words: tuple[str, ...]
    cause: tuple[str, ...]
    remedy: tuple[str, ...]
    stdin: Callable[[Place], str] = lambda place: place.token()
    status: int = 1


def explain(*words: str, app: str = "app") -> tuple[str, ...]:
    return ("explain", "--app", f"shop:{app}", *words)


ORDERS = ("GET", "/orders")
GRAPH = "00000003-0000-0000-c000-000000000000"


def bearer(place: Place) -> str:
    return f"Authorization: Bearer {place.token()}"


MISTAKES = {
    "wrong audience": Mistake(
        explain(*ORDERS),
        ("audience_mismatch: 'https://other.test'", AUDIENCE),
        ("Request a token with this API's audience", "Issuer(audience=[...])"),
        lambda place: place.token(aud="https://other.test"),
    ),
    "wrong issuer, a slash": Mistake(
        explain(*ORDERS),
        ("https://issuer.test/ ", "issuer_mismatch: 'https://issuer.test'"),
        ("a slash at the end",),
        lambda place: place.token(iss="https://issuer.test"),
    ),
    "a token for Microsoft Graph": Mistake(
        explain(*ORDERS),
        ("It is an access token for Microsoft Graph",),
        ("Request a scope of this API",),
        lambda place: place.token(aud=GRAPH, iss="https://sts.windows.net/x/"),
    ),
    "an ID token": Mistake(
        explain(*ORDERS),
        ("id_token", "It is an ID token"),
        ("Send the access token of the same response",),
        lambda place: place.token(at_hash="x"),
    ),
    "an opaque token": Mistake(
        explain(*ORDERS),
        ("token_malformed", "It is not a JWT"),
        ("Request a token for this API's audience",),
        lambda place: "3f9c2d61b7e84a0c95",
    ),
    "expired": Mistake(
        explain(*ORDERS),
        ("token_expired", "3 hours ago", "exp after 20"),
        ("Get a new token.", "synchronize the clocks"),
        lambda place: place.token(expires_in=-3 * 3600),
    ),
    "the issuer's clock is ahead": Mistake(
        explain(*ORDERS),
        ("token_not_yet_valid", "in 4 minutes", "leeway 30 s"),
        ("Synchronize the clocks", "Issuer(leeway=...)"),
        lambda place: place.token(nbf=int(time.time()) + 290),
    ),
    "HS256 instead of RS256": Mistake(
        explain(*ORDERS),
        ("algorithm_not_allowed: 'HS256'", "RS256", "signed with a shared secret"),
        ("Set the client or the API to RS256", "SharedSecret"),
        lambda place: LocalIssuer(place.local.issuer, algorithms=("HS256",)).token(),
    ),
    "a scope is missing": Mistake(
        explain(*ORDERS),
        ("insufficient_scope", "scope('read:orders')", "scopes ['openid']"),
        ("Request a token with the scopes that the rule names",),
        lambda place: place.token("openid"),
    ),
    "a rule that ends with {$}": Mistake(
        explain("GET", "/health/live"),
        ("no_rule", "otherwise: DENY"),
        ("Write a rule that covers this path", "where a rule ends with {$}"),
    ),
    "a rule for another method": Mistake(
        explain("POST", "/orders"),
        ("no_rule",),
        ("Where the rules of a path name methods", "everything else is refused"),
    ),
    "no rule": Mistake(
        explain("GET", "/nowhere"),
        ("no_rule", "otherwise: DENY"),
        ("Write a rule that covers this path",),
    ),
    "an unknown mount": Mistake(
        explain("--mount", "/v1", *ORDERS),
        ("mount_unknown: '/v1'",),
        ("Policy(mounts=[...])",),
    ),
    "text after the token": Mistake(
        explain(*ORDERS),
        ("malformed_header", "Bearer and one token"),
        ("nothing after it",),
        lambda place: f"{bearer(place)} # from the wiki",
    ),
    "a double slash": Mistake(
        explain(),
        ("path_ambiguous", "no empty segment"),
        ("no double slash",),
        lambda place: f"curl https://api.test//orders -H '{bearer(place)}'",
    ),
    "a variable that no shell replaced": Mistake(
        explain(),
        ("holds a variable ($NAME)",),
        ("paste the value itself",),
        lambda place: "curl https://api.test/orders -H 'Authorization: Bearer $TOKEN'",
        status=2,
    ),
    "a policy that only reports": Mistake(
        explain(*ORDERS, app="trial"),
        ("The request reaches the application", "report-only", "insufficient_scope"),
        ("Request a token with the scopes",),
        lambda place: place.token("openid"),
        status=0,
    ),
    "a cookie is missing": Mistake(
        explain(*ORDERS, app="with_cookie"),
        ("missing_token", "a token from get_token", "no token"),
        ("the application's own get_token found none", "a cookie"),
    ),
    "a revoked token": Mistake(
        explain(*ORDERS, app="logged_out"),
        ("token_revoked",),
        ("Have the user log in again",),
    ),
    "no token": Mistake(
        explain("--no-token", *ORDERS),
        ("missing_token",),
        ("Authorization: Bearer <token>", "WSGIPassAuthorization On"),
    ),
    "an unknown key": Mistake(
        explain(*ORDERS),
        ("kid_unknown: 'of-another-tenant'",),
        ("comes from another tenant or environment",),
        lambda place: place.token(header={"kid": "of-another-tenant"}),
    ),
    "a key that is skipped": Mistake(
        explain(*ORDERS),
        ("kid_unknown", "published, but not usable: use is not 'sig'"),
        ("if it is skipped, the reason is there",),
        lambda place: place.token(header={"kid": "for-encryption"}),
    ),
    "keys that cannot be fetched": Mistake(
        explain(*ORDERS, app="down"),
        ("keys_unavailable", "could not be fetched", "127.0.0.1:9 refuses connections"),
        ("check the URL", "jwt-wsgi keys"),
    ),
    "a private certificate authority": Mistake(
        ("keys", "{private_authority}"),
        ("the certificate of localhost", "is not accepted: unable to get local issuer certificate"),
        ("--ca-certs FILE",),
    ),
    "a redirecting key set": Mistake(
        ("keys", "--jwks", "{redirecting}"),
        ("HTTP status 302", "/moved", "not followed"),
        ("if it is right, configure that URL",),
    ),
    "a private key as a shared secret": Mistake(
        (
            *("explain", "--policy", "policy.toml", "--issuer", "https://issuer.test/"),
            *("--audience", AUDIENCE, "--secret-env", "API_SECRET", *ORDERS),
        ),
        ("--secret-env: an asymmetric key is not a secret",),
        ("write its public part to a file", "--jwks"),
        status=2,
    ),
    "a factory without parentheses": Mistake(
        explain(*ORDERS, app="create_app"),
        ("no layer of jwt-wsgi stands in it",),
        ("write shop:create_app()",),
        status=2,
    ),
    "a misspelt requirement": Mistake(
        ("check", "misspelt.toml"),
        ("scop", "/orders"),
        ("scope(...)",),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("mistakes")
    local = LocalIssuer("https://issuer.test/", audience=AUDIENCE)
    unusable = {**local.jwks["keys"][0], "kid": "for-encryption", "use": "enc"}
    keys = json.dumps({"keys": [*local.jwks["keys"], unusable]})
    (folder / "shop.py").write_text(SHOP.format(issuer=local.issuer, keys=keys))
    (folder / "policy.toml").write_text('[rules]\n"/orders" = \'scope("read:orders")\'\n')
    (folder / "misspelt.toml").write_text('[rules]\n"/orders" = \'scop("read:orders")\'\n')
    private = rsa.generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    with ExitStack() as servers:
        redirecting = servers.enter_context(served(lambda url: {"/jwks": f"{url}/moved"}))
        context = Certificates(folder).trusted()
        url = servers.enter_context(served(lambda url: {}, context))
        yield Place(folder, local, f"{redirecting}/jwks", url, private.decode())


durations: dict[str, float] = {}


@pytest.mark.slow
@pytest.mark.parametrize("name", MISTAKES)
def test_one_command_shows_cause_and_remedy_of(name: str, place: Place) -> None:
    mistake = MISTAKES[name]
    words = [word.format(**place._asdict()) if "{" in word else word for word in mistake.words]
    token = mistake.stdin(place)
    began = time.monotonic()
    result = run_program(
        *words, stdin=token, env={"API_SECRET": place.private_key}, cwd=place.folder
    )
    durations[name] = time.monotonic() - began
    answer = result.output + result.errors
    assert result.status == mistake.status, answer
    for expected in (*mistake.cause, *mistake.remedy):
        assert expected in answer, (expected, answer)
    for part in [*token.replace(" ", ".").split("."), place.private_key.splitlines()[1]]:
        assert len(part) < 40 or part not in answer
    assert durations[name] < PATIENCE


@pytest.mark.slow
def test_the_durations_of_the_commands_are_printed() -> None:
    assert len(MISTAKES) >= 20
    for name, seconds in sorted(durations.items(), key=lambda item: item[1]):
        print(f"{seconds:6.2f} s  {name}")
