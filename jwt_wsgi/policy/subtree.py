"""The rules that decide a path and the paths below it, and the scopes that they name. Pure."""

from collections.abc import Collection, Iterator
from typing import Final

from jwt_wsgi.policy.access import Request, Requirement
from jwt_wsgi.policy.paths import Segments, canonical
from jwt_wsgi.policy.patterns import PARAMETER
from jwt_wsgi.policy.reporting import ReportOnly
from jwt_wsgi.policy.tree import Node, Place, innermost, step

_NO_PARAMETERS: Final = Request()


def paths_in_mounts(path: str, mounts: Collection[str]) -> Iterator[Segments]:
    """Yield what the rules see of a path, once for each mount that it lies in.

    A mount that lies below the path contributes the root, because all its paths lie below.

    Args:
        path: A path from the root of the host, with a slash at its beginning alone, or empty; its
            octets as Latin-1 (PEP 3333).
        mounts: The expected values of `SCRIPT_NAME`.
    """
    for mount in sorted(mounts):
        if f"{path}/".startswith(f"{mount}/"):
            yield canonical(path.removeprefix(mount))
        elif mount.startswith(f"{path}/"):
            yield ()


def places_within(root: Node, segments: Segments) -> list[Place]:
    """Return the place that decides a path, which may be empty, and those of patterns below it.

    Args:
        root: The tree of the patterns.
        segments: The segments of the path, decoded.
    """
    places = [innermost(root, segments)]
    nodes = [root]
    for segment in segments:
        nodes = step(nodes, segment)
    pending = [nodes]
    while pending:
        nodes = pending.pop()
        places += _places_of(nodes)
        if len(nodes) == 1:
            # Each child alone: a segment that no pattern names may stand for every parameter.
            pending += [[child] for child in nodes[0].children.values()]
        else:
            following = dict.fromkeys(segment for node in nodes for segment in node.children)
            pending += [step(nodes, segment) for segment in following]
    return places


def _places_of(nodes: list[Node]) -> Iterator[Place]:
    """Yield the places that decide a path that these nodes reach, and paths below it.

    Of several nodes, the first one with a place decides.
    """
    exact = next((node.exact for node in nodes if node.exact), None)
    subtree = next((node.subtree for node in nodes if node.subtree), None)
    if exact is not None:
        yield exact
    if subtree is not None and (exact is None or not _are_covered(nodes)):
        yield subtree


def _are_covered(nodes: list[Node]) -> bool:
    """Return whether places further inside decide all paths below those of these nodes."""
    while nodes := step(nodes, PARAMETER):
        if any(node.subtree for node in nodes):
            return True
        if not any(node.exact for node in nodes):
            return False
    return False


def scopes_named(requirement: Requirement) -> Iterator[str]:
    """Yield the scopes that the refusal of a caller without a token names.

    Of alternatives, these are the scopes of the one that the refusal names. A requirement that is
    only reported counts like one that is enforced.
    """
    refusals = [requirement.refusal(None, _NO_PARAMETERS)]
    if isinstance(requirement, ReportOnly):
        refusals.append(requirement.would_refuse(None, _NO_PARAMETERS))
    for refusal in refusals:
        if refusal is not None:
            yield from refusal.scopes
