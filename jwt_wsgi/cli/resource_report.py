"""The report of `check --resource`: the metadata of a live API beside its configuration."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import click

from jwt_wsgi.cli.output import escape, print_line, show_progress
from jwt_wsgi.explain.stack import Stack
from jwt_wsgi.http.fetching import Fetch, FetchError, Reply
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jose.strict_json import read_object
from jwt_wsgi.policy.policy import Policy
from jwt_wsgi.resource import ProtectedResource
from jwt_wsgi.resource.document import MEMBERS, resource_document, scopes_supported

#: The members that FILE and --issuer say something about.
_SCOPES: Final = "scopes_supported"
_SERVERS: Final = "authorization_servers"


@dataclass(frozen=True, slots=True)
class ResourceReport:
    """The metadata of a live API, and what is wrong with it.

    Attributes:
        resource: The URL of the API.
        metadata_url: The URL of its metadata.
        problems: Sentences.
        document: The metadata, or None if there is none. It comes from outside.
    """

    resource: str
    metadata_url: str
    problems: tuple[str, ...] = ()
    document: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "resource": self.resource,
            "metadata_url": self.metadata_url,
            "problems": self.problems,
            "document": self.document,
        }


@dataclass(frozen=True, slots=True)
class Expectation:
    """The metadata that a configuration leads to.

    Attributes:
        members: The members to compare; None is a member that must not be there.
        problems: What is wrong with the configuration itself, as sentences.
    """

    members: Mapping[str, Any]
    problems: tuple[str, ...] = ()


def parse_resource(
    _context: click.Context, _parameter: click.Parameter, url: str | None
) -> ProtectedResource | None:
    """Return the resource of the option; raise `click.BadParameter` for a malformed URL."""
    if url is None:
        return None
    try:
        return ProtectedResource(url)
    except ValueError as error:
        raise click.BadParameter(escape(str(error), 1000)) from None


def expect_of_stack(resource: ProtectedResource, stack: Stack) -> Expectation:
    """Return the metadata that an application serves, or would serve for this resource.

    Args:
        resource: The resource.
        stack: The layers of the application, a verifier and an authorizer among them.
    """
    layer = stack.metadata
    if layer is not None and layer.resource.resource != resource.resource:
        another = f"the application serves the metadata of {layer.resource.resource}"
        return Expectation({}, (f"{another}; pass that URL to --resource",))
    if layer is not None:
        return Expectation(_all_members(layer.document))
    if stack.authorizer is None or stack.verifier is None:
        return Expectation({})
    try:
        document = resource_document(resource, stack.authorizer.policy, stack.verifier.verifier)
    except ValueError as error:
        return Expectation({}, (str(error),))
    return Expectation(_all_members(document))


def _all_members(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: document.get(name) for name in MEMBERS}


def expect_of_options(
    resource: ProtectedResource, policy: Policy | None, issuers: Iterable[Issuer]
) -> Expectation:
    """Return what a policy and issuers say about the metadata.

    Args:
        resource: The resource.
        policy: The policy of FILE, or None.
        issuers: The issuers of --issuer and --preset.
    """
    members: dict[str, Any] = {}
    problems: tuple[str, ...] = ()
    if policy is not None:
        members[_SCOPES] = scopes_supported(resource, policy) or None
    names = [issuer.issuer for issuer in issuers]
    if names:
        members[_SERVERS] = names
    audiences = [issuer.profile.audiences for issuer in issuers]
    is_accepted = any(each is None or resource.resource in each for each in audiences)
    if names and not is_accepted:
        problems = (f"no issuer accepts {resource.resource} as its audience; add it to --audience",)
    return Expectation(members, problems)


def check_resource(
    resource: ProtectedResource, expectation: Expectation, fetch: Fetch
) -> ResourceReport:
    """Return the report on the metadata of a live API.

    Args:
        resource: The resource.
        expectation: What the configuration says.
        fetch: Fetches one document.
    """
    url = resource.metadata_url
    try:
        with show_progress(f"asking {resource.resource}"):
            answer = fetch(url)
        document = _read(answer if isinstance(answer, Reply) else Reply(answer))
    except (FetchError, ValueError) as error:
        problems = (*expectation.problems, f"{url}: {error}")
        return ResourceReport(resource.resource, url, problems)
    expected = {**expectation.members, "resource": resource.resource}
    differences = (_difference(name, value, document.get(name)) for name, value in expected.items())
    problems = (*expectation.problems, *(each for each in differences if each is not None))
    return ResourceReport(resource.resource, url, problems, document)


def _read(reply: Reply) -> dict[str, Any]:
    """Return the metadata of a reply (RFC 9728 §3.2)."""
    media_type = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ValueError("the reply is not application/json")
    return read_object(reply.body)


def _difference(name: str, expected: object, found: object) -> str | None:
    """Return how a member differs from the configuration, or None; lists have no order."""
    if _in_one_order(expected) == _in_one_order(found):
        return None
    if found is None:
        return f"{name}: is missing, expected {expected!r}"
    if expected is None:
        return f"{name}: found {found!r:.200}, but the configuration has none"
    return f"{name}: expected {expected!r:.200}, found {found!r:.200}"


def _in_one_order(value: object) -> object:
    if isinstance(value, list) and all(isinstance(member, str) for member in value):
        return sorted(value)
    return value


def print_resource(report: ResourceReport) -> None:
    """Print the report for people."""
    print_line(escape(f"Resource {report.resource}: {report.metadata_url}", 5000))
    for problem in report.problems:
        print_line(f"  {escape(problem, 1000)}", "red")
    if not report.problems:
        print_line("  The metadata is that of the configuration.", "green")
