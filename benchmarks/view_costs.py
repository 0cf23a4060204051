"""The section `view`: what protection adds to a real view of Flask and of Django."""

from __future__ import annotations

from benchmarks import minting, worker
from benchmarks.measuring import Deadline
from benchmarks.scale import Scale
from benchmarks.sections import Contenders, Measurements, pem
from benchmarks.stack_costs import SPELLINGS
from benchmarks.views import contenders, orders

#: The protections of each framework, in the order of the figures.
PROTECTIONS = {
    "Flask": ("jwt-wsgi", "PyJWT decorator", "Authlib", "Flask-JWT-Extended"),
    "Django": ("jwt-wsgi", "PyJWT decorator", "Authlib"),
    "Django REST framework": ("jwt-wsgi", "simplejwt"),
}

BARE = "bare view"
SIGNATURE = "bare signature"
OWN = "jwt-wsgi"

#: The claims that differ from the usual ones: Authlib's validator requires `client_id` (RFC 9068).
CLAIMS = {"scope": f"openid profile email {orders.SCOPE}", "client_id": "orders-web"}


def view(scale: Scale, deadline: Deadline) -> Measurements:
    """Measure the view of each framework, bare, behind the bare signature and behind each protection.

    A figure that ends with "added" is what a protection costs more than the bare view.
    """
    measurements = Measurements()
    groups = []
    for framework in PROTECTIONS:
        reason = contenders.missing(framework)
        if reason is not None:
            measurements.absent[framework] = reason
            continue
        measurements.absent.update(_missing_protections(framework))
        for ending, spaced in SPELLINGS.items():
            groups.append((framework, _group(framework, scale, ending, spaced)))
    for turn in deadline.rounds(scale.rounds):
        for framework, group in groups:
            measurements.add("µs", _round(framework, group, scale, turn))
    return measurements


def _missing_protections(framework: str) -> dict[str, str]:
    reasons = {name: contenders.missing(name) for name in PROTECTIONS[framework]}
    return {
        f"{framework}, {name}": reason for name, reason in reasons.items() if reason is not None
    }


def _group(framework: str, scale: Scale, ending: str, spaced: bool) -> Contenders:
    """Return the contenders of a framework; other protections get tokens of one spelling alone."""
    issuer = minting.local_issuer()
    tokens = minting.mint(issuer, scale.view_tokens, spaced=spaced, more=CLAIMS)
    common = {"kind": "view", "framework": framework, "pem": pem(issuer), "jwks": issuer.jwks}
    names = [BARE]
    if framework != "Django REST framework":
        names.append(SIGNATURE)
    names += [
        name
        for name in PROTECTIONS[framework]
        if contenders.missing(name) is None and (not spaced or name in (OWN, "PyJWT decorator"))
    ]
    group: Contenders = {}
    for name in names:
        contender = {**common, "protection": name}
        if name == OWN:
            warm = {**contender, "warm": tokens[:1], "tokens": tokens[:1] * len(tokens)}
            group[f"{framework}, {name}, seen{ending}"] = warm
        title = name if name in (BARE, SIGNATURE) else f"{name}, fresh"
        group[f"{framework}, {title}{ending}"] = {**contender, "tokens": tokens}
    return group


def _round(framework: str, group: Contenders, scale: Scale, turn: int) -> dict[str, float]:
    [base] = [name for name in group if name.startswith(f"{framework}, {BARE}")]
    bases = {name: base for name in group if name != base}
    costs = worker.run(
        "costs", contenders=group, batches=scale.view_batches, turn=turn, bases=bases
    )
    return {name: cost / 1000 for name, cost in costs.items()}
