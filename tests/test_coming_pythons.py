"""What newer versions of Python warn of, or judge in another way, is found before they do it."""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from jwt_wsgi import DPoP, Issuer, StaticJWKS, Verifier, claim
from jwt_wsgi.revocation import DenyList
from jwt_wsgi.stores import MemoryStore
from jwt_wsgi.testing import LocalIssuer

CHECKOUT = Path(__file__).resolve().parent.parent
PACKAGE = CHECKOUT / "jwt_wsgi"
MODULES = sorted(
    ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if path.name != "__main__.py"
)

# Text files that are opened without an encoding are errors, too.
IMPORT = """
import importlib, sys, warnings
for name in sys.stdin.read().split():
    importlib.import_module(name)
"""


def test_importing_the_package_warns_of_nothing() -> None:
    ended = subprocess.run(
        [sys.executable, "-X", "warn_default_encoding", "-W", "error", "-c", IMPORT],
        input="\n".join(name for name in MODULES if ".testing" not in name),
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


def test_compiling_the_sources_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for folder in (PACKAGE, CHECKOUT / "demo", CHECKOUT / "examples"):
            assert compileall.compile_dir(folder, quiet=2, force=True)


class Wrapper:
    """A wrapper that passes every method on, as one that counts calls may do."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def test_a_wrapper_that_passes_methods_on_is_a_store_and_a_key_source(local: LocalIssuer) -> None:
    store: Any = Wrapper(MemoryStore())
    DenyList(store)
    DPoP("https://api.example.com", replay=store)
    keys: Any = Wrapper(StaticJWKS(local.jwks))
    verifier = Verifier(Issuer(local.issuer, audience=local.audience, keys=keys))
    assert verifier.verify(local.token(sub="alice")).subject == "alice"


@pytest.mark.parametrize(
    "wrap", [lambda value: [value], lambda value: {"a": value}], ids=["lists", "objects"]
)
def test_a_value_may_nest_as_deep_as_a_claim(wrap: Any) -> None:
    value: Any = "a"
    for _ in range(31):
        value = wrap(value)
    claim("groups", value)
    with pytest.raises(ValueError, match="a value is nested deeper than any claim"):
        claim("groups", wrap(wrap(value)))


def test_a_value_that_holds_itself_twice_is_refused_at_once() -> None:
    value: list[Any] = []
    value += [value, value]
    with pytest.raises(ValueError, match="a value is nested deeper than any claim"):
        claim("groups", value)
