"""The errors: each has a status, a code and a reason from one closed list."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import jwt_wsgi
from jwt_wsgi import (
    AuthError,
    ContentTypeUnsupported,
    Forbidden,
    InsufficientAuthentication,
    InsufficientScope,
    InvalidProof,
    InvalidRequest,
    InvalidToken,
    KeysUnavailable,
    LengthRequired,
    MessageTooLarge,
    MissingToken,
    TemporarilyUnavailable,
)
from jwt_wsgi.errors import REASONS

DOCUMENTED = """
    missing_token
    malformed_header several_tokens
    token_too_large token_malformed header_unsupported algorithm_not_allowed type_mismatch
    issuer_mismatch kid_unknown signature_invalid audience_mismatch token_expired
    token_not_yet_valid token_too_old claim_missing claim_malformed claim_mismatch id_token
    token_bound binding_mismatch token_not_bound
    proof_missing proof_malformed proof_algorithm_not_allowed proof_signature_invalid
    proof_mismatch proof_expired proof_nonce_required proof_replayed
    certificate_unavailable store_unavailable
    token_inactive introspection_unavailable token_revoked revocation_unknown
    insufficient_scope claim_forbidden denied cross_site origin_not_allowed no_rule
    insufficient_authentication
    path_ambiguous method_ambiguous mount_unknown
    message_malformed message_mismatch length_required message_too_large content_type_unsupported
    keys_unavailable
"""

ANSWERS = [
    (InvalidRequest, 400, "invalid_request", "malformed_header"),
    (LengthRequired, 411, "invalid_request", "length_required"),
    (MessageTooLarge, 413, "invalid_request", "message_too_large"),
    (ContentTypeUnsupported, 415, "invalid_request", "content_type_unsupported"),
    (MissingToken, 401, None, "missing_token"),
    (InvalidToken, 401, "invalid_token", "token_malformed"),
    (
        InsufficientAuthentication,
        401,
        "insufficient_user_authentication",
        "insufficient_authentication",
    ),
    (Forbidden, 403, "forbidden", "denied"),
    (InsufficientScope, 403, "insufficient_scope", "insufficient_scope"),
    (InvalidProof, 401, "invalid_dpop_proof", "proof_malformed"),
    (TemporarilyUnavailable, 503, "temporarily_unavailable", "store_unavailable"),
    (KeysUnavailable, 503, "temporarily_unavailable", "keys_unavailable"),
]
KINDS = [kind for kind, *_ in ANSWERS]


def test_the_list_of_reasons_is_closed_and_documented() -> None:
    assert list(REASONS) == DOCUMENTED.split()


@pytest.mark.conforms(10)
@pytest.mark.parametrize("reason", REASONS)
def test_every_text_fits_into_a_challenge(reason: str) -> None:
    text = REASONS[reason]
    assert text
    assert text.isascii()
    assert text.isprintable()
    assert not set('"\\') & set(text)


@pytest.mark.parametrize(("kind", "status", "code", "reason"), ANSWERS)
def test_a_refusal_carries_status_code_and_reason(
    kind: type[AuthError], status: int, code: str | None, reason: str
) -> None:
    error = kind()
    assert (error.status, error.code, error.reason) == (status, code, reason)
    assert error.description == REASONS[reason]
    assert (error.scopes, error.expected, error.found) == ((), None, None)
    assert str(error) == f"{reason}: {REASONS[reason]}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_takes_all_arguments(kind: type[AuthError]) -> None:
    error = kind(
        "denied",
        scopes=iter(["read:a", "read:b"]),
        description="Not on Sundays",
        expected="a weekday",
        found="a Sunday",
    )
    assert error.reason == "denied"
    assert error.scopes == ("read:a", "read:b")
    assert error.description == "Not on Sundays"
    assert (error.expected, error.found) == ("a weekday", "a Sunday")
    assert str(error) == "denied: Not on Sundays"


@pytest.mark.parametrize("kind", KINDS)
def test_expected_and_found_are_not_shown(kind: type[AuthError]) -> None:
    error = kind(expected="visible", found="s3cret")
    assert "s3cret" not in f"{error} {error!r}"


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_reason_is_a_value_error_that_names_the_list(kind: type[AuthError]) -> None:
    with pytest.raises(ValueError, match=r"'because' is not a reason.*jwt_wsgi\.errors\.REASONS"):
        kind("because")


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_is_public_and_an_auth_error(kind: type[AuthError]) -> None:
    assert issubclass(kind, AuthError)
    assert getattr(jwt_wsgi, kind.__name__) is kind


def test_insufficient_scope_is_forbidden_and_missing_token_is_not_invalid() -> None:
    assert issubclass(InsufficientScope, Forbidden)
    assert not issubclass(MissingToken, InvalidToken)
    assert not issubclass(InvalidToken, MissingToken)


def test_insufficient_authentication_carries_acr_values_and_max_age() -> None:
    error = InsufficientAuthentication(acr_values=iter(["gold", "silver"]), max_age=300)
    assert (error.acr_values, error.max_age) == (("gold", "silver"), 300)
    assert (InsufficientAuthentication().acr_values, InsufficientAuthentication().max_age) == (
        (),
        None,
    )


def test_keys_unavailable_carries_retry_after() -> None:
    assert KeysUnavailable(retry_after=17.5).retry_after == 17.5
    assert KeysUnavailable().retry_after == 1.0


COPIES = {"copied": copy.copy, "pickled": lambda error: pickle.loads(pickle.dumps(error))}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize(
    "error",
    [
        InvalidToken("token_expired", expected="exp after 2", found=1),
        InsufficientScope(scopes=["read:a"], description="No"),
        InsufficientAuthentication(acr_values=["gold"], max_age=60),
        KeysUnavailable(retry_after=30),
    ],
    ids=lambda error: error.reason,
)
def test_a_refusal_survives_being(how: str, error: Any) -> None:
    other = COPIES[how](error)
    assert type(other) is type(error)
    assert vars(other) == vars(error)
