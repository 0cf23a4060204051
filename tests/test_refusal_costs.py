"""A refusal costs the same with little configuration and with much.

Counted are the calls of Python and C functions and the characters of what the refusal keeps for the log.
Strangers cause refusals at will, so neither may grow with issuers, keys, audiences, mounts or rules.
"""

from __future__ import annotations

import gc
import logging
from typing import Any

import pytest
from counting import calls
from environs import environ

from jwt_wsgi import Issuer, Policy, StaticJWKS, protect, scope
from jwt_wsgi.errors import AuthError
from jwt_wsgi.testing import LocalIssuer

LITTLE, MUCH = 20, 2_000


def configured(local: LocalIssuer, many: str, number: int) -> dict[str, Any]:
    """Options for `protect`, with a number of one thing."""
    numbers = dict.fromkeys(("issuers", "keys", "audiences", "types", "mounts", "rules"), 1)
    numbers[many] = number
    (key,) = local.jwks["keys"]
    jwks = {"keys": [{**key, "kid": f"{each}"} for each in range(numbers["keys"])]}
    options: dict[str, Any] = {
        "audience": [f"https://api-{each}.test" for each in range(numbers["audiences"])],
        "keys": StaticJWKS(jwks),
        "types": [f"type-{each}+jwt" for each in range(numbers["types"])],
    }
    names = [local.issuer, *(f"https://issuer-{each}.test/" for each in range(numbers["issuers"]))]
    rules = {f"/a/{each}": scope(f"a:{each}") for each in range(numbers["rules"])}
    return {
        "issuer": [Issuer(name, **options) for name in names],
        "rules": Policy(rules, mounts=[f"/mount-{each}" for each in range(numbers["mounts"])]),
    }


#: What there is much of, the reason, and the request: its mount, path, and claims and header of its token.
ROWS: dict[str, tuple[str, str, str, str, dict[str, Any] | None, dict[str, Any]]] = {
    "an unknown issuer": ("issuers", "issuer_mismatch", "/mount-0", "/a/0", {"iss": "https://x.test"}, {}),
    "an unknown kid": ("keys", "kid_unknown", "/mount-0", "/a/0", {}, {"kid": "x", "typ": "type-0+jwt"}),
    "an unknown audience": (
        "audiences", "audience_mismatch", "/mount-0", "/a/0", {"aud": "x"}, {"kid": "0", "typ": "type-0+jwt"},
    ),
    "an unknown type": ("types", "type_mismatch", "/mount-0", "/a/0", {}, {"kid": "0", "typ": "x"}),
    "an unknown mount": ("mounts", "mount_unknown", "/x", "/a/0", None, {}),
    "no rule": ("rules", "missing_token", "/mount-0", "/x", None, {}),
    "a rule, and no token": ("rules", "missing_token", "/mount-0", "/a/0", None, {}),
}  # fmt: skip


@pytest.mark.counts_calls
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_refusal_costs_the_same_with_much_configuration(
    local: LocalIssuer,
    row: tuple[str, str, str, str, dict[str, Any] | None, dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    many, reason, mount, path, claims, header = row
    token = None
    if claims is not None:
        token = local.token(header=header, **{"aud": "https://api-0.test", **claims})
    counts = set()
    for number in (LITTLE, MUCH):
        refused: list[AuthError] = []
        app = protect(
            _never_reached,
            on_error=lambda _, error, refused=refused: refused.append(error),
            **configured(local, many, number),
        )
        request = environ(path, SCRIPT_NAME=mount)
        if token is not None:
            request["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        for level in (logging.WARNING, logging.INFO):
            caplog.set_level(level, "jwt_wsgi")

            def send(app: Any = app, request: dict[str, Any] = request) -> None:
                list(app(dict(request), lambda *_: None))

            send()  # The first refusal of a kind may be cached, or reported once.
            counts.add((level, calls(send)))
        assert {error.reason for error in refused} == {reason}
        assert all(len(repr(error.expected)) <= 400 for error in refused)
    assert len(counts) == len({level for level, _ in counts}), counts


#: The reason of a refusal by what the request brings along, and the most calls.
MOST_CALLS = {
    "no token": ("missing_token", 49),
    "malformed": ("token_malformed", 70),
    "expired": ("token_expired", 175),
    "forged": ("signature_invalid", 142),
}


@pytest.mark.counts_calls
@pytest.mark.parametrize("kind", MOST_CALLS)
def test_what_anyone_can_send_is_refused_with_few_calls(local: LocalIssuer, kind: str) -> None:
    reason, most = MOST_CALLS[kind]
    app, token = _refused(local, kind)
    assert f'"reason": "{reason}"' in _send(app, token).decode()
    assert calls(lambda: _send(app, token)) <= most


@pytest.mark.parametrize("kind", ["malformed", "expired", "forged"])
def test_a_refusal_leaves_nothing_to_the_garbage_collector(local: LocalIssuer, kind: str) -> None:
    app, token = _refused(local, kind)
    for _ in range(2):
        _send(app, token)
    gc.collect()
    gc.disable()
    try:
        for _ in range(100):
            _send(app, token)
        # A cycle of one refusal alone has several objects.
        assert gc.collect() < 100
    finally:
        gc.enable()


def _refused(local: LocalIssuer, kind: str) -> tuple[Any, str | None]:
    """Return a stack that has accepted a token, and the token that it must refuse."""
    audience = "https://api.test"
    issuer = Issuer(local.issuer, audience=audience, keys=StaticJWKS(local.jwks))
    app = protect(_accepting, issuer=issuer, rules={"/": scope("a")})
    good = local.token("a", aud=audience)
    # Now the header of its issuer's tokens is cached.
    assert _send(app, good) == b"accepted"
    body, _, signature = good.rpartition(".")
    token = {
        "no token": None,
        "malformed": body,
        "expired": local.token("a", aud=audience, expires_in=-3600),
        "forged": f"{body}.{signature[:40].swapcase()}{signature[40:]}",
    }[kind]
    return app, token


def _send(app: Any, token: str | None) -> bytes:
    """Send a request and return the body of the answer."""
    request = environ("/a")
    if token is not None:
        request["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return b"".join(app(request, lambda *_: None))


def _accepting(_: object, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"accepted"]


def _never_reached(*_: object) -> Any:
    raise AssertionError("the application was reached")
