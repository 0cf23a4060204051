"""Route coverage for test suites: which rule guards which endpoint of the application.

The endpoints come from the application's own route table, or from its OpenAPI document. No
framework is imported here; the application brings its own.
"""

from jwt_wsgi.coverage.endpoints import CoveredBy, Decision, Endpoint
from jwt_wsgi.coverage.report import Report, assert_covered, coverage

__all__ = ["CoveredBy", "Decision", "Endpoint", "Report", "assert_covered", "coverage"]
