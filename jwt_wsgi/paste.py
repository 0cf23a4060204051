"""The stack as a filter of PasteDeploy, configured by the text of an `.ini` file.

    [filter:jwt]
    use = egg:jwt-wsgi
    issuer = https://tenant.example.com/
    audience = https://api.example.com
    policy = %(here)s/policy.toml

A wrong setting is an error when the file is loaded, before anything is served.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

from jwt_wsgi.client_certificates import ClientCertificate, parse_client_certificate
from jwt_wsgi.http.urls import PlainHTTPError
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jose.header_members import parse_members
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import KeySource
from jwt_wsgi.jwks.static import SharedSecret, StaticJWKS
from jwt_wsgi.middleware.challenges import validate_realm
from jwt_wsgi.middleware.protect import protect
from jwt_wsgi.policyfile import read_policy
from jwt_wsgi.possession.dpop import DPoP
from jwt_wsgi.possession.nonces import DPoPNonces
from jwt_wsgi.sources import TokenSource, parse_sources

_NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?")
_REQUIRED = {
    "issuer": "the tokens' exact iss, such as https://tenant.example.com/",
    "audience": "this API's identifier, or several",
    "policy": "the file of rules, such as %(here)s/policy.toml",
}
#: At most one of these may be set. Without any, the keys are discovered from `issuer`.
_KEY_SETTINGS = ("jwks_uri", "jwks_file", "secret_file")
_ISSUER_SETTINGS = (
    "algorithms",
    "leeway",
    "max_age",
    "profile",
    "scope_claim",
    "types",
    "allow_id_tokens",
    "header",
    "padded",
    "sender_constrained",
    "accept_unproven_binding",
)
_BOOLEANS = {"true": True, "false": False}
_DEFAULT_LEEWAY = 30.0
_SOURCE_SETTINGS = ("token_sources", "cookie_origins")
_DPOP_SETTINGS = ("dpop_base_urls", "dpop_required", "dpop_nonce_secret_files")
_OTHERS = (*_SOURCE_SETTINGS, *_DPOP_SETTINGS, "client_certificate", "trusted_proxies", "realm")
_SETTINGS = (*_REQUIRED, *_KEY_SETTINGS, *_ISSUER_SETTINGS, *_OTHERS)
_BASE_URL = "write the public URL of this API, such as dpop_base_urls = https://api.example.com"
#: setting -> the setting without which it has no meaning, and the remedy.
_COMPANIONS = {
    "cookie_origins": (
        "token_sources",
        "name the cookie there, such as token_sources = bearer cookie:__Host-session",
    ),
    "dpop_required": ("dpop_base_urls", _BASE_URL),
    "dpop_nonce_secret_files": ("dpop_base_urls", _BASE_URL),
    "trusted_proxies": (
        "client_certificate",
        "name the header there, such as client_certificate = client-cert-header",
    ),
}


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
            is `header`, written as `NAME=VALUE`, several separated by spaces. `realm` is the option
            of `protect`. `token_sources` names places of the token (`bearer`, `header:NAME`,
            `cookie:NAME`), and `cookie_origins` the `origins` of its cookies (`jwt_wsgi.sources`).
            `dpop_base_urls` and `dpop_required` are options of `DPoP`, and
            `dpop_nonce_secret_files` names files, each with a secret of its nonces.
            `client_certificate` and `trusted_proxies` are the arguments of
            `jwt_wsgi.client_certificates.parse_client_certificate`.

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
    _check_names(settings, global_conf or {})
    values = {name: value.strip() for name, value in settings.items() if value.strip()}
    _check_required(values)
    _check_companions(values)
    here = Path((global_conf or {}).get("here", ""))
    with _translate_errors("policy", values):
        policy = read_policy(here / values["policy"])
    issuer = _issuer(values, here)
    with _translate_errors("", values):
        realm = validate_realm(values.get("realm", "api"))
    sources = _sources(values)
    dpop = _dpop(values, here)
    client_certificate = _client_certificate(values)

    def protected(app: WSGIApplication) -> WSGIApplication:
        with _translate_errors("", values):
            return protect(
                app,
                issuer=issuer,
                rules=policy,
                realm=realm,
                token_sources=sources,
                dpop=dpop,
                client_certificate=client_certificate,
            )

    return protected


def _check_names(settings: Mapping[str, str], global_conf: Mapping[str, str]) -> None:
    for name in settings:
        if name == "dpop_nonce_secrets":
            raise ValueError(
                "jwt-wsgi: dpop_nonce_secrets is not a setting, because many people read an .ini "
                "file: write each secret into a file, and name it in dpop_nonce_secret_files"
            )
        if name not in _SETTINGS:
            choices = ", ".join(_SETTINGS)
            raise ValueError(f"jwt-wsgi: unknown setting {name!r}: choose from {choices}")
    for name in _SETTINGS:
        # PasteDeploy silently removes a setting from its section if [DEFAULT] has the same name.
        if name in global_conf and name not in settings:
            raise ValueError(
                f"jwt-wsgi: [DEFAULT] has {name} too, and hides it: name it otherwise there, "
                f"or write 'get {name} = {name}' here"
            )


def _check_required(values: Mapping[str, str]) -> None:
    for name, remedy in _REQUIRED.items():
        if name not in values:
            raise ValueError(f"jwt-wsgi: {name} is not set: write {remedy}")


def _check_companions(values: Mapping[str, str]) -> None:
    for name, (companion, remedy) in _COMPANIONS.items():
        if name in values and companion not in values:
            raise ValueError(f"jwt-wsgi: {name} without {companion}: {remedy}")


def _sources(values: Mapping[str, str]) -> tuple[TokenSource, ...] | None:
    if "token_sources" not in values:
        return None
    with _translate_errors("token_sources", values):
        return parse_sources(values["token_sources"], values.get("cookie_origins", "").split())


def _dpop(values: Mapping[str, str], here: Path) -> DPoP | None:
    if "dpop_base_urls" not in values:
        return None
    required = _boolean(values, "dpop_required")
    files = values.get("dpop_nonce_secret_files", "").split()
    with _translate_errors("dpop_nonce_secret_files", values):
        nonces = DPoPNonces([_secret(here / file) for file in files]) if files else None
    with _translate_errors("dpop_base_urls", values):
        return DPoP(values["dpop_base_urls"].split(), required=required, nonces=nonces)


def _client_certificate(values: Mapping[str, str]) -> ClientCertificate | None:
    if "client_certificate" not in values:
        return None
    proxies = values.get("trusted_proxies", "").split()
    with _translate_errors("client_certificate", values):
        return parse_client_certificate(values["client_certificate"], proxies)


def _issuer(values: Mapping[str, str], here: Path) -> Issuer:
    leeway = _seconds(values, "leeway")
    if leeway is None:
        leeway = _DEFAULT_LEEWAY
    max_age = _seconds(values, "max_age")
    # `Issuer` checks the value.
    profile: Any = values.get("profile", "jwt")
    keys = _keys(values, here)
    allow_id_tokens = _boolean(values, "allow_id_tokens")
    padded = _boolean(values, "padded")
    sender_constrained = _boolean(values, "sender_constrained")
    accept_unproven_binding = _boolean(values, "accept_unproven_binding")
    with _translate_errors("header", values):
        header = parse_members(values.get("header", "").split())
    types = values["types"].split() if "types" in values else None
    usual_algorithm = "HS256" if isinstance(keys, SharedSecret) else "RS256"
    with _translate_errors("", values):
        return Issuer(
            values["issuer"],
            audience=values["audience"].split(),
            keys=keys,
            algorithms=values.get("algorithms", usual_algorithm).split(),
            leeway=leeway,
            max_age=max_age,
            profile=profile,
            scope_claim=values.get("scope_claim"),
            types=types,
            allow_id_tokens=allow_id_tokens,
            header=header,
            padded=padded,
            sender_constrained=sender_constrained,
            accept_unproven_binding=accept_unproven_binding,
        )


def _boolean(values: Mapping[str, str], name: str) -> bool:
    """Return the truth value of a setting, False if it is not set."""
    word = values.get(name, "false").lower()
    if word not in _BOOLEANS:
        raise ValueError(f"jwt-wsgi: {name} = {word}: write true or false")
    return _BOOLEANS[word]


def _seconds(values: Mapping[str, str], name: str) -> float | None:
    """Return the number of seconds of a setting, or None if it is not set."""
    if name not in values:
        return None
    if _NUMBER.fullmatch(values[name]) is None:
        raise ValueError(f"jwt-wsgi: {name} = {values[name]}: write a number of seconds")
    return float(values[name])


def _keys(values: Mapping[str, str], here: Path) -> KeySource:
    names = [name for name in _KEY_SETTINGS if name in values]
    if len(names) > 1:
        raise ValueError(
            f"jwt-wsgi: {' and '.join(names)} are set: keys come from one place, "
            "so leave out the others"
        )
    if not names:
        with _translate_errors("issuer", values):
            return RemoteJWKS.discovered(values["issuer"])
    name = names[0]
    with _translate_errors(name, values):
        if name == "jwks_uri":
            return RemoteJWKS(values[name])
        return _keys_from_file(name, here / values[name])


def _keys_from_file(name: str, file: Path) -> KeySource:
    if name == "secret_file":
        return SharedSecret(_secret(file))
    try:
        return StaticJWKS(file)
    except OSError as error:
        raise ValueError(f"it cannot be read ({error.strerror})") from None


def _secret(file: Path) -> bytes:
    try:
        return file.read_bytes().strip()
    except OSError as error:
        raise ValueError(f"{file.name} cannot be read ({error.strerror})") from None


@contextmanager
def _translate_errors(setting: str, values: Mapping[str, str]) -> Iterator[None]:
    """Put the name and value of a setting before errors that name the library's options."""
    try:
        yield
    except ValueError as error:
        prefix = f"{setting} = {values[setting]}: " if setting in values else ""
        if isinstance(error, PlainHTTPError):
            # The library's remedy is an option that is not a setting.
            raise ValueError(f"jwt-wsgi: {prefix}must be https, except on loopback") from None
        raise ValueError(f"jwt-wsgi: {prefix}{error}") from None
