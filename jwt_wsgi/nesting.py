"""The applications inside a WSGI application: behind middleware, at mounts, in frameworks.

They are recognised by the names of their classes and attributes. No framework is imported, and
nothing is called.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import Any, NamedTuple, TypeVar

_App = TypeVar("_App")

DISPATCHER = "werkzeug.middleware.dispatcher.DispatcherMiddleware"
CHERRYPY_TREE = "cherrypy._cptree.Tree"
#: Where a middleware usually keeps the application that it wraps.
WRAPPED_NAMES = ("app", "wsgi_app", "application", "_app", "wrapped_app")


class Inner(NamedTuple):
    """An application directly inside another one, and the path of its mount, usually empty."""

    mount: str
    app: Any


def is_a(thing: object, *names: str) -> bool:
    """Return whether one of the classes of an object has one of these full names."""
    classes = type(thing).__mro__
    return any(f"{cls.__module__}.{cls.__qualname__}" in names for cls in classes)


def copy_with(original: _App, /, **attributes: Any) -> _App:
    """Return a shallow copy of an application with other attributes."""
    copied = copy.copy(original)
    for name, value in attributes.items():
        setattr(copied, name, value)
    return copied


def name_of(app: Any) -> str:
    """Return the full name of an application's class, or of the application if it is a function."""
    kind = type(app)
    named = app if isinstance(app, FunctionType) else kind
    return f"{named.__module__}.{named.__qualname__}"


def entry_of(app: Any) -> Any:
    """Return the application that a call of `app` reaches first.

    That is the owner of a bound `__call__`, what stands in front of a Flask application, or `app`
    itself.
    """
    owner = _attribute(app, "__self__")
    if owner is not None and _attribute(app, "__name__") == "__call__":
        return owner
    if is_a(app, "flask.app.Flask"):
        return app.wsgi_app
    return app


def wrapped_app(app: Any) -> Any:
    """Return the application that a middleware keeps as an attribute, or None."""
    name = wrapped_name(app)
    return None if name is None else getattr(app, name)


def wrapped_name(app: Any) -> str | None:
    """Return the name of the attribute with the application that a middleware wraps, or None."""
    for name in WRAPPED_NAMES:
        if callable(_attribute(app, name)):
            return name
    return None


def mounts_of(app: Any) -> Mapping[str, Any] | None:
    """Return the applications of a dispatcher by the paths of their mounts; None for others."""
    if is_a(app, DISPATCHER):
        return {"": app.app, **app.mounts}
    if is_a(app, CHERRYPY_TREE):
        return dict(app.apps)
    return None


def inner_apps(app: Any) -> Iterator[Inner]:
    """Yield the applications directly inside `app`.

    For a function, these are the callables of its closure, of which one may be the application
    that it wraps.
    """
    mounts = mounts_of(app)
    if mounts is not None:
        for mount, mounted in mounts.items():
            yield Inner(mount, mounted)
        return
    wrapped = wrapped_app(app)
    if wrapped is not None:
        yield Inner("", wrapped)
    elif isinstance(app, FunctionType):
        for function in _enclosed(app):
            yield Inner("", function)


def _enclosed(function: FunctionType) -> Iterator[Callable[..., Any]]:
    """Yield the callables in the closure of a function, classes excluded."""
    for cell in function.__closure__ or ():
        try:
            content = cell.cell_contents
        except ValueError:  # the variable has no value yet
            continue
        if callable(content) and not isinstance(content, type):
            yield content


def _attribute(thing: Any, name: str) -> Any:
    """Return an attribute, or None; a proxy may raise anything when it is asked."""
    try:
        return getattr(thing, name, None)
    except Exception:  # noqa: BLE001 (the property of a user's class)
        return None
