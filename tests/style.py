"""`make style`: count in the package the habits that CONTRIBUTING.md names, and print it beside the aims.

`python tests/style.py [folder …]` counts in other folders, each in a column of its own.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parent.parent / "jwt_wsgi"
MAX_CHARACTERS = 100

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DOCUMENTED = (*_FUNCTIONS, ast.ClassDef, ast.Module)
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_ANSWERS_WITH_BOOL = {
    "all", "any", "bool", "callable", "endswith", "hasattr", "isinstance", "issubclass",
    "issubset", "isdisjoint", "issuperset", "startswith",
}  # fmt: skip


class Place(NamedTuple):
    """A statement or an expression, as it is written."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


class Module:
    """One source file, parsed once."""

    def __init__(self, text: str, file: str = "module.py") -> None:
        self.text = text
        self.file = file
        self.tree = ast.parse(text)
        self.nodes = list(ast.walk(self.tree))

    def place(self, node: ast.AST) -> Place:
        """Return where a node stands and its text, on one line."""
        text = ast.get_source_segment(self.text, node) or ""
        return Place(self.file, node.lineno, " ".join(text.split()))  # type: ignore[attr-defined]


# --- single habits


def tuple_assignments(module: Module) -> Iterator[Place]:
    """Yield assignments of several values at once, but for swaps."""
    for node in module.nodes:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Tuple):
            continue
        for target in node.targets:
            if isinstance(target, ast.Tuple) and not _is_swap(target, node.value):
                yield module.place(node)


def _is_swap(target: ast.Tuple, value: ast.Tuple) -> bool:
    before = sorted(ast.unparse(element) for element in value.elts)
    after = sorted(ast.unparse(element) for element in target.elts)
    return before == after


def conditional_expressions(module: Module) -> Iterator[Place]:
    """Yield every `a if b else c`."""
    for node in module.nodes:
        if isinstance(node, ast.IfExp):
            yield module.place(node)


def nested_conditional_expressions(module: Module) -> Iterator[Place]:
    """Yield conditional expressions that have another one in them."""
    for node in module.nodes:
        if not isinstance(node, ast.IfExp):
            continue
        inner = (child for child in ast.walk(node) if child is not node)
        if any(isinstance(child, ast.IfExp) for child in inner):
            yield module.place(node)


def long_lines(module: Module) -> Iterator[Place]:
    """Yield lines of more than 100 characters."""
    for number, line in enumerate(module.text.splitlines(), 1):
        if len(line) > MAX_CHARACTERS:
            yield Place(module.file, number, line.strip())


def type_ignores(module: Module) -> Iterator[Place]:
    """Yield comments that switch the type checker off."""
    for token in _tokens(module):
        if token.type == tokenize.COMMENT and re.match(r"#\s*type:\s*ignore", token.string):
            yield Place(module.file, token.start[0], token.string)


def docstrings(module: Module) -> Iterator[Place]:
    """Yield the first line of every docstring."""
    for node in module.nodes:
        if isinstance(node, _DOCUMENTED) and (text := ast.get_docstring(node)):
            line = node.body[0].lineno
            yield Place(module.file, line, text.partition("\n")[0])


def questioning_docstrings(module: Module) -> Iterator[Place]:
    """Yield docstrings that begin with "What", "Whether" or "Where"."""
    for place in docstrings(module):
        if re.match(r"(What|Whether|Where)\b", place.text):
            yield place


# --- conditions that are used as numbers


def boolean_arithmetic(module: Module) -> Iterator[Place]:
    """Yield sums, products and the like with a condition in them, and its comparison by size."""
    bools = _bool_names(module)
    for node in module.nodes:
        if isinstance(node, ast.BinOp) and isinstance(node.op, _ARITHMETIC):
            operands = [node.left, node.right]
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, _ARITHMETIC):
            operands = [node.value]
        elif isinstance(node, ast.Compare) and any(isinstance(op, _ORDER) for op in node.ops):
            operands = [node.left, *node.comparators]
        else:
            continue
        if any(_is_condition(operand, bools) for operand in operands):
            yield module.place(node)


def repeated_by_a_condition(module: Module) -> Iterator[Place]:
    """Yield lists, tuples and strings that are multiplied by a condition."""
    bools = _bool_names(module)
    for node in module.nodes:
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
            continue
        operands = (node.left, node.right)
        has_sequence = any(_is_sequence(operand) for operand in operands)
        if has_sequence and any(_is_condition(operand, bools) for operand in operands):
            yield module.place(node)


def _is_sequence(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str | bytes)
    return isinstance(node, ast.List | ast.Tuple | ast.JoinedStr | ast.ListComp)


