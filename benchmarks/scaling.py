"""The section `scaling`: growing numbers of rules, keys, issuers and bytes."""

from __future__ import annotations

from benchmarks import minting, worker
from benchmarks.measuring import Deadline, rotated
from benchmarks.scale import Scale
from benchmarks.sections import Contenders, Measurements, measure_round, pem, seen
from benchmarks.stack import REFUSED
from jwt_wsgi.testing import LocalIssuer

PADDING = (0, 800, 3200, 7000)


def scaling(scale: Scale, deadline: Deadline) -> Measurements:
    """Measure a request for growing numbers of things, and the construction of large policies."""
    measurements = Measurements()
    groups = [_rules(scale), _keys(scale), _issuers(scale), _unknown_issuers(scale), _sizes(scale)]
    for turn in deadline.rounds(scale.rounds):
        measure_round(measurements, scale, groups, turn)
        for count in rotated(scale.policies, turn):
            measurements.add("µs a rule", worker.run("policy", rules=count))
    return measurements


def _rules(scale: Scale) -> Contenders:
    issuer = minting.local_issuer()
    tokens = minting.mint(issuer, scale.tokens)
    return {
        f"{count} rules": {
            "kind": "stack",
            "jwks": issuer.jwks,
            "rules": count,
            "spread": True,
            "tokens": tokens,
        }
        for count in scale.sizes
        if count > 1
    }


def _keys(scale: Scale) -> Contenders:
    """Return contenders with many keys.

    All keys hold the same numbers, but each has its own ID and its own object. Each key has verified
    a token before the measurement.
    """
    issuer = minting.local_issuer()
    (published,) = issuer.jwks["keys"]
    contenders: Contenders = {}
    for count in (size for size in scale.sizes if size <= 1000):
        tokens = minting.mint(issuer, scale.tokens + count, kids=count)
        jwks = {
            "keys": [{**published, "kid": minting.nth("kid", number)} for number in range(count)]
        }
        contenders[f"{count} keys"] = {
            "kind": "stack",
            "jwks": jwks,
            "warm": tokens[:count],
            "tokens": tokens[count:],
        }
    return contenders


def _issuers(scale: Scale) -> Contenders:
    """Return contenders with many issuers.

    All issuers use keys with the same numbers, but each has its own key object. Each issuer has
    verified a token before the measurement.
    """
    issuer = minting.local_issuer()
    contenders: Contenders = {}
    for count in (size for size in scale.sizes if size <= 1000):
        tokens = minting.mint(issuer, scale.tokens + count, issuers=count)
        names = [minting.nth(issuer.issuer, number) for number in range(count)]
        whole_stack = {"kind": "stack", "jwks": issuer.jwks, "issuers": names}
        contenders[f"{count} issuers"] = {
            **whole_stack,
            "warm": tokens[:count],
            "tokens": tokens[count:],
        }
    return contenders


def _unknown_issuers(scale: Scale) -> Contenders:
    """Return contenders that refuse tokens of issuers that are not among those that are trusted."""
    unknown = LocalIssuer(
        f"{minting.ISSUER}unknown/", audience=minting.AUDIENCE, algorithms=("RS256",)
    )
    tokens = minting.mint(unknown, scale.tokens, issuers=scale.tokens)
    jwks = minting.local_issuer().jwks
    contenders: Contenders = {}
    for count in scale.issuers:
        names = [minting.nth(minting.ISSUER, number) for number in range(count)]
        contenders[f"an unknown issuer among {count}"] = {
            "kind": "stack",
            "jwks": jwks,
            "issuers": names,
            "status": REFUSED,
            "tokens": tokens,
        }
    return contenders


def _sizes(scale: Scale) -> Contenders:
    issuer = minting.local_issuer()
    contenders: Contenders = {}
    for padding in PADDING:
        tokens = minting.mint(issuer, scale.tokens, padding=padding)
        whole_stack = {"kind": "stack", "jwks": issuer.jwks}
        title = f"a token of {len(tokens[0])} bytes"
        contenders[f"{title}, fresh"] = {**whole_stack, "tokens": tokens}
        contenders[f"{title}, seen"] = seen(whole_stack, tokens[0], scale)
        bare = {"kind": "bare", "pem": pem(issuer), "algorithm": "RS256"}
        contenders[f"{title}, bare verify"] = {**bare, "tokens": tokens}
    return contenders
