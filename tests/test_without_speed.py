"""The strict core passes the same tests without the libraries of the extra `speed`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from jwt_wsgi.jose import encoding, strict_json

TESTS = Path(__file__).resolve().parent
#: The tests of base64url, JSON, headers, claims, signatures and keys.
STRICT_CORE = (
    "test_encoding", "test_strict_json", "test_compact", "test_claims", "test_jwk", "test_keys", "test_algorithms",
    "test_vectors", "test_attacks", "test_verifier", "test_remembering", "test_seed_cases",
)  # fmt: skip

PROGRAM = """
import sys
for name in {without}:
    sys.modules[name] = None
import pytest
code = pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:cov", *{files}])
from jwt_wsgi.jose import encoding, strict_json
assert (encoding.b64decode, strict_json.loads) == (None, None)
sys.exit(code)
"""


def test_the_libraries_are_used_where_they_are_installed() -> None:
    assert encoding.b64decode.__module__ == "pybase64._pybase64"
    assert strict_json.loads.__module__ == "orjson"


@pytest.mark.slow
def test_the_strict_core_passes_without_the_libraries() -> None:
    files = [str(TESTS / f"{name}.py") for name in STRICT_CORE]
    program = PROGRAM.format(without=("orjson", "pybase64"), files=files)
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-1000:]
    assert int(re.findall(r"(\d+) passed", ended.stdout)[-1]) > 1000
    assert "skipped" not in ended.stdout


@pytest.mark.parametrize(
    ("text", "read"),
    [
        pytest.param(b'{"a":1}', {"a": 1}, id="as it would be written"),
        pytest.param(
            b'{"a":[1.5,true,null,"\xc3\xa9"]}', {"a": [1.5, True, None, "é"]}, id="all kinds"
        ),
        pytest.param(b'{"a": 1,\t"b" :[ 2 ]\r\n}\n', {"a": 1, "b": [2]}, id="white space"),
        pytest.param(b'{"a b": " c  d "}', {"a b": " c  d "}, id="spaces in strings"),
        pytest.param(b'{"a":1,"a":1}', None, id="a member twice"),
        pytest.param(b'{"a": 1, "a": 1}', None, id="a member twice, with white space"),
        pytest.param(b'{"a":18446744073709551616}', None, id="beyond 64 bits"),
        pytest.param(b'{"a":1E2}', None, id="another spelling of a number"),
        pytest.param(b'{"a":-0}', None, id="minus nought"),
        pytest.param(
            b'{"a": 18446744073709551616, "b": 1.000}', None, id="spellings as long in all"
        ),
        pytest.param(b'{"a":1e999}', None, id="not finite"),
        pytest.param(b'{"a":NaN}', None, id="NaN"),
        pytest.param(b'{"a":"\\u0041"}', None, id="an escape"),
        pytest.param(b'{"a":"\\ud800"}', None, id="a lone surrogate"),
        pytest.param(b'{"a":"\xff"}', None, id="not UTF-8"),
        pytest.param(b'{"a":' + b"[" * 32 + b"]" * 32 + b"}", None, id="too deep"),
        pytest.param(b"[1]", None, id="no object"),
        pytest.param(b"{", None, id="no JSON"),
    ],
)
def test_the_quick_reader_accepts_only_its_own_output_but_for_white_space(
    text: bytes, read: object
) -> None:
    assert strict_json._read_quickly(text) == read
