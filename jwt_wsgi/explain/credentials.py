"""The credentials that a stack expects, in words."""

from jwt_wsgi.bindings import BEARER_SCHEME, DPOP_SCHEME, schemes
from jwt_wsgi.middleware.extraction import TokenExtractor
from jwt_wsgi.sources import TokenSource, bearer
from jwt_wsgi.verifier import Verifier


def sources_of(extractor: TokenExtractor | None) -> tuple[TokenSource, ...]:
    """Return the places where a stack looks for a token; none if `get_token` replaces them."""
    return (bearer,) if extractor is None else extractor.token_sources


def describe_credentials(
    sources: tuple[TokenSource, ...], extractor: TokenExtractor | None, verifier: Verifier | None
) -> str:
    """Return the credentials that a stack expects, in words."""
    if not sources:
        return "a token from get_token"
    names = {BEARER_SCHEME}
    if extractor is not None and extractor.dpop:
        names = {BEARER_SCHEME, DPOP_SCHEME}
        if verifier is not None:
            names &= schemes(verifier.demand, verifier.bindings)
    in_header = " or ".join(sorted(names)) + " and one token"
    return ", or ".join(in_header if each is bearer else str(each) for each in sources)
