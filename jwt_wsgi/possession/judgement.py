"""The judgement of possession: does the request prove every key that the token is bound to?"""

import logging
from typing import Final, NamedTuple

from jwt_wsgi.auth import NO_POSSESSION, Possession
from jwt_wsgi.bindings import BOUND, DPOP, DPOP_SCHEME, MTLS, UNBOUND, Alternatives, Binding
from jwt_wsgi.errors import InvalidProof, InvalidToken, KeysUnavailable, TemporarilyUnavailable
from jwt_wsgi.jose.certificates import certificate_thumbprint
from jwt_wsgi.possession.confirmation import Confirmation
from jwt_wsgi.possession.dpop import DPoP
from jwt_wsgi.possession.evidence import Evidence
from jwt_wsgi.possession.proof import ProofClaims, ProofLimits, ProvenRequest, check_proof
from jwt_wsgi.possession.replay import UsedProof, check_unused, use_proof

logger = logging.getLogger("jwt_wsgi.possession")

_UNBOUND_TOKEN: Final = Confirmation(None, None, frozenset())


class BindingRules(NamedTuple):
    """The rules of one issuer about bound tokens.

    Attributes:
        sender_constrained: True refuses tokens whose key is not proven.
        accept_unproven: True accepts tokens that are bound in a way that the stack cannot check.
        proof_algorithms: The algorithms that proofs may have, or None for those of the stack.
        header_only: True accepts tokens in the header `Authorization` alone.
    """

    sender_constrained: bool = False
    accept_unproven: bool = False
    proof_algorithms: frozenset[str] | None = None
    header_only: bool = False

    @property
    def demand(self) -> Alternatives:
        """The keys whose possession is demanded, as alternatives."""
        return BOUND if self.sender_constrained else UNBOUND


class Proven(NamedTuple):
    """The result of the judgement.

    Attributes:
        possession: What the request proved.
        used_proof: The proof to remember once every other check has passed, or None.
    """

    possession: Possession = NO_POSSESSION
    used_proof: UsedProof | None = None


class PossessionJudge:
    """The judge of one stack.

    Args:
        dpop: The options for DPoP; None where the stack does not check proofs.
        client_certificates: True if the stack sees client certificates.

    Attributes:
        dpop: As the argument.
        bindings: The bindings that the stack checks.
        demand: The keys whose possession the stack demands of every token, as alternatives.
    """

    def __init__(self, dpop: DPoP | None, *, client_certificates: bool) -> None:
        self.dpop = dpop
        self._store_failed = False
        self.bindings: Binding = frozenset()
        self.demand = UNBOUND
        if dpop is not None:
            self.bindings |= {DPOP}
            if dpop.required:
                self.demand = frozenset({frozenset({DPOP})})
        if client_certificates:
            self.bindings |= {MTLS}

    def judge(
        self,
        token: str,
        confirmation: Confirmation | None,
        evidence: Evidence,
        rules: BindingRules,
        now: float,
    ) -> Proven:
        """Return what the request proved about the keys of its token.

        Args:
            token: The text of the token, which is verified.
            confirmation: What the token is bound to, or None.
            evidence: What the request brought along.
            rules: The rules of the token's issuer.
            now: The time in seconds since the epoch.

        Raises:
            InvalidToken: The token is bound to another key, or bound and nothing was proven, or
                not bound although it must be.
            InvalidProof: The proof is missing or bad.
            TemporarilyUnavailable: The certificate cannot be read now, or the stack reads tokens of
                this issuer from a place that it forbids.
        """
        if rules.header_only and not evidence.in_authorization:
            raise _unfit_place()
        bound_to = confirmation or _UNBOUND_TOKEN
        self._check_scheme(bound_to, evidence)
        bindings = bound_to.bindings
        if not bindings <= self.bindings:
            if not rules.accept_unproven:
                raise _unproven(bound_to, "no proof of this kind is checked here")
            bindings &= self.bindings
        if bound_to.x5t is not None and MTLS in bindings:
            _check_certificate(bound_to.x5t, evidence)
        claims = None
        if self.dpop is not None and bound_to.jkt is not None:
            limits = self.dpop.limits(rules.proof_algorithms)
            claims = _check_proof(self.dpop, limits, evidence, token, bound_to.jkt, now)
        if rules.sender_constrained and not bindings:
            raise _not_bound("a token that is bound to a key", bound_to)
        return _proven(bindings, bound_to.jkt, claims)

    def spend(self, used_proof: UsedProof, *, keep: bool, delay: float) -> None:
        """Check that a proof is new.

        Args:
            used_proof: The proof.
            keep: True remembers it, so that it is never accepted again.
            delay: The seconds since the proof's age was judged, which callbacks took.

        Raises:
            InvalidProof: It was used before, or is too old by now: an earlier use of it may be
                forgotten already.
            TemporarilyUnavailable: The store cannot be reached, or has no place for it.
        """
        if self.dpop is None or self.dpop.replay is None:
            return
        # Entries outlive the proofs by this much.
        if delay >= self.dpop.leeway + 1:
            raise InvalidProof(
                "proof_expired", expected="callbacks that are fast", found=f"{delay:.0f} s"
            )
        try:
            if keep:
                use_proof(self.dpop.replay, used_proof, self.dpop.remembered_for)
            else:
                check_unused(self.dpop.replay, used_proof)
        except TemporarilyUnavailable as error:
            self._report_outage(error)
            raise
        self._store_failed = False

    def _report_outage(self, error: TemporarilyUnavailable) -> None:
        """Log the failure of the store once, and not for every request until it works again."""
        if not self._store_failed:
            logger.error("the store of used proofs is unavailable (%s); answering 503", error.found)
        self._store_failed = True

    def _check_scheme(self, bound_to: Confirmation, evidence: Evidence) -> None:
        """Check that the token may travel under this scheme (RFC 9449 §7.1 and §7.2)."""
        is_dpop = evidence.scheme == DPOP_SCHEME
        if self.dpop is None:
            # An extractor that accepts the scheme, in front of a verifier that does not.
            if is_dpop and bound_to.jkt is not None:
                raise _unproven(bound_to, "no proof of this kind is checked here")
            if is_dpop:
                raise _not_bound("a token under the scheme Bearer", bound_to)
        elif bound_to.jkt is None:
            if is_dpop or self.dpop.required:
                raise _not_bound("a token that is bound by DPoP", bound_to)
        elif not is_dpop:
            raise _unproven(bound_to, "the scheme Bearer")


