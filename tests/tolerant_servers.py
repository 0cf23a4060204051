"""MCP servers that are tolerant, as frameworks are: each says which tools it would run for a request."""

from __future__ import annotations

import base64
import gzip
import io
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import orjson
from bottle import BaseRequest
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from flask import Request
from webob import Request as WebObRequest

Environ = dict[str, Any]
Reader = Callable[[Environ], Any]

if not settings.configured:
    settings.configure(USE_TZ=True, DEFAULT_CHARSET="utf-8")


def _raw(environ: Environ) -> bytes:
    """Return the body as PEP 3333 allows: as long as it is said to be, or to the end."""
    length = environ.get("CONTENT_LENGTH") or "0"
    octets: bytes = environ["wsgi.input"].read(int(length))
    return octets


def _standard(environ: Environ) -> Any:
    # It takes the last of two members, and finds out about UTF-16 and UTF-32 by itself.
    return json.loads(_raw(environ))


def _lenient(environ: Environ) -> Any:
    return json.loads(environ["wsgi.input"].read().decode("utf-8-sig", "replace"), strict=False)


def _fast(environ: Environ) -> Any:
    return orjson.loads(_raw(environ))


def _flask(environ: Environ) -> Any:
    return Request(environ).get_json(force=True, silent=True, cache=False)


def _django(environ: Environ) -> Any:
    return json.loads(WSGIRequest(environ).body)


def _django_text(environ: Environ) -> Any:
    request = WSGIRequest(environ)
    return json.loads(request.body.decode(request.encoding or "utf-8", "replace"))


def _bottle(environ: Environ) -> Any:
    return BaseRequest(environ).json


def _webob(environ: Environ) -> Any:
    return WebObRequest(environ).json_body


def _compressed(environ: Environ) -> Any:
    octets = environ["wsgi.input"].read()
    if environ.get("HTTP_CONTENT_ENCODING"):
        octets = gzip.GzipFile(fileobj=io.BytesIO(octets)).read()
    return json.loads(octets)


READERS: dict[str, Reader] = {
    "json": _standard,
    "json, lenient": _lenient,
    "orjson": _fast,
    "Flask": _flask,
    "Django": _django,
    "Django, by charset": _django_text,
    "Bottle": _bottle,
    "WebOb": _webob,
    "compressed": _compressed,
}


def _exact(message: dict[str, Any]) -> Any:
    return message["method"], message["params"]["name"]


def _any_case(message: dict[str, Any]) -> Any:
    members = _in_lower_case(message)
    return members["method"].strip().lower(), _in_lower_case(members["params"])["name"]


def _first_of_any_case(message: dict[str, Any]) -> Any:
    members = _in_lower_case(dict(reversed(message.items())))
    named = _in_lower_case(dict(reversed(members["params"].items())))
    return members["method"].strip().lower(), named["name"]


def _in_lower_case(members: dict[str, Any]) -> dict[str, Any]:
    return {name.strip().lower(): value for name, value in members.items()}


def _text_of(message: dict[str, Any]) -> Any:
    return str(message["method"]), str(message["params"]["name"])


DISPATCHERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "exact": _exact,
    "any case": _any_case,
    "any case, the first": _first_of_any_case,
    "as text": _text_of,
}


def tools_run(environ: Environ) -> set[str]:
    """Return the tools that any of the servers would run; the body may be read again and again."""
    return set(_tools_run(environ))


def _tools_run(environ: Environ) -> Iterator[str]:
    octets = environ["wsgi.input"].read()
    for read in READERS.values():
        request = {**environ, "wsgi.input": io.BytesIO(octets)}
        # Whatever goes wrong in a server, it runs no tool then.
        with suppress(Exception):
            value = read(request)
            # Some servers process a batch.
            for message in value if isinstance(value, list) else [value]:
                yield from _dispatched(message, request)


def _dispatched(message: Any, environ: Environ) -> Iterator[str]:
    for dispatch in DISPATCHERS.values():
        with suppress(Exception):
            method, name = dispatch(message)
            if method == "tools/call" and isinstance(name, str):
                yield name
    # Some servers believe the headers, as proxies do.
    if environ.get("HTTP_MCP_METHOD") == "tools/call" and environ.get("HTTP_MCP_NAME"):
        with suppress(ValueError):
            yield _decoded(environ["HTTP_MCP_NAME"])


def _decoded(header: str) -> str:
    """Return the text of a header, which may be encoded (MCP 2026-07-28, "Value Encoding")."""
    if header.startswith("=?base64?") and header.endswith("?="):
        return base64.b64decode(header[9:-2]).decode()
    return header
