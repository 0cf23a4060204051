"""Marks for tests of packages that setup.cfg leaves out on some versions of Python."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from release.declared import requirements_of


def needs(package: str) -> pytest.MarkDecorator:
    """Return a mark that skips a test where setup.cfg does not require a package."""
    requirements = map(Requirement, requirements_of("test"))
    marker = next(each.marker for each in requirements if each.name == package)
    is_required = marker is None or marker.evaluate()
    return pytest.mark.skipif(not is_required, reason=f"needs {package}: {marker}")


needs_pyuwsgi = needs("pyuwsgi")
needs_web_py = needs("web.py")
