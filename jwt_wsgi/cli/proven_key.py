"""The key that a token request proves, for the development issuer (RFC 9449 §5). Pure."""

from jwt_wsgi.cli.decoded_proof import decode_proof
from jwt_wsgi.possession.target import parse_target

#: The checks that do not apply: a token request has no token yet.
_ABOUT_TOKENS = ("ath", "binding")


class ProofRefused(ValueError):
    """The reason why the proof of a token request is not accepted. It quotes nothing of it."""


def read_proven_key(proof: str, endpoint: str, now: float) -> str:
    """Return the thumbprint of the key that made the proof of a token request.

    There is no replay check: the issuer signs any token for anyone who is asked on this machine.

    Args:
        proof: The value of the header `DPoP`.
        endpoint: The URL of the token endpoint.
        now: The time in seconds since the epoch.

    Raises:
        ProofRefused: The proof is not good for this request.
    """
    decoded = decode_proof(proof, "DPoP", None, now)
    if decoded.content.problem is not None:
        raise ProofRefused(f"DPoP: {decoded.content.problem}")
    checks = {check.name: check.passed for check in decoded.checks}
    for name, is_right in checks.items():
        if is_right is False and name not in _ABOUT_TOKENS:
            raise ProofRefused(f"DPoP: {name} is not right; look at it with jwt-wsgi inspect")
    if decoded.thumbprint is None or not checks["signature"]:
        raise ProofRefused("DPoP: jwk is not a public key for alg")
    claims = decoded.content.claims or {}
    if claims["htm"] != "POST":
        raise ProofRefused("DPoP: htm is not POST")
    if parse_target(claims["htu"]) != parse_target(endpoint):
        raise ProofRefused(f"DPoP: htu is not {endpoint}")
    return decoded.thumbprint
