"""The sections `stack` and `claims`: the cost of a request, beside the bare signature and libraries."""

from __future__ import annotations

from benchmarks import fast_jwt, minting, peers
from benchmarks.measuring import Deadline
from benchmarks.scale import Scale
from benchmarks.sections import (
    Contenders,
    Measurements,
    as_pem,
    measure_round,
    measure_rounds,
    pem,
    seen,
)
from benchmarks.stack import ACCEPTED, REFUSED
from jwt_wsgi.jose.public_keys import load_public_key
from jwt_wsgi.testing import DPoPKey

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")

#: Whether header and payload have spaces, by the end of a figure's name.
SPELLINGS = {"": False, ", spaced": True}

#: The numbers of permissions that a token holds; its rule asks for the last one.
PERMISSIONS = (2, 500)


def stack(scale: Scale, deadline: Deadline) -> Measurements:
    """Measure the stack, the bare signature and the libraries with fresh, seen and bad tokens."""
    measurements = Measurements()
    measurements.absent = {f"{name}, fresh": reason for name, reason in peers.absent().items()}
    groups = [_algorithm(algorithm, scale) for algorithm in ALGORITHMS]
    groups += [_refusals(scale), _proofs(scale), _live_checks(scale)]
    reason = fast_jwt.missing()
    if reason is not None:
        measurements.absent["fast-jwt"] = reason
    issuer = minting.local_issuer()
    tokens = minting.mint(issuer, scale.tokens)
    for turn in deadline.rounds(scale.rounds):
        measure_round(measurements, scale, groups, turn)
        if reason is None:
            measurements.add("µs", fast_jwt.costs(pem(issuer), tokens, scale.batches))
    return measurements


def claims(scale: Scale, deadline: Deadline) -> Measurements:
    """Measure seen tokens whose claims are read, by rules, by the issuer and by the application."""
    measurements = Measurements()
    groups = [_claims(scale, ending, spaced) for ending, spaced in SPELLINGS.items()]
    measure_rounds(measurements, scale, deadline, groups)
    return measurements


def _algorithm(algorithm: str, scale: Scale) -> Contenders:
    issuer = minting.local_issuer(algorithm)
    public = pem(issuer)
    whole_stack = {"kind": "stack", "jwks": issuer.jwks, "algorithm": algorithm}
    contenders: Contenders = {}
    for ending, spaced in SPELLINGS.items():
        tokens = minting.mint(issuer, scale.tokens, spaced=spaced)
        bare = {"kind": "bare", "pem": public, "algorithm": algorithm, "tokens": tokens}
        contenders[f"{algorithm}, bare verify{ending}"] = bare
        contenders[f"{algorithm}, fresh{ending}"] = {**whole_stack, "tokens": tokens}
        if algorithm == "RS256":
            contenders[f"{algorithm}, seen{ending}"] = seen(whole_stack, tokens[0], scale)
            for name in peers.installed():
                if not spaced or name == "PyJWT":
                    contenders[f"{name}, fresh{ending}"] = {
                        "kind": name,
                        "pem": public,
                        "tokens": tokens,
                    }
    return contenders


def _claims(scale: Scale, ending: str, spaced: bool) -> Contenders:
    issuer = minting.local_issuer()
    whole_stack = {"kind": "stack", "jwks": issuer.jwks}
    contenders: Contenders = {}
    for count in PERMISSIONS:
        names = [f"op:{number:03d}" for number in range(count)]
        [token] = minting.mint(issuer, 1, spaced=spaced, more={"permissions": names})
        asking = {**whole_stack, "permission_asked": names[-1]}
        contenders[f"a permission of {count}{ending}"] = seen(asking, token, scale)
        if count == PERMISSIONS[0]:
            subject = {**whole_stack, "subject": True}
            predicate = {**whole_stack, "predicate": True}
            contenders[f"a scope{ending}"] = seen(whole_stack, token, scale)
            contenders[f"a subject that is read{ending}"] = seen(subject, token, scale)
            contenders[f"a predicate of the issuer{ending}"] = seen(predicate, token, scale)
    return contenders


def _refusals(scale: Scale) -> Contenders:
    issuer = minting.local_issuer()
    good = minting.mint(issuer, scale.tokens)
    kinds = {
        "no token": [""] * scale.tokens,
        "malformed": [minting.malformed(token) for token in good],
        "expired": minting.mint(issuer, scale.tokens, expired=True),
        "forged": [minting.forged(token) for token in good],
    }
    whole_stack = {"kind": "stack", "jwks": issuer.jwks}
    refused: Contenders = {
        f"refused, {name}": {**whole_stack, "status": REFUSED, "tokens": tokens}
        for name, tokens in kinds.items()
    }
    return {"accepted": {**whole_stack, "status": ACCEPTED, "tokens": good}, **refused}


def _proofs(scale: Scale) -> Contenders:
    """Return contenders for one token that is bound to a key, with a new proof each time."""
    issuer = minting.local_issuer()
    key = DPoPKey("ES256")
    token = issuer.token(minting.SCOPE, cnf=key, expires_in=minting.LIFETIME)
    warm = [f"{token} {proof}" for proof in minting.mint_proofs(token, key, 2)]
    proofs = minting.mint_proofs(token, key, scale.tokens)
    return {
        "ES256 proof, bare verify": {
            "kind": "bare",
            "pem": as_pem(load_public_key(key.jwk)),
            "algorithm": "ES256",
            "tokens": proofs,
        },
        "a seen token with a fresh ES256 proof": {
            "kind": "stack",
            "jwks": issuer.jwks,
            "base_url": minting.AUDIENCE,
            "warm": warm,
            "tokens": [f"{token} {proof}" for proof in proofs],
        },
    }


def _live_checks(scale: Scale) -> Contenders:
    """Return contenders for a seen JWT, for one that a deny list knows, and for an opaque token.

    Each has a stack that accepts exactly what it needs. All answers come from caches.
    """
    issuer = minting.local_issuer()
    jwt = minting.mint(issuer, 1)
    opaque = [issuer.opaque_token()]
    whole_stack = {"kind": "stack", "jwks": issuer.jwks}
    seen_jwt = {**whole_stack, "warm": jwt, "tokens": jwt * scale.tokens}
    return {
        "a seen JWT": seen_jwt,
        "a seen JWT and a deny list": {**seen_jwt, "denials": True},
        "a seen opaque token": {
            **whole_stack,
            "answer": minting.answer_about(issuer),
            "warm": opaque,
            "tokens": opaque * scale.tokens,
        },
    }
