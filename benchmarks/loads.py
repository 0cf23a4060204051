"""The section that needs servers: answers a second, round by round, each round from servers that just began."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from benchmarks import minting, pinned
from benchmarks.clients import Load
from benchmarks.measuring import Deadline, rotated
from benchmarks.scale import Scale
from benchmarks.sections import Found
from benchmarks.servers import SERVERS, running
from jwt_wsgi.testing import LocalIssuer

PROTECTED, PUBLIC = "/api/private-scoped", "/api/public"

#: What is asked of a server: its name in the figures, and the path.
REPEATED = {"protected, repeated tokens": PROTECTED, "unprotected, the same headers": PUBLIC}
DISTINCT = "protected, distinct tokens"

#: Servers that are compared with each other stand at the same time, and take turns; only they get distinct tokens.
PAIR = ("waitress", "Express")


@dataclass(frozen=True)
class Place:
    """What a server finds in its environment, and the core that it is put on."""

    environment: Mapping[str, str]
    core: int | None


def servers(scale: Scale, deadline: Deadline) -> Found:
    """Every server on one core, the client on another."""
    found = Found()
    found.absent = {
        name: why for name, server in SERVERS.items() if (why := server.missing()) is not None
    }
    there = [name for name in SERVERS if name not in found.absent]
    pair = tuple(name for name in there if name in PAIR)
    groups = [group for group in (pair, *((name,) for name in there if name not in PAIR)) if group]
    cores = pinned.cores()
    core, other = (cores[0], cores[1]) if len(cores) > 1 else (None, None)
    load = Load(scale.seconds, other)
    with published() as (issuer, environment):
        tokens = minting.mint(issuer, scale.distinct)
        for turn in deadline.rounds(scale.rounds):
            for group in groups:
                measure = partial(_measured, load, group, Place(environment, core), tokens, turn)
                found.add("requests/s", _twice(measure))
    return found


@contextmanager
def published() -> Iterator[tuple[LocalIssuer, dict[str, str]]]:
    """An issuer on loopback, and the environment that makes a server trust it."""
    issuer = LocalIssuer(audience=minting.AUDIENCE)
    with issuer.serve():
        settings = {
            "ISSUER_BASE_URL": issuer.issuer,
            "AUDIENCE": issuer.audience,
            "JWKS_URI": issuer.jwks_uri,
        }
        others = dict.fromkeys(("SECRET", "TOKEN_SIGNING_ALG"), "")
        yield issuer, {**others, **settings}


def _measured(
    load: Load, group: Sequence[str], place: Place, tokens: Sequence[str], turn: int
) -> dict[str, float]:
    """One round of a group: all of its figures, or none, so that rounds stay comparable."""
    repeated, distinct = tokens[:1], tokens[1:]
    paces: dict[str, float] = {}
    with ExitStack() as ending:
        ports = {
            name: ending.enter_context(running(name, place.environment, place.core))
            for name in group
        }
        for port in ports.values():
            load.pace(port, PROTECTED, repeated)
        for what, path in rotated(list(REPEATED.items()), turn):
            for name in rotated(group, turn):
                paces[f"{name}, {what}"] = load.pace(ports[name], path, repeated)
        for name in rotated(group, turn) if set(group) <= set(PAIR) else ():
            paces[f"{name}, {DISTINCT}"] = load.pace(
                ports[name], PROTECTED, distinct, distinct=True
            )
    return paces


def _twice(measure: Callable[[], dict[str, float]]) -> dict[str, float]:
    """A port that was taken in between, or a machine that stood still, is worth a second try."""
    try:
        return measure()
    except RuntimeError as error:
        print(f"once more, for {error}", file=sys.stderr)
        return measure()
