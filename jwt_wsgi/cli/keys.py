"""`keys`: what an issuer publishes, and what would be used of it."""

import click

from jwt_wsgi.cli.issuer_options import allow_http_option, is_url, json_option, misuse
from jwt_wsgi.cli.output import busy, plain, say, table, write_json
from jwt_wsgi.cli.published_keys import LEEWAY, Published, PublishedKey, kept_in, published


@click.command(short_help="Show the keys of a live issuer, and what it says of caching.")
@click.argument("url", required=False)
@click.option("--jwks", metavar="FILE|URL", help="Look at this key set, without discovery.")
@allow_http_option
@json_option
def keys(url: str | None, jwks: str | None, allow_http: bool, as_json: bool) -> None:
    """Show the metadata and the keys of the issuer at URL: each key, and why it would be skipped.

    It exits with 0 where a key is usable, with 1 where none is or none can be had.
    """
    if (url is None) == (jwks is None):
        raise click.UsageError(
            "write the issuer's URL, or --jwks and where the key set is; one of the two"
        )
    with busy(f"asking {url or jwks}"), misuse("URL: " if url else "--jwks: "):
        found = (
            kept_in(jwks)
            if jwks and not is_url(jwks)
            else published(jwks, url or "", allow_http=allow_http)
        )
    if as_json:
        write_json(found.as_json())
    else:
        _print(found)
    raise click.exceptions.Exit(0 if found.problem is None else 1)


def skew_in_words(skew: int) -> str:
    """How a server's clock differs from ours."""
    if abs(skew) <= 1:
        return "as ours, to the second"
    return f"{abs(skew)} s {'ahead of' if skew > 0 else 'behind'} ours"


def _print(found: Published) -> None:
    say(plain(f"Keys of {found.source}"))
    if found.jwks_uri not in (None, found.source):
        say(plain(f"Key set: {found.jwks_uri}"))
    if found.keys:
        say()
        table(("", "kid", "kty", "use", "size", "algorithms", "used"), map(_row, found.keys))
        say()
    if found.jwks_uri is not None and found.problem is None:
        say(_caching(found))
    if found.clock_skew is not None:
        off = abs(found.clock_skew) > LEEWAY
        remark = f", over the {LEEWAY} s of leeway that dates are granted" if off else ""
        say(f"Its clock is {skew_in_words(found.clock_skew)}{remark}.", "yellow" if off else "")
    if found.problem is not None:
        say(plain(f"There are no keys: {found.problem}"), "red")


def _row(key: PublishedKey) -> tuple[object, ...]:
    used = "yes" if key.why_skipped is None else f"no: {key.why_skipped}"
    cells = (key.kid, key.kty, key.use, key.size, " ".join(key.algorithms))
    return (key.position, *(cell or "-" for cell in cells), used)


def _caching(found: Published) -> str:
    if found.cache_control is None:
        return "Cache-Control: none, so keys are kept for 600 s unless cache_ttl says otherwise."
    granted = "nothing that counts" if found.max_age is None else f"{found.max_age:.0f} s"
    return plain(f"Cache-Control: {found.cache_control} (grants {granted})")
