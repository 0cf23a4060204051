"""The parts of a stack beside its issuers: places of the token, possession, and the store."""

from collections.abc import Mapping
from pathlib import Path

from jwt_wsgi.client_certificates import ClientCertificate, parse_client_certificate
from jwt_wsgi.paste.settings import (
    STORE_SETTINGS,
    read_boolean,
    read_secret,
    read_secrets,
    translate_errors,
)
from jwt_wsgi.possession.dpop import DPoP
from jwt_wsgi.possession.nonces import DPoPNonces
from jwt_wsgi.resource import ProtectedResource
from jwt_wsgi.sources import TokenSource, parse_sources
from jwt_wsgi.stores import RedisStore


def read_sources(values: Mapping[str, str]) -> tuple[TokenSource, ...] | None:
    """Return the places of the token, or None for the usual one."""
    if "token_sources" not in values:
        return None
    with translate_errors("token_sources", values):
        return parse_sources(values["token_sources"], values.get("cookie_origins", "").split())


def read_dpop(values: Mapping[str, str], here: Path, store: RedisStore | None) -> DPoP | None:
    """Return the options for DPoP, or None if no proofs are accepted."""
    if "dpop_base_urls" not in values:
        return None
    required = read_boolean(values, "dpop_required")
    with translate_errors("dpop_nonce_secret_files", values):
        secrets = read_secrets(values, "dpop_nonce_secret_files", here)
        nonces = DPoPNonces(secrets) if secrets else None
    base_urls = values["dpop_base_urls"].split()
    with translate_errors("dpop_base_urls", values):
        if store is None:
            return DPoP(base_urls, required=required, nonces=nonces)
        return DPoP(base_urls, required=required, nonces=nonces, replay=store)


def read_client_certificate(values: Mapping[str, str]) -> ClientCertificate | None:
    """Return the place of the client's certificate, or None if there is none."""
    if "client_certificate" not in values:
        return None
    proxies = values.get("trusted_proxies", "").split()
    with translate_errors("client_certificate", values):
        return parse_client_certificate(values["client_certificate"], proxies)


def read_resource(values: Mapping[str, str]) -> ProtectedResource | None:
    """Return the identifier of the API for clients, or None if no metadata is served."""
    if "resource" not in values:
        return None
    servers = values["authorization_servers"].split() if "authorization_servers" in values else None
    with translate_errors("", values):
        return ProtectedResource(values["resource"], authorization_servers=servers)


def read_store(values: Mapping[str, str], here: Path) -> RedisStore | None:
    """Return the store that all workers share, or None for a process that is alone."""
    names = [name for name in STORE_SETTINGS if name in values]
    if not names:
        return None
    if len(names) > 1:
        raise ValueError(f"jwt-wsgi: {' and '.join(names)} are set: leave one of them out")
    [name] = names
    if name == "store_url":
        # The value may hold a password, so no error quotes it.
        with translate_errors("store_url"):
            return RedisStore(_without_password(values["store_url"]))
    with translate_errors("store_url_file", values):
        return RedisStore(_read_url(here / values["store_url_file"]))


def _without_password(url: str) -> str:
    """Return the URL of a store if it has no place for a password."""
    if "@" in url or "password" in url:
        raise ValueError(
            "a user and a password do not belong here, because many people read an .ini file: "
            "write the URL into a file, and name it in store_url_file"
        )
    return url


def _read_url(file: Path) -> str:
    return read_secret(file).decode("utf-8", "replace")
