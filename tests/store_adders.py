"""A process whose threads add one key at the same time: URL and number of threads; prints how many won."""

from __future__ import annotations

import sys

from store_contract import won

from jwt_wsgi.stores import RedisStore

url, count = sys.argv[1], int(sys.argv[2])
store = RedisStore(url, timeout=60)
store.get_many(["warm up"])
print("ready", flush=True)
sys.stdin.readline()
wins = won([lambda: store.add("the key", b"", 600)] * count)
print(f"{wins} of {count}", flush=True)
