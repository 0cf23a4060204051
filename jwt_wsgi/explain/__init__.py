"""One request explained: the walk through the checks, and the answer that would be sent."""

from jwt_wsgi.explain.explanation import Explanation, Response
from jwt_wsgi.explain.request import Explainer
from jwt_wsgi.explain.token import Step

__all__ = ["Explainer", "Explanation", "Response", "Step"]
