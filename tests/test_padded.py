"""Tokens whose issuer pads their segments: for that issuer alone, and never both forms of one."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from refusals import reason
from webtest import TestApp

from jwt_wsgi import (
    AUTHENTICATED,
    InvalidToken,
    Issuer,
    SharedSecret,
    StaticJWKS,
    Verifier,
    protect,
)
from jwt_wsgi.explain import Explainer
from jwt_wsgi.jose.encoding import decode_padded
from jwt_wsgi.policy.policy import Policy
from jwt_wsgi.sources import bearer, from_cookie, from_header
from jwt_wsgi.testing import LocalIssuer

PADDED = LocalIssuer("https://padded.example.com/", algorithms=("ES256",), audience="api")
PLAIN = LocalIssuer("https://plain.example.com/", algorithms=("ES256",), audience="api")


def trusted(local: LocalIssuer, **options: Any) -> Issuer:
    keys = StaticJWKS(local.jwks)
    return Issuer(local.issuer, audience="api", keys=keys, algorithms=["ES256"], **options)


ONLY_PADDED = Verifier(trusted(PADDED, padded=True))
ONLY_PLAIN = Verifier(trusted(PLAIN))
BOTH = Verifier([trusted(PADDED, padded=True), trusted(PLAIN)])
RESOLVED = Verifier(
    lambda name: {PADDED.issuer: trusted(PADDED, padded=True), PLAIN.issuer: trusted(PLAIN)}.get(
        name
    )
)


def token(local: LocalIssuer, *, padded: bool, name: str = "u") -> str:
    claims = {"iss": local.issuer, "aud": "api", "exp": int(local.clock()) + 300, "sub": name}
    return local.sign(json.dumps(claims).encode(), header={"typ": "JWT"}, padded=padded)


@pytest.mark.parametrize(
    ("verifier", "local", "padded", "expected"),
    [
        pytest.param(ONLY_PADDED, PADDED, True, None, id="padded, where all are"),
        pytest.param(ONLY_PADDED, PADDED, False, "token_malformed", id="plain, where all are padded"),
        pytest.param(ONLY_PLAIN, PLAIN, False, None, id="plain, where none is padded"),
        pytest.param(ONLY_PLAIN, PLAIN, True, "token_malformed", id="padded, where none is"),
        pytest.param(BOTH, PADDED, True, None, id="padded, of the one of two that pads"),
        pytest.param(BOTH, PADDED, False, "token_malformed", id="plain, of the one that pads"),
        pytest.param(BOTH, PLAIN, False, None, id="plain, of the other"),
        pytest.param(BOTH, PLAIN, True, "token_malformed", id="padded, of the other"),
        pytest.param(RESOLVED, PADDED, True, None, id="padded, of a resolved one that pads"),
        pytest.param(RESOLVED, PADDED, False, "token_malformed", id="plain, of a resolved one that pads"),
        pytest.param(RESOLVED, PLAIN, True, "token_malformed", id="padded, of a resolved one"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("times", [1, 2], ids=["fresh", "cached"])
def test_an_issuer_accepts_one_form_of_tokens(
    verifier: Verifier, local: LocalIssuer, padded: bool, expected: str | None, times: int
) -> None:
    text = token(local, padded=padded)
    assert ("=" in text) == padded
    assert [reason(verifier, text) for _ in range(times)] == [expected] * times


def test_the_padding_is_signed() -> None:
    text = token(PADDED, padded=True)
    assert reason(ONLY_PADDED, text) is None
    signed_without = token(PADDED, padded=False)
    segments = signed_without.split(".")
    repadded = ".".join(each + "=" * (-len(each) % 4) for each in segments)
    assert reason(ONLY_PADDED, repadded) == "signature_invalid"


def aligned(local: LocalIssuer) -> str:
    """Return a token whose header and payload need no padding; its signature does."""
    for left, right in product(range(3), range(3)):
        claims = {"iss": local.issuer, "aud": "api", "exp": int(local.clock()) + 300}
        payload = json.dumps({**claims, "sub": "x" * (left + 1)}).encode()
        text = local.sign(payload, header={"typ": "JWT", "x": "y" * right}, padded=True)
        if "=" not in text.rpartition(".")[0]:
            return text
    raise AssertionError("no such token")


def test_segments_that_need_no_padding_have_none() -> None:
    text = aligned(PADDED)
    assert reason(ONLY_PADDED, text) is None
    assert reason(ONLY_PADDED, text.rstrip("=")) == "token_malformed"


def test_a_token_whose_segments_all_need_no_padding_has_both_forms() -> None:
    secret = LocalIssuer("https://s.example.com/", algorithms=("HS384",), audience="api")
    for left, right in product(range(3), range(3)):
        claims = {"iss": secret.issuer, "aud": "api", "exp": int(secret.clock()) + 300}
        payload = json.dumps({**claims, "sub": "x" * (left + 1)}).encode()
        text = secret.sign(payload, header={"typ": "JWT", "x": "y" * right}, padded=True)
        if "=" not in text:
            break
    for padded in (True, False):
        keys = SharedSecret(secret.secret())
        issuer = Issuer(
            secret.issuer, audience="api", keys=keys, algorithms=["HS384"], padded=padded
        )
        assert reason(Verifier(issuer), text) is None


def _change(index: int, change: Any) -> Any:
    def changed(text: str) -> str:
        segments = text.split(".")
        segments[index] = change(segments[index])
        return ".".join(segments)

    return changed


DEFORMED = {
    "the header without its padding": _change(0, lambda each: each.rstrip("=")),
    "the payload without its padding": _change(1, lambda each: each.rstrip("=")),
    "the signature without its padding": _change(2, lambda each: each.rstrip("=")),
    "one = too few": _change(2, lambda each: each[:-1]),
    "one = too many": _change(2, lambda each: each + "="),
    "four = too many": _change(2, lambda each: each + "===="),
    "padding in front": _change(1, lambda each: "=" + each[:-1]),
    "padding inside": _change(1, lambda each: each[:8] + "=" + each[8:]),
    "padding alone": _change(1, lambda each: "===="),
    "stray bits under the padding": _change(2, lambda each: each[:-3] + chr(ord(each[-3]) + 1) + "=="),
    "percent signs": _change(2, lambda each: each.replace("=", "%3D")),
}  # fmt: skip


@pytest.mark.parametrize("deform", DEFORMED.values(), ids=DEFORMED)
def test_only_the_canonical_padding_is_accepted(deform: Any) -> None:
    for name in ("u", "us", "use", "user"):
        text = token(PADDED, padded=True, name=name)
        changed = deform(text)
        if changed != text:
            assert reason(ONLY_PADDED, changed) == "token_malformed"


def test_a_known_header_of_the_other_form_does_not_make_a_mixed_token() -> None:
    judge = Verifier([trusted(PADDED, padded=True), trusted(PLAIN)])
    plain = token(PLAIN, padded=False)
    assert reason(judge, plain) is None
    header, _, _ = plain.split(".")
    assert len(header) % 4
    _, payload, signature = token(PADDED, padded=True).split(".")
    assert reason(judge, f"{header}.{payload}.{signature}") == "token_malformed"


@pytest.mark.parametrize("text", ["Zg==", "Zm8=", "Zm9v", ""])
def test_padded_text_is_decoded(text: str) -> None:
    assert decode_padded(text) == b"foo"[: len(text.rstrip("=")) * 3 // 4]


@pytest.mark.parametrize(
    "text", ["Zg=", "Zg", "Zm9v=", "Zm9v====", "=Zg=", "Zh==", "Z===", "====", "Z=g="]
)
def test_text_with_another_padding_than_its_own_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="base64url"):
        decode_padded(text)


def test_claims_and_header_of_a_padded_token_can_be_read_later() -> None:
    text = token(PADDED, padded=True)
    for _ in range(2):
        auth = ONLY_PADDED.verify(text)
        assert (auth.subject, auth.header["alg"], auth.token) == ("u", "ES256", text)


@pytest.mark.parametrize(
    ("source", "headers"),
    [
        (bearer, lambda text: {"Authorization": f"Bearer {text}"}),
        (from_header("x-amzn-oidc-data"), lambda text: {"x-amzn-oidc-data": text}),
        (from_cookie("session"), lambda text: {"Cookie": f"session={text}"}),
    ],
    ids=["Authorization", "a header", "a cookie"],
)
def test_every_source_reads_padded_tokens(source: Any, headers: Any) -> None:
    def plain(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"in"]

    issuer = trusted(PADDED, padded=True)
    app = TestApp(protect(plain, issuer=issuer, rules={"/": AUTHENTICATED}, token_sources=[source]))
    assert app.get("/", headers=headers(token(PADDED, padded=True)), status=200)
    assert app.get("/", headers=headers(token(PADDED, padded=False)), status=401)


@pytest.mark.parametrize(("local", "padded"), [(PADDED, False), (PLAIN, True)], ids=["plain", "padded"])  # fmt: skip
def test_the_refusal_names_the_form_that_was_found(local: LocalIssuer, padded: bool) -> None:
    with pytest.raises(InvalidToken) as raised:
        BOTH.verify(token(local, padded=padded))
    assert "padding" in str(raised.value.found)
    explainer = Explainer(
        [trusted(PADDED, padded=True), trusted(PLAIN)], Policy({"/": AUTHENTICATED})
    )
    explanation = explainer.explain(
        {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": "/",
            "HTTP_AUTHORIZATION": f"Bearer {token(local, padded=padded)}",
        }
    )
    failed = [step.name for step in explanation.steps if step.passed is False]
    assert failed[0] == "form"


@pytest.mark.parametrize("padded", ["yes", 1, None], ids=repr)
def test_padded_is_true_or_false(padded: Any) -> None:
    with pytest.raises(ValueError, match="padded="):
        Issuer("https://a.example.com/", audience="api", padded=padded)