def _is_condition(node: ast.expr, bools: frozenset[str]) -> bool:
    if isinstance(node, ast.Compare):
        return True
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.Not)
    if isinstance(node, ast.BoolOp):
        return all(_is_condition(value, bools) for value in node.values)
    if isinstance(node, ast.Constant):
        return isinstance(node.value, bool)
    if isinstance(node, ast.Call):
        return _name(node.func) in _ANSWERS_WITH_BOOL
    return _name(node) in bools


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    return ""


def _bool_names(module: Module) -> frozenset[str]:
    """Return the names that the module annotates with `bool`."""
    names = set()
    for node in module.nodes:
        if isinstance(node, ast.arg) and _is_bool(node.annotation):
            names.add(node.arg)
        elif isinstance(node, ast.AnnAssign) and _is_bool(node.annotation):
            names.add(_name(node.target))
    return frozenset(names)


def _is_bool(annotation: ast.expr | None) -> bool:
    return isinstance(annotation, ast.Name) and annotation.id == "bool"


# --- sizes


def lines_of_code(module: Module) -> int:
    """Count the lines that hold code: no blank lines, comments or docstrings."""
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    skipped |= {tokenize.ENCODING, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in _tokens(module):
        if token.type not in skipped:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - set(_docstring_lines(module)))


def function_lengths(module: Module) -> Iterator[int]:
    """Yield the lines of each function, from its `def` on, without its docstring."""
    for node in module.nodes:
        if isinstance(node, _FUNCTIONS):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield lines - len(_docstring_range(node))


def _docstring_lines(module: Module) -> Iterator[int]:
    for node in module.nodes:
        if isinstance(node, _DOCUMENTED):
            yield from _docstring_range(node)


def _docstring_range(node: ast.AST) -> range:
    if not isinstance(node, _DOCUMENTED) or ast.get_docstring(node) is None:
        return range(0)
    statement = node.body[0]
    return range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)


def _tokens(module: Module) -> Iterator[tokenize.TokenInfo]:
    return tokenize.generate_tokens(io.StringIO(module.text).readline)


# --- the table


def modules(folder: Path = PACKAGE) -> list[Module]:
    """Return the modules below a folder, in the order of their names."""
    files = sorted(folder.rglob("*.py"))
    return [
        Module(file.read_text("utf-8"), file.relative_to(folder.parent).as_posix())
        for file in files
    ]


#: What is counted per 1,000 lines of code, and the aim of docs/style.md.
PER_THOUSAND = {
    "tuple assignments": (tuple_assignments, "at most 2"),
    "conditional expressions": (conditional_expressions, "at most 20"),
    "lines over 100 characters": (long_lines, "few"),
    "type: ignore": (type_ignores, "1.8 or fewer"),
}
#: What is counted as it is; the aim is none.
NONE_AT_ALL = {
    "nested conditional expressions": nested_conditional_expressions,
    "docstrings with What, Whether, Where": questioning_docstrings,
    "arithmetic with conditions": boolean_arithmetic,
    "sequences times a condition": repeated_by_a_condition,
}


def table(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield a row for each habit: its name, the count in the folder, and the aim."""
    parsed = modules(folder)
    code = sum(map(lines_of_code, parsed))
    lengths = [length for module in parsed for length in function_lengths(module)]
    yield "lines of code", str(code), "no limit"
    for name, (habit, aim) in PER_THOUSAND.items():
        count = _total(habit(module) for module in parsed)
        yield f"{name}, per 1,000 lines", f"{1000 * count / max(code, 1):.1f} ({count})", aim
    documented = _total(docstrings(module) for module in parsed)
    for name, habit in NONE_AT_ALL.items():
        count = _total(habit(module) for module in parsed)
        of_all = f" of {documented}" if name.startswith("docstrings") else ""
        yield name, f"{count}{of_all}", "0"
    mean = sum(lengths) / max(len(lengths), 1)
    yield "lines of a function, mean", f"{mean:.1f}", "5 to 15"
    yield "lines of the longest module", str(_longest(parsed)), "at most 300"


def _total(places: Iterable[Iterator[Place]]) -> int:
    return sum(1 for each in places for _ in each)


def _longest(parsed: list[Module]) -> int:
    return max((len(module.text.splitlines()) for module in parsed), default=0)


def main(arguments: list[str]) -> None:
    """Print one table, with a column for each folder."""
    folders = [Path(argument) for argument in arguments] or [PACKAGE]
    tables = [list(table(folder)) for folder in folders]
    print(f"{'':<42}" + "".join(f"{str(folder)[-22:]:>24}" for folder in folders) + "   aim")
    for rows in zip(*tables, strict=True):
        name, _, aim = rows[0]
        print(f"{name:<42}" + "".join(f"{count:>24}" for _, count, _ in rows) + f"   {aim}")


if __name__ == "__main__":
    main(sys.argv[1:])
