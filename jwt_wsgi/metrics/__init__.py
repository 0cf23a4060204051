"""Counts of decisions and fetches, for Prometheus and for OpenTelemetry.

Both adapters count the same events under the same labels. The number of label combinations is
bounded by the verdicts, the closed list of reasons, the issuers that are named at construction, the
bindings of a token and the outcomes of a fetch. No path, subject or other text of a request becomes
a label.
"""

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from jwt_wsgi.auth import Auth
from jwt_wsgi.bindings import BINDINGS
from jwt_wsgi.introspection.events import IntrospectionCall
from jwt_wsgi.introspection.introspection import Introspection
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.middleware.decisions import Decision, fields

#: Issuers, or their exact names; one of them may stand alone.
NamedIssuers = Iterable[str | Issuer | Introspection] | str | Issuer | Introspection

#: The issuer of a decision without a verified token.
NO_ISSUER: Final = "none"
#: The issuer of a decision about a token from an issuer that is not named.
OTHER_ISSUER: Final = "other"
#: The binding of a token of which no key was proven.
NO_BINDING: Final = "none"
#: The reason of a request that was allowed.
NO_REASON: Final = "none"
#: What a call of an introspection endpoint said about its token. A call that failed said nothing.
_ACTIVITIES: Final = {True: "true", False: "false", None: "none"}


class Labels(NamedTuple):
    """The labels of a decision.

    `verdict` is `allowed`, `refused` or `would_refuse`. `reason` is one of
    `jwt_wsgi.errors.REASONS`, or `none`. `issuer` is one of the named issuers, `other`, or `none`
    if no token was verified. `binding` names the keys of the token that the request proved: `dpop`,
    `mtls`, `dpop_mtls` for both, or `none`.
    """

    verdict: str
    reason: str
    issuer: str
    binding: str


class IntrospectionLabels(NamedTuple):
    """The labels of a call of an introspection endpoint.

    `location` is the configured URL, or the issuer if the URL is discovered. `outcome` is one of
    `jwt_wsgi.introspection.IntrospectionCall`. `active` is `true` or `false`, as the endpoint said,
    or `none` if it said nothing.
    """

    location: str
    outcome: str
    active: str


def introspection_labels(call: IntrospectionCall) -> IntrospectionLabels:
    """Return the labels of a call of an introspection endpoint.

    Args:
        call: The call to count.
    """
    return IntrospectionLabels(call.location, call.outcome, _ACTIVITIES[call.active])


def named(issuers: NamedIssuers) -> frozenset[str]:
    """Return the issuer names that may be labels.

    Args:
        issuers: Issuers, of JWTs or of opaque tokens, or their exact names; one of them may stand
            alone.

    Raises:
        ValueError: A member is neither an `Issuer` nor a name.
    """
    members = [issuers] if isinstance(issuers, str | Issuer | Introspection) else issuers
    names = [_name_of(member) for member in members]
    for name in names:
        if not isinstance(name, str) or name == "":
            raise ValueError(f"issuers holds {name!r}: write an Issuer, or its exact name")
    return frozenset(names)


def _name_of(member: str | Issuer | Introspection) -> str:
    """Return the name of an issuer; of anything else, the member itself."""
    return member.issuer if isinstance(member, Issuer | Introspection) else member


def labels(decision: Decision, issuers: Collection[str]) -> Labels:
    """Return the labels of a decision.

    Args:
        decision: The decision to count.
        issuers: The issuer names that may be labels.
    """
    record = fields(decision)
    return Labels(
        verdict=str(record["verdict"]),
        reason=record["reason"] or NO_REASON,
        issuer=_issuer_label(record["issuer"], issuers),
        binding=_binding_label(decision.auth),
    )


def _issuer_label(issuer: str | None, issuers: Collection[str]) -> str:
    if issuer is None:
        return NO_ISSUER
    if issuer in issuers:
        return issuer
    return OTHER_ISSUER


def _binding_label(auth: Auth | None) -> str:
    if auth is None:
        return NO_BINDING
    proven = auth.possession.bindings
    return "_".join(name for name in BINDINGS if name in proven) or NO_BINDING
