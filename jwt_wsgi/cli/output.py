"""How answers are printed: escaped, as a table for people or as JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Characters of one value from outside.
MAX_CHARACTERS = 200


def plain(text: object, most: int = MAX_CHARACTERS) -> str:
    r"""`text` in printable characters, at most so many: controls, bidi marks and the like as \uXXXX."""
    whole = str(text)
    cut = whole if len(whole) <= most else whole[:most] + "…"
    return "".join(each if each.isprintable() else _escaped(each) for each in cut)


def value(found: object, most: int = MAX_CHARACTERS) -> str:
    """A value of a JSON document on one line, as `plain` has it."""
    return plain(json.dumps(found, ensure_ascii=False), most)


def say(text: str = "", style: str = "") -> None:
    """One line of the answer."""
    _console().print(Text(text, style), soft_wrap=True)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under their headings; the cells are escaped here."""
    drawn = Table(*head, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        drawn.add_row(*(Text(plain(cell, 4 * MAX_CHARACTERS), overflow="fold") for cell in row))
    console = _console()
    with console.capture() as capture:
        console.print(drawn)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


def write_json(answer: dict[str, Any]) -> None:
    """The answer as one JSON document, in ASCII."""
    click.echo(json.dumps(answer, indent=2))


def busy(doing: str) -> AbstractContextManager[object]:
    """Show on standard error what is being done, where that is a terminal."""
    return Console(stderr=True, markup=False, highlight=False, emoji=False).status(
        Text(plain(doing))
    )


def _console() -> Console:
    # A file or a pipe has no width: what is read by another program is not folded.
    width = None if sys.stdout.isatty() else 10_000
    return Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
