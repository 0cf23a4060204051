"""The names of a token's steps, in the order of the checks, and the steps that refusals fail."""

#: The steps of a token, in the order in which the verifier makes its checks.
_NAMES = (
    "form",
    "algorithm",
    "payload",
    "issuer",
    "issuer's algorithm",
    "type",
    "key",
    "signature",
    "audience",
    "claims",
    "expiry",
    "not before",
    "age",
    "possession",
    "predicates",
)

#: The steps of a token that an endpoint is asked about, in place of those up to the signature.
_INTROSPECTED_NAMES = ("form", "introspection", "type", "issuer")
_BEFORE_AUDIENCE = _NAMES.index("audience")

#: reason -> the step that it fails. The other refusals fail the first step that did not pass.
FAILED_STEPS = {
    "type_mismatch": "type",
    "kid_unknown": "key",
    "keys_unavailable": "key",
    "signature_invalid": "signature",
    "token_inactive": "introspection",
    "introspection_unavailable": "introspection",
    "token_expired": "expiry",
    "token_not_yet_valid": "not before",
    "token_too_old": "age",
    "token_bound": "possession",
    "token_not_bound": "possession",
    "binding_mismatch": "possession",
    "proof_missing": "possession",
    "proof_malformed": "possession",
    "proof_algorithm_not_allowed": "possession",
    "proof_signature_invalid": "possession",
    "proof_mismatch": "possession",
    "proof_expired": "possession",
    "proof_nonce_required": "possession",
    "certificate_unavailable": "possession",
    "proof_replayed": "replay",
    "store_unavailable": "replay",
    "token_revoked": "revocation",
    "revocation_unknown": "revocation",
}


#: The steps whose values are dates.
DATE_STEPS = frozenset({"expiry", "not before", "age"})


def step_names(*, checks_revocation: bool, checks_replay: bool) -> tuple[str, ...]:
    """Return the names of a token's steps, in their order."""
    names = list(_NAMES)
    if checks_revocation:
        names.append("revocation")
    if checks_replay:
        names.append("replay")
    return tuple(names)


def introspected(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the steps of a token that is judged by an endpoint's answer alone.

    Args:
        names: The steps of a JWT.
    """
    return (*_INTROSPECTED_NAMES, *names[_BEFORE_AUDIENCE:])


def asked_as_well(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the steps of a JWT that an endpoint is asked about as well.

    Args:
        names: The steps of a JWT.
    """
    last = names.index("predicates") + 1
    return (*names[:last], "introspection", *names[last:])
