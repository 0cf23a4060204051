"""A method override. Put it outside the layers: `application = MethodOverride(protect(app, …))`."""


class MethodOverride:
    """Middleware that replaces the method of a POST by that of its `X-HTTP-Method-Override`."""

    def __init__(self, app, methods=("PUT", "PATCH", "DELETE")):
        self.app, self.methods = app, methods

    def __call__(self, environ, start_response):
        method = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", "").upper()
        if environ["REQUEST_METHOD"] == "POST" and method in self.methods:
            environ = {**environ, "REQUEST_METHOD": method}
        return self.app(environ, start_response)
