"""The issuers of a stack: that of JWTs and its keys, and the endpoint for opaque tokens."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jwt_wsgi.introspection.client_authentication import ClientSecretBasic
from jwt_wsgi.introspection.introspection import Introspection
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jose.header_members import parse_members
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import KeySource
from jwt_wsgi.jwks.static import SharedSecret, StaticJWKS
from jwt_wsgi.paste.settings import (
    KEY_SETTINGS,
    read_boolean,
    read_seconds,
    read_secret,
    read_secrets,
    translate_errors,
)
from jwt_wsgi.scope_hierarchy import ScopeImplies, parse_scope_implies
from jwt_wsgi.stores import RedisStore

_DEFAULT_LEEWAY = 30.0
#: The value of `introspection_url` for the endpoint that the issuer's metadata names.
_DISCOVER = "discover"


def read_issuers(
    values: Mapping[str, str], here: Path, store: RedisStore | None
) -> tuple[Issuer | Introspection, ...]:
    """Return the issuer of JWTs, and that of opaque tokens if there is one.

    Args:
        values: The settings.
        here: The directory of the files that they name.
        store: The store for the key set, or None.

    Raises:
        ValueError: A setting is invalid.
    """
    issuer = _issuer(values, here, store)
    if "introspection_url" not in values:
        return (issuer,)
    return issuer, _introspection(values, here)


def _issuer(values: Mapping[str, str], here: Path, store: RedisStore | None) -> Issuer:
    leeway = _leeway(values)
    max_age = read_seconds(values, "max_age")
    # `Issuer` checks the value.
    profile: Any = values.get("profile", "jwt")
    keys = _keys(values, here, store)
    allow_id_tokens = read_boolean(values, "allow_id_tokens")
    padded = read_boolean(values, "padded")
    sender_constrained = read_boolean(values, "sender_constrained")
    accept_unproven_binding = read_boolean(values, "accept_unproven_binding")
    with translate_errors("header", values):
        header = parse_members(values.get("header", "").split())
    scope_implies = _scope_implies(values)
    types = values["types"].split() if "types" in values else None
    usual_algorithm = "HS256" if isinstance(keys, SharedSecret) else "RS256"
    with translate_errors("", values):
        return Issuer(
            values["issuer"],
            audience=values["audience"].split(),
            keys=keys,
            algorithms=values.get("algorithms", usual_algorithm).split(),
            leeway=leeway,
            max_age=max_age,
            profile=profile,
            scope_claim=values.get("scope_claim"),
            scope_implies=scope_implies,
            types=types,
            allow_id_tokens=allow_id_tokens,
            header=header,
            padded=padded,
            sender_constrained=sender_constrained,
            accept_unproven_binding=accept_unproven_binding,
        )


def _leeway(values: Mapping[str, str]) -> float:
    leeway = read_seconds(values, "leeway")
    return _DEFAULT_LEEWAY if leeway is None else leeway


def _scope_implies(values: Mapping[str, str]) -> ScopeImplies:
    with translate_errors("scope_implies", values):
        return parse_scope_implies(values.get("scope_implies", "").split())


def _introspection(values: Mapping[str, str], here: Path) -> Introspection:
    with translate_errors("introspection_client_secret_file", values):
        secret = _read_text(here / values["introspection_client_secret_file"])
        client_auth = ClientSecretBasic(values["introspection_client_id"], secret)
    endpoint = values["introspection_url"]
    leeway = _leeway(values)
    sender_constrained = read_boolean(values, "sender_constrained")
    with translate_errors("introspection_url", values):
        return Introspection(
            None if endpoint == _DISCOVER else endpoint,
            issuer=values["issuer"],
            audience=values["audience"].split(),
            client_auth=client_auth,
            leeway=leeway,
            scope_claim=values.get("scope_claim"),
            scope_implies=_scope_implies(values),
            sender_constrained=sender_constrained,
        )


def _keys(values: Mapping[str, str], here: Path, store: RedisStore | None) -> KeySource:
    names = [name for name in KEY_SETTINGS if name in values]
    if len(names) > 1:
        raise ValueError(
            f"jwt-wsgi: {' and '.join(names)} are set: keys come from one place, "
            "so leave out the others"
        )
    name = names[0] if names else "issuer"
    if name in ("jwks_file", "secret_file"):
        if "sealing_key_files" in values:
            raise ValueError(
                f"jwt-wsgi: sealing_key_files with {name}: leave them out, because no keys are "
                "fetched"
            )
        with translate_errors(name, values):
            return _keys_from_file(name, here / values[name])
    with translate_errors(name, values):
        keys = _published_keys(values)
    if "sealing_key_files" not in values:
        return keys
    # The URL is valid, so an error is about the secrets.
    with translate_errors("sealing_key_files", values):
        secrets = read_secrets(values, "sealing_key_files", here)
        return _published_keys(values, store, secrets)


def _published_keys(
    values: Mapping[str, str],
    store: RedisStore | None = None,
    sealing_keys: list[bytes] | None = None,
) -> RemoteJWKS:
    if "jwks_uri" in values:
        return RemoteJWKS(values["jwks_uri"], store=store, sealing_keys=sealing_keys)
    return RemoteJWKS.discovered(values["issuer"], store=store, sealing_keys=sealing_keys)


def _keys_from_file(name: str, file: Path) -> KeySource:
    if name == "secret_file":
        return SharedSecret(read_secret(file))
    try:
        return StaticJWKS(file)
    except OSError as error:
        raise ValueError(f"it cannot be read ({error.strerror})") from None


def _read_text(file: Path) -> str:
    try:
        return read_secret(file).decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{file.name} is not UTF-8: write the secret as text") from None
