"""Clients of Redis and Valkey: made from a URL, or handed in and checked."""

import importlib
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from jwt_wsgi.options import is_finite_number

#: The schemes of a URL, and the scheme by which redis-py knows each.
_SCHEMES: Final = {
    "redis": "redis",
    "rediss": "rediss",
    "valkey": "redis",
    "valkeys": "rediss",
    "unix": "unix",
}
_CLIENTS: Final = frozenset(
    {
        "redis.client.Redis",
        "redis.cluster.RedisCluster",
        "valkey.client.Valkey",
        "valkey.cluster.ValkeyCluster",
    }
)
#: No bound of our own: each thread that calls needs a connection, and redis-py 8 allows 100.
_MAX_CONNECTIONS: Final = 2**31

#: A client of redis-py or valkey-py, which have no type in common.
Client = Any


def make_client(url: str, timeout: float) -> Client:
    """Return a client of redis-py for a URL, without connecting.

    Args:
        url: The location of the server.
        timeout: The longest wait on the socket, in seconds.

    Raises:
        ValueError: The URL is invalid, or redis-py is not installed. The text quotes nothing of the
            URL, which may hold a password.
    """
    scheme = _check_url(url).scheme
    try:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError:
        raise _invalid_url("redis-py is not installed: install jwt-wsgi[redis]") from None
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
        "max_connections": _MAX_CONNECTIONS,
        # With version 3 a server can announce maintenance, after which redis-py waits longer.
        "protocol": 2,
    }
    try:
        client = redis.Redis.from_url(_SCHEMES[scheme] + url[len(scheme) :], **options)
        _sample_connection(client.connection_pool)
    except Exception:  # noqa: BLE001 (the types differ between versions, and the texts quote)
        raise _invalid_url("redis-py refuses it: correct what follows the '?'") from None
    check_client(client, timeout)
    return client


def check_client(client: Client, timeout: float) -> None:
    """Check that a client waits for no longer than the store may, and reads the server itself.

    Args:
        client: A client of redis-py or valkey-py.
        timeout: The longest wait on the socket, in seconds.

    Raises:
        ValueError: It is no such client, or one of its options does not fit.
    """
    if _library(client) is None:
        raise _invalid_client("write a URL, or a synchronous client of redis-py or valkey-py")
    if is_cluster(client):
        _check_cluster(client, timeout)
        return
    if getattr(client, "connection", None) is not None:
        raise _invalid_client("leave single_connection_client out: threads share the client")
    _check_pool(client.connection_pool, timeout)


def is_cluster(client: Client) -> bool:
    """Return True for a client of a cluster."""
    return hasattr(client, "mget_nonatomic")


def refusal_type(client: Client) -> type[Exception]:
    """Return the exception with which the client reports that the server refused a command."""
    module = importlib.import_module(f"{_library(client)}.exceptions")
    refusal: type[Exception] = module.ResponseError
    return refusal


def describe(client: Client) -> str:
    """Return the location of the server for logs, without user, password and options."""
    if is_cluster(client):
        return "of the cluster"
    pool = client.connection_pool
    if hasattr(pool, "sentinel_manager"):
        return f"of the service {pool.service_name}"
    options = pool.connection_kwargs
    if "path" in options:
        return f"at {options['path']}"
    return f"at {options.get('host', 'localhost')}:{options.get('port', 6379)}"


def _check_url(url: str) -> SplitResult:
    """Return the parts of a URL whose parts are where redis-py looks for them."""
    try:
        parts = urlsplit(url)
        has_port = parts.port is not None
    except ValueError:
        raise _invalid_url("percent-encode the password, and write the port as a number") from None
    # `urlsplit` drops blanks around a URL, and tabs and line ends inside it.
    if parts.scheme not in _SCHEMES or not url.startswith(parts.scheme) or not url.isprintable():
        raise _invalid_url("begin with redis://, rediss://, unix://, valkey:// or valkeys://")
    if parts.fragment or "@" in parts.path + parts.query:
        raise _invalid_url("percent-encode user and password")
    if parts.scheme == "unix":
        if has_port or parts.hostname or not parts.path:
            raise _invalid_url("write the path of the socket: unix:///run/redis/redis.sock")
    elif not parts.hostname or not _is_database(parts.path):
        raise _invalid_url("write a host, and no path or the number of the database")
    return parts


