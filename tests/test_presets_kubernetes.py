"""Kubernetes service accounts, with the credential and the authority from the files of a pod."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from https import Certificates, served
from refusals import reason
from waiting import idle

from jwt_wsgi import Issuer, KeysUnavailable, RemoteJWKS, StaticJWKS, Verifier
from jwt_wsgi.presets import kubernetes_service_accounts
from jwt_wsgi.testing import LocalIssuer

CLUSTER = "https://kubernetes.default.svc.cluster.local"
AUDIENCE = "https://orders.example.com"
JWKS = "/openid/v1/jwks"


class Cluster:
    """An API server on loopback, and the folder of files that a pod has of it.

    Like the real one, it demands the credential that it issued last, and the media type of a key
    set. `credentials` lists what requests sent in `Authorization`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.issuer = LocalIssuer(like="kubernetes-service-accounts", algorithms=("RS256", "ES256"))
        self.certificates = Certificates(folder)
        self.documents: dict[str, Any] = {}
        self.credentials: list[str | None] = []
        self.url = ""
        self._credential = ""
        shutil.copy(self.certificates.roots, folder / "ca.crt")
        self.issue_credential("first")
        self.publish()

    def issue_credential(self, credential: str) -> None:
        """Replace the credential of the pod, as the kubelet does."""
        self._credential = credential
        (self.folder / "token").write_text(f"{credential}\n")

    def publish(self) -> None:
        self.documents[JWKS] = self.issuer.jwks

    def status_for(self, headers: Mapping[str, str]) -> int:
        self.credentials.append(headers.get("Authorization"))
        if headers.get("Authorization") != f"Bearer {self._credential}":
            return 401
        return 200 if "application/jwk-set+json" in headers["Accept"] else 406

    def trusted(self, **options: Any) -> Issuer:
        """Return the issuer that the preset makes for a pod of this cluster."""
        options.setdefault("service_accounts", "shop:frontend")
        return kubernetes_service_accounts(
            audience=AUDIENCE, api_server=self.url, credentials=self.folder, **options
        )


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    context = cluster.certificates.trusted()
    with served(lambda url: cluster.documents, context, status_for=cluster.status_for) as url:
        cluster.url = url
        yield cluster
        idle()


def last_error(issuer: Issuer) -> str:
    assert isinstance(issuer.keys, RemoteJWKS)
    return issuer.keys.status().last_error or ""


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_keys_come_from_the_api_server_with_the_credential_of_the_pod(
    algorithm: str, cluster: Cluster
) -> None:
    verifier = Verifier(cluster.trusted())
    assert cluster.credentials == []
    token = cluster.issuer.token(algorithm=algorithm)
    assert verifier.verify(token).subject == "system:serviceaccount:shop:frontend"
    assert cluster.credentials == ["Bearer first"]


def test_the_credential_is_read_again_at_every_fetch(cluster: Cluster) -> None:
    verifier = Verifier(cluster.trusted())
    assert verifier.verify(cluster.issuer.token())
    cluster.issuer.rotate()
    cluster.publish()
    cluster.issue_credential("second")
    assert verifier.verify(cluster.issuer.token())
    assert cluster.credentials == ["Bearer first", "Bearer second"]


