"""The factories that PasteDeploy calls."""

from collections.abc import Callable, Mapping
from pathlib import Path
from wsgiref.types import WSGIApplication

from jwt_wsgi.middleware.challenges import validate_realm
from jwt_wsgi.middleware.protect import protect
from jwt_wsgi.paste.issuers import read_issuers
from jwt_wsgi.paste.layers import (
    read_client_certificate,
    read_dpop,
    read_resource,
    read_sources,
    read_store,
)
from jwt_wsgi.paste.settings import check_settings, translate_errors
from jwt_wsgi.policyfile import read_policy
from jwt_wsgi.revocation import DenyList


def filter_app_factory(
    app: WSGIApplication, global_conf: Mapping[str, str] | None = None, **settings: str
) -> WSGIApplication:
    """Put `app` behind the three layers (`paste.filter_app_factory`).

    Args:
        app: The application.
        global_conf: The defaults of the `.ini` file, as PasteDeploy passes them. Names of files are
            relative to its `here`.
        **settings: The settings of the section, as text. Lists are separated by spaces. `issuer`,
            `audience` and `policy` (a file, see `jwt_wsgi.policyfile`) are required. One of
            `jwks_uri`, `jwks_file` and `secret_file` names the keys; without one they are
            discovered. `algorithms`, `leeway` (seconds), `max_age` (seconds), `profile`,
            `scope_claim`, `types`, `allow_id_tokens`, `padded`, `sender_constrained` and
            `accept_unproven_binding` (the last four "true" or "false") are options of `Issuer`; so
            is `header`, written as `NAME=VALUE`, several separated by spaces, and `scope_implies`,
            written as `NAME=NAME`. `realm` is the option of `protect`. `token_sources` names places
            of the token (`bearer`, `header:NAME`, `cookie:NAME`), and `cookie_origins` the
            `origins` of its cookies (`jwt_wsgi.sources`). `dpop_base_urls` and `dpop_required` are
            options of `DPoP`, and `dpop_nonce_secret_files` names files, each with a secret of its
            nonces. `client_certificate` and `trusted_proxies` are the arguments of
            `jwt_wsgi.client_certificates.parse_client_certificate`. `store_url`, or the URL in the
            file `store_url_file`, is the `RedisStore` of used proofs and of a `DenyList`, and of
            the key set if `sealing_key_files` names its secrets. `introspection_url` (or
            "discover"), `introspection_client_id` and `introspection_client_secret_file` are those
            of an `Introspection`. `resource` is the option of `protect`, and then `audience` may be
            left out; `authorization_servers` is the option of `ProtectedResource`.

    Raises:
        ValueError: A setting is missing, unknown or invalid. The text names the setting, its value
            and the remedy.
    """
    return filter_factory(global_conf, **settings)(app)


def filter_factory(
    global_conf: Mapping[str, str] | None = None, **settings: str
) -> Callable[[WSGIApplication], WSGIApplication]:
    """Return the function that puts an application behind the layers (`paste.filter_factory`).

    Args:
        global_conf: As for `filter_app_factory`.
        **settings: As for `filter_app_factory`.

    Raises:
        ValueError: As for `filter_app_factory`.
    """
    values = check_settings(settings, global_conf or {})
    here = Path((global_conf or {}).get("here", ""))
    with translate_errors("policy", values):
        policy = read_policy(here / values["policy"])
    store = read_store(values, here)
    issuers = read_issuers(values, here, store)
    with translate_errors("", values):
        realm = validate_realm(values.get("realm", "api"))
    sources = read_sources(values)
    dpop = read_dpop(values, here, store)
    client_certificate = read_client_certificate(values)
    resource = read_resource(values)
    is_revoked = None if store is None else DenyList(store)

    def protected(app: WSGIApplication) -> WSGIApplication:
        with translate_errors("", values):
            return protect(
                app,
                issuer=issuers,
                rules=policy,
                realm=realm,
                token_sources=sources,
                dpop=dpop,
                client_certificate=client_certificate,
                is_revoked=is_revoked,
                resource=resource,
            )

    return protected
