"""A curl command as it was pasted, read without running it. Pure.

Nothing is executed, no file is read, and nothing is fetched.
"""

import re
import shlex
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit, urlunsplit

from jwt_wsgi.cli.pasted import Pasted, split_header

_IS_CURL = re.compile(r"(?:[$>#]\s+)?(?:[^\s'\"]*/)?curl(?:\.exe)?\s")
_FORM = "application/x-www-form-urlencoded"
# What a shell replaces: $NAME, ${NAME}, $(command).
_VARIABLE = re.compile(r"\$(?:\{?[A-Za-z_]|\()")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")

# The options of curl that change nothing here: those without a value, and those with one.
_FLAGS_TEXT = """
-0 -1 -2 -3 -4 -6 -# -a -f -g -i -j -k -l -L -M -n -N -q -s -S -v
--compressed --fail --fail-with-body --globoff --http1.0 --http1.1 --http2 --http2-prior-knowledge
--http3 --include --insecure --ipv4 --ipv6 --location --location-trusted --netrc --no-buffer
--no-progress-meter --progress-bar --show-error --silent --tcp-nodelay --tlsv1 --tlsv1.2 --tlsv1.3
--verbose
"""
_IGNORED_TEXT = """
-c -C -D -E -h -K -m -o -P -t -w -x -y -Y -z
--cacert --capath --cert --ciphers --connect-timeout --connect-to --cookie-jar --dump-header
--interface --keepalive-time --key --limit-rate --max-redirs --max-time --noproxy --output --proto
--proxy --proxy-header --proxy-user --resolve --retry --retry-delay --retry-max-time --stderr
--trace --trace-ascii --unix-socket --write-out
"""
_FLAGS = frozenset(_FLAGS_TEXT.split())
_WITH_IGNORED_VALUE = frozenset(_IGNORED_TEXT.split())
_SHORT_NAMES = {
    "-A": "--user-agent",
    "-b": "--cookie",
    "-d": "--data",
    "-e": "--referer",
    "-F": "--form",
    "-G": "--get",
    "-H": "--header",
    "-I": "--head",
    "-r": "--range",
    "-T": "--upload-file",
    "-u": "--user",
    "-X": "--request",
}
_DATA = ("--data", "--data-ascii", "--data-raw", "--data-binary", "--data-urlencode", "--json")
_METHODS = {"--form": "POST", "--form-string": "POST", "--upload-file": "PUT", "--head": "HEAD"}
_HEADERS = {"--user-agent": "User-Agent", "--referer": "Referer", "--cookie": "Cookie"}
_WITHOUT_VALUE = ("--get", "--head", "--path-as-is")
_WITH_VALUE = (
    *("--header", "--oauth2-bearer", "--range", "--request", "--url", "--user"),
    *("--form", "--form-string", "--upload-file"),
    *_HEADERS,
    *_DATA,
)


@dataclass(slots=True)
class _Command:
    """The options of a curl command, as far as they matter here."""

    urls: list[str] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    media_type: str = _FORM
    method: str | None = None
    default_method: str = "GET"
    data_in_query: bool = False
    path_as_is: bool = False


def is_curl(text: str) -> bool:
    """Return True for a text that begins as a curl command."""
    return _IS_CURL.match(text) is not None


def parse_curl(text: str) -> Pasted:
    """Return the request that a curl command would send.

    Args:
        text: The command, quoted as for a POSIX shell.

    Raises:
        ValueError: The command cannot be read to its end. The text quotes nothing of it but the
            names of options.
    """
    command = _Command()
    for name, value in _options(_words(text)):
        _apply(name, value, command)
    if len(command.urls) != 1:
        raise ValueError(f"the curl command has {len(command.urls)} URLs; it needs one")
    _check_variables(command)
    return _request(command)


def _words(text: str) -> list[str]:
    """Return the words after `curl`."""
    # A backslash at the end of a line joins the next one, and $'…' quotes as '…' does.
    joined = re.sub(r"\\\r?\n", " ", text[_end_of_name(text) :]).replace(" $'", " '")
    try:
        return shlex.split(joined)
    except ValueError:
        raise ValueError(
            "the curl command ends inside quotes; copy it whole, in the form for bash"
        ) from None


