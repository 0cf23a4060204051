"""The sections of a run that need no server: what is measured, round by round, in fresh processes."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks import importing, memory, minting, peers, worker
from benchmarks.measuring import Collected, Deadline, rotated
from benchmarks.scale import Scale
from benchmarks.stack import ACCEPTED, REFUSED
from jwt_wsgi.testing import LocalIssuer

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
THREADS = (1, 2, 4, 8)
PADDING = (0, 800, 3200, 7000)

OUT_OF_TIME = "out of time"

#: The name of a contender, and what a worker needs to make it.
Contenders = dict[str, dict[str, Any]]


class Found(Collected):
    """The figures of a section, and why others are not among them."""

    def __init__(self) -> None:
        super().__init__()
        self.absent: dict[str, str] = {}


def pem(issuer: LocalIssuer) -> str:
    """The issuer's public key, as every library reads it."""
    public = issuer.key().private.public_key()
    text: bytes = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text.decode()


def stack(scale: Scale, deadline: Deadline) -> Found:
    """The whole stack, the bare signature and the libraries: fresh tokens, seen tokens, refusals."""
    found = Found()
    found.absent = {f"{name}, fresh": why for name, why in peers.absent().items()}
    groups = [_algorithm(algorithm, scale) for algorithm in ALGORITHMS]
    groups.append(_refusals(scale))
    _rounds(found, scale, deadline, groups)
    return found


def scaling(scale: Scale, deadline: Deadline) -> Found:
    """The cost of a request as rules, keys, issuers and tokens grow."""
    found = Found()
    _rounds(found, scale, deadline, [_rules(scale), _keys(scale), _issuers(scale), _sizes(scale)])
    return found


def concurrency(scale: Scale, deadline: Deadline) -> Found:
    """Threads of one process, and processes beside each other: tokens a second, over all of them."""
    found = Found()
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
        found.add("tokens/s", paces)
        for name in ("stack", "bare verify"):
            for count in (1, 2):
                pace = _processes(count, contenders[name], repetitions=scale.repetitions + 1)
                found.add("tokens/s", {f"{name}, {count} processes": pace})
    return found


def memories(scale: Scale, deadline: Deadline) -> Found:
    """What a token leaves behind, and how far a process grows over very many of them."""
    found = Found()
    issuer = minting.local_issuer()
    tokens = minting.mint(issuer, scale.remembered + 50)
    for _ in deadline.rounds(scale.rounds):
        left = worker.run("remembered", jwks=issuer.jwks, warm=tokens[:50], tokens=tokens[50:])
        found.add("bytes", left)
    if "token" in found.figures and max(found.figures["token"].rounds) < memory.NOTHING:
        del found.figures["token"]
        found.absent["token"] = "no token is remembered"
    limit = memory.configured()
    if "token" not in found.figures or limit is None:
        found.absent["grown"] = "no token is remembered"
    elif deadline.passed:
        found.absent["grown"] = OUT_OF_TIME
    else:
        found.add("bytes", {"grown": _growth(scale), "configured": limit})
    return found


def imports(scale: Scale, deadline: Deadline) -> Found:
    """Importing the package beside importing what it is built on."""
    found = Found()
    modules = {
        "dependencies": importing.built_on(),
        "jwt_wsgi": ["jwt_wsgi"],
        "jwt_wsgi and its HTTP client": ["jwt_wsgi", importing.CLIENT],
    }
    for names in modules.values():
        importing.spent(*names)  # once to have everything compiled and in the page cache
    for turn in deadline.rounds(scale.rounds * 2 + 1):
        for name in rotated(list(modules), turn):
            found.add("ms", {f"import {name}": importing.spent(*modules[name])})
    return found


def _rounds(found: Found, scale: Scale, deadline: Deadline, groups: Sequence[Contenders]) -> None:
    for turn in deadline.rounds(scale.rounds):
        for contenders in groups:
            spent = worker.run("costs", contenders=contenders, batches=scale.batches, turn=turn)
            found.add("µs", {name: cost / 1000 for name, cost in spent.items()})


