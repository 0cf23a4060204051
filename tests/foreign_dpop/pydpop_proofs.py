"""Proofs made by pydpop.

Each line of the input is a request in JSON: algorithm, method, url, token and nonce (or null). The
answer is a line with the thumbprint of the algorithm's key and the proof, or with an error. A
request without a method asks for the thumbprint alone.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from typing import Any

from pydpop import generate_key, generate_proof, jwk_thumbprint, public_jwk

key_for = cache(generate_key)


def answer(request: dict[str, Any]) -> dict[str, str]:
    key = key_for(request["algorithm"])
    thumbprint = jwk_thumbprint(public_jwk(key))
    if not request.get("method"):
        return {"thumbprint": thumbprint}
    proof = generate_proof(
        private_key=key,
        htm=request["method"],
        htu=request["url"],
        access_token=request["token"],
        nonce=request["nonce"],
    )
    return {"thumbprint": thumbprint, "proof": proof}


for line in sys.stdin:
    try:
        result = answer(json.loads(line))
    except Exception as error:
        result = {"error": repr(error)}
    print(json.dumps(result), flush=True)