def _check_proof(
    dpop: DPoP, limits: ProofLimits, evidence: Evidence, token: str, thumbprint: str, now: float
) -> ProofClaims:
    proof = "" if evidence.proof is None else evidence.proof.strip(" \t")
    if not proof:
        raise InvalidProof("proof_missing", expected="a header DPoP", found="none")
    request = ProvenRequest(
        token,
        thumbprint,
        evidence.method,
        lambda htu: evidence.target.is_named_by(htu, dpop.bases),
        evidence.target,
        now,
    )
    return check_proof(proof, request, limits, dpop.known_headers)


def _proven(bindings: Binding, jkt: str | None, claims: ProofClaims | None) -> Proven:
    if claims is None or jkt is None:
        return Proven(Possession(bindings))
    return Proven(Possession(bindings, claims.nonce_age), UsedProof(jkt, claims.jti))


def _check_certificate(thumbprint: str, evidence: Evidence) -> None:
    """Check the client's certificate (RFC 8705 §3)."""
    certificate = None if evidence.certificate is None else evidence.certificate()
    if certificate is None:
        raise InvalidToken(
            "token_bound", expected="a client certificate", found="no client certificate"
        )
    if certificate_thumbprint(certificate) != thumbprint:
        raise InvalidToken(
            "binding_mismatch", expected="the token's certificate", found="another certificate"
        )


def _unfit_place() -> KeysUnavailable:
    # Configured issuers are refused at construction, so a resolver returned this one, or another
    # middleware stands between the layers.
    logger.error(
        "a token of Issuer(profile='fapi2') came from another place than the header Authorization "
        "(FAPI 2.0 Security Profile §5.3.4); answering 503; leave get_token and token_sources out"
    )
    return KeysUnavailable()


def _unproven(bound_to: Confirmation, problem: str) -> InvalidToken:
    names = " and ".join(sorted(bound_to.bindings))
    return InvalidToken("token_bound", expected=f"possession proven by {names}", found=problem)


def _not_bound(expected: str, bound_to: Confirmation) -> InvalidToken:
    names = " and ".join(sorted(bound_to.bindings))
    found = f"a token that is bound by {names}" if names else "an unbound token"
    return InvalidToken("token_not_bound", expected=expected, found=found)