def _end_of_name(text: str) -> int:
    match = _IS_CURL.match(text)
    return 0 if match is None else match.end()


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the options by their long names, each with its value; a URL is `--url`."""
    remaining = iter(words)
    for word in remaining:
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            yield from _option(name, value if equals else None, remaining)
        elif word.startswith("-") and len(word) > 1:
            yield from _short_options(word[1:], remaining)
        else:
            yield "--url", word


def _short_options(letters: str, remaining: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield the options of a word such as `-sH`; the value may follow in the same word."""
    for position, letter in enumerate(letters, start=1):
        name = f"-{letter}"
        rest = letters[position:]
        name = _SHORT_NAMES.get(name, name)
        if name in _FLAGS or name in _WITHOUT_VALUE:
            yield from _option(name, None, remaining)
            continue
        yield from _option(name, rest or None, remaining)
        return


def _option(name: str, value: str | None, remaining: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield an option with its value, unless it changes nothing."""
    if name in _FLAGS:
        return
    if name in _WITHOUT_VALUE:
        yield name, ""
        return
    if name not in _WITH_VALUE and name not in _WITH_IGNORED_VALUE:
        raise ValueError(f"the option {name:.40} of curl is not known here; remove it")
    if value is None:
        value = next(remaining, None)
    if value is None:
        raise ValueError(f"the option {name} of curl has no value; copy the command whole")
    if name in _WITH_VALUE:
        yield name, value


def _apply(name: str, value: str, command: _Command) -> None:
    if name in _DATA:
        _add_data(name, value, command)
    elif name in _METHODS:
        command.default_method = _METHODS[name]
    elif name == "--request":
        command.method = value
    elif name == "--url":
        command.urls.append(value)
    elif name == "--get":
        command.data_in_query = True
    elif name == "--path-as-is":
        command.path_as_is = True
    else:
        _add_header(name, value, command)


def _add_data(name: str, value: str, command: _Command) -> None:
    command.default_method = "POST"
    if name == "--json":
        command.media_type = "application/json"
    # A file is not read. No layer reads bodies, except for a get_token that does.
    if name == "--data-raw" or not value.startswith("@"):
        command.data.append(value)


def _add_header(name: str, value: str, command: _Command) -> None:
    if name == "--header":
        header = split_header(value)
        # "Name:" removes a header that curl would send.
        if header is not None and header[1]:
            command.headers.append(header)
        return
    if name == "--cookie" and "=" not in value:
        raise ValueError("--cookie names a file; write the cookies themselves, name=value")
    if name == "--user":
        credentials = b64encode(value.encode("utf-8", "surrogateescape")).decode("ascii")
        command.headers.append(("Authorization", f"Basic {credentials}"))
    elif name == "--oauth2-bearer":
        command.headers.append(("Authorization", f"Bearer {value}"))
    elif name in _HEADERS:
        command.headers.append((_HEADERS[name], value))


def _check_variables(command: _Command) -> None:
    values = [value for _, value in command.headers]
    if any(map(_VARIABLE.search, [*values, *command.urls])):
        raise ValueError(
            "the curl command holds a variable ($NAME), which only a shell replaces; paste the "
            "value itself"
        )


def _request(command: _Command) -> Pasted:
    """Return the request with method, URL and body as curl sends them."""
    data = "&".join(command.data)
    [address] = command.urls
    url = _split_url(address)
    if not command.path_as_is:
        url = url._replace(path=_without_dot_segments(url.path))
    method = command.method or command.default_method
    if command.data_in_query:
        method = command.method or "GET"
        url = url._replace(query="&".join(filter(None, (url.query, data))))
        data = ""
    headers = list(command.headers)
    if data and all(name.lower() != "content-type" for name, _ in headers):
        headers.append(("Content-Type", command.media_type))
    body = data.encode("utf-8", "surrogateescape")
    return Pasted("a curl command", method, urlunsplit(url._replace(fragment="")), headers, body)


def _split_url(address: str) -> SplitResult:
    try:
        url = urlsplit(address if _SCHEME.match(address) else f"http://{address}")
    except ValueError:
        url = None
    if url is None or not url.hostname or not address.isprintable():
        raise ValueError("the URL of the curl command cannot be read; copy it whole")
    return url._replace(path=url.path or "/")


def _without_dot_segments(path: str) -> str:
    """Return a path as curl sends it (RFC 3986 §5.2.4)."""
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
