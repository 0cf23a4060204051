"""A Pyramid application. It uses the token only to greet the caller by name."""

from pyramid.config import Configurator

from jwt_wsgi import get_auth


def public(request):
    return {"message": "Hello, whoever you are."}


def private(request):
    return {"message": f"Hello, {get_auth(request.environ).subject}."}


def main(global_config, **settings):
    with Configurator(settings=settings) as config:
        for name, view in (("public", public), ("private", private), ("private-scoped", private)):
            config.add_route(name, f"/api/{name}")
            config.add_view(view, route_name=name, request_method="GET", renderer="json")
        return config.make_wsgi_app()
