"""The checks of a token that are made for every request: their results may change at any time.

The times are one of them, too. The verifier checks them first, because a token that has expired
needs nothing else.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from jwt_wsgi.auth import NO_POSSESSION, Auth, claim_value
from jwt_wsgi.bindings import UNBOUND
from jwt_wsgi.errors import AuthError
from jwt_wsgi.jose.claims import check_predicates
from jwt_wsgi.jose.header_members import check_header_predicates
from jwt_wsgi.possession.evidence import NO_EVIDENCE, Evidence
from jwt_wsgi.possession.judgement import PossessionJudge
from jwt_wsgi.revocation_callback import IsRevoked, check_revocation
from jwt_wsgi.token_checks import Recorder
from jwt_wsgi.token_facts import VerifiedToken


class RequestChecks:
    """The checks of possession, predicates and revocation, in this order.

    Args:
        judge: The judge of possession.
        is_revoked: The callback that says whether a token is revoked, or None.
        record: Receives the checks that passed, or None.
        spends_proofs: True if a DPoP proof is used up by a request that passes.
    """

    def __init__(
        self,
        judge: PossessionJudge,
        is_revoked: IsRevoked | None,
        record: Recorder | None,
        *,
        spends_proofs: bool = True,
    ) -> None:
        self._judge = judge
        self._demands_possession = judge.demand != UNBOUND
        self._is_revoked = is_revoked
        self._record = record
        self._spends_proofs = spends_proofs

    def judge(
        self,
        token: str,
        verified: VerifiedToken,
        claims: dict[str, Any] | None,
        evidence: Evidence,
        now: float,
        clock: Callable[[], float],
    ) -> Auth:
        """Return what the token of a request says, after all checks. A proof is used up last.

        The token is valid at `now`.

        Args:
            token: The token's text.
            verified: The facts of the token.
            claims: The claims, where they were parsed for this request.
            evidence: What the request brings along to prove the token's key.
            now: The time of the request, in seconds since the epoch.
            clock: Returns the time in seconds since the epoch.

        Raises:
            AuthError: A check failed.
        """
        issuer = verified.issuer
        confirmation = verified.confirmation
        profile = issuer.profile
        possession = NO_POSSESSION
        used_proof = None
        if (
            confirmation is not None
            or evidence is not NO_EVIDENCE
            or self._demands_possession
            or issuer.binding_rules.sender_constrained
        ):
            proven = self._judge.judge(token, confirmation, evidence, issuer.binding_rules, now)
            possession = proven.possession
            used_proof = proven.used_proof
            if self._record is not None:
                self._record("possession", confirmation, possession)
        auth = Auth(
            token,
            issuer.issuer,
            verified.scopes,
            now,
            claims,
            None,
            possession,
            verified.answer,
            verified.effective_scopes,
            verified,
        )
        if profile.predicates:
            check_predicates(partial(claim_value, auth), profile)
        if profile.header_predicates:
            check_header_predicates(auth.header, profile)
        if issuer.introspect is not None:
            issuer.introspect.check_active(token, now)
            if self._record is not None:
                self._record("activity")
        if self._is_revoked is not None:
            check_revocation(auth, self._is_revoked)
        if used_proof is not None:
            delay = clock() - now
            self._judge.spend(used_proof, keep=self._spends_proofs, delay=delay)
        return auth


def add_demands(refusal: AuthError, verified: VerifiedToken) -> None:
    """Tell a refusal what the token and its issuer demand.

    Args:
        refusal: The refusal of the token.
        verified: The facts of the token.
    """
    if verified.confirmation is not None:
        refusal.token_scheme = verified.confirmation.scheme
    refusal.demand = verified.issuer.binding_rules.demand
    refusal.is_introspected = verified.answer is not None
