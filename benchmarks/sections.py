"""The sections of a run that need no server. Fresh processes measure each round."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks import importing, memory, minting, peers, worker
from benchmarks.measuring import Deadline, FigureCollector, rotated
from benchmarks.scale import Scale
from benchmarks.stack import ACCEPTED, REFUSED
from jwt_wsgi.jose.public_keys import load_public_key
from jwt_wsgi.testing import DPoPKey, LocalIssuer

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
THREADS = (1, 2, 4, 8)
PADDING = (0, 800, 3200, 7000)

OUT_OF_TIME = "out of time"

#: For each contender, the part of a worker's job from which the worker makes it.
Contenders = dict[str, dict[str, Any]]


class Measurements(FigureCollector):
    """The figures of a section, and for each absent figure the reason."""

    def __init__(self) -> None:
        super().__init__()
        self.absent: dict[str, str] = {}


def pem(issuer: LocalIssuer) -> str:
    """Return the issuer's public key as PEM, which every library reads."""
    return _as_pem(issuer.key().private.public_key())


def _as_pem(public_key: Any) -> str:
    text: bytes = public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text.decode()


def stack(scale: Scale, deadline: Deadline) -> Measurements:
    """Measure the stack, the bare signature and the libraries with fresh, seen and bad tokens."""
    measurements = Measurements()
    measurements.absent = {f"{name}, fresh": reason for name, reason in peers.absent().items()}
    groups = [_algorithm(algorithm, scale) for algorithm in ALGORITHMS]
    groups.append(_refusals(scale))
    groups.append(_proofs(scale))
    groups.append(_live_checks(scale))
    _measure_rounds(measurements, scale, deadline, groups)
    return measurements


def scaling(scale: Scale, deadline: Deadline) -> Measurements:
    """Measure the cost of a request for growing numbers of rules, keys, issuers and bytes."""
    measurements = Measurements()
    _measure_rounds(
        measurements, scale, deadline, [_rules(scale), _keys(scale), _issuers(scale), _sizes(scale)]
    )
    return measurements


def concurrency(scale: Scale, deadline: Deadline) -> Measurements:
    """Measure tokens per second with several threads, and with several processes."""
    measurements = Measurements()
    issuer = minting.local_issuer()
    tokens = minting.mint(issuer, worker.WARM + scale.tokens)
    contenders: Contenders = {
        "stack": {"kind": "stack", "jwks": issuer.jwks, "tokens": tokens},
        "bare verify": {"kind": "bare", "pem": pem(issuer), "algorithm": "RS256", "tokens": tokens},
    }
    if "PyJWT" not in peers.absent():
        contenders["PyJWT"] = {"kind": "PyJWT", "pem": pem(issuer), "tokens": tokens}
    for turn in deadline.rounds(scale.rounds):
        paces = worker.run(
            "threads",
            counts=THREADS,
            contenders=contenders,
            repetitions=scale.repetitions,
            turn=turn,
        )
        measurements.add("tokens/s", paces)
        for name in ("stack", "bare verify"):
            for count in (1, 2):
                pace = _processes(count, contenders[name], repetitions=scale.repetitions + 1)
                measurements.add("tokens/s", {f"{name}, {count} processes": pace})
    return measurements


def memories(scale: Scale, deadline: Deadline) -> Measurements:
    """Measure the memory per token, and the growth of a process with very many tokens."""
    measurements = Measurements()
    issuer = minting.local_issuer()
    tokens = minting.mint(issuer, scale.remembered + 50)
    for _ in deadline.rounds(scale.rounds):
        memory_use = worker.run(
            "token_memory", jwks=issuer.jwks, warm=tokens[:50], tokens=tokens[50:]
        )
        measurements.add("bytes", memory_use)
    if (
        "token" in measurements.figures
        and max(measurements.figures["token"].rounds) < memory.NO_CACHE
    ):
        del measurements.figures["token"]
        measurements.absent["token"] = "no token is cached"
    _measure_growth(measurements, scale, deadline)
    return measurements


def _measure_growth(measurements: Measurements, scale: Scale, deadline: Deadline) -> None:
    limit = memory.configured()
    if "token" not in measurements.figures or limit is None:
        measurements.absent["grown"] = "no token is cached"
    elif deadline.passed:
        measurements.absent["grown"] = OUT_OF_TIME
    else:
        measurements.add("bytes", {"grown": _growth(scale), "configured": limit})


