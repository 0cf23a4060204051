"""The wheel, the metadata, the size of modules, and the gate against skipped tests."""

from __future__ import annotations

import ast
import configparser
import json
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
PACKAGE = CHECKOUT / "jwt_wsgi"
MODULES = sorted(PACKAGE.rglob("*.py"))
#: The pytest plugin stands beside the package, so that it need not import it.
PLUGIN = CHECKOUT / "pytest_jwt_wsgi.py"

IMPORTING = """
import importlib.util, json, jwt_wsgi

app = jwt_wsgi.protect(
    lambda *_: [], issuer="https://tenant.example.com/", audience="https://api.example.com",
    rules={"/": jwt_wsgi.AUTHENTICATED},
)
seen = []
environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SCRIPT_NAME": ""}
app(environ, lambda *start: seen.append(start))
extras = ("webob", "waitress", "dotenv", "click", "rich")
print(json.dumps({
    "file": jwt_wsgi.__file__,
    "status": seen[0][0],
    "absent": [name for name in extras if importlib.util.find_spec(name) is None],
}))
"""


def completed(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def succeeded(*command: str | Path, cwd: Path) -> str:
    ended = completed(*command, cwd=cwd)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


# --- the wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that the checkout stays clean and old builds stay out."""
    source = tmp_path_factory.mktemp("checkout") / "source"
    left_out = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(CHECKOUT, source, ignore=left_out)
    dist = tmp_path_factory.mktemp("dist")
    succeeded(sys.executable, "-m", "build", "--wheel", "--outdir", dist, source, cwd=dist)
    (built,) = dist.glob("*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_holds_the_typed_package_and_no_tests(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "jwt_wsgi/py.typed" in names
    assert {name for name in names if name.endswith(".py")} == {
        module.relative_to(CHECKOUT).as_posix() for module in (*MODULES, PLUGIN)
    }
    places = {name.split("/")[0] for name in names}
    assert places == {
        "jwt_wsgi",
        PLUGIN.name,
        f"{wheel.name.removesuffix('-py3-none-any.whl')}.dist-info",
    }


@pytest.mark.slow
def test_the_installed_wheel_protects_outside_the_checkout(wheel, tmp_path):
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    succeeded(*pip, "install", "--quiet", wheel, cwd=tmp_path)

    found = json.loads(succeeded(python, "-I", "-W", "error", "-c", IMPORTING, cwd=tmp_path))
    assert Path(found["file"]).is_relative_to(environment)
    assert found["status"] == "401 Unauthorized"
    assert found["absent"] == ["webob", "waitress", "dotenv", "click", "rich"]
    # The script is there, and says what it lacks.
    script = completed(environment / "bin" / "jwt-wsgi", "keys", cwd=tmp_path)
    assert script.returncode == 2
    assert (
        script.stderr == "jwt-wsgi: click and rich not installed: run pip install 'jwt-wsgi[cli]'\n"
    )


@pytest.mark.slow
def test_every_entry_point_of_the_wheel_can_be_loaded(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (listed,) = (name for name in archive.namelist() if name.endswith("/entry_points.txt"))
        written = configparser.ConfigParser()
        written.read_string(archive.read(listed).decode())
    named = {
        (group, name): target
        for group in written.sections()
        for name, target in written[group].items()
    }
    wanted = {
        ("pytest11", "jwt_wsgi"),
        ("paste.filter_factory", "main"),
        ("paste.filter_app_factory", "main"),
    }
    assert wanted <= named.keys()
    for (group, name), target in named.items():
        assert EntryPoint(name, target, group).load()


# --- the metadata


def test_pyproject_holds_no_metadata():
    declared = configparser.ConfigParser()
    declared.read(CHECKOUT / "setup.cfg")
    assert declared["metadata"]["name"] == "jwt-wsgi"
    assert declared["options"]["python_requires"] == ">=3.11"
    pyproject = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    assert pyproject.keys() == {"build-system", "tool"}


# --- the size of a module


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_is_over_300_lines(module):
    assert len(module.read_text().splitlines()) <= 300


# --- the gate and the sample


SKIPS = {
    "a mark": "@pytest.mark.skip(reason='')\ndef test_one(): ...",
    "a condition": "@pytest.mark.skipif(True, reason='')\ndef test_one(): ...",
    "in its course": "def test_one():\n    pytest.skip('')",
    "a whole module": "pytest.skip('', allow_module_level=True)",
    "a missing import": "pytest.importorskip('jwt_wsgi.absent')",
}


def run_of_tests(folder: Path, *options: str, body: str) -> int:
    shutil.copy(CHECKOUT / "tests" / "conftest.py", folder)
    sample = folder / "test_sample.py"
    sample.write_text(f"import pytest\n\ndef test_passes(): ...\n\n{body}\n")
    apart = ("-p", "no:cacheprovider", "-p", "no:cov", "--rootdir", folder, "-c", "/dev/null")
    command = (sys.executable, "-m", "pytest", *apart, *options, sample)
    return completed(*command, cwd=folder).returncode


@pytest.mark.slow
@pytest.mark.parametrize("body", SKIPS.values(), ids=SKIPS)
def test_fail_on_skip_fails_a_run_with_a_skipped_test(tmp_path, body):
    assert run_of_tests(tmp_path, "--fail-on-skip", body=body) == pytest.ExitCode.TESTS_FAILED


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "body"),
    [
        pytest.param(["--fail-on-skip"], "", id="nothing is skipped"),
        pytest.param([], SKIPS["a mark"], id="skipping is not forbidden"),
    ],
)
def test_fail_on_skip_lets_other_runs_pass(tmp_path, options, body):
    assert run_of_tests(tmp_path, *options, body=body) == pytest.ExitCode.OK


@pytest.mark.slow
@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["one process", "two processes"])
def test_the_last_lines_name_what_was_not_tried_and_how_to_get_it(tmp_path, workers):
    shutil.copy(CHECKOUT / "tests" / "conftest.py", tmp_path)
    sample = tmp_path / "test_sample.py"
    sample.write_text(
        "import pytest\n\n"
        "@pytest.mark.parametrize('number', range(3))\n"
        "@pytest.mark.skipif(True, reason='needs a program: .ci/programs')\n"
        "def test_one(number): ...\n\n"
        "def test_two(): pytest.skip('no fork')\n"
    )
    apart = ("-p", "no:cacheprovider", "-p", "no:cov", "--rootdir", tmp_path, "-c", "/dev/null")
    said = completed(sys.executable, "-m", "pytest", *apart, *workers, sample, cwd=tmp_path).stdout
    last = said.rpartition("not tried")[2]
    assert "a program (3 skipped); to try: .ci/programs\n" in last
    assert "no fork (1 skipped)\n" in last


