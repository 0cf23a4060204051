"""`keys`: the keys that an issuer publishes, and which of them the library would use."""

import click

from jwt_wsgi.cli.issuer_options import allow_http_option, is_url, json_option, usage_errors
from jwt_wsgi.cli.output import escape, print_json, print_line, print_table, show_progress
from jwt_wsgi.cli.published_keys import (
    LEEWAY,
    PublishedKey,
    PublishedKeys,
    fetch_published_keys,
    read_key_file,
)
from jwt_wsgi.cli.times import describe_clock_skew


@click.command(short_help="Show the keys of a live issuer, and how long they may be cached.")
@click.argument("url", required=False)
@click.option("--jwks", metavar="FILE|URL", help="Read this key set; no discovery takes place.")
@allow_http_option
@json_option
def keys(url: str | None, jwks: str | None, allow_http: bool, as_json: bool) -> None:
    """Show the metadata and the keys of the issuer at URL, and why a key would be skipped.

    The exit status is 0 if a key is usable, and 1 if none is.
    """
    published = _look_up(url, jwks, allow_http=allow_http)
    if as_json:
        print_json(published.as_json())
    else:
        _print(published)
    raise click.exceptions.Exit(0 if published.problem is None else 1)


def _look_up(url: str | None, jwks: str | None, *, allow_http: bool) -> PublishedKeys:
    if url is not None and jwks is None:
        with show_progress(f"asking {url}"), usage_errors("URL: "):
            return fetch_published_keys(None, url, allow_http=allow_http)
    if jwks is not None and url is None:
        with show_progress(f"asking {jwks}"), usage_errors("--jwks: "):
            if is_url(jwks):
                return fetch_published_keys(jwks, allow_http=allow_http)
            return read_key_file(jwks)
    raise click.UsageError("write the issuer's URL, or --jwks with a key set; one of the two")


def _print(published: PublishedKeys) -> None:
    print_line(escape(f"Keys of {published.source}"))
    if published.jwks_uri not in (None, published.source):
        print_line(escape(f"Key set: {published.jwks_uri}"))
    if published.keys:
        print_line()
        print_table(
            ("", "kid", "kty", "use", "size", "algorithms", "used"), map(_row, published.keys)
        )
        print_line()
    if published.jwks_uri is not None and published.problem is None:
        print_line(_caching(published))
    if published.clock_skew is not None:
        _print_clock(published.clock_skew)
    if published.problem is not None:
        print_line(escape(f"There are no usable keys: {published.problem}"), "red")


def _print_clock(skew: int) -> None:
    clock = f"The server's clock is {describe_clock_skew(skew)}"
    if abs(skew) > LEEWAY:
        print_line(f"{clock}, over the default leeway of {LEEWAY} s.", "yellow")
    else:
        print_line(f"{clock}.")


def _row(key: PublishedKey) -> tuple[object, ...]:
    used = "yes" if key.why_skipped is None else f"no: {key.why_skipped}"
    cells = (key.kid, key.kty, key.use, key.size, " ".join(key.algorithms))
    return (key.position, *(cell or "-" for cell in cells), used)


def _caching(published: PublishedKeys) -> str:
    if published.cache_control is None:
        return "Cache-Control: none. Keys are cached for 600 s, unless cache_ttl is set."
    granted = "no lifetime"
    if published.max_age is not None:
        granted = f"{published.max_age:.0f} s"
    return escape(f"Cache-Control: {published.cache_control} (grants {granted})")
