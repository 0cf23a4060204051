"""The answers of a library to the table of tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.comparison.cases import ACCEPT, Case
from benchmarks.comparison.channel import Channel
from benchmarks.comparison.key_server import KeyServer
from benchmarks.comparison.tokens import Keyring

#: Starts a new process of the library.
Start = Callable[[], Channel]
Answers = dict[str, Any]

#: Profiles whose first case says whether the library offers them.
OPTIONAL = ("ES256", "PS256")
#: The peers that get a key as PEM do not see the members of a JWK.
NEEDS_JWK = "alg of the key"


def answers(
    start: Start, cases: Iterable[Case], keys: Keyring, server: KeyServer, *, reads_jwk: bool
) -> Answers:
    """Return the answer to each case, by its title.

    Args:
        start: Starts the process.
        cases: The cases.
        keys: The keys.
        server: Publishes them.
        reads_jwk: False for a library whose key is a PEM.
    """
    outcomes: Answers = {}
    by_profile: dict[str, list[Case]] = {}
    for case in cases:
        by_profile.setdefault(case.profile, []).append(case)
    for profile, rows in by_profile.items():
        if profile == NEEDS_JWK and not reads_jwk:
            outcomes |= {case.title: {"outcome": "not offered"} for case in rows}
            continue
        with start() as channel:
            server.reset(keys.jwk(profile))
            outcomes |= _of_profile(channel, profile, rows, keys.profile(profile, server.url()))
    return outcomes


def _of_profile(channel: Channel, name: str, rows: list[Case], profile: dict[str, Any]) -> Answers:
    not_offered = {case.title: {"outcome": "not offered"} for case in rows}
    if not channel.tell("prepare", profile=profile)["offered"]:
        return not_offered
    outcomes: Answers = {}
    for case in rows:
        answer = channel.tell("verify", token=case.token)
        # Times differ from run to run, and would hide what has changed.
        del answer["seconds"]
        outcomes[case.title] = answer
        is_first = case is rows[0] and case.right == ACCEPT
        if is_first and answer["outcome"] != "accepted":
            if name in OPTIONAL:
                return not_offered
            raise RuntimeError(f"the library does not accept {case.title}: {answer}")
    return outcomes
