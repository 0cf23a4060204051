"""Key sets as real libraries and providers write them, each with the verdict on its entries.

`key_corpus/README.md` says where each of them comes from.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jwt_wsgi import StaticJWKS
from jwt_wsgi.jose import KeySet
from jwt_wsgi.jose.encoding import decode
from jwt_wsgi.jose.strict_json import read_document

FOLDER = Path(__file__).with_name("key_corpus")
SIGNATURES = "signatures.json"

EC = ["ES256", "ES384", "ES512"]
EVERY_TYPE = ["RS256", *EC, "EdDSA"]
ANOTHER_KEY = "x5c certifies another key"

#: Of each entry: an algorithm whose signature it verifies, or the reason why it is not used.
VERDICTS: dict[str, list[str]] = {
    "adfs": ["RS256"],
    "apereo-cas": ["n is missing, not a string, or too long", "RS256"],
    "auth0": ["RS256"],
    "authlib": EVERY_TYPE,
    "by-hand-certificates": [*["RS256"] * 6, ANOTHER_KEY, ANOTHER_KEY],
    "byte-order-mark": ["RS256"],
    "cloud-foundry-uaa": ["RS256"],
    "cognito": ["RS256"],
    "dotnet-empty-texts": ["RS256"],
    "dotnet-identitymodel": ["RS256"],
    "dotnet-nulls": ["RS256", "ES256"],
    "entra": ["RS256"],
    "gluu-oxauth": ["RS256", *EC],
    "go-jose": EVERY_TYPE,
    "go-jose-certificates": EVERY_TYPE,
    "google": ["RS256"],
    "identityserver3": ["RS256"],
    "jose": EVERY_TYPE,
    "josepy": ["RS256", *EC],
    "joserfc": EVERY_TYPE,
    "jwcrypto": ["ES256", "EdDSA", "ES512", "RS256", "ES384"],
    "jwcrypto-certificates": ["ES512", "EdDSA", "ES256", "ES384", "RS256"],
    "keycloak": ["use is not 'sig'", "RS256", *EC],
    "keycloak-19": EC,
    "keycloak-4": EC,
    "keycloak-mock": ["RS256"],
    "nimbus": EVERY_TYPE,
    "node-crypto": EVERY_TYPE,
    "node-jose": ["RS256", *EC],
    "okta": ["RS256"],
    "pyjwt": EVERY_TYPE,
    "python-jose": ["RS256", *EC],
    "ruby-json-jwt": ["RS256", *EC],
    "ruby-jwt": ["RS256", *EC],
    "simpleidserver": ["RS256"],
    "webcrypto": EVERY_TYPE,
}
#: The rows of the table that the files are about.
ROWS = {
    "apereo-cas": "U4",
    "authlib": "U5",
    "by-hand-certificates": "U4",
    "byte-order-mark": "U29",
    "cloud-foundry-uaa": "U5",
    "dotnet-empty-texts": "U3",
    "dotnet-identitymodel": "U3",
    "dotnet-nulls": "U3",
    "gluu-oxauth": "U5",
    "identityserver3": "U5",
    "keycloak-19": "U5",
    "keycloak-4": "U5",
    "keycloak-mock": "U5",
    "simpleidserver": "U3",
}
FILES = [pytest.param(name, id=f"{ROWS.get(name, '')} {name}".strip()) for name in VERDICTS]


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.json"


@pytest.mark.parametrize("name", FILES)
def test_each_entry_is_used_or_skipped_as_the_table_says(name: str) -> None:
    signatures = json.loads((FOLDER / SIGNATURES).read_text())
    message = signatures["message"].encode()
    keys = KeySet.from_jwks(read_document(path_of(name).read_bytes()))
    reasons = {skip.position: skip.reason for skip in keys.skipped}
    used = iter(keys.keys)
    for position, verdict in enumerate(VERDICTS[name]):
        if verdict in signatures:
            assert position not in reasons
            assert next(used).verifies(verdict, message, decode(signatures[verdict]))
        else:
            assert reasons.pop(position) == verdict
    assert not reasons
    assert next(used, None) is None


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_keys_is_read_as_the_key_set_is(name: str) -> None:
    keys = KeySet.from_jwks(read_document(path_of(name).read_bytes()))
    assert StaticJWKS(path_of(name)).held().kids == keys.kids


def test_every_file_has_a_verdict_and_a_source() -> None:
    readme = (FOLDER / "README.md").read_text("utf-8")
    names = {path.stem for path in FOLDER.glob("*.json") if path.name != SIGNATURES}
    assert names == set(VERDICTS)
    assert [name for name in names if f"`{name}.json`" not in readme] == []


def test_no_file_holds_a_private_member_with_a_value() -> None:
    for name in VERDICTS:
        for entry in read_document(path_of(name).read_bytes())["keys"]:
            assert not any(entry.get(member) for member in ("d", "p", "q", "dp", "dq", "qi", "k"))
