"""The view of Flask, bare and behind each protection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from wsgiref.types import WSGIApplication

from flask import Flask, abort, jsonify, render_template, request
from jinja2 import DictLoader

from benchmarks.views import bare_signature, decoders, orders, own
from benchmarks.views.trust import Trust

View = Callable[..., Any]
Decorate = Callable[[View], View]


def order_lines(number: int) -> Any:
    """Price the lines of an order."""
    try:
        values = orders.confirmation(request.get_json(), number)
    except ValueError as error:
        abort(400, str(error))
    return jsonify(orders.answer(values, render_template("order.html", **values)))


def site(decorate: Decorate | None = None) -> Flask:
    """Return the application, with its view as it is or decorated."""
    app = Flask(__name__, static_folder=None)
    app.jinja_loader = DictLoader({"order.html": orders.TEMPLATE})
    view = order_lines if decorate is None else decorate(order_lines)
    app.add_url_rule("/api/orders/<int:number>/lines", "lines", view, methods=["POST"])
    return app


def _pyjwt(trust: Trust) -> WSGIApplication:
    import jwt

    read_claims = decoders.pyjwt(trust)

    def requires_token(view: View) -> View:
        @wraps(view)
        def protected(*args: Any, **kwargs: Any) -> Any:
            try:
                claims = read_claims(request.headers.get("Authorization"))
            except jwt.InvalidTokenError:
                abort(401)
            if not decoders.grants(claims, orders.SCOPE):
                abort(403)
            return view(*args, **kwargs)

        return protected

    return site(requires_token)


def _authlib(trust: Trust) -> WSGIApplication:
    from authlib.integrations.flask_oauth2 import ResourceProtector

    protector = ResourceProtector()
    protector.register_token_validator(decoders.authlib_validator(trust))
    return site(protector(orders.SCOPE))


def _flask_jwt_extended(trust: Trust) -> WSGIApplication:
    from flask_jwt_extended import JWTManager, get_jwt, jwt_required

    def requires_token(view: View) -> View:
        @jwt_required()  # type: ignore[untyped-decorator]
        @wraps(view)
        def protected(*args: Any, **kwargs: Any) -> Any:
            if not decoders.grants(get_jwt(), orders.SCOPE):
                abort(403)
            return view(*args, **kwargs)

        protector: View = protected
        return protector

    app = site(requires_token)
    app.config.update(
        JWT_ALGORITHM="RS256",
        JWT_PUBLIC_KEY=trust.pem,
        JWT_DECODE_AUDIENCE=trust.audience,
        JWT_DECODE_ISSUER=trust.issuer,
    )
    JWTManager(app)
    return app


#: The protections by name. Each returns the protected application.
PROTECTIONS: Mapping[str, Callable[[Trust], WSGIApplication]] = {
    "bare view": lambda trust: site(),
    "bare signature": lambda trust: bare_signature.verifying(site(), trust.pem),
    "jwt-wsgi": lambda trust: own.protected(site(), trust),
    "PyJWT decorator": _pyjwt,
    "Authlib": _authlib,
    "Flask-JWT-Extended": _flask_jwt_extended,
}
