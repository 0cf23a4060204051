"""Printing of answers: escaped text and tables for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from itertools import zip_longest
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jwt_wsgi.cli.concealment import conceal_secrets, conceal_tokens, split_token

#: The most characters that are printed of one value from outside, escapes included.
MAX_CHARACTERS = 200
#: The most characters of one string in a JSON document. A token that is accepted has no more.
MAX_JSON_CHARACTERS = 16_384
#: A JSON document that would be longer is printed without indentation.
MAX_INDENTED_CHARACTERS = 1_048_576
#: A table cell may hold several values.
_MAX_CELL_CHARACTERS = 4 * MAX_CHARACTERS
# A file or a pipe has no width. Lines for another program must not be folded.
_UNLIMITED_WIDTH = 10_000
# Where the parts of the command's token are, in the `meta` of its context.
_GIVEN = "jwt_wsgi.cli.given"


def keep_secret(token: str) -> None:
    """Make sure that the running command prints no part of this token."""
    context = click.get_current_context(silent=True)
    if context is not None:
        context.meta[_GIVEN] = (*_given_parts(context), *split_token(token))


def escape(text: object, max_characters: int = MAX_CHARACTERS) -> str:
    r"""Return `text` in at most `max_characters` printable characters, and "…" if it was longer.

    Control characters, bidirectional marks and the like become \uXXXX. Tokens are not shown.
    """
    context = click.get_current_context(silent=True)
    return _shorten(conceal_tokens(str(text), _given_parts(context)), max_characters)


def escape_error(text: str, context: click.Context | None, max_characters: int) -> str:
    """Return an error text as `escape` does, and without anything that may be a secret.

    Args:
        text: The text, which may quote arguments.
        context: The context of the command that failed, or None if it is unknown.
        max_characters: The most characters to return.
    """
    return _shorten(conceal_secrets(text, _given_parts(context)), max_characters)


def format_value(value: object, max_characters: int = MAX_CHARACTERS) -> str:
    """Return a JSON value on one line, escaped and shortened."""
    return escape(json.dumps(value, ensure_ascii=False), max_characters)


def print_line(text: str = "", style: str = "") -> None:
    """Print one line of the answer. The caller escapes what comes from outside."""
    _console().print(Text(text, style), soft_wrap=True)


def print_table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], styles: Sequence[str] = ()
) -> None:
    """Print rows below their headings. The cells are escaped here.

    Args:
        headings: The headings.
        rows: The rows, as many cells in each as there are headings.
        styles: A style for each row, such as "red"; without any, no row has one.
    """
    table = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for row, style in zip_longest(rows, styles):
        table.add_row(*map(_cell, row), style=style)
    console = _console()
    with console.capture() as capture:
        console.print(table)
    # rich pads each line to the width of the table.
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def print_json(document: dict[str, Any]) -> None:
    """Print the answer as one JSON document, in ASCII. Tokens are not shown."""
    given = _given_parts(click.get_current_context(silent=True))
    shown = _without_tokens(document, given)
    text = json.dumps(shown, indent=2)
    if len(text) > MAX_INDENTED_CHARACTERS:
        text = json.dumps(shown)
    click.echo(text)


def show_progress(activity: str) -> AbstractContextManager[object]:
    """Show the current activity on standard error while the block runs, if that is a terminal."""
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    return console.status(Text(escape(activity)))


def _console() -> Console:
    width = None if sys.stdout.isatty() else _UNLIMITED_WIDTH
    return Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False)


def _cell(content: object) -> Text:
    return Text(escape(content, _MAX_CELL_CHARACTERS), overflow="fold")


def _given_parts(context: click.Context | None) -> tuple[str, ...]:
    if context is None:
        return ()
    parts: tuple[str, ...] = context.meta.get(_GIVEN, ())
    return parts


def _without_tokens(value: Any, given: tuple[str, ...]) -> Any:
    """Return a JSON value with its strings, names of members included, concealed and shortened."""
    if isinstance(value, str):
        shown = conceal_tokens(value, given)
        return shown if len(shown) <= MAX_JSON_CHARACTERS else shown[:MAX_JSON_CHARACTERS] + "…"
    if isinstance(value, dict):
        return {
            _without_tokens(name, given): _without_tokens(member, given)
            for name, member in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_tokens(item, given) for item in value]
    return value


def _shorten(text: str, max_characters: int) -> str:
    pieces: list[str] = []
    remaining = max_characters
    for character in text[: max_characters + 1]:
        piece = _escape_character(character)
        remaining -= len(piece)
        if remaining < 0:
            pieces.append("…")
            break
        pieces.append(piece)
    return "".join(pieces)


def _escape_character(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\U{code:08x}"
