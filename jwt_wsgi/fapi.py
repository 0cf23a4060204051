"""Checks that a stack can do what an issuer demands, FAPI 2.0 included. Made at construction."""

from collections.abc import Collection
from typing import Final

from jwt_wsgi.bindings import provable, require_both
from jwt_wsgi.introspection.introspection import Introspection
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jose.algorithms import FAPI2_ALGORITHMS
from jwt_wsgi.possession.dpop import DPoP
from jwt_wsgi.possession.judgement import PossessionJudge

#: The section that the errors about resource servers name.
_RESOURCE_SERVERS: Final = "FAPI 2.0 Security Profile §5.3.4"
_CRYPTOGRAPHY: Final = "FAPI 2.0 Security Profile §5.4.1"
#: It speaks of authorization servers. Resource servers check the same dates.
_CLOCK_OFFSETS: Final = "FAPI 2.0 Security Profile §5.3.2.1"
#: The remedies for a stack that checks no keys, for each way to build one.
CHECK_KEYS: Final = (
    "give the stack dpop=DPoP(...) or client_certificate=... (a Verifier: dpop=DPoP(...) or "
    "client_certificates=True)"
)
_CHOOSE_ALGORITHMS: Final = (
    f"leave algorithms of DPoP out, or write a choice of {', '.join(FAPI2_ALGORITHMS)}"
)
#: Seconds that `iat` may lie in the future: 10 must be accepted, more than 60 must not.
SHORTEST_LEEWAY: Final = 10
LONGEST_LEEWAY: Final = 60


def check_fits(
    issuer: Issuer | Introspection, judge: PossessionJudge, *, checks_revocation: bool
) -> None:
    """Check that a stack can accept the tokens of an issuer at all.

    Args:
        issuer: The issuer, of JWTs or of opaque tokens.
        judge: The judge of possession of the stack.
        checks_revocation: True if the stack checks the revocation of tokens.

    Raises:
        ValueError: It cannot. The text names the option and the remedy.
    """
    demand = require_both(judge.demand, issuer.binding_rules.demand)
    if isinstance(issuer, Issuer) and issuer.is_fapi2:
        _check_fapi2(issuer, judge, checks_revocation=checks_revocation)
    if not provable(demand, judge.bindings):
        raise ValueError(
            f"{type(issuer).__name__}({issuer.issuer!r}, sender_constrained=True): this stack "
            f"checks no possession; {CHECK_KEYS}"
        )


def _check_fapi2(issuer: Issuer, judge: PossessionJudge, *, checks_revocation: bool) -> None:
    name = f"Issuer({issuer.issuer!r}, profile='fapi2')"
    if not judge.bindings:
        raise ValueError(
            f"{name}: accepts sender-constrained tokens only ({_RESOURCE_SERVERS}); {CHECK_KEYS}"
        )
    if not checks_revocation and issuer.introspect is None:
        raise ValueError(
            f"{name}: the revocation of tokens must be checked ({_RESOURCE_SERVERS}); give the "
            "stack is_revoked=..., or the issuer introspect=Introspection(...)"
        )
    check_leeway(name, "leeway", issuer.profile.leeway)
    forbidden = sorted(issuer.algorithms.difference(FAPI2_ALGORITHMS))
    if forbidden:
        raise ValueError(
            f"{name}: algorithms holds {forbidden[0]!r}, which the profile forbids "
            f"({_CRYPTOGRAPHY}); write a choice of {', '.join(FAPI2_ALGORITHMS)}"
        )
    if judge.dpop is not None:
        _check_dpop(name, judge.dpop)


def _check_dpop(name: str, dpop: DPoP) -> None:
    check_leeway(name, "DPoP(leeway=...)", dpop.leeway)
    if not any(alg in FAPI2_ALGORITHMS for alg in dpop.algorithms):
        raise ValueError(
            f"{name}: DPoP(algorithms=...) holds none that the profile allows ({_CRYPTOGRAPHY}); "
            f"{_CHOOSE_ALGORITHMS}"
        )


def check_proof_algorithms(issuers: Collection[Issuer], dpop: DPoP) -> None:
    """Check the algorithms of proofs in a stack that may have issuers of FAPI 2.0 alone.

    The default algorithms are narrowed silently. In a stack with other issuers, the proofs for
    tokens of FAPI 2.0 are narrowed for each request.

    Args:
        issuers: All issuers of the stack, which has no resolver.
        dpop: The options for DPoP.

    Raises:
        ValueError: Every issuer has the profile, and `dpop` names an algorithm that it forbids.
    """
    if dpop.has_default_algorithms:
        return
    forbidden = [alg for alg in dpop.algorithms if alg not in FAPI2_ALGORITHMS]
    if forbidden and all(issuer.is_fapi2 for issuer in issuers):
        raise ValueError(
            f"DPoP(algorithms=...) holds {forbidden[0]!r}, which profile='fapi2' of every issuer "
            f"forbids ({_CRYPTOGRAPHY}); {_CHOOSE_ALGORITHMS}"
        )


def check_leeway(name: str, option: str, leeway: float) -> None:
    """Check a leeway against the profile.

    Raises:
        ValueError: It is outside of 10 to 60 seconds.
    """
    if not SHORTEST_LEEWAY <= leeway <= LONGEST_LEEWAY:
        raise ValueError(
            f"{name}: {option} is {leeway:g} s; a date up to {SHORTEST_LEEWAY} s in the future "
            f"must be accepted, and one more than {LONGEST_LEEWAY} s must not "
            f"({_CLOCK_OFFSETS}): write {SHORTEST_LEEWAY} to {LONGEST_LEEWAY}"
        )
