"""`keys`: the keys that an issuer publishes, and which of them the library would use."""

from typing import Any

import click

from jwt_wsgi.cli.applications import app_option, load_stack, printing_to_errors
from jwt_wsgi.cli.output import escape, print_json, print_line, print_table, show_progress
from jwt_wsgi.cli.published_keys import (
    LEEWAY,
    PublishedKey,
    PublishedKeys,
    fetch_published_keys,
    published_keys_of,
    read_key_file,
)
from jwt_wsgi.cli.shared_options import (
    allow_http_option,
    built_in_fetcher,
    ca_certs_option,
    is_url,
    json_option,
    usage_errors,
)
from jwt_wsgi.cli.times import describe_clock_skew
from jwt_wsgi.jwks.discovery import Location
from jwt_wsgi.jwks.source import single_sources


@click.command(short_help="Show the keys of a live issuer, and how long they may be cached.")
@click.argument("url", required=False)
@click.option("--jwks", metavar="FILE|URL", help="Read this key set; no discovery takes place.")
@app_option
@ca_certs_option
@allow_http_option
@json_option
def keys(
    url: str | None,
    jwks: str | None,
    application: str | None,
    ca_certs: str | None,
    allow_http: bool,
    as_json: bool,
) -> None:
    """Show the metadata and the keys of the issuer at URL, and why a key would be skipped.

    With --app, show the keys of every issuer that the application trusts.

    The exit status is 0 if a key is usable, and 1 if none is.
    """
    if [url, jwks, application].count(None) != 2:
        raise click.UsageError(
            "write the issuer's URL, or --jwks with a key set, or --app; one of the three"
        )
    if application is not None:
        if ca_certs is not None or allow_http:
            raise click.UsageError(
                "--ca-certs and --allow-http: leave them out, --app has its own configuration"
            )
        _show_application(application, as_json=as_json)
    published = _look_up(url, jwks, ca_certs, allow_http=allow_http)
    if as_json:
        print_json(published.as_json())
    else:
        _print(published)
    raise click.exceptions.Exit(0 if published.problem is None else 1)


def _show_application(application: str, *, as_json: bool) -> None:
    """Show the keys of every issuer of an application, and exit."""
    stack = load_stack(application)
    if stack.verifier is None:
        raise click.UsageError(f"--app {application!r}: no TokenVerifier stands in it")
    with show_progress("asking the issuers"), printing_to_errors():
        looks = [
            (issuer.issuer, published_keys_of(source, issuer.issuer))
            for issuer in stack.verifier.verifier.issuers
            for source in single_sources(issuer.keys)
        ]
    if as_json:
        documents: list[dict[str, Any]] = [
            {"issuer": name, **published.as_json()} for name, published in looks
        ]
        print_json({"issuers": documents})
    else:
        for position, (name, published) in enumerate(looks):
            if position:
                print_line()
            print_line(escape(f"Issuer {name}"), "bold")
            _print(published)
    raise click.exceptions.Exit(1 if any(published.problem for _, published in looks) else 0)


def _look_up(
    url: str | None, jwks: str | None, ca_certs: str | None, *, allow_http: bool
) -> PublishedKeys:
    fetcher = built_in_fetcher(ca_certs)
    if jwks is None:
        with usage_errors("URL: "):
            location = Location(None, issuer=url or "", allow_http=allow_http)
    elif is_url(jwks):
        with usage_errors("--jwks: "):
            location = Location(jwks, allow_http=allow_http)
    else:
        with usage_errors("--jwks: "):
            return read_key_file(jwks)
    with show_progress(f"asking {location}"):
        return fetch_published_keys(location, fetcher)


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
        print_line(escape(f"There are no usable keys: {published.problem}", 1000), "red")


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
