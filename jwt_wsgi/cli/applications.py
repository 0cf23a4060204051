"""Applications that a command imports: `MODULE:APP`, with the layers that stand in them."""

import importlib
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple, TypeVar

import click

from jwt_wsgi.cli.output import show_progress
from jwt_wsgi.explain.stack import Stack, find_stack

_Command = TypeVar("_Command", bound=Callable[..., Any])

#: Names that an application or its factory often has.
_USUAL_NAMES = ("app", "application", "wsgi_app", "wsgi", "api", "create_app", "make_app", "main")
_MAX_SUGGESTIONS = 5


def app_option(command: _Command) -> _Command:
    """Add the option that names an application with the layers in it."""
    option = click.option(
        "--app",
        "application",
        metavar="MODULE:APP",
        help=(
            "Read policy and issuers from this application: the module is imported, so its code"
            " runs. MODULE:FACTORY() calls a factory."
        ),
    )
    return option(command)


class _Target(NamedTuple):
    """The parts of `MODULE:APP`."""

    text: str
    option: str
    module: str
    attributes: tuple[str, ...]
    is_factory: bool

    def error(self, problem: str) -> click.UsageError:
        return click.UsageError(f"{self.option} {self.text!r}: {problem}")


def import_application(text: str, option: str = "--app") -> Any:
    """Import an application, or call its factory; what it prints goes to standard error.

    Args:
        text: `MODULE:APP`, or `MODULE:FACTORY()`.
        option: The name of the option or argument, for errors.

    Raises:
        click.UsageError: There is no such application, or its code raises.
    """
    target = _parse(text, option)
    # As for a server, modules in the current folder can be imported.
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    with show_progress(f"importing {text}"), printing_to_errors():
        app = _resolve(target, _import(target))
        return _call_factory(target, app) if target.is_factory else app


def load_stack(text: str) -> Stack:
    """Import an application and return the layers that stand in it.

    Raises:
        click.UsageError: As `import_application`, and if it does not have one stack of layers.
    """
    app = import_application(text)
    try:
        return find_stack(app)
    except ValueError as error:
        problem = str(error)
        if isinstance(app, FunctionType) and not text.endswith("()"):
            problem += f"; if {app.__name__} makes the application, write {text}()"
        raise click.UsageError(f"--app {text!r}: {problem}") from None


@contextmanager
def printing_to_errors() -> Iterator[None]:
    """Send what the application prints to standard error: it is not part of the answer."""
    with redirect_stdout(sys.stderr):
        yield


def _parse(text: str, option: str) -> _Target:
    module, colon, name = text.partition(":")
    attributes = tuple(name.removesuffix("()").split("."))
    target = _Target(text, option, module, attributes, name.endswith("()"))
    if "/" in module or module.endswith(".py"):
        raise target.error("write a module, not a file: shop.wsgi:application for shop/wsgi.py")
    if not colon or not all(part.isidentifier() for part in [*module.split("."), *attributes]):
        raise target.error("write a module and a name, such as shop.wsgi:application")
    return target


def _import(target: _Target) -> Any:
    try:
        return importlib.import_module(target.module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{target.module}.".startswith(f"{error.name}."):
            raise target.error(
                f"No module named {error.name!r} here; run the command in the folder where the "
                "server is started, or set PYTHONPATH"
            ) from None
        raise target.error(f"the import fails with {_describe(error)}") from None
    except SystemExit as error:
        raise target.error(
            f"the module ends the program while it is imported (SystemExit{_place(error)}); move "
            "what starts the server below if __name__ == '__main__'"
        ) from None
    except Exception as error:  # noqa: BLE001 (user code may raise anything)
        raise target.error(f"the import fails with {_describe(error)}") from None


def _resolve(target: _Target, module: Any) -> Any:
    value = module
    for attribute in target.attributes:
        try:
            value = getattr(value, attribute)
        except AttributeError:
            raise target.error(
                f"{target.module} has no attribute {attribute!r}{_suggestions(target, module)}"
            ) from None
    return value


def _call_factory(target: _Target, factory: Any) -> Any:
    try:
        return factory()
    except (Exception, SystemExit) as error:  # noqa: BLE001 (user code may raise anything)
        raise target.error(
            f"the factory fails with {_describe(error)}; if it needs arguments, make the "
            "application in a module, and name that"
        ) from None


def _suggestions(target: _Target, module: Any) -> str:
    names = [name for name in vars(module) if _is_application(name, vars(module)[name])]
    if not names or len(target.attributes) > 1:
        return "; write the name of the application in it"
    return f"; it has {', '.join(names[:_MAX_SUGGESTIONS])}"


def _is_application(name: str, value: Any) -> bool:
    """Return whether a name of a module may be what was meant."""
    if name in _USUAL_NAMES:
        return callable(value)
    try:
        find_stack(value)
    except ValueError:
        return False
    return not isinstance(value, type)


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}{_place(error)}"


def _place(error: BaseException) -> str:
    """Return where the user's code raised an error: the file and line of the innermost frame."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or frames[-1].filename == __file__:
        return ""
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"
