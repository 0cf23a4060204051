"""Runs one harness under atheris: `python tests/fuzz/run.py NAME [options of libFuzzer]`.

It begins with the seeds and what former runs have found. What crashes is written to
`tests/fuzz/crashes/NAME`, from where `tests/test_fuzz.py` runs it ever after.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

FUZZ = Path(__file__).resolve().parent
CORPUS = FUZZ.parents[1] / "build" / "fuzz"
HARNESSES = ("compact", "signed", "keyset", "authorization", "proof", "mcp")


def harness(name: str) -> Callable[[bytes], None]:
    """Takes any octets; whatever it raises is a crash."""
    one_input: Callable[[bytes], None] = importlib.import_module(f"fuzz.{name}").one_input
    return one_input


def inputs(name: str) -> list[Path]:
    """The harness's seeds and its past crashes."""
    return [
        path for kind in ("seeds", "crashes") for path in sorted((FUZZ / kind / name).glob("*"))
    ]


def options(name: str, given: list[str]) -> list[str]:
    """The command line of libFuzzer; its folders are made."""
    crashes, corpus = FUZZ / "crashes" / name, CORPUS / name
    for folder in (crashes, corpus):
        folder.mkdir(parents=True, exist_ok=True)
    bounds = ["-max_len=4096", "-timeout=20", "-rss_limit_mb=2048"]
    return [
        *bounds,
        f"-artifact_prefix={crashes}/",
        *given,
        str(corpus),
        str(FUZZ / "seeds" / name),
    ]


def main(arguments: list[str]) -> None:
    """Fuzz until an option or a crash ends it; does not return."""
    if not arguments or arguments[0] not in HARNESSES:
        raise SystemExit(f"name a harness: {', '.join(HARNESSES)}")
    import atheris  # the seeds run without it

    name, *given = arguments
    with atheris.instrument_imports(include=["jwt_wsgi", "josepy", "json"]):
        one_input = harness(name)
    atheris.Setup([sys.argv[0], *options(name, given)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    # As under pytest: the checkout for the package, and this folder's parent for the harnesses.
    sys.path[:1] = [str(FUZZ.parents[1]), str(FUZZ.parent)]
    main(sys.argv[1:])
