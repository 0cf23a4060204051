"""A process of gevent: URLs of a server, and of one that never answers."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402

import gevent  # noqa: E402

from jwt_wsgi.stores import RedisStore, StoreUnavailable  # noqa: E402

url, silent_url = sys.argv[1:]
store = RedisStore(url, timeout=60)
greenlets = [gevent.spawn(store.add, "the key", b"", 600) for _ in range(100)]
gevent.joinall(greenlets)
print(f"{sum(greenlet.value for greenlet in greenlets)} of 100 adds")

silent = RedisStore(silent_url, timeout=60)
waiting = gevent.spawn_later(0.1, print, "ticked")
try:
    with gevent.Timeout(0.5):
        silent.get_many(["a"])
except gevent.Timeout:
    print("timed out")
try:
    silent.get_many(["a"])
except StoreUnavailable:
    print("refused")
