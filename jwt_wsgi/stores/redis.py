"""A store on Redis or Valkey, which workers and machines share."""

import math
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.options import is_finite_number
from jwt_wsgi.stores.breaker import Breaker
from jwt_wsgi.stores.redis_clients import (
    Client,
    check_client,
    describe,
    is_cluster,
    make_client,
    refusal_type,
)
from jwt_wsgi.stores.store import check_ttl

#: The longest expiry, in seconds; the server takes no time that 64 bits cannot hold.
_LONGEST: Final = 1e12
_POLICY: Final = "maxmemory-policy"

_Answer = TypeVar("_Answer")


class _Process(NamedTuple):
    """The client of one process, and the breakers that have seen its failures.

    Attributes:
        client: The client.
        link: For failures without an answer of the server.
        reads: For refusals of reads.
        writes: For refusals of writes, such as those of a server whose memory is full, which still
            answers reads.
    """

    client: Client
    link: Breaker
    reads: Breaker
    writes: Breaker


class _UnexpectedAnswer(Exception):
    """The server's answer is not one of the command."""


class RedisStore:
    """A store on Redis or Valkey: a server, a service of Sentinels, or a cluster (see `Store`).

    It connects when it is first used, in each process anew. After a failure one call a second
    reaches the server, until a call succeeds; the others fail at once. Each outage is logged once
    when it begins and once when it ends (logger `jwt_wsgi.stores`).

    The server must be set to `maxmemory-policy noeviction`, because an evicted entry is a forgotten
    one. On a cluster the keys of one call go by pipeline to the nodes that hold them.

    Args:
        url_or_client: A URL (`redis://`, `rediss://`, `unix://`, `valkey://`, `valkeys://`), for
            which redis-py is needed (extra `redis`), or a synchronous client of redis-py or
            valkey-py. A client must have `socket_timeout` and `socket_connect_timeout` of at most
            `timeout`, and no retries.
        prefix: The beginning of each key in the server.
        timeout: The longest wait on the socket, in seconds. A call waits a few times where it
            connects first. Looking up the host's name is not included.
        clock: Returns the time in seconds, and never goes back. Default: `time.monotonic`.

    Raises:
        ValueError: For invalid arguments, or a URL without redis-py.
    """

    def __init__(
        self,
        url_or_client: str | Client,
        *,
        prefix: str = "jwt-wsgi:",
        timeout: float = 0.25,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not isinstance(prefix, str):
            raise ValueError(f"prefix={prefix!r:.200}: write a text")
        if not is_finite_number(timeout) or timeout <= 0:
            raise ValueError(f"timeout={timeout!r:.200}: write a positive number of seconds")
        check_callables(clock=clock)
        self._prefix = prefix
        self._timeout = timeout
        self._clock = clock
        self._url: str | None = None
        if isinstance(url_or_client, str):
            self._url = url_or_client
            client = make_client(url_or_client, timeout)
        else:
            client = url_or_client
            check_client(client, timeout)
        self._is_cluster = is_cluster(client)
        if self._is_cluster and "{" in prefix:
            raise ValueError(f"prefix={prefix!r:.200}: leave '{{' out; all keys would share a node")
        self._refusal = refusal_type(client)
        self._name = describe(client)
        self._first_client = client
        # The clients of parent processes stay: one that is collected closes its connections.
        self._processes = {os.getpid(): self._start(client)}

    def __repr__(self) -> str:
        return f"<RedisStore {self._name}, prefix={self._prefix!r}>"

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the value of each live entry, in the order of `keys`, or None for others.

        Raises:
            StoreUnavailable: The server cannot be reached, or refuses.
        """
        names = [self._encode(key) for key in keys]
        if not names:
            return []

        def read(client: Client) -> list[bytes | None]:
            fetch = client.mget_nonatomic if self._is_cluster else client.mget
            return _check_values(fetch(names), len(names))

        process = self._this_process()
        return self._call(process, process.reads, read)

    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        """Write an entry, and replace the one that is there.

        Args:
            key: The name of the entry.
            value: The value.
            ttl: The seconds until the entry expires, rounded up to milliseconds; None for never.

        Raises:
            StoreUnavailable: The server cannot be reached, or refuses. It may have written.
            ValueError: `ttl` is not a positive finite number.
        """
        milliseconds = None if ttl is None else _to_milliseconds(ttl)
        name = self._encode(key)

        def write(client: Client) -> None:
            _check_written(client.set(name, value, px=milliseconds))

        process = self._this_process()
        self._call(process, process.writes, write)

    def add(self, key: str, value: bytes, ttl: float, owner: str | None = None) -> bool:
        """Write an entry unless a live one is there; return True if this call wrote it.

        Args:
            key: The name of the entry.
            value: The value.
            ttl: The seconds until the entry expires, rounded up to milliseconds.
            owner: Ignored: the server has one bound, for everyone.

        Raises:
            StoreUnavailable: The server cannot be reached, or refuses. It may have written.
            ValueError: `ttl` is not a positive finite number.
        """
        milliseconds = _to_milliseconds(ttl)
        name = self._encode(key)

        def write(client: Client) -> bool:
            answer = client.set(name, value, px=milliseconds, nx=True)
            if answer is None:
                return False
            _check_written(answer)
            return True

        process = self._this_process()
        return self._call(process, process.writes, write)

    def warnings(self) -> list[str]:
        """Ask the server for its settings, and return what may make it forget entries.

        Returns:
            Texts with a remedy each, also where the server does not say.
        """
        client = self._this_process().client
        try:
            policies = _eviction_policies(client, is_cluster=self._is_cluster)
        except self._refusal:
            return [f"the store {self._name} does not tell {_POLICY}; check that it is noeviction"]
        except Exception as error:  # noqa: BLE001 (see `_call`)
            reason = type(error).__name__
            return [f"the store {self._name} did not tell {_POLICY} ({reason}); ask again"]
        return [
            f"the store {self._name} has {_POLICY} {policy}; set it to noeviction, because an "
            "evicted entry is forgotten"
            for policy in sorted(policies)
            if policy != "noeviction"
        ]

    def _encode(self, key: str) -> bytes:
        return (self._prefix + key).encode("utf-8", "surrogatepass")

    def _start(self, client: Client) -> _Process:
        """Return the state of a process that has not called yet."""
        return _Process(
            client,
            Breaker(self._name, "cannot be reached", self._clock),
            Breaker(self._name, "refuses reads", self._clock),
            Breaker(self._name, "refuses writes", self._clock),
        )

    def _this_process(self) -> _Process:
        """Return the state of this process, which shares no connection and no lock with another."""
        pid = os.getpid()
        process = self._processes.get(pid)
        if process is None:
            client = self._first_client
            if self._url is not None:
                client = make_client(self._url, self._timeout)
            # `setdefault` is atomic, so all threads of the process get the same state.
            process = self._processes.setdefault(pid, self._start(client))
        return process

    def _call(
        self, process: _Process, operations: Breaker, command: Callable[[Client], _Answer]
    ) -> _Answer:
        """Send a command, unless a breaker is open.

        Args:
            process: The state of this process.
            operations: The breaker for refusals of such commands.
            command: Sends it, and returns the answer.

        Raises:
            StoreUnavailable: A breaker is open, or the command failed.
            BaseException: Any other exception that is no `Exception`, such as `gevent.Timeout`.
        """
        operations.admit()
        process.link.admit()
        try:
            answer = command(process.client)
        except self._refusal as error:
            process.link.record_success()
            raise operations.record_failure(error) from None
        except Exception as error:  # noqa: BLE001 (redis-py passes exceptions of all it uses)
            raise process.link.record_failure(error) from None
        except BaseException as error:
            process.link.record_failure(error)
            raise
        process.link.record_success()
        operations.record_success()
        return answer


def _to_milliseconds(ttl: float) -> int:
    check_ttl(ttl)
    return math.ceil(min(ttl, _LONGEST) * 1000)


def _check_written(answer: object) -> None:
    if answer is not True:
        raise _UnexpectedAnswer


def _check_values(answer: object, count: int) -> list[bytes | None]:
    if not isinstance(answer, list) or len(answer) != count:
        raise _UnexpectedAnswer
    if not all(value is None or isinstance(value, bytes) for value in answer):
        raise _UnexpectedAnswer
    return answer


def _eviction_policies(client: Client, *, is_cluster: bool) -> set[str]:
    """Return the policies of all nodes that hold entries."""
    if is_cluster:
        nodes: dict[str, Any] = client.config_get(_POLICY, target_nodes=client.PRIMARIES)
        return {settings[_POLICY] for settings in nodes.values()}
    return {client.config_get(_POLICY)[_POLICY]}
