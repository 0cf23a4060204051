"""Locks that survive a fork."""

import os
import threading
from collections.abc import Callable
from weakref import WeakSet


class ForkSafeLock:
    """A plain lock, which is a new one in a child that Python forks.

    It is for short sections in threads that answer requests. Unlike a `ProcessLock`, it does not
    ask the system for the process number. A server that forks its workers without Python's
    knowledge, as uWSGI may, answers no request before it forks.

    Attributes:
        lock: The lock. Ask for it at each use.
    """

    __slots__ = ("__weakref__", "lock")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        _FORK_SAFE_LOCKS.add(self)


_FORK_SAFE_LOCKS: WeakSet[ForkSafeLock] = WeakSet()


def _renew_locks() -> None:
    for guard in list(_FORK_SAFE_LOCKS):
        guard.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


class ProcessLock:
    """A lock with a condition, of which every process has its own.

    A fork copies a lock that a thread of the parent may hold. No thread of the child would
    ever release the copy, so the child makes another lock.

    Args:
        after_fork: Called under the lock of a forked process, before anything else is. Default
            None: nothing.
    """

    def __init__(self, after_fork: Callable[[], None] | None = None) -> None:
        self._after_fork = after_fork
        self._deferred: list[Callable[[], None]] = []
        self._prepared_pid = os.getpid()
        self._conditions = {self._prepared_pid: threading.Condition()}

    def __enter__(self) -> None:
        pid = os.getpid()
        try:
            condition = self._conditions[pid]
        except KeyError:
            # `setdefault` is atomic: all threads of the child get the same one.
            condition = self._conditions.setdefault(pid, threading.Condition())
        condition.acquire()
        if self._prepared_pid != pid:
            self._prepare_process(pid)

    def __exit__(self, *exception: object) -> None:
        deferred = self._deferred
        if deferred:
            self._deferred = []
        self._condition().release()
        for action in deferred:
            action()

    def defer(self, action: Callable[[], None]) -> None:
        """Run `action` when the lock has been released. It may do I/O, such as logging."""
        self._deferred.append(action)

    def wait(self, timeout: float) -> bool:
        """Release the lock until `notify_all`; return False after `timeout` seconds."""
        return self._condition().wait(timeout)

    def notify_all(self) -> None:
        """Wake every thread that waits."""
        self._condition().notify_all()

    def _condition(self) -> threading.Condition:
        return self._conditions[os.getpid()]

    def _prepare_process(self, pid: int) -> None:
        self._prepared_pid = pid
        self._deferred = []
        # A later process may get the number of an earlier one, but must not get its lock.
        for other in [each for each in self._conditions if each != pid]:
            del self._conditions[other]
        if self._after_fork is not None:
            self._after_fork()
