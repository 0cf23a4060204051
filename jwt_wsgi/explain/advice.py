"""Advice about refusals: one or two sentences for each reason. Pure.

docs/verdicts-and-reasons.md has the long form.
"""

from jwt_wsgi.jose.hints import Hint

#: What to do, by reason. The keys are those of `jwt_wsgi.errors.REASONS`.
ADVICE: dict[str, str] = {
    "missing_token": (
        "Send the header Authorization: Bearer <token>. If the client sends it, a server or proxy "
        "in front drops it (mod_wsgi needs WSGIPassAuthorization On)."
    ),
    "malformed_header": (
        "Send Authorization: Bearer, one space, and the token alone: no quotes, nothing after it."
    ),
    "cross_site": (
        "Send the request from a page of the API's own origin, or list the page's origin in "
        "from_cookie(..., origins=[...]). A token in the header Authorization needs neither."
    ),
    "several_tokens": "Send one token only, in one Authorization header.",
    "token_too_large": (
        "Have the issuer put fewer claims into the token, or raise Verifier(max_token_bytes=...)."
    ),
    "token_malformed": (
        "Send the token exactly as the issuer returned it. If that is not a JWT (three parts with "
        "dots between them), request one with this API's audience."
    ),
    "header_unsupported": (
        "Have the issuer omit crit, b64 and zip from the header; they are not supported."
    ),
    "algorithm_not_allowed": (
        "Name the issuer's algorithm in Issuer(algorithms=[...]), or have the issuer sign with one "
        "that is expected. An HS algorithm needs SharedSecret."
    ),
    "type_mismatch": (
        "Send an access token. If the issuer's access tokens have another typ, name it in "
        "Issuer(types=[...])."
    ),
    "issuer_mismatch": (
        "Write the issuer's name in Issuer(...) exactly as tokens have it in iss, with the same "
        "slash at the end, or get a token from the configured issuer."
    ),
    "kid_unknown": (
        "Look at the issuer's keys with jwt-wsgi keys. If the token's kid is not among them, the "
        "token comes from another tenant or environment; if it is skipped, the reason is there."
    ),
    "signature_invalid": (
        "Get a new token and send it unchanged. If that fails too, the configured keys are not "
        "those that the issuer signs with: compare them with jwt-wsgi keys."
    ),
    "audience_mismatch": (
        "Request a token with this API's audience, or add the audience of the token to "
        "Issuer(audience=[...]) if it really means this API."
    ),
    "token_expired": (
        "Get a new token. If new ones are expired too, synchronize the clocks of issuer and API."
    ),
    "token_not_yet_valid": (
        "Synchronize the clocks (NTP), first the clock of the API. A small difference can be "
        "allowed with Issuer(leeway=...)."
    ),
    "token_too_old": (
        "Get a new token; Issuer(max_age=...) limits the age of tokens, and "
        "DenyList(max_token_lifetime=...) their lifetime."
    ),
    "claim_missing": (
        "Have the issuer add what is expected, or stop requiring it in Issuer(claims=...), "
        "Issuer(header=...) or the profile."
    ),
    "claim_malformed": "Have the issuer write the claim in the expected form.",
    "claim_mismatch": (
        "Get a token that has the expected value, or change what Issuer(claims=...), "
        "Issuer(header=...) or the preset requires."
    ),
    "id_token": (
        "Send the access token of the same response; an ID token is meant for the client, not for "
        "an API."
    ),
    "token_bound": (
        "Send the token under the scheme DPoP with a proof, or with the client's certificate. If "
        "the API checks neither, give protect() the option dpop or client_certificate."
    ),
    "binding_mismatch": (
        "Send the proof or the certificate of the key that the token was issued for. A new key "
        "needs a new token."
    ),
    "token_not_bound": (
        "Send a DPoP proof or the client's certificate with the token request, so that the issuer "
        "binds the token. An unbound token goes under Bearer, where it is accepted at all."
    ),
    "proof_missing": "Send a header DPoP with a new proof in each request (RFC 9449 §4).",
    "proof_malformed": (
        "Send one proof as RFC 9449 §4.2 describes it: typ dpop+jwt, the public key alone in jwk, "
        "and the claims jti, htm, htu, iat and ath."
    ),
    "proof_algorithm_not_allowed": (
        "Sign the proof with one of the algs of the challenge, or name the algorithm in "
        "DPoP(algorithms=[...])."
    ),
    "proof_signature_invalid": "Sign the proof with the private key whose public half is in jwk.",
    "proof_mismatch": (
        "Make the proof for this request: htm is the method, htu the URL without query, ath the "
        "hash of this token. If htu is right, correct DPoP(base_urls), the API's public URL."
    ),
    "proof_expired": (
        "Make a new proof for each request, and synchronize the clocks of client and API. "
        "DPoP(max_age=...) and DPoP(leeway=...) set how far iat may lie in the past and the future."
    ),
    "proof_nonce_required": (
        "Repeat the request with a proof that has the nonce of the header DPoP-Nonce (RFC 9449 §9)."
    ),
    "proof_replayed": "Make a new proof, with a new jti, for each request.",
    "certificate_unavailable": (
        "Correct the function client_certificate, and read the log of jwt_wsgi.verification, which "
        "names the exception."
    ),
    "store_unavailable": (
        "Restore the shared store, or give MemoryStore more entries; the log of "
        "jwt_wsgi.possession (proofs) or jwt_wsgi.verifier (revocation) says which it is."
    ),
    "token_inactive": (
        "Get a new token. If the issuer calls new ones inactive, too, check that they come from "
        "this issuer, and that the client of Introspection(client_auth=...) may introspect them."
    ),
    "introspection_unavailable": (
        "Make sure that this machine can reach the introspection endpoint, and that client_auth is "
        "right; the log of jwt_wsgi.introspection says what is in the way."
    ),
    "token_revoked": "Have the user log in again; this token was revoked for good.",
    "revocation_unknown": (
        "Correct the function is_revoked, or restore what it asks; the log of jwt_wsgi.verifier "
        "names the exception."
    ),
    "insufficient_scope": (
        "Request a token with the scopes that the rule names. If the issuer does not grant them, "
        "allow them to the client or user there, or say with scope_implies that another scope "
        "includes them."
    ),
    "claim_forbidden": (
        "Compare the token's claims with the rule; no scope would help. Grant the user what the "
        "rule asks for at the issuer, or change the rule."
    ),
    "denied": "Nothing helps the caller: the rule is DENY. Change the rule if that is not meant.",
    "no_rule": (
        "Write a rule that covers this path and this method, or name the tool in ToolAuthorizer. "
        "Where the rules of a path name methods, and where a rule ends with {$}, everything else "
        "is refused."
    ),
    "insufficient_authentication": (
        "Send the user to the issuer to log in again, with the acr_values and max_age of the "
        "challenge (RFC 9470)."
    ),
    "path_ambiguous": (
        "Send the plain path: no double slash, no dot segments, UTF-8 only. A rule "
        "/place/{name...} accepts empty segments below a place."
    ),
    "method_ambiguous": "Send the method in upper case.",
    "mount_unknown": (
        "Name the mount (SCRIPT_NAME) in Policy(mounts=[...]), or correct the server or proxy that "
        "sets it."
    ),
    "origin_not_allowed": (
        "Name the page's origin in ToolAuthorizer(origins=[...]), exactly as the browser sends it. "
        "Clients that are not pages send no header Origin."
    ),
    "message_malformed": (
        "Send one JSON-RPC 2.0 message in UTF-8: no batch, no member twice, and all names in their "
        "exact case. The log says what was found."
    ),
    "message_mismatch": (
        "Send the headers Mcp-Method and Mcp-Name with the method and the name of the message in "
        "the body, or leave them out."
    ),
    "length_required": (
        "Send the header Content-Length. Chunked bodies need a server that sets "
        "wsgi.input_terminated, such as gunicorn or waitress."
    ),
    "message_too_large": ("Send a smaller message, or raise ToolAuthorizer(max_bytes=...)."),
    "content_type_unsupported": (
        "Send Content-Type: application/json, in UTF-8, without Content-Encoding."
    ),
    "keys_unavailable": (
        "Make sure that this machine can fetch the issuer's keys: jwt-wsgi keys <issuer> says what "
        "is in the way."
    ),
}

_NOT_FOUND_BY_APPLICATION = (
    "Send the token where the application looks for it: the application's own get_token found none."
    " It may read a cookie or another header than Authorization."
)

# Reasons that a token of the wrong kind has. The hint then knows more than the reason.
_OF_THE_KIND = frozenset(
    {
        "token_malformed",
        "algorithm_not_allowed",
        "type_mismatch",
        "issuer_mismatch",
        "kid_unknown",
        "signature_invalid",
        "audience_mismatch",
        "claim_missing",
        "claim_mismatch",
        "id_token",
    }
)


def advice_for(reason: str, hint: Hint | None = None, *, reads_header: bool = True) -> str:
    """Return what to do about a refusal.

    Args:
        reason: The reason of the refusal.
        hint: What the token seems to be, or None. Its remedy replaces the advice where the token is
            of the wrong kind.
        reads_header: False if `get_token` replaces the `Authorization` header.
    """
    if reason == "missing_token" and not reads_header:
        return _NOT_FOUND_BY_APPLICATION
    if hint is not None and reason in _OF_THE_KIND:
        return hint.remedy
    return ADVICE[reason]