def _is_database(path: str) -> bool:
    number = path.removeprefix("/")
    return number == "" or (number.isascii() and number.isdecimal())


def _library(client: Client) -> str | None:
    """Return "redis" or "valkey", or None for what is not a client of theirs."""
    classes = type(client).__mro__
    # A pipeline is a client that collects commands and answers none.
    if any(each.__name__.endswith("Pipeline") for each in classes):
        return None
    for each in classes:
        if f"{each.__module__}.{each.__name__}" in _CLIENTS:
            return each.__module__.partition(".")[0]
    return None


def _check_cluster(client: Client, timeout: float) -> None:
    if client.read_from_replicas or getattr(client, "load_balancing_strategy", None):
        raise _invalid_client("leave read_from_replicas out: a replica may lag behind")
    attempts = getattr(client, "cluster_error_retry_attempts", None)
    if attempts is None:
        attempts = _retries(client.retry)
    if attempts != 0:
        raise _invalid_client(
            "set retry=Retry(NoBackoff(), 0), or with valkey-py cluster_error_retry_attempts=0"
        )
    connect = getattr(client, "get_redis_connection", None) or client.get_valkey_connection
    for node in client.get_nodes():
        _check_pool(connect(node).connection_pool, timeout)


def _check_pool(pool: Any, timeout: float) -> None:
    """Check the options of a pool's connections, and those of the Sentinels that it asks."""
    connection = _sample_connection(pool)
    place = " after '?' in from_url('unix://…')" if hasattr(connection, "path") else ""
    _check_connection(connection, timeout, place)
    if hasattr(pool, "timeout") and not _is_within(pool.timeout, timeout):
        raise _invalid_client(f"set the pool's timeout to {timeout} or less")
    # redis-py keeps a cache in the pool, valkey-py in the connections.
    caches = (getattr(pool, "cache", None), getattr(connection, "client_cache", None))
    if caches != (None, None):
        raise _invalid_client("leave client-side caching out: it answers without the server")
    if hasattr(pool, "sentinel_manager"):
        if not pool.is_master:
            raise _invalid_client(
                "take the client of Sentinel.master_for: a replica may lag behind"
            )
        for sentinel in pool.sentinel_manager.sentinels:
            connection = _sample_connection(sentinel.connection_pool)
            _check_connection(connection, timeout, " in sentinel_kwargs")


def _sample_connection(pool: Any) -> Any:
    """Return a connection as the pool makes them, which is not connected.

    It shows the options that are in force, with the defaults of each version.
    """
    try:
        return pool.connection_class(**pool.connection_kwargs)
    except Exception:  # noqa: BLE001 (the types differ between versions, and the texts quote)
        raise _invalid_client("correct its options; it cannot make a connection") from None


def _check_connection(connection: Any, timeout: float, place: str) -> None:
    """Check the options of connections, which are set at this place."""
    for option in ("socket_timeout", "socket_connect_timeout"):
        if not _is_within(getattr(connection, option, None), timeout):
            raise _invalid_client(f"set {option} to {timeout} or less{place}")
    if _retries(connection.retry) != 0:
        raise _invalid_client(f"set retry=Retry(NoBackoff(), 0){place}")
    if connection.encoder.decode_responses:
        raise _invalid_client("leave decode_responses out: values are bytes")
    if not _is_steady(connection, timeout):
        raise _invalid_client(f"set protocol=2{place}: in maintenance the client waits longer")


def _is_within(seconds: object, timeout: float) -> bool:
    return is_finite_number(seconds) and 0 < seconds <= timeout  # type: ignore[operator]


def _retries(retry: Any) -> object:
    """Return the number of retries; older clients keep it in a private attribute alone."""
    return getattr(retry, "_retries", None)


def _is_steady(connection: Any, timeout: float) -> bool:
    """Return True unless the server can make the connection wait longer (redis-py 7 and newer)."""
    config = getattr(connection, "maint_notifications_config", None)
    if config is None or not config.enabled or connection.protocol == 2:
        return True
    return config.relaxed_timeout == -1 or _is_within(config.relaxed_timeout, timeout)


def _invalid_url(remedy: str) -> ValueError:
    return ValueError(f"url_or_client=<URL>: {remedy}")


def _invalid_client(remedy: str) -> ValueError:
    return ValueError(f"url_or_client=<client>: {remedy}")
