"""The preset for the service accounts of a Kubernetes cluster."""

import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Unpack

from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import KeySource
from jwt_wsgi.presets._allowed_values import AllowedValues, trusted_claims
from jwt_wsgi.presets._base_url import check_base_url
from jwt_wsgi.presets._preset_issuer import IssuerOptions, preset_issuer, require_audience

_LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_NAMESPACE = re.compile(_LABEL)
_SERVICE_ACCOUNT = re.compile(rf"{_LABEL}:{_LABEL}(\.{_LABEL})*")


def kubernetes_service_accounts(
    *,
    audience: str | Iterable[str],
    service_accounts: str | Iterable[str] | None = None,
    namespaces: str | Iterable[str] | None = None,
    issuer: str = "https://kubernetes.default.svc.cluster.local",
    api_server: str = "https://kubernetes.default.svc",
    credentials: str | os.PathLike[str] = "/var/run/secrets/kubernetes.io/serviceaccount",
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer:
    """Return the issuer of a Kubernetes cluster, for the service accounts that you name.

    It accepts the tokens that callers project into their pods (`serviceAccountToken`). Every pod
    can project a token for every audience. So at least one of the options `service_accounts` and
    `namespaces` is needed, and a token must satisfy both if both are set.

    Keys come from the cluster's API server. The file `ca.crt` in `credentials` holds its roots.
    The file `token` there holds the pod's own credential, which Kubernetes replaces about every
    hour. It is read at every fetch, and sent to `api_server` only. `ca.crt` is read whenever a
    connection is made.

    A token stays valid until it expires, even if its pod is deleted, because the API server is
    not asked. So let callers project tokens with a short `expirationSeconds`.

    Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/ and
    https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/

    Args:
        audience: The audience that callers project their tokens for, or several. Choose one for
            your API: whoever receives a token for the API server can use it there.
        service_accounts: The service account that may call, as `namespace:name`, or several.
        namespaces: The namespace whose service accounts may call, or several.
        issuer: The exact `iss` of the cluster: `kubectl get --raw
            /.well-known/openid-configuration` shows it.
        api_server: The URL of the API server, as pods reach it.
        credentials: The folder with the files `ca.crt` and `token` of this pod.
        fetch: A function from a URL to the document's bytes, instead of the HTTP client. Then
            `credentials` is not used.
        **options: Other keyword arguments of `Issuer`. If the cluster publishes its keys, write
            `keys=RemoteJWKS.discovered(issuer)`; then `credentials` is not used. `algorithms` is
            RS256 and ES256 by default.

    Raises:
        ValueError: An option has an invalid value, or none says who may call. The text names the
            option and the remedy.
    """
    trusted = trusted_claims(
        {
            "service_accounts": AllowedValues(
                "sub",
                service_accounts,
                _SERVICE_ACCOUNT,
                "write namespace:name",
                prefix="system:serviceaccount:",
            ),
            "namespaces": AllowedValues(
                ("kubernetes.io", "namespace"), namespaces, _NAMESPACE, "write the namespace's name"
            ),
        },
        remedy="name who may call, because every pod of the cluster gets tokens",
    )
    audience = require_audience(audience)
    _check_audience(audience, issuer)
    keys_url = f"{check_base_url('api_server', api_server, options)}/openid/v1/jwks"
    provider_keys: str | KeySource = keys_url
    if fetch is None and not options.get("keys"):
        provider_keys = _cluster_keys(keys_url, Path(credentials), options)
    return preset_issuer(
        issuer,
        audience=audience,
        provider_keys=provider_keys,
        claims={
            ("kubernetes.io", "namespace"): ...,
            ("kubernetes.io", "serviceaccount", "name"): ...,
            **trusted,
        },
        fetch=fetch,
        options={"algorithms": ("RS256", "ES256"), **options},
    )


def _check_audience(audience: str | Iterable[str], issuer: str) -> None:
    """Refuse the audience of the API server, which is the issuer unless a cluster changes it."""
    if isinstance(audience, str):
        is_api_server = audience == issuer
    else:
        is_api_server = isinstance(audience, Collection) and issuer in audience
    if is_api_server:
        raise ValueError(
            f"audience={issuer!r}: whoever gets such a token can use it at the API server; choose "
            "an audience for your API, and let callers project tokens for it"
        )


def _cluster_keys(keys_url: str, folder: Path, options: IssuerOptions) -> RemoteJWKS:
    """Return the keys of the API server, which are fetched with the pod's own credential."""
    roots = folder / "ca.crt"
    if not roots.is_file():
        raise ValueError(
            f"credentials={str(folder)!r}: there is no ca.crt, so this is no pod, or one with "
            "automountServiceAccountToken: false; name the folder, or pass keys= or fetch="
        )

    def headers() -> dict[str, str]:
        token = (folder / "token").read_text(encoding="ascii").strip()
        return {"Authorization": f"Bearer {token}"}

    allow_http = options.get("allow_http", False)
    return RemoteJWKS(keys_url, headers=headers, ca_certs=roots, allow_http=allow_http)
