"""pydpop, as its page on integrations protects a Flask application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flask
from pydpop.integrations.flask import DPoPVerifier

from benchmarks.comparison.adapters.base import (
    PRIVATE,
    Adapter,
    Answer,
    Profile,
    as_it_is,
    call,
    flask_app,
)


class PyDPoP(Adapter):
    """`DPoPVerifier`; the view compares the thumbprint, as the documentation asks.

    pydpop verifies proofs. The token beside a proof is the work of another library, so the view
    reads its `cnf` without a check.
    """

    frameworks = ("Flask",)

    def prepare(self, profile: Profile) -> None:
        self._app = flask_app(as_it_is, None)
        nonce = profile.nonce_secret or None
        DPoPVerifier(self._app, expected_nonce=nonce, challenge_nonce=nonce)
        self._app.view_functions["private"] = _compare_thumbprints

    def respond(self, framework: str, request: Mapping[str, Any]) -> Answer:
        return call(self._app, request)

    def respond_with_proofs(self, request: Mapping[str, Any]) -> Answer:
        return call(self._app, request)


def _compare_thumbprints() -> Any:
    token = flask.request.headers.get("Authorization", "").partition(" ")[2]
    if _thumbprint_of(token) != flask.g.dpop["jwk_thumbprint"]:
        flask.abort(401)
    return PRIVATE


def _thumbprint_of(token: str) -> object:
    import base64
    import json

    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims.get("cnf", {}).get("jkt")


ADAPTER = PyDPoP
