"""The stack as a filter of PasteDeploy, configured by the text of an `.ini` file.

    [filter:jwt]
    use = egg:jwt-wsgi
    issuer = https://tenant.example.com/
    audience = https://api.example.com
    policy = %(here)s/policy.toml

What is wrong there fails when the file is loaded, before anything is served.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication

from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import KeySource
from jwt_wsgi.jwks.static import SharedSecret, StaticJWKS
from jwt_wsgi.middleware.protect import protect
from jwt_wsgi.middleware.responses import validate_realm
from jwt_wsgi.options import must
from jwt_wsgi.policyfile import read_policy

_NUMBER = re.compile(r"\d{1,9}(\.\d{1,9})?")
_NEEDED = {
    "issuer": "the tokens' exact iss, such as https://tenant.example.com/",
    "audience": "this API's identifier, or several",
    "policy": "the file of rules, such as %(here)s/policy.toml",
}
#: Where keys come from, one of these at most; discovered from `issuer` without any.
_KEYS = ("jwks_uri", "jwks_file", "secret_file")
_OPTIONS = ("algorithms", "leeway", "max_age", "profile", "scope_claim")
_SETTINGS = (*_NEEDED, *_KEYS, *_OPTIONS, "realm")


def filter_app_factory(
    app: WSGIApplication, global_conf: Mapping[str, str] | None = None, **settings: str
) -> WSGIApplication:
    """`app` behind the three layers (`paste.filter_app_factory`).

    `settings` are text. `issuer`, `audience` and `policy` (a file, see
    `jwt_wsgi.policyfile`) are needed; one of `jwks_uri`, `jwks_file` and
    `secret_file` says where keys are, else they are discovered. `algorithms`,
    `leeway`, `max_age` (seconds), `profile` and `scope_claim` are those of
    `Issuer`, `realm` that of `protect`. Lists are separated by blanks; files are
    relative to the `.ini`. Raises `ValueError` that names the setting, the value
    and the remedy.
    """
    return filter_factory(global_conf, **settings)(app)


def filter_factory(
    global_conf: Mapping[str, str] | None = None, **settings: str
) -> Callable[[WSGIApplication], WSGIApplication]:
    """What puts an application behind the three layers (`paste.filter_factory`); settings as above."""
    for name in settings:
        must(
            name in _SETTINGS,
            f"jwt-wsgi: unknown setting {name!r}: choose from {', '.join(_SETTINGS)}",
        )
    for name in _SETTINGS:
        # PasteDeploy leaves out of a section what [DEFAULT] has too, which nobody would notice.
        remedy = f"[DEFAULT] has {name} too, and hides it: name it otherwise there, or write 'get {name} = {name}' here"
        must(name in settings or name not in (global_conf or {}), f"jwt-wsgi: {remedy}")
    written = {name: value.strip() for name, value in settings.items() if value.strip()}
    for name, remedy in _NEEDED.items():
        must(name in written, f"jwt-wsgi: {name} is not set: write {remedy}")
    here = Path((global_conf or {}).get("here", ""))
    with _naming("policy", written):
        policy = read_policy(here / written["policy"])
    issuer = _issuer(written, here)
    with _naming("", written):
        realm = validate_realm(written.get("realm", "api"))
    return lambda app: protect(app, issuer=issuer, rules=policy, realm=realm)


def _issuer(written: Mapping[str, str], here: Path) -> Issuer:
    options: dict[str, Any] = {
        name: written[name] for name in ("profile", "scope_claim") if name in written
    }
    if "algorithms" in written:
        options["algorithms"] = written["algorithms"].split()
    for name in ("leeway", "max_age"):
        if name in written:
            fits = _NUMBER.fullmatch(written[name]) is not None
            must(fits, f"jwt-wsgi: {name} = {written[name]}: write a number of seconds")
            options[name] = float(written[name])
    keys = _keys(written, here)
    if isinstance(keys, SharedSecret):
        options = {"algorithms": ["HS256"], **options}
    with _naming("", written):
        return Issuer(written["issuer"], audience=written["audience"].split(), keys=keys, **options)


def _keys(written: Mapping[str, str], here: Path) -> KeySource:
    named = [name for name in _KEYS if name in written]
    must(
        len(named) < 2,
        f"jwt-wsgi: {' and '.join(named)} are set: keys come from one place, so leave out the others",
    )
    if named == []:
        with _naming("issuer", written):
            return RemoteJWKS.discovered(written["issuer"])
    (name,) = named
    with _naming(name, written):
        if name == "jwks_uri":
            return RemoteJWKS(written[name])
        file = here / written[name]
        try:
            return (
                StaticJWKS(file) if name == "jwks_file" else SharedSecret(file.read_bytes().strip())
            )
        except OSError as error:
            raise ValueError(f"it cannot be read ({error.strerror})") from None


@contextmanager
def _naming(setting: str, written: Mapping[str, str]) -> Iterator[None]:
    """The library's errors name its own options; here the setting is what can be changed."""
    try:
        yield
    except ValueError as error:
        where = f"{setting} = {written[setting]}: " if setting in written else ""
        raise ValueError(f"jwt-wsgi: {where}{error}") from None
