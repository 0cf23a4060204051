"""Protected resource metadata (RFC 9728): the identifier of an API, and the document about it."""

from jwt_wsgi.resource.protected_resource import ProtectedResource

__all__ = ["ProtectedResource"]
