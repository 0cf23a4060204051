"""The commands: what `make` would do for each, on a machine where nothing was made yet."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
INHERITED = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "PYTEST_ARGS", "PYTHON", "VENV")


def recipe(*arguments: str, status: int = 0, **variables: str) -> str:
    """What `make -n` says; the suite itself may be running under make."""
    environment = {name: value for name, value in os.environ.items() if name not in INHERITED}
    ended = subprocess.run(
        ["make", "-n", *arguments],
        cwd=CHECKOUT,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == status, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def in_order(steps: list[str], text: str) -> bool:
    places = [text.find(step) for step in steps]
    return -1 not in places and places == sorted(places)


def test_make_test_prepares_then_runs_the_whole_gate(tmp_path):
    venv = tmp_path / "venv"
    steps = [
        f"-m venv {venv} ",
        f"{venv}/bin/python -m pip install",
        "--editable '.[test]'",
        f"{venv}/bin/ruff check .",
        f"{venv}/bin/ruff format --check .",
        f"{venv}/bin/mypy\n",
        f"{venv}/bin/lint-imports\n",
        f"{venv}/bin/python -m pytest --cov",
        f"{venv}/bin/coverage report --fail-under=97\n",
        f"{venv}/bin/coverage report --fail-under=100 --include=",
    ]
    said = recipe("test", f"VENV={venv}")
    assert in_order(steps, said), said


@pytest.mark.parametrize(
    "part",
    [
        "jwt_wsgi/jose/*",
        "jwt_wsgi/policy/*",
        "jwt_wsgi/errors.py",
        "jwt_wsgi/auth.py",
        "jwt_wsgi/jwks/schedule.py",
        "jwt_wsgi/extraction.py",
        "jwt_wsgi/verification.py",
        "jwt_wsgi/authorization.py",
    ],
)
def test_pure_code_and_layers_are_held_to_every_branch(part):
    (threshold,) = (line for line in recipe("test").splitlines() if "--fail-under=100" in line)
    included = threshold.partition("--include=")[2].strip("'").split(",")
    assert part in included
    assert all(list(CHECKOUT.glob(pattern)) for pattern in included)


def test_make_serve_prepares_then_runs_the_demo(tmp_path):
    venv = tmp_path / "venv"
    steps = [
        f"-m venv {venv} ",
        f"{venv}/bin/python -m pip install",
        "--editable '.[app]'",
        f"{venv}/bin/python app.py --demo\n",
    ]
    said = recipe("serve", f"VENV={venv}")
    assert in_order(steps, said), said


@pytest.mark.parametrize(
    ("target", "stamp", "left"),
    [
        pytest.param("serve", ".app", ["python app.py --demo"], id="serve"),
        pytest.param("lint", ".test", ["ruff check .", "ruff format --check .", "mypy", "lint-imports"], id="lint"),
    ],
)
def test_an_environment_that_is_ready_is_used_as_it_is(tmp_path, target, stamp, left):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    (tmp_path / stamp).touch()
    said = recipe(target, f"VENV={tmp_path}").splitlines()
    assert said == [f"{tmp_path}/bin/{step}" for step in left]


def test_make_bench_prepares_the_peers_then_measures(tmp_path):
    npm = stand_in(tmp_path, "npm")
    bench = tmp_path / "bench"
    steps = [
        f"-m venv {bench} ",
        f"{bench}/bin/python -m pip install",
        "-r benchmarks/requirements.txt --editable '.[app]'",
        f"command -v {npm.name} ",
        f"{bench}/bin/python -m benchmarks --only imports\n",
    ]
    said = recipe("bench", f"BENCH={bench}", "BENCH_ARGS=--only imports", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert in_order(steps, said), said


def test_make_test_all_runs_the_suite_on_each_python_that_is_there(tmp_path):
    pythons = {version: stand_in(tmp_path, f"python{version}") for version in ("3.11", "3.13")}
    path = f"{tmp_path}:{os.environ['PATH']}"
    said = recipe("test-all", PATH=path, PYENV_ROOT=str(tmp_path))
    for version, python in pythons.items():
        assert f"== {python.name}\n" in said
        assert f".venv-{version}/bin/python -m pytest --cov" in said


def test_make_test_all_does_not_pass_where_there_is_no_python(tmp_path):
    for version in ("3.11", "3.12", "3.13"):
        stand_in(tmp_path, f"python{version}", status=127)
    path = f"{tmp_path}:{os.environ['PATH']}"
    said = recipe("test-all", status=2, PATH=path, PYENV_ROOT=str(tmp_path))
    assert "there is no Python 3.11, 3.12 or 3.13 here\n" in said


def stand_in(folder: Path, name: str, *, status: int = 0) -> Path:
    """A program of this name that does nothing but end with this status."""
    program = folder / name
    program.write_text(f"#!/bin/sh\nexit {status}\n")
    program.chmod(0o755)
    return program


def test_the_gate_of_the_continuous_integration_is_make_test_alone():
    lines = (CHECKOUT / ".ci" / "run").read_text().splitlines()
    commands = [line for line in lines if line and not line.startswith(("#", "set ", "cd "))]
    assert commands == ['make test PYTEST_ARGS="--fail-on-skip"']
    assert os.access(CHECKOUT / ".ci" / "run", os.X_OK)


def test_what_the_gate_adds_reaches_pytest():
    assert "-m pytest --cov --cov-report= --fail-on-skip\n" in recipe("test", "PYTEST_ARGS=--fail-on-skip")
