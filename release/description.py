"""The description of the artefacts: README.md with links that also work on the page of PyPI.

PyPI shows the description on a page of its own, where a link such as `docs/tutorial.md` leads
nowhere. In the artefacts each of them names the file of the released tag.
"""

from __future__ import annotations

import email.message
import email.parser
import re

#: A link of Markdown to a file of the repository: neither a URL nor a place on the same page.
RELATIVE_LINK = re.compile(r"(?<=\]\()(?![a-z][a-z0-9+.-]*:|#|/)[^()\s]+(?=\))")
#: A block of code, which has no links.
_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def with_absolute_links(metadata: bytes) -> bytes:
    """Return METADATA or PKG-INFO, with the links of its description below the URL "Repository".

    They have the form that GitHub gives to a file of a tag. Without that URL, nothing is changed.
    """
    fields, separator, description = metadata.decode().partition("\n\n")
    parsed = email.parser.HeaderParser().parsestr(fields)
    repository = project_urls(parsed).get("Repository")
    if repository is None:
        return metadata
    root = f"{repository.rstrip('/')}/blob/v{parsed['Version']}/"
    return f"{fields}{separator}{_rooted(description, root)}".encode()


def project_urls(metadata: email.message.Message) -> dict[str, str]:
    """Return the URLs of `project_urls` in setup.cfg by their labels."""
    pairs = (text.partition(", ") for text in metadata.get_all("Project-URL", []))
    return {label: url for label, _, url in pairs}


def relative_links(description: str) -> list[str]:
    """Return the links that lead nowhere on the page of PyPI."""
    texts = _FENCED.split(description)[::2]
    return [link for text in texts for link in RELATIVE_LINK.findall(text)]


def _rooted(description: str, root: str) -> str:
    parts = _FENCED.split(description)
    parts[::2] = [RELATIVE_LINK.sub(lambda link: root + link[0], text) for text in parts[::2]]
    return "".join(parts)