def test_a_credential_that_is_missing_is_a_failed_fetch_and_is_never_logged(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    (cluster.folder / "token").unlink()
    issuer = cluster.trusted()
    with pytest.raises(KeysUnavailable):
        Verifier(issuer).verify(cluster.issuer.token())
    assert cluster.credentials == []
    cluster.issue_credential("new-s3cret")
    (cluster.folder / "token").write_text("old-s3cret")
    issuer = cluster.trusted()
    with pytest.raises(KeysUnavailable):
        Verifier(issuer).verify(cluster.issuer.token())
    assert "401" in last_error(issuer)
    assert "s3cret" not in caplog.text


def test_the_authority_is_the_one_of_the_pod(cluster: Cluster, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(Certificates(other).roots, cluster.folder / "ca.crt")
    issuer = cluster.trusted()
    with pytest.raises(KeysUnavailable):
        Verifier(issuer).verify(cluster.issuer.token())
    assert "certificate" in last_error(issuer)
    assert cluster.credentials == []
    shutil.copy(cluster.certificates.roots, cluster.folder / "ca.crt")
    assert Verifier(cluster.trusted()).verify(cluster.issuer.token())


def test_a_replaced_authority_is_used_for_the_next_connection(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    (tmp_path / "next").mkdir()
    following = Certificates(tmp_path / "next")
    contexts = [cluster.certificates.trusted()]

    def choose(socket: ssl.SSLSocket, *_: object) -> None:
        socket.context = contexts[-1]

    first = cluster.certificates.trusted()
    first.sni_callback = choose
    with served(lambda url: cluster.documents, first, status_for=cluster.status_for) as url:
        cluster.url = url
        verifier = Verifier(cluster.trusted())
        assert verifier.verify(cluster.issuer.token())
        contexts.append(following.trusted())
        shutil.copy(following.roots, cluster.folder / "ca.crt")
        cluster.issuer.rotate()
        cluster.publish()
        assert verifier.verify(cluster.issuer.token())
        idle()


# --- who may call

CALLERS: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "the service account": ({"service_accounts": "shop:frontend"}, "shop:frontend", None),
    "one of several": ({"service_accounts": ["a:b", "shop:frontend"]}, "shop:frontend", None),
    "another name": ({"service_accounts": "shop:frontend"}, "shop:backend", "claim_mismatch"),
    "the name in another namespace": (
        {"service_accounts": "shop:frontend"},
        "dev:frontend",
        "claim_mismatch",
    ),
    "the beginning of a name": ({"service_accounts": "shop:front"}, "shop:frontend", "claim_mismatch"),
    "the namespace": ({"namespaces": "shop"}, "shop:any", None),
    "another namespace": ({"namespaces": ["shop", "pay"]}, "dev:any", "claim_mismatch"),
    "both": ({"namespaces": "shop", "service_accounts": "shop:frontend"}, "shop:frontend", None),
    "the namespace and not the account": (
        {"namespaces": "shop", "service_accounts": "shop:frontend"},
        "shop:backend",
        "claim_mismatch",
    ),
    "the account and not the namespace": (
        {"namespaces": "pay", "service_accounts": "shop:frontend"},
        "shop:frontend",
        "claim_mismatch",
    ),
}  # fmt: skip


@pytest.fixture
def local_cluster(local: LocalIssuer) -> LocalIssuer:
    return LocalIssuer(like="kubernetes-service-accounts", keys=[local.key()])


@pytest.mark.parametrize(("options", "caller", "expected"), CALLERS.values(), ids=CALLERS)
def test_only_the_named_service_accounts_and_namespaces_may_call(
    options: dict[str, Any], caller: str, expected: str | None, local: LocalIssuer
) -> None:
    cluster = LocalIssuer(like="kubernetes-service-accounts", keys=[local.key()], client_id=caller)
    issuer = kubernetes_service_accounts(audience=AUDIENCE, fetch=cluster.fetch, **options)
    assert reason(Verifier(issuer), cluster.token()) == expected


LEGACY = {
    "iss": "kubernetes/serviceaccount",
    "kubernetes.io": None,
    "kubernetes.io/serviceaccount/namespace": "shop",
    "kubernetes.io/serviceaccount/service-account.name": "frontend",
    "aud": None,
    "exp": None,
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "the token of the API server": ({"aud": [CLUSTER]}, "audience_mismatch"),
    "no audience": ({"aud": None}, "claim_missing"),
    "a legacy token of a secret": (LEGACY, "issuer_mismatch"),
    "a legacy token that names the cluster": ({**LEGACY, "iss": CLUSTER, "exp": 2**40}, "claim_missing"),
    "another cluster": ({"iss": "https://other.example.com"}, "issuer_mismatch"),
    "no namespace": ({"kubernetes.io": {"serviceaccount": {"name": "frontend"}}}, "claim_missing"),
    "a user": ({"sub": "frontend"}, "claim_mismatch"),
}  # fmt: skip


@pytest.mark.parametrize(("claims", "expected"), REFUSED.values(), ids=REFUSED)
def test_other_tokens_of_a_cluster_are_refused(
    claims: dict[str, Any], expected: str, local_cluster: LocalIssuer
) -> None:
    issuer = kubernetes_service_accounts(
        audience=AUDIENCE, service_accounts="shop:frontend", fetch=local_cluster.fetch
    )
    assert reason(Verifier(issuer), local_cluster.token(**claims)) == expected
    assert reason(Verifier(issuer), local_cluster.token()) is None


# --- options


def test_published_keys_need_no_credential(local_cluster: LocalIssuer) -> None:
    public = "https://oidc.example.com/id/0123456789"
    keys = StaticJWKS(local_cluster.jwks)
    issuer = kubernetes_service_accounts(
        audience=AUDIENCE, namespaces="shop", issuer=public, keys=keys
    )
    assert Verifier(issuer).verify(local_cluster.token(iss=public)).issuer == public


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "nobody": ({}, "service_accounts, namespaces are all left out: name who may call"),
    "no service account": ({"service_accounts": []}, r"service_accounts=\[\]: write namespace:name"),
    "a service account without its namespace": ({"service_accounts": "web"}, "service_accounts='web'"),
    "a subject": ({"service_accounts": "system:serviceaccount:a:b"}, "service_accounts="),
    "a wildcard": ({"service_accounts": "shop:*"}, r"service_accounts='shop:\*'"),
    "a number": ({"namespaces": 5}, "namespaces=5"),
    "a list in a list": ({"namespaces": [["shop"]]}, r"namespaces=\[\['shop'\]\]"),
    "a wildcard as a namespace": ({"namespaces": "*"}, r"namespaces='\*'"),
    "the audience of the API server": ({"namespaces": "a", "audience": CLUSTER}, "audience="),
    "that audience among others": ({"namespaces": "a", "audience": ["b", CLUSTER]}, "audience="),
    "an API server over http": ({"namespaces": "a", "api_server": "http://api.example.com"}, "api_server=.*https"),
    "no pod": ({"namespaces": "a", "credentials": "/nowhere"}, "credentials='/nowhere'.*keys="),
}  # fmt: skip


@pytest.mark.parametrize(("options", "message"), WRONG.values(), ids=WRONG)
def test_an_invalid_option_is_named_in_the_error(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kubernetes_service_accounts(**{"audience": AUDIENCE, **options})


def test_an_authority_that_is_no_pem_is_named_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("no certificate")
    with pytest.raises(ValueError, match=r"ca_certs=.*ca\.crt"):
        kubernetes_service_accounts(audience=AUDIENCE, namespaces="a", credentials=tmp_path)
