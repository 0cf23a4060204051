"""Build the source archive and the wheel of the last commit, and check them: `make dist`.

Both are built twice, in folders and environments that differ, and must be equal byte for byte. Then
the wheel is installed into an empty environment, where the commands of the tutorial are run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

from release.archives import rewrite_sdist, wheel_files, wheel_metadata, write_wheel
from release.contents import problems_of_sdist, problems_of_wheel
from release.declared import CHECKOUT
from release.description import with_absolute_links
from release.sbom import bill_of_materials

SBOM = "jwt-wsgi.cdx.json"
#: What differs between the two builds, and must not be seen in them.
SURROUNDINGS: list[tuple[int, dict[str, str]]] = [
    (0o022, {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"}),
    (0o077, {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "2"}),
]


def main(outdir: Path = CHECKOUT / "dist") -> int:
    epoch = int(_output("git", "log", "-1", "--format=%ct"))
    if _output("git", "status", "--porcelain"):
        print("changes that are not committed are not in the artefacts", file=sys.stderr)
    with tempfile.TemporaryDirectory() as name:
        built = build_twice(_committed(Path(name)), Path(name), epoch)
        shutil.rmtree(outdir, ignore_errors=True)
        outdir.mkdir()
        artefacts = [Path(shutil.copy(path, outdir)) for path in built]
    check(artefacts)
    run_tools(artefacts)
    (wheel,) = (path for path in artefacts if path.suffix == ".whl")
    tutorial = ("tests/readme_commands.py", "--wheel", str(wheel))
    subprocess.run([sys.executable, *tutorial], cwd=CHECKOUT, check=True)
    for path in artefacts:
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(CHECKOUT)}")
    return 0


def _output(*command: str) -> str:
    return subprocess.run(
        command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def _committed(folder: Path) -> Path:
    """Return a folder with the files of the last commit: nothing else gets into an archive."""
    archive = folder / "commit.zip"
    subprocess.run(["git", "archive", "--output", archive, "HEAD"], cwd=CHECKOUT, check=True)
    # Not a tar archive: Python 3.11 can unpack those safely from 3.11.4 on alone.
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder / "commit")
    return folder / "commit"


def build_twice(source: Path, folder: Path, epoch: int) -> list[Path]:
    """Return the artefacts of the first build; the second must be equal byte for byte."""
    builds = []
    for number, (umask, environment) in enumerate(SURROUNDINGS):
        copy = folder / f"build of number {number}" / "source"
        shutil.copytree(source, copy)
        builds.append(build(copy, copy.parent / "dist", epoch, umask, environment))
    first, second = builds
    differing = [
        mine.name
        for mine, other in zip(first, second, strict=True)
        if mine.name != other.name or mine.read_bytes() != other.read_bytes()
    ]
    if differing:
        raise SystemExit(f"dist: two builds differ in {', '.join(differing)}")
    return first


def build(
    source: Path, outdir: Path, epoch: int, umask: int, environment: dict[str, str]
) -> list[Path]:
    """Build the source archive, and the wheel from it, in the environment of this script."""
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--outdir",
        str(outdir),
        str(source),
    ]
    surroundings = {**os.environ, **environment, "SOURCE_DATE_EPOCH": str(epoch)}
    ended = subprocess.run(
        command, env=surroundings, umask=umask, check=False, capture_output=True, text=True
    )
    if ended.returncode:
        raise SystemExit(f"dist: the build failed\n{ended.stdout}{ended.stderr}")
    (sdist,) = outdir.glob("*.tar.gz")
    (wheel,) = outdir.glob("*.whl")
    rewrite_sdist(sdist, epoch, with_absolute_links)
    complete_wheel(wheel, epoch)
    return [sdist, wheel]


def complete_wheel(wheel: Path, epoch: int) -> None:
    """Write the bill of materials (PEP 770) into the wheel, and links that PyPI can follow."""
    files = wheel_files(wheel)
    (metadata,) = (name for name in files if name.endswith(".dist-info/METADATA"))
    bill = bill_of_materials(wheel_metadata(files), epoch)
    completed = {
        **files,
        metadata: with_absolute_links(files[metadata]),
        f"{metadata.removesuffix('METADATA')}sboms/{SBOM}": bill.encode(),
    }
    write_wheel(wheel, completed, epoch)


def check(artefacts: list[Path]) -> None:
    """Run the checks of this project; raise `SystemExit` if one fails."""
    sdist, wheel = artefacts
    problems = [*problems_of_sdist(sdist), *problems_of_wheel(wheel)]
    if problems:
        raise SystemExit("\n".join(f"dist: {problem}" for problem in problems))


def run_tools(artefacts: list[Path]) -> None:
    """Run the checks of others; raise `CalledProcessError` if one fails."""
    wheel = artefacts[1]
    scripts = Path(sysconfig.get_path("scripts"))
    commands: list[list[str | Path]] = [
        [scripts / "twine", "check", "--strict", *artefacts],
        [scripts / "check-wheel-contents", wheel],
        [sys.executable, "-m", "release.against_standards", wheel],
    ]
    for command in commands:
        subprocess.run(command, cwd=CHECKOUT, check=True)


if __name__ == "__main__":
    sys.exit(main())