def imports(scale: Scale, deadline: Deadline) -> Measurements:
    """Measure the import of the package and of its dependencies."""
    measurements = Measurements()
    modules = {
        "dependencies": importing.imported_dependencies(),
        "jwt_wsgi": ["jwt_wsgi"],
        "jwt_wsgi and its HTTP client": ["jwt_wsgi", importing.CLIENT],
    }
    for names in modules.values():
        # The first import compiles the modules and fills the page cache.
        importing.import_time(*names)
    for turn in deadline.rounds(scale.rounds * 2 + 1):
        for name in rotated(list(modules), turn):
            measurements.add("ms", {f"import {name}": importing.import_time(*modules[name])})
    return measurements


def _measure_rounds(
    measurements: Measurements, scale: Scale, deadline: Deadline, groups: Sequence[Contenders]
) -> None:
    for turn in deadline.rounds(scale.rounds):
        for contenders in groups:
            costs = worker.run("costs", contenders=contenders, batches=scale.batches, turn=turn)
            measurements.add("µs", {name: cost / 1000 for name, cost in costs.items()})


def _algorithm(algorithm: str, scale: Scale) -> Contenders:
    issuer = minting.local_issuer(algorithm)
    tokens = minting.mint(issuer, scale.tokens)
    public = pem(issuer)
    whole_stack = {"kind": "stack", "jwks": issuer.jwks, "algorithm": algorithm}
    contenders: Contenders = {
        f"{algorithm}, bare verify": {
            "kind": "bare",
            "pem": public,
            "algorithm": algorithm,
            "tokens": tokens,
        },
        f"{algorithm}, fresh": {**whole_stack, "tokens": tokens},
    }
    if algorithm == "RS256":
        contenders[f"{algorithm}, seen"] = {
            **whole_stack,
            "warm": tokens[:1],
            "tokens": tokens[:1] * scale.tokens,
        }
        for name in peers.installed():
            contenders[f"{name}, fresh"] = {"kind": name, "pem": public, "tokens": tokens}
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
            "pem": _as_pem(load_public_key(key.jwk)),
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


def _sizes(scale: Scale) -> Contenders:
    issuer = minting.local_issuer()
    contenders: Contenders = {}
    for padding in PADDING:
        tokens = minting.mint(issuer, scale.tokens, padding=padding)
        whole_stack = {"kind": "stack", "jwks": issuer.jwks}
        title = f"a token of {len(tokens[0])} bytes"
        contenders[f"{title}, fresh"] = {**whole_stack, "tokens": tokens}
        contenders[f"{title}, seen"] = {
            **whole_stack,
            "warm": tokens[:1],
            "tokens": tokens[:1] * scale.tokens,
        }
        bare = {"kind": "bare", "pem": pem(issuer), "algorithm": "RS256"}
        contenders[f"{title}, bare verify"] = {**bare, "tokens": tokens}
    return contenders


def _processes(count: int, contender: Mapping[str, Any], repetitions: int) -> float:
    """Return the tokens per second of `count` processes that start together."""
    with ExitStack() as cleanup:
        workers = []
        for _ in range(count):
            process = worker.start("paced", contender=contender, repetitions=repetitions)
            cleanup.callback(_kill, process)
            workers.append(process)
        for process in workers:
            assert process.stdout is not None
            # The line is "ready", or empty if the process failed, which `finish` reports.
            process.stdout.readline()
        for process in workers:
            worker.feed(process, ["go"])
        spans = [worker.finish(process) for process in workers]
    started = min(span["started"] for span in spans)
    ended = max(span["ended"] for span in spans)
    return sum(span["tokens"] for span in spans) / (ended - started)


def _growth(scale: Scale) -> float:
    issuer = minting.local_issuer("EdDSA")
    warm = minting.mint(issuer, 50)
    with ExitStack() as cleanup:
        process = worker.start("growth", jwks=issuer.jwks, algorithm="EdDSA", warm=warm)
        cleanup.callback(_kill, process)
        worker.feed(process, minting.minting(issuer, scale.growth))
        return worker.finish(process)["grown"]


def _kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
