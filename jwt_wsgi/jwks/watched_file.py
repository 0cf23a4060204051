"""A file that is read again when it has changed, however it was replaced."""

import os
import time
from pathlib import Path
from typing import Final, NamedTuple, Self

# How long after a change another one may leave the same times: file systems count in steps, of two
# seconds at most. In nanoseconds.
_CLOCK_STEP_NS: Final = 2_000_000_000


class FileStamp(NamedTuple):
    """The properties of a file that differ when it was replaced or rewritten.

    The time of the last modification can be set by any tool (`cp -p`, `tar`, `touch`), and a file
    system may give the inode of a deleted file to the next one. The time of the last change
    cannot be set.
    """

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """Return the stamp of a file's status."""
        return cls(
            status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
        )


class FileContent(NamedTuple):
    """The content of a file.

    Attributes:
        octets: The first bytes of the file.
        stamp: The stamp of the file before it was read.
        is_stable: False if the file was changed while it was read.
    """

    octets: bytes
    stamp: FileStamp
    is_stable: bool


def is_settled(stamp: FileStamp, now_ns: int) -> bool:
    """Return True if another change of the file would give it another stamp.

    Args:
        stamp: The stamp of the file.
        now_ns: The time in nanoseconds since the epoch.
    """
    return now_ns - stamp.changed_ns > _CLOCK_STEP_NS


class WatchedFile:
    """A file, and the stamp that it had when its content was accepted.

    Args:
        path: The path of the file. Symbolic links are followed at every check.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._accepted: FileStamp | None = None

    def has_changed(self) -> bool:
        """Return True if the file may have another content than the one that was accepted.

        Raises:
            OSError: The file is not there, or may not be examined.
        """
        return FileStamp.of(self.path.stat()) != self._accepted

    def read(self, most: int) -> FileContent:
        """Return the content of the file.

        Args:
            most: The most bytes to read.

        Raises:
            OSError: The file cannot be read.
        """
        with self.path.open("rb") as file:
            # The stamp is that of the opened file: the path may lead to another one by now.
            stamp = FileStamp.of(os.fstat(file.fileno()))
            octets = file.read(most)
            is_stable = FileStamp.of(os.fstat(file.fileno())) == stamp
        return FileContent(octets, stamp, is_stable)

    def accept(self, content: FileContent) -> None:
        """Do not read the file again until it changes. Call it only if the content is good.

        A file that has just changed is read again, because its stamp is not settled.
        """
        self._accepted = None
        if content.is_stable and is_settled(content.stamp, time.time_ns()):
            self._accepted = content.stamp
