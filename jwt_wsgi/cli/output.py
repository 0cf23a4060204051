"""Printing of answers: escaped text and tables for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

#: The most characters that are printed of one value from outside.
MAX_CHARACTERS = 200
#: A table cell may hold several values.
_MAX_CELL_CHARACTERS = 4 * MAX_CHARACTERS
# A file or a pipe has no width. Lines for another program must not be folded.
_UNLIMITED_WIDTH = 10_000


def escape(text: object, max_characters: int = MAX_CHARACTERS) -> str:
    r"""Return `text` in printable characters only, shortened to `max_characters`.

    Control characters, bidirectional marks and the like become \uXXXX.
    """
    shown = str(text)
    if len(shown) > max_characters:
        shown = shown[:max_characters] + "…"
    return "".join(map(_escape_character, shown))


def format_value(value: object, max_characters: int = MAX_CHARACTERS) -> str:
    """Return a JSON value on one line, escaped and shortened."""
    return escape(json.dumps(value, ensure_ascii=False), max_characters)


def print_line(text: str = "", style: str = "") -> None:
    """Print one line of the answer. The caller escapes what comes from outside."""
    _console().print(Text(text, style), soft_wrap=True)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows below their headings. The cells are escaped here."""
    table = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*map(_cell, row))
    console = _console()
    with console.capture() as capture:
        console.print(table)
    # rich pads each line to the width of the table.
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def print_json(document: dict[str, Any]) -> None:
    """Print the answer as one JSON document, in ASCII."""
    click.echo(json.dumps(document, indent=2))


def show_progress(activity: str) -> AbstractContextManager[object]:
    """Show the current activity on standard error while the block runs, if that is a terminal."""
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    return console.status(Text(escape(activity)))


def _console() -> Console:
    width = None if sys.stdout.isatty() else _UNLIMITED_WIDTH
    return Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False)


def _cell(content: object) -> Text:
    return Text(escape(content, _MAX_CELL_CHARACTERS), overflow="fold")


def _escape_character(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\U{code:08x}"
