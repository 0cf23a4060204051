"""The commands: what `make` would do for each, on a machine where nothing was made yet."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from fuzz.run import HARNESSES

CHECKOUT = Path(__file__).resolve().parent.parent
INHERITED = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "PYTEST_ARGS", "PYTHON", "VENV")
INHERITED += ("FUZZ_SECONDS", "DIFFERENTIAL_SEED", "SOAK_SECONDS", "SOAK_SEED")


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
        "jwt_wsgi/middleware/extraction.py",
        "jwt_wsgi/middleware/verification.py",
        "jwt_wsgi/middleware/authorization.py",
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
        pytest.param(
            "lint",
            ".test",
            ["ruff check .", "ruff format --check .", "mypy", "lint-imports"],
            id="lint",
        ),
        pytest.param("mutants", ".test", ["python tests/mutants/run.py"], id="mutants"),
        pytest.param("soak", ".test", ["python tests/soak/run.py 7 11"], id="soak"),
        pytest.param("conformance", ".test", ["python tests/conformance.py"], id="conformance"),
    ],
)
def test_an_environment_that_is_ready_is_used_as_it_is(tmp_path, target, stamp, left):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    (tmp_path / stamp).touch()
    said = recipe(target, f"VENV={tmp_path}", "SOAK_SECONDS=7", "SOAK_SEED=11").splitlines()
    assert said == [f"{tmp_path}/bin/{step}" for step in left]


def test_a_newcomer_needs_no_environment(tmp_path):
    said = recipe("newcomer", f"VENV={tmp_path}/venv")
    assert re.fullmatch(r"\S*python\S* tests/newcomer\.py\n", said)


def test_make_docs_prepares_then_builds_strictly(tmp_path):
    venv = tmp_path / "venv"
    steps = [f"-m venv {venv} ", "--editable '.[docs]'", f"{venv}/bin/mkdocs build --strict\n"]
    said = recipe("docs", f"VENV={venv}")
    assert in_order(steps, said), said


def test_make_fuzz_prepares_then_runs_every_fuzzer_and_the_long_campaigns(tmp_path):
    venv = tmp_path / "venv"
    steps = [f"-m venv {venv} ", f"{venv}/bin/python -m pip install", "--editable '.[fuzz]'"]
    steps += [
        f"{venv}/bin/python tests/fuzz/run.py {name} -max_total_time=7\n" for name in HARNESSES
    ]
    pytest_of = f"{venv}/bin/python -m pytest tests/test_"
    steps += [
        f"DIFFERENTIAL_TOKENS=2000000 DIFFERENTIAL_SEED=11 {pytest_of}differential.py\n",
        f"MATRIX_REQUESTS=500000 MATRIX_SEED=11 {pytest_of}matrix.py tests/test_matrix_tails.py\n",
        f"POLICY_ORACLE_POLICIES=200000 POLICY_ORACLE_SEED=11 {pytest_of}policy_oracle.py\n",
    ]
    said = recipe("fuzz", f"VENV={venv}", "FUZZ_SECONDS=7", "FUZZ_SEED=11")
    assert in_order(steps, said), said


def test_a_fuzzer_runs_two_minutes_and_chance_begins_elsewhere_each_time():
    said = recipe("fuzz")
    assert said.count(" -max_total_time=120\n") == len(HARNESSES)
    assert re.search(r" DIFFERENTIAL_SEED=[0-9]{10,} ", said)


def test_the_soak_prepares_and_runs_two_minutes_and_chance_begins_elsewhere_each_time(tmp_path):
    venv = tmp_path / "venv"
    said = recipe("soak", f"VENV={venv}")
    assert in_order(
        [f"-m venv {venv} ", "--editable '.[test]'", f"{venv}/bin/python tests/soak/run.py 120 "],
        said,
    )
    assert re.search(r" tests/soak/run.py 120 [0-9]{10,}\n", said)
    assert "tests/soak" not in recipe("test")


def test_the_fuzzer_is_not_installed_for_the_tests():
    extras = configparser.ConfigParser()
    extras.read(CHECKOUT / "setup.cfg")
    holding = {
        name for name, packages in extras["options.extras_require"].items() if "atheris" in packages
    }
    assert holding == {"fuzz"}


def test_make_bench_prepares_the_peers_then_measures(tmp_path):
    npm = stand_in(tmp_path, "npm")
    bench = tmp_path / "bench"
    steps = [
        f"-m venv {bench} ",
        f"{bench}/bin/python -m pip install",
        "-r benchmarks/requirements.txt --editable '.[app,speed]'",
        f"command -v {npm.name} ",
        f"{bench}/bin/python -m benchmarks --only imports\n",
    ]
    said = recipe(
        "bench",
        f"BENCH={bench}",
        "BENCH_ARGS=--only imports",
        PATH=f"{tmp_path}:{os.environ['PATH']}",
    )
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


def test_the_gate_of_the_continuous_integration_is_make_test_with_a_browser_and_servers():
    lines = (CHECKOUT / ".ci" / "run").read_text().splitlines()
    commands = [line for line in lines if line and not line.startswith(("#", "set ", "cd "))]
    assert commands == [".ci/chromium", ".ci/servers", 'make test PYTEST_ARGS="--fail-on-skip"']
    assert all(
        os.access(CHECKOUT / ".ci" / name, os.X_OK) for name in ("run", "chromium", "servers")
    )


@pytest.mark.parametrize("user", [0, 1000], ids=["as root", "as another"])
def test_the_browser_is_installed_where_it_is_missing_and_only_there(tmp_path, user):
    """With stand-ins for all that it calls: what it would do on a machine without chromium, and on one with it."""
    log = tmp_path / "log"
    log.touch()
    writing = {
        "id": f"#!/bin/sh\necho {user}\n",
        "sudo": '#!/bin/sh\necho sudo >>"$LOG"\nexec "$@"\n',
        "apt-get": '#!/bin/sh\necho "apt-get $*" >>"$LOG"\n'
        'case "$*" in *install*) cp "$0" "$(dirname "$0")/chromium" ;; esac\n',
    }
    for name, text in writing.items():
        stand_in(tmp_path, name).write_text(text)
    for name in ("bash", "env", "cp", "dirname", "sh"):
        (tmp_path / name).symlink_to(shutil.which(name))
    for _ in range(2):
        subprocess.run(
            [CHECKOUT / ".ci" / "chromium"],
            env={"PATH": str(tmp_path), "LOG": str(log)},
            timeout=30,
            check=True,
        )
    said = log.read_text().splitlines()
    assert [line.split()[-1] for line in said if line != "sudo"] == ["update", "fonts-dejavu-core"]
    assert " install --yes --no-install-recommends chromium " in said[-1]
    assert said.count("sudo") == (2 if user else 0)


def test_the_servers_are_installed_where_they_are_missing_and_only_there(tmp_path):
    log, module = tmp_path / "log", tmp_path / "mod_wsgi.so"
    log.touch()
    writing = {
        "id": "#!/bin/sh\necho 0\n",
        "apt-get": '#!/bin/sh\necho "apt-get $*" >>"$LOG"\n'
        'case "$*" in *install*) cd "${0%/*}"; for name in apache2 nginx mod_wsgi.so; do cp "$0" $name; done ;; esac\n',
    }
    for name, text in writing.items():
        stand_in(tmp_path, name).write_text(text)
    for name in ("bash", "env", "cp", "dirname", "sh"):
        (tmp_path / name).symlink_to(shutil.which(name))
    environment = {"PATH": str(tmp_path), "LOG": str(log), "MOD_WSGI": str(module)}
    for _ in range(2):
        subprocess.run([CHECKOUT / ".ci" / "servers"], env=environment, timeout=30, check=True)
    said = log.read_text().splitlines()
    assert [line.split()[-1] for line in said] == ["update", "nginx-light"]
    assert " install --yes --no-install-recommends apache2 libapache2-mod-wsgi-py3 " in said[-1]


def test_what_the_gate_adds_reaches_pytest():
    assert "-m pytest --cov --cov-report= --fail-on-skip\n" in recipe(
        "test", "PYTEST_ARGS=--fail-on-skip"
    )
