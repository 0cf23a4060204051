"""The fuzzers' harnesses over their seeds and past crashes, and proof that each notices what is broken.

`make fuzz` looks for new ones with coverage as its guide; nothing here needs atheris.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from fuzz import keys, keyset, proof, run
from hypothesis import given, settings
from hypothesis import strategies as st

from jwt_wsgi import Credentials, InvalidToken, KeysUnavailable, Verifier
from jwt_wsgi.jose import KeySet
from jwt_wsgi.jose.jwk import Key, from_entry
from jwt_wsgi.jose.public_keys import Unusable
from jwt_wsgi.jose.strict_json import read_object
from jwt_wsgi.possession.proof_headers import ProofHeaders

CHECKOUT = Path(__file__).resolve().parent.parent
INPUTS = [(name, path) for name in run.HARNESSES for path in run.inputs(name)]
every_harness = pytest.mark.parametrize("name", run.HARNESSES)


def seed(name: str, file: str) -> bytes:
    return (run.FUZZ / "seeds" / name / file).read_bytes()


@pytest.mark.parametrize(
    ("name", "path"), INPUTS, ids=["/".join(path.parts[-3:]) for _, path in INPUTS]
)
def test_no_seed_and_no_past_crash_crashes_a_harness(name, path):
    run.harness(name)(path.read_bytes())


@every_harness
def test_there_are_small_seeds(name):
    sizes = [path.stat().st_size for path in (run.FUZZ / "seeds" / name).iterdir()]
    assert len(sizes) >= 10
    assert max(sizes) <= 4096


@every_harness
@settings(max_examples=60, deadline=None)
@given(chance=st.data())
def test_no_mutation_of_a_seed_crashes_a_harness(name, chance):
    octets = chance.draw(st.sampled_from(run.inputs(name))).read_bytes()
    start, end = sorted(chance.draw(st.tuples(*[st.integers(0, len(octets))] * 2)))
    run.harness(name)(octets[:start] + chance.draw(st.binary(max_size=12)) + octets[end:])


# --- the seeds reach what they are for


@pytest.mark.parametrize("file", ["hs256", "es256", "at", "claims"])
def test_a_good_seed_is_accepted(file):
    header, _, payload = seed("signed", file).partition(b"\n")
    verifier = Verifier(keys.ISSUERS, clock=lambda: keys.NOW)
    assert verifier.verify(keys.signed(header, payload)).claims == json.loads(payload)
    assert verifier.verify(seed("compact", file).decode()).claims == json.loads(payload)


def test_the_seeds_behind_a_signature_meet_every_kind_of_refusal():
    verifier = Verifier(keys.ISSUERS, clock=lambda: keys.NOW)
    reasons = set()
    for path in run.inputs("signed"):
        header, _, payload = path.read_bytes().partition(b"\n")
        try:
            verifier.verify(keys.signed(header, payload))
        except InvalidToken as refusal:
            reasons.add(refusal.reason)
    assert reasons >= {
        "token_malformed", "header_unsupported", "type_mismatch", "audience_mismatch", "claim_mismatch",
        "token_expired", "token_not_yet_valid", "token_too_old", "id_token", "token_bound",
    }  # fmt: skip


def test_the_seeds_of_proofs_are_accepted_or_meet_every_kind_of_refusal():
    verdicts = set()
    for path in run.inputs("proof"):
        for limits in proof.LIMITS:
            verdict = proof.judged(proof.text_of(path.read_bytes()), limits, ProofHeaders())
            verdicts.add("good" if isinstance(verdict, proof.ProofClaims) else verdict[1])
    assert verdicts == {
        "good", "binding_mismatch", "proof_malformed", "proof_algorithm_not_allowed",
        "proof_signature_invalid", "proof_mismatch", "proof_expired", "proof_nonce_required",
    }  # fmt: skip


@pytest.mark.parametrize("file", ["good", "query", "latest", "oldest", "media-type", "use", "extra", "compact"])  # fmt: skip
def test_a_good_proof_is_accepted(file):
    text = proof.text_of(seed("proof", file))
    assert proof.judged(text, proof.LIMITS[0], ProofHeaders()).jti == "1"


def test_the_seeds_of_messages_are_accepted_or_meet_every_kind_of_refusal(caplog):
    caplog.set_level("INFO", "jwt_wsgi.decision")
    for path in run.inputs("mcp"):
        run.harness("mcp")(path.read_bytes())
    assert {record.reason for record in caplog.records} == {
        "message_malformed", "message_mismatch", "content_type_unsupported", "insufficient_scope",
        "denied", "no_rule",
    }  # fmt: skip


def test_the_seeds_of_key_sets_make_keys_of_every_kind():
    made = set()
    for path in run.inputs("keyset"):
        try:
            made |= KeySet.from_jwks(read_object(path.read_bytes()), symmetric=True).algorithms
        except ValueError:
            continue
    assert made >= {"RS256", "ES256", "ES384", "ES512", "EdDSA", "HS256"}


# --- a harness notices


def raising(error: Exception) -> Callable[..., NoReturn]:
    def broken(*_: object, **options: object) -> NoReturn:
        raise error

    return broken


@pytest.mark.parametrize(
    "error", [KeyError("alg"), ValueError("a text"), RecursionError()], ids=repr
)
@pytest.mark.parametrize(
    ("name", "file", "place"),
    [
        pytest.param("compact", "hs256", "jwt_wsgi.jose.compact.parse", id="compact: the parser"),
        pytest.param(
            "compact",
            "forged",
            "jwt_wsgi.jose.compact.check_signature",
            id="compact: the signature",
        ),
        pytest.param(
            "signed", "hs256", "jwt_wsgi.token_checks.read_segment", id="signed: the payload"
        ),
        pytest.param("signed", "expired", "jwt_wsgi.verifier.check_times", id="signed: the times"),
        pytest.param(
            "signed", "claims", "jwt_wsgi.token_facts.granted_scopes", id="signed: the scopes"
        ),
        pytest.param(
            "authorization",
            "good",
            "fuzz.authorization.parse_authorization",
            id="authorization: the parser",
        ),
        pytest.param(
            "authorization",
            "good",
            "jwt_wsgi.middleware.extraction.parse_authorization",
            id="authorization: the layer",
        ),
        pytest.param(
            "authorization",
            "expired",
            "jwt_wsgi.token_checks.parse",
            id="authorization: the verifier",
        ),
        pytest.param(
            "proof", "good", "jwt_wsgi.possession.proof.read_segment", id="proof: the claims"
        ),
        pytest.param(
            "proof", "good", "jwt_wsgi.possession.proof.read_proof_key", id="proof: the key"
        ),
        pytest.param(
            "proof", "query", "jwt_wsgi.possession.evidence.names_request", id="proof: the URL"
        ),
        pytest.param("mcp", "good", "jwt_wsgi.mcp.tool_authorizer.take_body", id="mcp: the body"),
        pytest.param(
            "mcp", "good", "jwt_wsgi.mcp.tool_authorizer.read_message", id="mcp: the message"
        ),
        pytest.param(
            "mcp", "headers", "jwt_wsgi.mcp.tool_authorizer.check_headers", id="mcp: the headers"
        ),
    ],
)
def test_an_exception_that_is_not_documented_is_a_crash(monkeypatch, name, file, place, error):
    monkeypatch.setattr(place, raising(error))
    with pytest.raises(type(error)):
        run.harness(name)(seed(name, file))


@pytest.mark.parametrize("error", [KeyError("kty"), TypeError(), RecursionError()], ids=repr)
@pytest.mark.parametrize(
    "place",
    [
        "fuzz.keyset.read_document",
        "jwt_wsgi.jose.public_keys.decode_member",
        "jwt_wsgi.jose.public_keys.algorithms_of",
    ],
)
def test_a_reader_of_keys_may_raise_value_error_alone(monkeypatch, place, error):
    monkeypatch.setattr(place, raising(error))
    with pytest.raises(type(error)):
        keyset.one_input(seed("keyset", "es256"))


def echoing(token: str, *_: object, **options: object) -> None:
    raise InvalidToken("token_malformed", description=token)


def quoting(entry: dict[str, str]) -> None:
    raise Unusable(f"{entry['x']} is no key")


def any_entry(entry: object, *, symmetric: bool) -> Key:
    return from_entry(entry, symmetric=True)


def first_wins(octets: bytes) -> Any:
    return json.loads(octets, object_pairs_hook=lambda pairs: dict(reversed(pairs)))


PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
CLAIMS = {"iss": "https://hs256.test/", "aud": keys.AUDIENCE, "exp": keys.NOW + 300}


@pytest.mark.parametrize(
    ("name", "file", "place", "broken"),
    [
        pytest.param("compact", "forged", "jwt_wsgi.jose.jwk.Key.verifies", lambda *_: True, id="a forgery"),
        pytest.param("compact", "padded", "jwt_wsgi.jose.compact.parse", echoing, id="a token in the text of an error"),
        pytest.param("signed", "expired", "jwt_wsgi.verifier.check_times", lambda *_: None, id="an expired token"),
        pytest.param("signed", "not-yet", "jwt_wsgi.verifier.check_times", lambda *_: None, id="an early token"),
        pytest.param(
            "signed", "other-audience", "jwt_wsgi.token_facts.check_audience", lambda *_: None, id="another's audience"
        ),
        pytest.param("signed", "nan", "jwt_wsgi.token_checks.read_segment", lambda _: CLAIMS, id="claims nobody signed"),
        pytest.param("keyset", "oct", "jwt_wsgi.jose.jwk.from_entry", any_entry, id="a secret that nobody asked for"),
        pytest.param("keyset", "eddsa", "jwt_wsgi.jose.jwk.Key.verifies", lambda *_: True, id="a key to everything"),
        pytest.param("keyset", "eddsa", "jwt_wsgi.jose.public_keys.load_public_key", quoting, id="a key in the text of an error"),
        pytest.param("authorization", "expired", "jwt_wsgi.token_checks.parse", echoing, id="a token in an answer"),
        pytest.param(
            "authorization", "good", "jwt_wsgi.token_checks.parse", raising(KeysUnavailable()), id="a status of 503"
        ),
        pytest.param(
            "authorization", "two", "fuzz.authorization.parse_authorization", lambda header: Credentials("Bearer", header[7:]),
            id="two tokens in one",
        ),
        pytest.param(
            "authorization", "good", "fuzz.authorization.parse_authorization", lambda _: None, id="credentials nobody sent"
        ),
        pytest.param("proof", "forged", "jwt_wsgi.jose.jwk.Key.verifies", lambda *_: True, id="a forged proof"),
        pytest.param("proof", "private", "jwt_wsgi.jose.proof_keys.PRIVATE_MEMBERS", (), id="a private key"),
        pytest.param("proof", "other-type", "jwt_wsgi.possession.proof.media_type", lambda _: "dpop+jwt", id="another type"),
        pytest.param("proof", "too-old", "jwt_wsgi.possession.proof._check_age", lambda *_: None, id="an old proof"),
        pytest.param("proof", "other-token", "jwt_wsgi.possession.proof.token_hash", lambda _: "x", id="another token"),
        pytest.param(
            "proof", "other-url", "jwt_wsgi.possession.evidence.names_request", lambda *_: True, id="another URL"
        ),
        pytest.param(
            "proof", "user", "jwt_wsgi.possession.evidence.names_request", lambda *_: True, id="a URL with a user"
        ),
        pytest.param("mcp", "twice", "jwt_wsgi.mcp.messages.read_object", first_wins, id="a name twice"),
        pytest.param("mcp", "utf-16", "jwt_wsgi.mcp.messages.read_object", lambda _: PING, id="UTF-16"),
        pytest.param("mcp", "name-case", "jwt_wsgi.mcp.messages._check_spelling", lambda *_: None, id="another case"),
        pytest.param("mcp", "lacking", "jwt_wsgi.mcp.tool_authorizer.tool_refusal", lambda *_: None, id="a tool without its scope"),
        pytest.param("mcp", "other-name", "jwt_wsgi.mcp.tool_authorizer.check_headers", lambda *_: None, id="another header"),
    ],
)  # fmt: skip
def test_a_wrong_verdict_is_a_crash(monkeypatch, name, file, place, broken):
    monkeypatch.setattr(place, broken)
    with pytest.raises(AssertionError):
        run.harness(name)(seed(name, file))


# --- the run


def test_the_harnesses_run_without_atheris():
    program = (
        "import sys; sys.modules['atheris'] = None; sys.path.insert(0, 'tests')\n"
        "from fuzz import run\n"
        "print([run.harness(name).__name__ for name in run.HARNESSES])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, f"{['one_input'] * len(run.HARNESSES)}\n"), (
        ended.stderr
    )


def test_make_fuzz_runs_every_harness():
    modules = {path.stem for path in run.FUZZ.glob("*.py")} - {"__init__", "keys", "run"}
    assert modules == {*run.HARNESSES} == {path.name for path in (run.FUZZ / "seeds").iterdir()}


def test_a_run_starts_from_the_seeds_and_writes_crashes_for_the_tests(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "FUZZ", tmp_path / "fuzz")
    monkeypatch.setattr(run, "CORPUS", tmp_path / "corpus")
    said = run.options("keyset", ["-max_total_time=7"])
    crashes = tmp_path / "fuzz" / "crashes" / "keyset"
    assert said[-2:] == [
        str(tmp_path / "corpus" / "keyset"),
        str(tmp_path / "fuzz" / "seeds" / "keyset"),
    ]
    assert {"-max_total_time=7", f"-artifact_prefix={crashes}/"} <= {*said}
    (crashes / "crash-1").write_bytes(b"[")
    assert run.inputs("keyset") == [crashes / "crash-1"]


@pytest.mark.parametrize("arguments", [[], ["keysets"], ["-max_total_time=1"]], ids=str)
def test_a_run_without_a_name_lists_the_harnesses(arguments):
    with pytest.raises(SystemExit, match="name a harness: compact, signed, keyset, authorization"):
        run.main(arguments)
