"""The settings of a section: their names, which belong together, and how their text is read."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from jwt_wsgi.http.urls import PlainHTTPError

_NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?")
_REQUIRED: Final = {
    "issuer": "the tokens' exact iss, such as https://tenant.example.com/",
    "audience": "this API's identifier, or several",
    "policy": "the file of rules, such as %(here)s/policy.toml",
}
#: At most one of these may be set. Without any, the keys are discovered from `issuer`.
KEY_SETTINGS: Final = ("jwks_uri", "jwks_file", "secret_file")
_ISSUER_SETTINGS = (
    "algorithms",
    "leeway",
    "max_age",
    "profile",
    "scope_claim",
    "scope_implies",
    "types",
    "allow_id_tokens",
    "header",
    "padded",
    "sender_constrained",
    "accept_unproven_binding",
)
_BOOLEANS = {"true": True, "false": False}
_SOURCE_SETTINGS = ("token_sources", "cookie_origins")
_DPOP_SETTINGS = ("dpop_base_urls", "dpop_required", "dpop_nonce_secret_files")
_CERTIFICATE_SETTINGS = ("client_certificate", "trusted_proxies")
#: At most one of these may be set.
STORE_SETTINGS: Final = ("store_url", "store_url_file")
_INTROSPECTION_SETTINGS = (
    "introspection_url",
    "introspection_client_id",
    "introspection_client_secret_file",
)
_RESOURCE_SETTINGS = ("resource", "authorization_servers")
#: Every setting.
SETTINGS: Final = (
    *_REQUIRED,
    *KEY_SETTINGS,
    *_ISSUER_SETTINGS,
    *_SOURCE_SETTINGS,
    *_DPOP_SETTINGS,
    *_CERTIFICATE_SETTINGS,
    *STORE_SETTINGS,
    "sealing_key_files",
    *_INTROSPECTION_SETTINGS,
    *_RESOURCE_SETTINGS,
    "realm",
)
#: secrets -> the setting that names their files.
_FILES_OF_SECRETS = {
    "dpop_nonce_secrets": "dpop_nonce_secret_files",
    "sealing_keys": "sealing_key_files",
    "introspection_client_secret": "introspection_client_secret_file",
}


class _Companion(NamedTuple):
    """A setting without which another one has no meaning.

    Attributes:
        setting: The one that has no meaning alone.
        companions: Its companions, of which one is needed.
        remedy: What to write.
    """

    setting: str
    companions: tuple[str, ...]
    remedy: str


_BASE_URL = "write the public URL of this API, such as dpop_base_urls = https://api.example.com"
_ENDPOINT = "write the endpoint's URL there, or discover"
_CLIENT = "write the name of this API at the endpoint there, and its secret into a file"
_COMPANIONS = (
    _Companion(
        "cookie_origins",
        ("token_sources",),
        "name the cookie there, such as token_sources = bearer cookie:__Host-session",
    ),
    _Companion("dpop_required", ("dpop_base_urls",), _BASE_URL),
    _Companion("dpop_nonce_secret_files", ("dpop_base_urls",), _BASE_URL),
    _Companion(
        "trusted_proxies",
        ("client_certificate",),
        "name the header there, such as client_certificate = client-cert-header",
    ),
    _Companion(
        "sealing_key_files",
        STORE_SETTINGS,
        "name the store, such as store_url = rediss://redis.example.com",
    ),
    _Companion(
        "authorization_servers",
        ("resource",),
        "write the public URL of this API, such as resource = https://api.example.com/mcp",
    ),
    _Companion("introspection_url", ("introspection_client_id",), _CLIENT),
    _Companion("introspection_url", ("introspection_client_secret_file",), _CLIENT),
    _Companion("introspection_client_id", ("introspection_url",), _ENDPOINT),
    _Companion("introspection_client_secret_file", ("introspection_url",), _ENDPOINT),
)


def check_settings(settings: Mapping[str, str], global_conf: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that have a value.

    Args:
        settings: The settings of the section.
        global_conf: The defaults of the `.ini` file.

    Raises:
        ValueError: A setting is missing, unknown, hidden, or has no meaning without another one.
    """
    _check_names(settings, global_conf)
    values = {name: value.strip() for name, value in settings.items() if value.strip()}
    if "resource" in values:
        values.setdefault("audience", values["resource"])
    for name, remedy in _REQUIRED.items():
        if name not in values:
            raise ValueError(f"jwt-wsgi: {name} is not set: write {remedy}")
    for setting, companions, remedy in _COMPANIONS:
        if setting in values and values.keys().isdisjoint(companions):
            raise ValueError(f"jwt-wsgi: {setting} without {' or '.join(companions)}: {remedy}")
    return values


def _check_names(settings: Mapping[str, str], global_conf: Mapping[str, str]) -> None:
    for name in settings:
        if name in _FILES_OF_SECRETS:
            raise ValueError(
                f"jwt-wsgi: {name} is not a setting, because many people read an .ini "
                f"file: write each secret into a file, and name it in {_FILES_OF_SECRETS[name]}"
            )
        if name not in SETTINGS:
            choices = ", ".join(SETTINGS)
            raise ValueError(f"jwt-wsgi: unknown setting {name!r}: choose from {choices}")
    for name in SETTINGS:
        # PasteDeploy silently removes a setting from its section if [DEFAULT] has the same name.
        if name in global_conf and name not in settings:
            raise ValueError(
                f"jwt-wsgi: [DEFAULT] has {name} too, and hides it: name it otherwise there, "
                f"or write 'get {name} = {name}' here"
            )


def read_boolean(values: Mapping[str, str], name: str) -> bool:
    """Return the truth value of a setting, False if it is not set."""
    word = values.get(name, "false").lower()
    if word not in _BOOLEANS:
        raise ValueError(f"jwt-wsgi: {name} = {word}: write true or false")
    return _BOOLEANS[word]


def read_seconds(values: Mapping[str, str], name: str) -> float | None:
    """Return the number of seconds of a setting, or None if it is not set."""
    if name not in values:
        return None
    if _NUMBER.fullmatch(values[name]) is None:
        raise ValueError(f"jwt-wsgi: {name} = {values[name]}: write a number of seconds")
    return float(values[name])


def read_secret(file: Path) -> bytes:
    """Return the content of a file without the white space around it."""
    try:
        return file.read_bytes().strip()
    except OSError as error:
        raise ValueError(f"{file.name} cannot be read ({error.strerror})") from None


def read_secrets(values: Mapping[str, str], name: str, here: Path) -> list[bytes]:
    """Return the contents of the files that a setting names."""
    return [read_secret(here / file) for file in values.get(name, "").split()]


@contextmanager
def translate_errors(setting: str, values: Mapping[str, str] | None = None) -> Iterator[None]:
    """Put the name and value of a setting before errors that name the library's options.

    Args:
        setting: The setting.
        values: All settings, or None if no value may be quoted.
    """
    try:
        yield
    except ValueError as error:
        prefix = ""
        if values is None:
            prefix = f"{setting}: "
        elif setting in values:
            prefix = f"{setting} = {values[setting]}: "
        if isinstance(error, PlainHTTPError):
            # The library's remedy is an option that is not a setting.
            raise ValueError(f"jwt-wsgi: {prefix}must be https, except on loopback") from None
        raise ValueError(f"jwt-wsgi: {prefix}{error}") from None
