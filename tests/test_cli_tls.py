"""Failures of TLS on the command line: OpenSSL's reason in words, and certificates of one's own."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import POLICY, run
from https import Certificates, served

from jwt_wsgi.testing import LocalIssuer

LOCAL = LocalIssuer("https://localhost/")
JWKS = "/jwks"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("policy") / "policy.toml"
    file.write_text(POLICY)
    return file


def documents(url: str) -> dict[str, Any]:
    metadata = {"issuer": url, "jwks_uri": f"{url}{JWKS}"}
    return {JWKS: LOCAL.jwks, "/.well-known/openid-configuration": metadata}


FAILURES = [
    pytest.param(
        Certificates.trusted,
        False,
        ("unable to get local issuer certificate", "--ca-certs FILE"),
        id="D4 private authority",
    ),
    pytest.param(
        Certificates.with_root_in_chain,
        False,
        ("self-signed certificate in certificate chain", "--ca-certs FILE"),
        id="D4 private authority in the chain",
    ),
    pytest.param(
        Certificates.self_signed, False, ("self-signed", "--ca-certs FILE"), id="D4 self-signed"
    ),
    pytest.param(Certificates.expired, True, ("has expired",), id="D4 expired"),
    pytest.param(Certificates.for_another_host, True, ("Hostname mismatch",), id="D4 wrong host"),
]


def commands(policy: Path, url: str) -> list[tuple[object, ...]]:
    """Return each command that fetches the keys of an issuer."""
    trust = ("--issuer", url, "--audience", LOCAL.audience)
    return [
        ("keys", url),
        ("keys", "--jwks", url + JWKS),
        ("check", policy, *trust),
        ("explain", "--policy", policy, *trust, "GET", "/api/private"),
    ]


@pytest.mark.parametrize(("context", "with_roots", "words"), FAILURES)
def test_each_command_says_why_tls_failed(
    context: Callable[[Certificates], ssl.SSLContext],
    with_roots: bool,
    words: tuple[str, ...],
    certificates: Certificates,
    policy: Path,
) -> None:
    with served(documents, context(certificates)) as url:
        for command in commands(policy, url):
            more = ("--ca-certs", certificates.roots) if with_roots else ()
            result = run(*command, *more, stdin=LOCAL.token(iss=url))
            assert result.status == 1
            for word in (*words, "is not accepted: "):
                assert word in result.output, command


def test_each_command_trusts_the_certificates_of_the_option_d4(
    certificates: Certificates, policy: Path
) -> None:
    with served(documents, certificates.trusted()) as url:
        for command in commands(policy, url):
            more = ("--ca-certs", certificates.roots)
            result = run(*command, *more, stdin=LOCAL.token(iss=url))
            assert result.status == 0, result


def test_a_port_without_tls_is_named_d4() -> None:
    with served(documents) as url:
        result = run("keys", url.replace("http:", "https:"))
    assert result.status == 1
    assert "does not speak TLS: the port may be one of plain http" in result.output


def test_a_redirect_is_shown_with_its_target() -> None:
    with served(lambda url: {JWKS: f"{url}/moved"}) as url:
        result = run("keys", "--jwks", url + JWKS)
    assert result.status == 1
    assert f"{url}/moved" in result.output
    assert "not followed: if it is right, configure that URL" in result.output


@pytest.mark.parametrize("command", ["keys", "check", "explain"])
def test_a_file_without_certificates_is_refused_d4(command: str, policy: Path) -> None:
    words = {
        "keys": ("keys", "https://a.example/"),
        "check": ("check", policy, "--issuer", "https://a.example/", "--audience", "b"),
        "explain": (
            *("explain", "--policy", policy, "--issuer", "https://a.example/"),
            *("--audience", "b", "GET", "/"),
        ),
    }[command]
    result = run(*words, "--ca-certs", policy, stdin="t")
    assert result.status == 2
    assert "--ca-certs: ca_certs=" in result.errors
    assert "write a file of certificates in PEM" in result.errors
