"""The rows of the table of goals, in its order. Rows without a goal inform."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.goals import Row

#: The ends of a row's title for tokens as issuers write them, and for tokens with spaces in the JSON.
SPELLINGS = ("", ", spaced")

BARE = "RS256, bare verify"


def _over_bare(algorithm: str, at_most: float) -> Iterator[Row]:
    for end in SPELLINGS:
        yield Row(
            "stack",
            f"fresh token over bare verify: {algorithm}{end}",
            f"{algorithm}, fresh{end}",
            f"{algorithm}, bare verify{end}",
            at_most=at_most,
        )


def _costs() -> Iterator[Row]:
    yield from _over_bare("RS256", 1.65)
    yield from _over_bare("PS256", 1.6)
    yield from _over_bare("ES256", 1.25)
    yield from _over_bare("EdDSA", 1.15)
    for end in SPELLINGS:
        own = f"RS256, seen{end}"
        title = f"seen token over bare verify: RS256{end}"
        yield Row("stack", title, own, f"{BARE}{end}", at_most=0.2)
    for end in SPELLINGS:
        for kind, at_least in {"fresh": 2.2, "seen": 18.0}.items():
            title = f"PyJWT's decode over a {kind} token{end}"
            own = f"RS256, {kind}{end}"
            yield Row("stack", title, f"PyJWT, fresh{end}", own, at_least=at_least)
    proof = "a seen token with a fresh ES256 proof"
    title = "seen token, fresh DPoP proof, over bare verify of the proof"
    yield Row("stack", title, proof, "ES256 proof, bare verify", at_most=1.5)
    title = "seen opaque token over seen JWT"
    yield Row("stack", title, "a seen opaque token", "a seen JWT", at_most=1.2)
    title = "seen JWT with a deny list over without"
    yield Row("stack", title, "a seen JWT and a deny list", "a seen JWT", at_most=1.1)


def _claims() -> Iterator[Row]:
    for end in SPELLINGS:
        scope = f"a scope{end}"
        two = f"a permission of 2{end}"
        many = f"a permission of 500{end}"
        subject = f"a subject that is read{end}"
        predicate = f"a predicate of the issuer{end}"
        yield Row("claims", f"seen: `permission()` over `scope()`{end}", two, scope, at_most=1.2)
        title = f"seen: 500 permissions over 2{end}"
        yield Row("claims", title, many, two, at_most=1.5)
        title = f"seen: application reads `auth.subject`{end}"
        yield Row("claims", title, subject, scope, at_most=1.3)
        title = f"seen: predicate of the issuer{end}"
        yield Row("claims", title, predicate, scope, at_most=1.3)


def _views() -> Iterator[Row]:
    for end in SPELLINGS:
        signature = f"Flask, bare signature{end}, added"
        fresh = f"Flask, jwt-wsgi, fresh{end}, added"
        seen = f"Flask, jwt-wsgi, seen{end}, added"
        pyjwt = f"Flask, PyJWT decorator, fresh{end}, added"
        title = f"added to Flask, over the bare signature: fresh{end}"
        yield Row("view", title, fresh, signature, at_most=1.6)
        title = f"added to Flask, over the bare signature: seen{end}"
        yield Row("view", title, seen, signature, at_most=0.2)
        title = f"added to Flask, over ours, fresh: PyJWT decorator{end}"
        yield Row("view", title, pyjwt, fresh, at_least=1.6)
    own = "Flask, jwt-wsgi, fresh, added"
    for name, at_least in {"Authlib": 1.7, "Flask-JWT-Extended": 4.0}.items():
        title = f"added to Flask, over ours, fresh: {name}"
        yield Row("view", title, f"Flask, {name}, fresh, added", own, at_least=at_least)
    signature = "Django, bare signature, added"
    for kind in ("fresh", "seen"):
        title = f"added to Django, over the bare signature: {kind}"
        yield Row("view", title, f"Django, jwt-wsgi, {kind}, added", signature)
    for framework, names in {
        "Django": ("PyJWT decorator", "Authlib"),
        "Django REST framework": ("simplejwt",),
    }.items():
        for name in names:
            title = f"added to {framework}, over ours, fresh: {name}"
            other = f"{framework}, {name}, fresh, added"
            yield Row("view", title, other, f"{framework}, jwt-wsgi, fresh, added")


#: The least ratio of our requests per second to those of a decorator, by the kind of tokens.
REQUESTS = {
    "repeated": {"PyJWT decorator": 1.1, "Authlib": 1.15, "Flask-JWT-Extended": 1.45},
    "distinct": {"PyJWT decorator": 1.05, "Authlib": 1.1, "Flask-JWT-Extended": 1.3},
}


def _requests() -> Iterator[Row]:
    for kind, ratios in REQUESTS.items():
        for server in ("waitress", "gunicorn"):
            for name, at_least in ratios.items():
                title = f"requests/s over {name}, {kind}: {server}"
                start = f"{server} with the view"
                own = f"{start}, jwt-wsgi, {kind} tokens"
                other = f"{start}, {name}, {kind} tokens"
                yield Row("requests", title, own, other, at_least=at_least)


def _servers() -> Iterator[Row]:
    for kind, least in {"repeated": 2.4, "distinct": 2.0}.items():
        title = f"app.py under waitress over Express: {kind} tokens"
        load = f"protected, {kind} tokens"
        yield Row("servers", title, f"waitress, {load}", f"Express, {load}", at_least=least)
    for server in ("waitress", "gunicorn", "uWSGI", "Granian", "Express"):
        at_least = 0.95 if server == "waitress" else None
        title = f"protected over unprotected, repeated: {server}"
        own = f"{server}, protected, repeated tokens"
        other = f"{server}, unprotected, the same headers"
        yield Row("servers", title, own, other, at_least=at_least)
    figure = "waitress, eight threads over one, over the unprotected route"
    title = "waitress: eight threads over one, over unprotected"
    yield Row("servers", title, figure, at_least=0.9)


def _refusals() -> Iterator[Row]:
    goals = {"no token": 0.12, "malformed": 0.15, "forged": 1.05, "expired": 1.1}
    for kind, at_most in goals.items():
        title = f"refusing over accepting: {kind}"
        yield Row("stack", title, f"refused, {kind}", "accepted", at_most=at_most)


def _scaling() -> Iterator[Row]:
    title = "10,000 rules over 10, new paths"
    yield Row("scaling", title, "10000 rules", "10 rules", at_most=1.05)
    yield Row("scaling", "1,000 keys over 1", "1000 keys", "1 keys", at_most=1.1)
    yield Row("scaling", "1,000 issuers over 1", "1000 issuers", "1 issuers", at_most=1.1)
    title = "unknown issuer among 50,000 over among 1"
    many = "an unknown issuer among 50000"
    yield Row("scaling", title, many, "an unknown issuer among 1", at_most=1.1)
    for work in ("construction", "lint"):
        title = f"{work} of 100,000 rules over 10,000, per rule"
        many = f"{work} of 100000 rules"
        yield Row("scaling", title, many, f"{work} of 10000 rules", at_most=1.3)


def _concurrency() -> Iterator[Row]:
    over_bare = ("stack, 2 processes over 1", "bare verify, 2 processes over 1")
    title = "two processes over one, over bare verify"
    yield Row("concurrency", title, *over_bare, at_least=0.9)
    for name in ("stack", "PyJWT", "bare verify"):
        title = f"eight threads over one: {name}"
        yield Row("concurrency", title, f"{name}, 8 threads", f"{name}, 1 threads")
    for name in ("stack", "PyJWT", "bare verify"):
        start = f"free-threaded, {name}"
        title = f"free-threaded, eight threads over one: {name}"
        yield Row("free-threaded", title, f"{start}, 8 threads", f"{start}, 1 threads")


def _resources() -> Iterator[Row]:
    yield Row("memory", "bytes of a seen token of 800 bytes", "token", at_most=1536)
    for name, title in {
        "grown": "growth with a million tokens, over the limit",
        "grown, many scopes": "growth with 100 own scopes a token, over the limit",
    }.items():
        yield Row("memory", title, name, "configured", at_most=1.0, once=True)
    own = "import jwt_wsgi"
    dependencies = "import dependencies"
    title = "import jwt_wsgi over its dependencies"
    yield Row("imports", title, own, dependencies, at_most=1.1)
    title = "import with the HTTP client over its dependencies"
    yield Row("imports", title, f"{own} and its HTTP client", dependencies)


def _libraries() -> Iterator[Row]:
    for name in ("joserfc", "Authlib", "PyJWT", "python-jose", "jwcrypto"):
        yield Row("stack", f"{name} over bare verify: RS256", f"{name}, fresh", BARE)
    for name in ("oxyjwt", "jwtoxide", "webtoken"):
        title = f"{name} (Rust) over bare verify: RS256"
        yield Row("stack", title, f"{name}, fresh", BARE)
    title = "fast-jwt (Node) over Node's bare verify: RS256"
    yield Row("stack", title, "fast-jwt, fresh", "fast-jwt, bare verify")
    for kind, how in {"fresh": "no cache", "seen": "its cache"}.items():
        title = f"fast-jwt (Node), {how}, over ours: {kind}"
        yield Row("stack", title, f"fast-jwt, {kind}", f"RS256, {kind}")


ROWS = (
    *_costs(),
    *_claims(),
    *_views(),
    *_requests(),
    *_servers(),
    *_refusals(),
    *_scaling(),
    *_concurrency(),
    *_resources(),
    *_libraries(),
)