def _algorithm(algorithm: str, scale: Scale) -> Contenders:
    issuer = minting.local_issuer(algorithm)
    tokens = minting.mint(issuer, scale.tokens)
    public = pem(issuer)
    whole = {"kind": "stack", "jwks": issuer.jwks, "algorithm": algorithm}
    contenders: Contenders = {
        f"{algorithm}, bare verify": {
            "kind": "bare",
            "pem": public,
            "algorithm": algorithm,
            "tokens": tokens,
        },
        f"{algorithm}, fresh": {**whole, "tokens": tokens},
    }
    if algorithm == "RS256":
        contenders[f"{algorithm}, seen"] = {
            **whole,
            "warm": tokens[:1],
            "tokens": tokens[:1] * scale.tokens,
        }
        for name in (name for name in peers.LIBRARIES if name not in peers.absent()):
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
    whole = {"kind": "stack", "jwks": issuer.jwks}
    refused: Contenders = {
        f"refused, {name}": {**whole, "status": REFUSED, "tokens": tokens}
        for name, tokens in kinds.items()
    }
    return {"accepted": {**whole, "status": ACCEPTED, "tokens": good}, **refused}


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
    """Every key has a name and an object of its own, and all of them the same numbers; each has worked before."""
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
    """Every issuer has a key object of its own, all of them with the same numbers; each has worked before."""
    issuer = minting.local_issuer()
    contenders: Contenders = {}
    for count in (size for size in scale.sizes if size <= 1000):
        tokens = minting.mint(issuer, scale.tokens + count, issuers=count)
        names = [minting.nth(issuer.issuer, number) for number in range(count)]
        whole = {"kind": "stack", "jwks": issuer.jwks, "issuers": names}
        contenders[f"{count} issuers"] = {**whole, "warm": tokens[:count], "tokens": tokens[count:]}
    return contenders


def _sizes(scale: Scale) -> Contenders:
    issuer = minting.local_issuer()
    contenders: Contenders = {}
    for padding in PADDING:
        tokens = minting.mint(issuer, scale.tokens, padding=padding)
        whole = {"kind": "stack", "jwks": issuer.jwks}
        named = f"a token of {len(tokens[0])} bytes"
        contenders[f"{named}, fresh"] = {**whole, "tokens": tokens}
        contenders[f"{named}, seen"] = {
            **whole,
            "warm": tokens[:1],
            "tokens": tokens[:1] * scale.tokens,
        }
        bare = {"kind": "bare", "pem": pem(issuer), "algorithm": "RS256"}
        contenders[f"{named}, bare verify"] = {**bare, "tokens": tokens}
    return contenders


def _processes(count: int, contender: Mapping[str, Any], repetitions: int) -> float:
    """Tokens a second of `count` processes that begin together."""
    with ExitStack() as ending:
        workers = []
        for _ in range(count):
            process = worker.start("paced", contender=contender, repetitions=repetitions)
            ending.callback(_end, process)
            workers.append(process)
        for process in workers:
            assert process.stdout is not None
            process.stdout.readline()  # "ready", or nothing from one that failed, which `finish` reports
        for process in workers:
            worker.feed(process, ["go"])
        spans = [worker.finish(process) for process in workers]
    lasted = max(span["ended"] for span in spans) - min(span["started"] for span in spans)
    return sum(span["tokens"] for span in spans) / lasted


def _growth(scale: Scale) -> float:
    issuer = minting.local_issuer("EdDSA")
    warm = minting.mint(issuer, 50)
    with ExitStack() as ending:
        process = worker.start("growth", jwks=issuer.jwks, algorithm="EdDSA", warm=warm)
        ending.callback(_end, process)
        worker.feed(process, minting.minting(issuer, scale.growth))
        return worker.finish(process)["grown"]


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
