"""The key source of an issuer: which source serves which algorithms."""

from collections.abc import Sequence

from jwt_wsgi.jose.algorithms import SYMMETRIC
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.remote_pem import RemotePEM
from jwt_wsgi.jwks.source import FilteredSource, KeySource, KeySourceChain, is_key_source
from jwt_wsgi.jwks.static import SharedSecret, StaticJWKS


def select_keys(keys: KeySource | Sequence[KeySource], algorithms: frozenset[str]) -> KeySource:
    """Return one key source for the option `keys` of an issuer.

    Args:
        keys: A key source, or several, which are asked in order.
        algorithms: The algorithms that the issuer allows.

    Raises:
        ValueError: There is no source, or the sources do not serve the algorithms.
    """
    sources: Sequence[KeySource] = keys if isinstance(keys, list | tuple) else [keys]  # type: ignore[list-item]
    if len(sources) == 0:
        raise ValueError("keys is empty: name a key source, or leave it out for discovery")
    served: frozenset[str] = frozenset()
    filtered = []
    for source in sources:
        source_algorithms = _source_algorithms(source, algorithms)
        served |= source_algorithms
        filtered.append(FilteredSource(source, source_algorithms))
    _check_served(algorithms, served)
    if len(sources) == 1:
        return sources[0]
    return KeySourceChain(filtered)


def _source_algorithms(source: object, algorithms: frozenset[str]) -> frozenset[str]:
    """Return the allowed algorithms that this kind of source can serve.

    Secrets serve the symmetric algorithms and public keys serve the others, so no source is asked
    for a key of the other kind.
    """
    if not is_key_source(source):
        raise ValueError(
            f"keys={type(source).__name__}: write a RemoteJWKS, StaticJWKS or SharedSecret, "
            "or a list; wrap a mapping or KeySet in StaticJWKS"
        )
    if isinstance(source, RemoteJWKS | RemotePEM):
        source_algorithms = algorithms - SYMMETRIC
        if not source_algorithms:
            raise ValueError(_published_secret(algorithms))
        return source_algorithms
    if not isinstance(source, StaticJWKS | SharedSecret):
        return algorithms
    key_set = source.held()
    source_algorithms = algorithms & SYMMETRIC if key_set.symmetric else algorithms - SYMMETRIC
    # A secret never changes, so each of its algorithms must be one that it is long enough for.
    is_complete = source_algorithms <= key_set.algorithms or not key_set.symmetric
    if not is_complete or key_set.algorithms.isdisjoint(source_algorithms):
        raise ValueError(
            f"algorithms {sorted(algorithms)}, but these keys serve {sorted(key_set.algorithms)} "
            "by their kind and size: name those"
        )
    return source_algorithms


def _check_served(algorithms: frozenset[str], served: frozenset[str]) -> None:
    """Refuse symmetric algorithms that no source has a secret for, and the other way round."""
    missing = algorithms - served
    if missing & SYMMETRIC:
        raise ValueError(_published_secret(algorithms))
    if missing:
        raise ValueError(
            f"algorithms {sorted(algorithms)}, but a secret cannot serve {sorted(missing)}: "
            "name a source of public keys too, or leave them out"
        )


def _published_secret(algorithms: frozenset[str]) -> str:
    return (
        f"algorithms {sorted(algorithms)} with published keys: a secret cannot be published; "
        "use SharedSecret"
    )