@pytest.mark.slow
def test_an_id_with_an_address_is_refused(tmp_path):
    body = "@pytest.mark.parametrize('value', [object()], ids=repr)\ndef test_one(value): ..."
    assert run_of_tests(tmp_path, body=body) == pytest.ExitCode.USAGE_ERROR


def test_ci_forbids_skips():
    assert 'make test PYTEST_ARGS="--fail-on-skip"' in (CHECKOUT / ".ci" / "run").read_text()


def test_the_sample_without_its_demo_imports_no_signing_code():
    program = (
        "import sys, app\n"
        "app.main(issuer_base_url='https://tenant.example.com/', audience='example')\n"
        "print([name for name in sys.modules if name.startswith(('jwt_wsgi.testing', 'demo'))])"
    )
    assert succeeded(sys.executable, "-c", program, cwd=CHECKOUT).strip() == "[]"


def test_only_the_demo_of_the_sample_mints():
    tree = ast.parse((CHECKOUT / "app.py").read_text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    minting = {name for name, node in functions.items() if "LocalIssuer" in ast.unparse(node)}
    assert minting == {"_serve_demo", "_recipe"}
    callers = {
        name
        for name, node in functions.items()
        if any(f"{minter}(" in ast.unparse(node.body) for minter in minting)
    }
    assert callers == {"run", "_serve_demo"}
    (choice,) = (node for node in ast.walk(functions["run"]) if isinstance(node, ast.If))
    assert ast.unparse(choice.test) == "demo"
    assert "_serve_demo" in ast.unparse(choice.body)
    assert "_serve_demo" not in ast.unparse(choice.orelse)


def test_only_the_demo_has_the_console_which_mints_in_one_place():
    functions = {
        node.name: node
        for node in ast.walk(ast.parse((CHECKOUT / "app.py").read_text()))
        if is_function(node)
    }
    assert {name for name, node in functions.items() if "demo.console" in ast.unparse(node)} == {
        "_serve_demo"
    }
    assert not any(name.startswith("demo") for module in MODULES for name in imported(module))

    console = ast.parse((CHECKOUT / "demo" / "console.py").read_text())
    minting = {
        node.name
        for node in ast.walk(console)
        if is_function(node) and ".token(" in ast.unparse(node)
    }
    assert minting == {"_token_factories"}
    using = {
        node.name
        for node in ast.walk(console)
        if is_function(node) and "self._token_factories" in ast.unparse(node)
    }
    assert using == {"__init__", "_mint_token"}


def is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef)


def imported(module: Path) -> set[str]:
    tree = list(ast.walk(ast.parse(module.read_text())))
    names = {alias.name for node in tree if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module or "" for node in tree if isinstance(node, ast.ImportFrom)}
