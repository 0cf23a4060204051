"""The presets for Google Cloud: Identity-Aware Proxy, and service accounts."""

import re
from collections.abc import Iterable
from typing import Final, Unpack

from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.presets._named_values import is_one_of, names_of
from jwt_wsgi.presets._preset_issuer import IssuerOptions, preset_issuer, require_audience

_IAP_AUDIENCE: Final = re.compile(r"/projects/[0-9]+/[A-Za-z0-9._:/-]+")
_EMAIL: Final = re.compile(r"[^@\s]+@[a-z0-9-]+(\.[a-z0-9-]+)+")
_SERVICE_ACCOUNT: Final = re.compile(r"[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com")

_EMAILS_REMEDY: Final = "name the accounts that may call, by their email in lower case"


def google_iap(
    audience: str | Iterable[str], *, fetch: Fetch | None = None, **options: Unpack[IssuerOptions]
) -> Issuer:
    """Return the issuer of the assertions of Google's Identity-Aware Proxy (IAP).

    The assertion is the whole value of the header `X-Goog-IAP-JWT-Assertion`, so the stack needs
    `token_sources=[from_header("X-Goog-IAP-JWT-Assertion")]`. It has no scopes; rules read the
    claims `email`, `hd` and `google`. Health checks come without an assertion.

    Source: https://cloud.google.com/iap/docs/signed-headers-howto

    Args:
        audience: The signed header JWT audience of the application, or several: it begins with
            `/projects/NUMBER/`, such as `/projects/NUMBER/global/backendServices/ID`,
            `/projects/NUMBER/apps/PROJECT` or `/projects/NUMBER/locations/REGION/services/NAME`.
        fetch: A function from a URL to the document's bytes, instead of the HTTP client.
        **options: Other keyword arguments of `Issuer`. `algorithms` is ES256 by default.

    Raises:
        ValueError: An option has an invalid value. The text names the option and the remedy.
    """
    remedy = "write the signed header JWT audience, such as /projects/123/global/backendServices/45"
    audiences = names_of("audience", audience, remedy)
    for name in audiences:
        if _IAP_AUDIENCE.fullmatch(name) is None:
            raise ValueError(f"audience={name!r}: {remedy}")
    with_algorithm: IssuerOptions = {"algorithms": ("ES256",), **options}
    return preset_issuer(
        "https://cloud.google.com/iap",
        audience=audiences,
        provider_keys="https://www.gstatic.com/iap/verify/public_key-jwk",
        claims={"sub": ...},
        fetch=fetch,
        options=with_algorithm,
    )


def google_service_account(
    emails: str | Iterable[str],
    *,
    audience: str | Iterable[str],
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer:
    """Return the issuer of the ID tokens that Google signs for service accounts.

    Cloud Run, Cloud Scheduler, Pub/Sub and others send them to the services that they call. Every
    Google account can get such a token for any audience, so the preset requires a verified email
    out of `emails`. Tokens with the claim `at_hash` come from a login of a person, and are refused
    unless `allow_id_tokens=True` is set.

    Source: https://cloud.google.com/run/docs/authenticating/service-to-service and
    https://cloud.google.com/docs/authentication/token-types

    Args:
        emails: The email of the account that may call, such as
            `caller@my-project.iam.gserviceaccount.com`, or several.
        audience: The audience that callers ask for, usually the URL of the service, or several.
        fetch: A function from a URL to the document's bytes, instead of the HTTP client.
        **options: Other keyword arguments of `Issuer`.

    Raises:
        ValueError: An option has an invalid value. The text names the option and the remedy.
    """
    accounts = names_of("emails", emails, _EMAILS_REMEDY)
    for email in accounts:
        if _EMAIL.fullmatch(email) is None or email != email.lower():
            raise ValueError(f"emails holds {email!r}: {_EMAILS_REMEDY}")
    return preset_issuer(
        "https://accounts.google.com",
        audience=require_audience(audience),
        provider_keys="https://www.googleapis.com/oauth2/v3/certs",
        claims={"email": is_one_of(accounts), "email_verified": True},
        fetch=fetch,
        options=options,
    )


def google_self_signed(
    email: str,
    *,
    audience: str | Iterable[str],
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer:
    """Return the issuer of the tokens that one service account of Google signs itself.

    The account is the issuer and the subject. Write a list of issuers for several accounts:
    `[google_self_signed(email, audience=…) for email in emails]`. The token's lifetime is the
    caller's choice; `max_age` limits it.

    Source: https://cloud.google.com/endpoints/docs/openapi/service-account-authentication

    Args:
        email: The email of the account, such as `caller@my-project.iam.gserviceaccount.com`.
        audience: The audience that callers write, usually the URL of the API, or several.
        fetch: A function from a URL to the document's bytes, instead of the HTTP client.
        **options: Other keyword arguments of `Issuer`.

    Raises:
        ValueError: An option has an invalid value. The text names the option and the remedy.
    """
    if not isinstance(email, str) or _SERVICE_ACCOUNT.fullmatch(email) is None:
        raise ValueError(f"email={email!r}: write caller@my-project.iam.gserviceaccount.com")
    return preset_issuer(
        email,
        audience=require_audience(audience),
        provider_keys=f"https://www.googleapis.com/service_accounts/v1/jwk/{email}",
        claims={"sub": email},
        fetch=fetch,
        options=options,
    )
