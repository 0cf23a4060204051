"""The preset for Firebase Authentication and Google's Identity Platform."""

import re
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, Unpack

from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jose.claim_lookup import is_date
from jwt_wsgi.presets._named_values import names_of
from jwt_wsgi.presets._preset_issuer import IssuerOptions, preset_issuer

_PROJECT: Final = re.compile(r"[a-z][a-z0-9-]*")
_KEYS: Final = (
    "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
)


def firebase(
    project: str,
    *,
    tenants: str | Iterable[str] | None = None,
    clock: Callable[[], float] = time.time,
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer:
    """Return the issuer of the ID tokens of a Firebase project.

    Firebase has one kind of token, which clients send to APIs: an ID token whose audience is the
    project. It has no scopes; rules read custom claims and `firebase` with `has(...)` or
    `claim(...)`. Session cookies have another issuer, and are refused.

    Anyone who knows a project's public API key can sign up, unless the project prevents it. So
    `AUTHENTICATED` may mean everyone, and anonymous users too:
    `claims={("firebase", "sign_in_provider"): "google.com"}` accepts one provider only.

    Source: https://firebase.google.com/docs/auth/admin/verify-id-tokens

    Args:
        project: The ID of the project, not its number or its name.
        tenants: The ID of the tenant of Identity Platform whose users may call, or several. By
            default only users outside of all tenants may call.
        clock: Returns the time in seconds since the epoch, with which `auth_time` is compared. By
            default `time.time`.
        fetch: A function from a URL to the document's bytes, instead of the HTTP client.
        **options: Other keyword arguments of `Issuer`.

    Raises:
        ValueError: An option has an invalid value. The text names the option and the remedy.
    """
    if not isinstance(project, str) or _PROJECT.fullmatch(project) is None:
        raise ValueError(f"project={project!r}: write the project's ID, such as my-project")
    check_callables(clock=clock)
    allowed_tenants: tuple[str | None, ...] = (None,)
    if tenants is not None:
        allowed_tenants = names_of("tenants", tenants, "name the tenants by their ID")
    leeway = options.get("leeway", 30)

    def is_past(auth_time: Any) -> bool:
        return is_date(auth_time) and bool(auth_time <= clock() + leeway)

    def is_of_tenant(details: object) -> bool:
        return isinstance(details, dict) and details.get("tenant") in allowed_tenants

    return preset_issuer(
        f"https://securetoken.google.com/{project}",
        audience=project,
        provider_keys=_KEYS,
        claims={"sub": _is_not_empty, "auth_time": is_past, "firebase": is_of_tenant},
        fetch=fetch,
        options=options,
    )


def _is_not_empty(sub: object) -> bool:
    return isinstance(sub, str) and sub != ""
