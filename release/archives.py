"""Archives whose bytes depend on their content and on the date of the commit alone."""

from __future__ import annotations

import base64
import csv
import email.message
import email.parser
import gzip
import hashlib
import io
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

FILE_MODE = 0o644
FOLDER_MODE = 0o755


def rewrite_sdist(path: Path, epoch: int, change_info: Callable[[bytes], bytes]) -> None:
    """Give the members of a source archive one order, one date and one owner.

    Each PKG-INFO is changed by `change_info`.
    """
    with tarfile.open(path) as archive:
        members = {member.name: member for member in archive.getmembers()}
        contents = {
            name: archive.extractfile(member).read()  # type: ignore[union-attr]
            for name, member in members.items()
            if member.isfile()
        }
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", 9, file, mtime=epoch) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in sorted(members):
            content = contents.get(name)
            if content is not None and name.endswith("/PKG-INFO"):
                content = change_info(content)
            archive.addfile(*_member(name, content, epoch))


def _member(name: str, content: bytes | None, epoch: int) -> tuple[tarfile.TarInfo, io.BytesIO]:
    member = tarfile.TarInfo(name)
    member.mtime = epoch
    member.mode = FILE_MODE
    if content is None:
        member.type = tarfile.DIRTYPE
        member.mode = FOLDER_MODE
    member.size = len(content or b"")
    return member, io.BytesIO(content or b"")


def wheel_files(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def sdist_names(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        return archive.getnames()


def wheel_metadata(files: dict[str, bytes]) -> email.message.Message:
    (name,) = (name for name in files if name.endswith(".dist-info/METADATA"))
    return email.parser.Parser().parsestr(files[name].decode())


def write_wheel(path: Path, files: dict[str, bytes], epoch: int) -> None:
    """Write a wheel with these files and a new RECORD, which comes last as the standard asks."""
    (record,) = (name for name in files if name.endswith(".dist-info/RECORD"))
    names = sorted(name for name in files if name != record)
    contents = {**files, record: _record({name: files[name] for name in names}, record)}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in [*names, record]:
            # A zip archive cannot hold dates before 1980.
            date = time.gmtime(max(epoch, 315532800))[:6]
            entry = zipfile.ZipInfo(name, date)
            entry.create_system = 3
            entry.external_attr = (0o100000 | FILE_MODE) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, contents[name])


def _record(files: dict[str, bytes], record: str) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerows((name, sha256(content), len(content)) for name, content in files.items())
    rows.writerow((record, "", ""))
    return text.getvalue().encode()


def sha256(content: bytes) -> str:
    """Return a hash in the form of RECORD."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    return f"sha256={digest.rstrip(b'=').decode()}"
