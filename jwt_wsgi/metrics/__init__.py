"""Counts of what was decided and fetched, for Prometheus and for OpenTelemetry.

Both adapters count the same things under the same labels, and every set of
labels is bounded: by the verdicts, by the closed list of reasons, by the issuers
that are named, by the outcomes of a fetch. No path, no subject and no other text
of a request becomes a label.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from jwt_wsgi.issuer import Issuer
from jwt_wsgi.middleware.decisions import Decision, fields
from jwt_wsgi.options import must

#: The issuer of a decision where no token was verified, and of one that is not named; the reason of a plain yes.
NO_ISSUER, OTHER_ISSUER, NO_REASON = "none", "other", "none"


class Labels(NamedTuple):
    """What a decision is counted under.

    `verdict` is `allowed`, `refused` or `would_refuse`; `reason` one of
    `jwt_wsgi.errors.REASONS`, or `none`; `issuer` one of those named, `other`, or
    `none` where no token was verified.
    """

    verdict: str
    reason: str
    issuer: str


def named(issuers: Iterable[str | Issuer]) -> frozenset[str]:
    """The names that may be labels; raises `ValueError` for what names no issuer."""
    listed = [issuers] if isinstance(issuers, str | Issuer) else issuers
    names = [each.issuer if isinstance(each, Issuer) else each for each in listed]
    for name in names:
        must(
            isinstance(name, str) and name != "",
            f"issuers holds {name!r}: write an Issuer, or its exact name",
        )
    return frozenset(names)


def labels(decision: Decision, issuers: Collection[str]) -> Labels:
    """What `decision` is counted under, where `issuers` are the names that may be labels."""
    said = fields(decision)
    issuer = said["issuer"]
    bounded = NO_ISSUER if issuer is None else issuer if issuer in issuers else OTHER_ISSUER
    return Labels(str(said["verdict"]), said["reason"] or NO_REASON, bounded)
