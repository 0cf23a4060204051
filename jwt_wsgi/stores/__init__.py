"""Small shared state with expiry: replay marks, denials, sealed key sets."""

from jwt_wsgi.stores.memory import MemoryStore
from jwt_wsgi.stores.redis import RedisStore
from jwt_wsgi.stores.store import Store, StoreUnavailable

__all__ = ["MemoryStore", "RedisStore", "Store", "StoreUnavailable"]
