"""Flask-JWT-Extended, with a public key, as its page "Configuration Options" describes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flask
import jwt
from flask_jwt_extended import JWTManager, decode_token, jwt_required
from flask_jwt_extended.exceptions import JWTExtendedException

from benchmarks.comparison.adapters.base import (
    FORGOTTEN,
    PRIVATE,
    Adapter,
    Answer,
    Profile,
    call,
    check_scope,
)


class FlaskJWTExtended(Adapter):
    """`JWTManager` and `@jwt_required()`; tokens alone go through `decode_token`."""

    # The handlers of JWTManager turn these into answers.
    own_errors = (JWTExtendedException, jwt.PyJWTError)
    frameworks = ("Flask",)

    def prepare(self, profile: Profile) -> None:
        app = flask.Flask("api")
        app.config.update(
            JWT_ALGORITHM=profile.algorithm,
            JWT_PUBLIC_KEY=profile.pem,
            JWT_DECODE_AUDIENCE=profile.audience,
            JWT_DECODE_ISSUER=profile.issuer,
        )
        JWTManager(app)
        app.add_url_rule("/api/private", "private", jwt_required()(lambda: PRIVATE))
        app.add_url_rule("/api/forgotten", "forgotten", lambda: FORGOTTEN)
        self._app: Any = app
        app.app_context().push()

    def verify(self, token: str, scope: str | None = None) -> None:
        claims = decode_token(token)
        check_scope(claims.get("scope"), scope)

    def respond(self, framework: str, request: Mapping[str, Any]) -> Answer:
        return call(self._app, request)


ADAPTER = FlaskJWTExtended
