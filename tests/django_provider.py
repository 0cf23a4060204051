"""An OpenID provider as a process of its own: Django OAuth Toolkit, on 127.0.0.1.

`python tests/django_provider.py` prints its URL. Its access tokens are opaque, and its ID tokens are
JWTs, signed with RS256. Every request is one of the same signed-in user.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import django
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings
from waitress import serve

CLIENT_ID = "reporting"
CLIENT_SECRET = "example-secret-of-a-client"
CALLBACK = "https://app.example.com/callback"
USER = "diana"
# In memory, and shared by the connections of the process's threads.
_DATABASE = "file:provider?mode=memory&cache=shared"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": _DATABASE}}
SCOPES = {"openid": "Sign in", "read:messages": "Read messages"}


def signed_in(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a middleware that takes everybody for the one user."""

    def respond(request: Any) -> Any:
        from django.contrib.auth import get_user_model

        request.user = get_user_model().objects.get(username=USER)
        return get_response(request)

    return respond


def configure(**provider: Any) -> None:
    """Set Django up for the provider, before anything of it is imported.

    Args:
        **provider: More settings of Django OAuth Toolkit.
    """
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
    settings.configure(
        SECRET_KEY="a-secret-of-this-process",
        ALLOWED_HOSTS=["127.0.0.1"],
        USE_TZ=True,
        DEBUG_PROPAGATE_EXCEPTIONS=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES=DATABASES,
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
        MIDDLEWARE=[f"{__name__}.signed_in"],
        # The secret is random enough for one round.
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        OAUTH2_PROVIDER={"OIDC_ENABLED": True, "OIDC_RSA_PRIVATE_KEY": pem, **provider},
    )
    django.setup()
    from django.urls import include, path

    # Only now, because the views read the settings when they are imported.
    settings.ROOT_URLCONF = (path("", include("oauth2_provider.urls")),)


def _fill() -> None:
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from oauth2_provider.models import get_application_model

    call_command("migrate", verbosity=0)
    get_user_model().objects.create_user(USER)
    get_application_model().objects.create(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        redirect_uris=CALLBACK,
        client_type="confidential",
        authorization_grant_type="authorization-code",
        algorithm="RS256",
        skip_authorization=True,
    )


def main() -> None:
    from django.core.handlers.wsgi import WSGIHandler

    configure(SCOPES=SCOPES, ALLOWED_REDIRECT_URI_SCHEMES=["https"])
    _fill()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(f"Serving on http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        serve(WSGIHandler(), sockets=[listening], _quiet=True)


if __name__ == "__main__":
    main()
