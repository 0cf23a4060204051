"""What the options of every preset may not do: waive a needed audience, or be read only once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from refusals import reason

from jwt_wsgi import ANY_AUDIENCE, Verifier, presets
from jwt_wsgi.testing import LocalIssuer

ORDERS = "https://orders.example.com"
ACCOUNT = "caller@my-project.iam.gserviceaccount.com"

#: Presets whose tokens only the audience limits to one API.
NEED_AN_AUDIENCE: dict[str, Callable[..., Any]] = {
    "auth0": lambda audience: presets.auth0("tenant.eu.auth0.com", audience=audience),
    "cloudflare": lambda audience: presets.cloudflare_access(
        "team.cloudflareaccess.com", audience=audience
    ),
    "github": lambda audience: presets.github_actions(audience=audience, owners="octo-org"),
    "gitlab": lambda audience: presets.gitlab_ci(audience=audience, namespaces="my-group"),
    "google": lambda audience: presets.google_service_account(ACCOUNT, audience=audience),
    "google, self-signed": lambda audience: presets.google_self_signed(ACCOUNT, audience=audience),
    "kubernetes": lambda audience: presets.kubernetes_service_accounts(
        audience=audience, namespaces="shop", fetch=lambda url: b""
    ),
    "supabase": lambda audience: presets.supabase("abcdefghijklmnopqrst", audience=audience),
}


@pytest.mark.parametrize("name", NEED_AN_AUDIENCE)
def test_the_audience_cannot_be_waived_where_it_alone_names_the_api(name: str) -> None:
    with pytest.raises(ValueError, match="audience=ANY_AUDIENCE"):
        NEED_AN_AUDIENCE[name](ANY_AUDIENCE)
    made = NEED_AN_AUDIENCE[name](audience for audience in [ORDERS, "another"])
    assert made.profile.audiences == {ORDERS, "another"}


@pytest.mark.parametrize(
    "audience",
    [
        pytest.param("https://cluster.example.com", id="a text"),
        pytest.param(["https://cluster.example.com", ORDERS], id="a list"),
        pytest.param(iter(["https://cluster.example.com"]), id="an iterator"),
    ],
)
def test_the_audience_of_the_api_server_is_refused_in_every_form(audience: Any) -> None:
    with pytest.raises(ValueError, match="choose an audience for your API"):
        presets.kubernetes_service_accounts(
            audience=audience,
            issuer="https://cluster.example.com",
            namespaces="shop",
            fetch=lambda url: b"",
        )


TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"


@pytest.mark.parametrize("tenants", [presets.ANY_TENANT, [TENANT], [presets.CONSUMERS, TENANT]])
def test_options_that_can_be_read_once_hold_for_every_tenant(tenants: Any) -> None:
    local = LocalIssuer(like="entra-v2")
    trusted = presets.entra(
        tenants,
        audience=(name for name in [local.audience]),
        algorithms=(name for name in ["RS256"]),
        types=(name for name in ["JWT"]),
        fetch=local.fetch,
    )
    assert reason(Verifier(trusted), local.token()) is None


@pytest.mark.parametrize("claims", ["abc", [("a", "b")], 5])
def test_claims_that_are_no_mapping_are_named_in_the_error(claims: Any) -> None:
    with pytest.raises(ValueError, match="claims="):
        presets.okta("org.okta.com", audience="a", claims=claims)


def test_a_predicate_that_would_not_run_is_refused_beside_one_of_the_preset() -> None:
    async def later(value: object) -> bool:
        return True

    with pytest.raises(ValueError, match="coroutine function"):
        presets.okta("org.okta.com", audience="a", claims={"cid": later})
    with pytest.raises(ValueError, match="coroutine function"):
        presets.cognito("eu-west-1", "eu-west-1_A", client_ids="a", claims={"client_id": later})


def test_no_key_source_is_not_the_providers() -> None:
    with pytest.raises(ValueError, match="keys is empty"):
        presets.okta("org.okta.com", audience="a", keys=[])


def test_a_tenant_of_another_kind_is_named_in_the_error() -> None:
    with pytest.raises(ValueError, match="tenant=5"):
        presets.entra(5, audience="a")  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        pytest.param("yes", None, id="a text is true"),
        pytest.param(1, None, id="a number is true"),
        pytest.param([], "claim_mismatch", id="an empty list is false"),
        pytest.param(None, "claim_mismatch", id="nothing is false"),
        pytest.param(NotImplemented, "claim_mismatch", id="not implemented is a failure"),
    ],
)
def test_the_truth_of_the_callers_predicate_counts(answer: Any, refused: str | None) -> None:
    # The preset requires the value "access"; the caller's predicate must accept it as well.
    local = LocalIssuer(like="cognito")
    trusted = presets.cognito(
        "eu-west-1",
        "eu-west-1_AbCdEf123",
        client_ids=local.client_id,
        claims={"token_use": lambda value: answer},
        fetch=local.fetch,
    )
    assert reason(Verifier(trusted), local.token()) == refused
    assert reason(Verifier(trusted), local.token(token_use="id")) == "claim_mismatch"


def test_the_value_of_the_preset_may_be_repeated() -> None:
    local = LocalIssuer(like="cognito")
    trusted = presets.cognito(
        "eu-west-1",
        "eu-west-1_AbCdEf123",
        client_ids=local.client_id,
        claims={"token_use": "access"},
        fetch=local.fetch,
    )
    assert reason(Verifier(trusted), local.token()) is None
    assert reason(Verifier(trusted), local.token(token_use="id")) == "claim_mismatch"
