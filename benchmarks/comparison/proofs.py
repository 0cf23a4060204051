"""The checks of DPoP proofs, one by one (RFC 9449 §4.3)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from benchmarks.comparison import tokens
from benchmarks.comparison.adapters.base import PRIVATE
from benchmarks.comparison.channel import Channel
from benchmarks.comparison.tokens import Keyring
from jwt_wsgi.testing import DPoPKey

Json = dict[str, Any]
Headers = list[tuple[str, str]]

URL = f"{tokens.AUDIENCE}/api/private"
#: A library may accept it: the RFC says how a server can prevent it, not that it must.
REPLAY = "the same proof again"
NONCE_SECRET = "a secret for nonces, 32 bytes long"


class ProofCase(NamedTuple):
    """A request with a proof: its headers, and whether it must pass."""

    title: str
    source: str
    passes: bool
    headers: Headers


class Prover:
    """A client with a key and a token that is bound to it."""

    def __init__(self, keys: Keyring) -> None:
        self.key = DPoPKey()
        self.other = DPoPKey()
        self.keys = keys
        self.token = self.bound()

    def bound(self) -> str:
        """Return a new token that is bound to the key."""
        return tokens.good(self.keys.keys["RS256"], cnf={"jkt": self.key.thumbprint})

    def proof(self, method: str = "GET", url: str = URL, **changes: Any) -> str:
        """Return a new proof; `changes` as in `DPoPKey.proof`."""
        return self.key.proof(method, url, self.token, **changes)

    def sends(self, *proofs: str, scheme: str = "DPoP") -> Headers:
        """Return the headers of a request."""
        authorization = ("Authorization", f"{scheme} {self.token}")
        return [authorization, *(("DPoP", proof) for proof in proofs)]


def cases(keys: Keyring) -> list[ProofCase]:
    """Return the cases, each with a proof of its own."""
    prover = Prover(keys)
    return [*_good(prover), *_malformed(prover), *_for_another_request(prover), *_bindings(prover)]


def _good(prover: Prover) -> Iterator[ProofCase]:
    upper = "HTTPS://API.EXAMPLE.COM:443/api/private"
    fraction = int(time.time()) + 0.5
    good = prover.sends(prover.proof())
    yield ProofCase("a good proof", "§4.3", True, good)
    query = prover.sends(prover.proof(htu=URL + "?a=1#b"))
    yield ProofCase("`htu` with query and fragment", "§4.3 no. 9", True, query)
    normal = prover.sends(prover.proof(htu=upper))
    yield ProofCase("`htu` with host in capitals and port 443", "§4.3", True, normal)
    half = prover.sends(prover.proof(iat=fraction))
    yield ProofCase("`iat` with a fraction", "RFC 7519 §2", True, half)


def _malformed(prover: Prover) -> Iterator[ProofCase]:
    key = prover.key
    private = {**key.jwk, "d": "AAAA"}
    hmac = tokens.sign_with_hmac(b"secret", {"typ": "dpop+jwt", "alg": "HS256"}, {})
    proof = prover.proof
    yield _bad(prover, "two headers", 1, proof(), proof())
    yield _bad(prover, "not a token", 2, "abc")
    for claim in ("jti", "htm", "htu", "iat", "ath"):
        without: Json = {claim: None}
        yield _bad(prover, f"no `{claim}`", 3, proof(**without))
    yield _bad(prover, "another `typ`", 4, proof(header={"typ": "JWT"}))
    none = proof(header={"alg": "none"}).rpartition(".")[0] + "."
    yield _bad(prover, "`alg` is none", 5, none)
    yield _bad(prover, "`alg` is HS256", 5, hmac)
    yield _bad(prover, "another signature", 6, proof(header={"jwk": prover.other.jwk}))
    yield _bad(prover, "no `jwk`", 6, proof(header={"jwk": None}))
    yield _bad(prover, "a private key in `jwk`", 7, proof(header={"jwk": private}))
    yield _bad(prover, "`jti` is a number", 3, proof(jti=7))
    yield _bad(prover, "`jti` is an object", 3, proof(jti={"a": 1}))
    yield _bad(prover, "`htm` is a number", 8, proof(htm=1))
    yield _bad(prover, "`htu` is a list", 9, proof(htu=[URL]))
    yield _bad(prover, "`iat` is true", 11, proof(iat=True))


def _for_another_request(prover: Prover) -> Iterator[ProofCase]:
    proof = prover.proof
    now = int(time.time())
    yield _bad(prover, "another `htm`", 8, proof(htm="POST"))
    yield _bad(prover, "`htm` in small letters", 8, proof(htm="get"))
    yield _bad(
        prover, "another host in `htu`", 9, proof(htu="https://evil.example.com/api/private")
    )
    yield _bad(prover, "another path in `htu`", 9, proof(htu=URL + "-scoped"))
    yield _bad(prover, "http in `htu`", 9, proof(htu=URL.replace("https", "http")))
    yield _bad(prover, "`iat` an hour ago", 11, proof(iat=now - 3600))
    yield _bad(prover, "`iat` in an hour", 11, proof(iat=now + 3600))
    yield _bad(prover, "another `ath`", 12, proof(ath="A" * 43))
    replayed = proof()
    yield ProofCase("a proof", "§4.3", True, prover.sends(replayed))
    yield ProofCase(REPLAY, "§11.1", False, prover.sends(replayed))


def _bindings(prover: Prover) -> Iterator[ProofCase]:
    stranger = prover.other.proof("GET", URL, prover.token)
    yield _bad(prover, "a proof by another key than the token's", 12, stranger)
    bearer = prover.sends(scheme="Bearer")
    yield ProofCase("the bound token as Bearer", "§7.2", False, bearer)
    both = prover.sends(prover.proof(), scheme="Bearer")
    yield ProofCase("the bound token as Bearer, with a proof", "§7.2", False, both)
    yield ProofCase("no proof", "§7.1", False, prover.sends())


def _bad(prover: Prover, title: str, number: int, *proofs: str) -> ProofCase:
    return ProofCase(title, f"§4.3 no. {number}", False, prover.sends(*proofs))


def observe(channel: Channel, keys: Keyring) -> Json:
    """Return the answer to each case: "passed", "refused" or "failed" (status 500)."""
    outcomes = {case.title: _outcome(channel, case.headers) for case in cases(keys)}
    if outcomes["a good proof"] != "passed":
        raise RuntimeError("the good proof does not pass")
    return outcomes


def observe_nonces(channel: Channel, keys: Keyring) -> str:
    """Return the answer of a server that demands nonces to a proof without one."""
    prover = Prover(keys)
    answer = _ask(channel, prover.sends(prover.proof()))
    if answer["status"] == 200:
        return "not offered"
    nonces = [value for name, value in answer["headers"] if name == "dpop-nonce"]
    challenge = "".join(value for name, value in answer["headers"] if name == "www-authenticate")
    if not nonces:
        return "refused, no DPoP-Nonce"
    again = _outcome(channel, prover.sends(prover.proof(nonce=nonces[0])))
    if again != "passed":
        return "refused with its nonce"
    return "yes" if "use_dpop_nonce" in challenge else "yes, without `use_dpop_nonce`"


def _outcome(channel: Channel, headers: Headers) -> str:
    answer = _ask(channel, headers)
    if answer["status"] >= 500:
        return "failed"
    return "passed" if PRIVATE in answer["body"] else "refused"


def _ask(channel: Channel, headers: Headers) -> Any:
    request = {"path": "/api/private", "headers": headers}
    return channel.tell("respond_with_proofs", request=request)
