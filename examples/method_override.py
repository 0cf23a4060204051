"""A method override. It stands outside the layers: `MethodOverride(protect(app, …))`."""


class MethodOverride:
    """A WSGI middleware for clients that can send no other method than POST.

    A POST with the header `X-HTTP-Method-Override` becomes a request of the method in that header,
    if `methods` lists it.
    """

    def __init__(self, app, methods=("PUT", "PATCH", "DELETE")):
        self.app = app
        self.methods = methods

    def __call__(self, environ, start_response):
        method = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", "").upper()
        if environ["REQUEST_METHOD"] == "POST" and method in self.methods:
            environ = {**environ, "REQUEST_METHOD": method}
        return self.app(environ, start_response)
