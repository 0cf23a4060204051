"""The commands: what `make` would do for each, on a machine where nothing was made yet."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from every_python import VERSIONS as EVERY_PYTHON
from fuzz.run import HARNESSES

CHECKOUT = Path(__file__).resolve().parent.parent
INHERITED = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "PYTEST_ARGS", "PYTHON", "VENV")
INHERITED += (
    "WORKERS",
    "MUTMUT",
    "PYTHONS",
    "FUZZ_SECONDS",
    "DIFFERENTIAL_SEED",
    "SOAK_SECONDS",
    "SOAK_SEED",
)
INHERITED += ("CLUSTER_SECONDS", "CLUSTER_SEED")


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
        "-r requirements/test.txt",
        f"{venv}/bin/ruff check .",
        f"{venv}/bin/ruff format --check .",
        f"{venv}/bin/mypy\n",
        f"{venv}/bin/lint-imports\n",
        f"{venv}/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --cov",
        f"{venv}/bin/coverage report --fail-under=97\n",
        f"{venv}/bin/coverage report --fail-under=100 --include=",
    ]
    said = recipe("test", f"VENV={venv}")
    assert in_order(steps, said), said


def test_make_test_installs_the_clients_of_others_where_npm_is(tmp_path):
    npm = stand_in(tmp_path, "npm")
    said = recipe("test", f"VENV={tmp_path}", PATH=f"{tmp_path}:{os.environ['PATH']}")
    for folder in ("tests/foreign_dpop", "tests/foreign_mcp", "benchmarks/fast-jwt"):
        made = f"{folder}/node_modules/.made"
        assert in_order([f"command -v {npm.name} ", made, "-m pytest "], said), said
        assert made not in recipe("check", f"VENV={tmp_path}")
        rebuilt = recipe("-W", f"{folder}/package-lock.json", made)
        assert rebuilt == f"cd {folder} && npm ci\ntouch {made}\n"


@pytest.mark.parametrize("major", ["1", "2"])
def test_make_test_installs_each_major_version_of_the_mcp_client(tmp_path, major):
    requirements = f"tests/foreign_mcp/requirements-{major}.txt"
    environment = f".venv-mcp-{major}"
    steps = [
        f"-m venv {environment}\n",
        f"{environment}/bin/python -m pip install",
        f" -r {requirements}\n",
        f"touch {environment}/.made\n",
        "-m pytest ",
    ]
    said = recipe("-W", requirements, "test", f"VENV={tmp_path}")
    assert in_order(steps, said), said
    assert environment not in recipe("-W", requirements, "check", f"VENV={tmp_path}")


def test_make_check_runs_lint_and_what_is_not_slow_in_parallel(tmp_path):
    venv = tmp_path / "venv"
    steps = [
        f"{venv}/bin/ruff check .",
        f"{venv}/bin/ruff format --check .",
        f"{venv}/bin/mypy\n",
        f"{venv}/bin/lint-imports\n",
        f'{venv}/bin/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not slow" ',
    ]
    said = recipe("check", f"VENV={venv}", "WORKERS=3")
    assert in_order(steps, said), said
    assert "coverage" not in said


def test_make_help_lists_every_target_with_one_line():
    text = (CHECKOUT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=CHECKOUT, capture_output=True, text=True
    ).stdout
    lines = [re.fullmatch(r"make (\S+) +(\S.*)", line) for line in shown.splitlines()]
    assert sorted(line[1] for line in lines) == sorted(phony[1].split())
    assert recipe() == recipe("help"), "it is what `make` alone does"


def test_make_serve_prepares_then_runs_the_demo(tmp_path):
    venv = tmp_path / "venv"
    steps = [
        f"-m venv {venv} ",
        f"{venv}/bin/python -m pip install",
        "-r requirements/app.txt",
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
        pytest.param(
            "soak-cluster", ".test", ["python tests/cluster/run.py 8 12"], id="soak-cluster"
        ),
        pytest.param("conformance", ".test", ["python tests/conformance.py"], id="conformance"),
        pytest.param(
            "mutmut",
            ".mutmut",
            ["mutmut run jwt_wsgi.jose*", "mutmut results | grep -v 'not checked' || true"],
            id="mutmut",
        ),
    ],
)
def test_a_finished_environment_is_not_made_again(tmp_path, target, stamp, left):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    (tmp_path / stamp).touch()
    said = recipe(
        target,
        f"VENV={tmp_path}",
        "SOAK_SECONDS=7",
        "CLUSTER_SECONDS=8",
        "CLUSTER_SEED=12",
        "SOAK_SEED=11",
        "MUTMUT=jwt_wsgi.jose*",
    ).splitlines()
    assert said == [f"{tmp_path}/bin/{step}" for step in left]


def test_make_test_readme_needs_no_environment(tmp_path):
    said = recipe("test-readme", f"VENV={tmp_path}/venv")
    assert re.fullmatch(r"\S*python\S* tests/readme_commands\.py\n", said)


def test_make_docs_prepares_then_builds_strictly(tmp_path):
    venv = tmp_path / "venv"
    steps = [f"-m venv {venv} ", "-r requirements/docs.txt", f"{venv}/bin/mkdocs build --strict\n"]
    said = recipe("docs", f"VENV={venv}")
    assert in_order(steps, said), said


def test_make_fuzz_prepares_then_runs_every_fuzzer_and_the_long_campaigns(tmp_path):
    venv = tmp_path / "venv"
    steps = [f"-m venv {venv} ", f"{venv}/bin/python -m pip install", "-r requirements/fuzz.txt"]
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


def test_each_fuzzer_runs_two_minutes_with_a_new_seed():
    said = recipe("fuzz")
    assert said.count(" -max_total_time=120\n") == len(HARNESSES)
    assert re.search(r" DIFFERENTIAL_SEED=[0-9]{10,} ", said)


def test_make_soak_prepares_then_runs_two_minutes_with_a_new_seed(tmp_path):
    venv = tmp_path / "venv"
    said = recipe("soak", f"VENV={venv}")
    assert in_order(
        [
            f"-m venv {venv} ",
            "-r requirements/test.txt",
            f"{venv}/bin/python tests/soak/run.py 120 ",
        ],
        said,
    )
    assert re.search(r" tests/soak/run.py 120 [0-9]{10,}\n", said)
    assert "tests/soak" not in recipe("test")


@pytest.mark.parametrize(("package", "extra"), [("atheris", "fuzz"), ("mutmut >", "mutmut")])
def test_one_extra_alone_installs(package, extra):
    extras = configparser.ConfigParser()
    extras.read(CHECKOUT / "setup.cfg")
    holding = {
        name for name, packages in extras["options.extras_require"].items() if package in packages
    }
    assert holding == {extra}


def test_make_bench_prepares_the_peers_then_measures(tmp_path):
    npm = stand_in(tmp_path, "npm")
    bench = tmp_path / "bench"
    steps = [
        f"-m venv {bench} ",
        f"{bench}/bin/python -m pip install",
        "-r benchmarks/requirements.txt --editable '.[app,speed]'",
        f"command -v {npm.name} ",
        "benchmarks/express/node_modules/.made",
        "benchmarks/fast-jwt/node_modules/.made",
        f"{bench}/bin/python -m benchmarks --only imports\n",
    ]
    said = recipe(
        "bench",
        f"BENCH={bench}",
        "BENCH_ARGS=--only imports",
        PATH=f"{tmp_path}:{os.environ['PATH']}",
    )
    assert in_order(steps, said), said


def test_make_compare_prepares_its_own_environment_then_compares(tmp_path):
    own = tmp_path / "jwt-wsgi"
    steps = [
        f"-m venv {own} ",
        f"{own}/bin/python -m pip install",
        "-r benchmarks/comparison/requirements/jwt-wsgi.txt --editable .",
        f"{own}/bin/python -m benchmarks.comparison --only pyjwt\n",
    ]
    said = recipe("compare", f"COMPARE={own}", "COMPARE_ARGS=--only pyjwt")
    assert in_order(steps, said), said


def test_make_test_all_names_the_versions_that_it_is_given():
    assert "tests/every_python.py 3.12 3.14\n" in recipe("test-all", "PYTHONS=3.12 3.14")
    assert re.search(r"tests/every_python\.py *\n", recipe("test-all"))


def test_make_finds_a_python_by_its_version_alone(tmp_path):
    stand_in(tmp_path, "python3", status=1)
    for version in ("3.11", "3.12", "3.13", "3.14"):
        stand_in(tmp_path, f"python{version}", status=127)
    stand_in(tmp_path, "python3.15")
    path = f"{tmp_path}:{os.environ['PATH']}"
    assert "python3.15 tests/every_python.py" in recipe("test-all", PATH=path)


def all_versions(
    tmp_path: Path, outcomes: dict[str, str], *versions: str
) -> subprocess.CompletedProcess:
    """Run the program of `make test-all`; `outcomes` has what stands for `make pytest` of each version."""
    for version in EVERY_PYTHON:
        stand_in(tmp_path, f"python{version}", status=0 if version in outcomes else 127)
    cases = "".join(f"*3.{version[2:]}*) {body};;\n" for version, body in outcomes.items())
    make = tmp_path / "make"
    make.write_text(f'#!/bin/sh\ncase "$2" in\n{cases}esac\n')
    make.chmod(0o755)
    return subprocess.run(
        [sys.executable, CHECKOUT / "tests" / "every_python.py", *versions],
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "PYENV_ROOT": str(tmp_path),
            "MAKE": str(make),
            "UNPACKED_PYTHONS": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


PASSES = "echo '===== 7 passed, 1 skipped in 0.50s ====='"
FAILS = "echo '= 1 failed, 6 passed in 0.50s (0:00:00) ='; exit 2"


def test_test_all_says_how_each_version_ended(tmp_path):
    ended = all_versions(tmp_path, {"3.11": PASSES, "3.12": PASSES})
    assert ended.returncode == 0, ended.stdout + ended.stderr
    rows = [
        line.split(None, 2) for line in ended.stdout.rpartition("Python  result")[2].splitlines()
    ]
    assert rows[1:3] == [
        ["3.11", "passed", "7 passed, 1 skipped in 0.50s"],
        ["3.12", "passed", "7 passed, 1 skipped in 0.50s"],
    ]
    assert [row[:3] for row in rows[3:]] == [
        [version, "not", row[2]] for version, row in zip(EVERY_PYTHON[2:], rows[3:], strict=True)
    ]
    assert all(".ci/pythons" in row[2] for row in rows[3:])


def test_test_all_tries_every_version_after_a_failure_and_then_fails(tmp_path):
    ended = all_versions(tmp_path, {"3.11": PASSES, "3.12": FAILS, "3.13": PASSES})
    assert ended.returncode == 1
    assert re.findall(r"(?m)^(3\.\d+) +(passed|failed) ", ended.stdout) == [
        ("3.11", "passed"),
        ("3.12", "failed"),
        ("3.13", "passed"),
    ]
    assert "1 failed, 6 passed in 0.50s (0:00:00)" in ended.stdout


@pytest.mark.parametrize(
    ("outcomes", "versions"),
    [
        pytest.param({}, (), id="there is no Python"),
        pytest.param({"3.11": PASSES}, ("3.11", "3.12"), id="one of those asked for is missing"),
        pytest.param({"3.11": "exit 2"}, (), id="pytest does not start"),
    ],
)
def test_test_all_fails_where_it_proves_nothing(tmp_path, outcomes, versions):
    ended = all_versions(tmp_path, outcomes, *versions)
    assert ended.returncode == 1, ended.stdout + ended.stderr


def stand_in(folder: Path, name: str, *, status: int = 0) -> Path:
    """A program of this name that does nothing but end with this status."""
    program = folder / name
    program.write_text(f"#!/bin/sh\nexit {status}\n")
    program.chmod(0o755)
    return program


def test_ci_installs_the_programs_then_runs_make_test():
    lines = (CHECKOUT / ".ci" / "run").read_text().splitlines()
    commands = [line for line in lines if line and not line.startswith(("#", "set ", "cd "))]
    packages, *programs, suite = commands
    assert packages == "make audit dist"
    assert programs == [".ci/chromium", ".ci/servers", ".ci/node"]
    assert suite == 'make test PYTEST_ARGS="--fail-on-skip"'
    assert all(os.access(CHECKOUT / name, os.X_OK) for name in (".ci/run", *programs))


@pytest.mark.parametrize("user", [0, 1000], ids=["as root", "as another"])
def test_ci_installs_the_browser_only_where_it_is_missing(tmp_path, user):
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


def test_ci_installs_node_only_where_it_is_missing(tmp_path):
    log = tmp_path / "log"
    log.touch()
    writing = {
        "id": "#!/bin/sh\necho 0\n",
        "apt-get": '#!/bin/sh\necho "apt-get $*" >>"$LOG"\n'
        'case "$*" in *install*) cd "${0%/*}"; for name in node npm; do cp "$0" $name; done ;; esac\n',
    }
    for name, text in writing.items():
        stand_in(tmp_path, name).write_text(text)
    for name in ("bash", "env", "cp", "sh"):
        (tmp_path / name).symlink_to(shutil.which(name))
    environment = {"PATH": str(tmp_path), "LOG": str(log)}
    for _ in range(2):
        subprocess.run([CHECKOUT / ".ci" / "node"], env=environment, timeout=30, check=True)
    said = log.read_text().splitlines()
    assert [line.split()[-1] for line in said] == ["update", "npm"]
    assert said[-1].endswith(" install --yes --no-install-recommends nodejs npm")


def test_ci_installs_the_servers_only_where_they_are_missing(tmp_path):
    log, module, plugin = (tmp_path / name for name in ("log", "mod_wsgi.so", "plugin.so"))
    log.touch()
    names = "apache2 nginx haproxy uwsgi-core redis-server mod_wsgi.so plugin.so"
    writing = {
        "id": "#!/bin/sh\necho 0\n",
        "apt-get": '#!/bin/sh\necho "apt-get $*" >>"$LOG"\n'
        f'case "$*" in *install*) cd "${{0%/*}}"; for name in {names}; do cp "$0" $name; done ;; esac\n',
    }
    for name, text in writing.items():
        stand_in(tmp_path, name).write_text(text)
    for name in ("bash", "env", "cp", "dirname", "sh"):
        (tmp_path / name).symlink_to(shutil.which(name))
    environment = {"PATH": str(tmp_path), "LOG": str(log)}
    environment |= {"MOD_WSGI": str(module), "UWSGI_PLUGIN": str(plugin)}
    for _ in range(2):
        subprocess.run([CHECKOUT / ".ci" / "servers"], env=environment, timeout=30, check=True)
    said = log.read_text().splitlines()
    assert [line.split()[-1] for line in said] == ["update", "redis-server"]
    assert " install --yes --no-install-recommends apache2 libapache2-mod-wsgi-py3 " in said[-1]


def test_pytest_args_reach_pytest():
    assert "--cov --cov-report= --fail-on-skip\n" in recipe("test", "PYTEST_ARGS=--fail-on-skip")


def test_the_hooks_of_pre_commit_run_what_make_lint_runs(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    (tmp_path / ".test").touch()
    linted = recipe("lint", f"VENV={tmp_path}").replace(str(tmp_path), ".venv").splitlines()
    hooks = (CHECKOUT / ".pre-commit-config.yaml").read_text()
    entries = re.findall(r"^ +entry: (.+)$", hooks, re.MULTILINE)
    # The hooks of ruff are given the files that are committed.
    assert entries == [command.removesuffix(" .") for command in linted]
    assert re.findall(r"repo: (.+)$", hooks, re.MULTILINE) == ["local"]


def test_contributing_names_every_command_and_no_other():
    phony = re.search(r"^\.PHONY: (.*)$", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
    named = set(re.findall(r"`make ([a-z-]+)`", (CHECKOUT / "CONTRIBUTING.md").read_text()))
    assert named == set(phony[1].split()) - {"serve", "pytest", "clean"}
