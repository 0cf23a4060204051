"""The console in a real browser: by role and name, by keyboard, at two widths, light and dark."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from browsing import Watched, chromium, needs_chromium
from playwright.sync_api import Browser, Locator, Page, expect
from ports import free_port
from running_app import APP, DEADLINE, running

pytestmark = [needs_chromium, pytest.mark.slow]

PHONE, DESK = 360, 1280
PUBLIC, PRIVATE, SCOPED, ELSEWHERE = (
    "/api/public: PUBLIC",
    "/api/private: AUTHENTICATED",
    "/api/private-scoped: scope('read:messages')",
    "otherwise: DENY e.g. /elsewhere",
)
BUTTONS = [
    "No token", "A good token", "A token without the scope", "An expired token", "A forged token", "The pasted token",
]  # fmt: skip
FIELD = "Or your own token"
SWITCH = "Bind the token to a key of this page"
#: The algorithms of proofs stand in every challenge of DPoP.
ALGS = 'algs="ES256 ES384 ES512 PS256 PS384 PS512 RS256 RS384 RS512 EdDSA Ed25519"'
LAYERS = ["TokenExtractor", "TokenVerifier", "ScopeAuthorizer"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the demo in a process, and yield its address."""
    with running(
        tmp_path_factory.mktemp("demo") / "output", APP, "--demo", PORT=str(free_port())
    ) as started:
        yield started.says(r"Open (http://\S+)/ in a browser")[1]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(params=[PHONE, DESK], ids=["phone", "desk"])
def width(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def watched(browser: Browser, demo: str, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """Open the console; afterwards check its log and that it sent no request elsewhere."""
    options = {"width", "scheme"}.intersection(request.fixturenames)
    values: dict[str, Any] = {name: request.getfixturevalue(name) for name in options}
    watched = Watched(browser, **values)
    watched.page.goto(f"{demo}/")
    yield watched
    watched.close()
    assert [url for url in watched.requested_urls if not url.startswith(f"{demo}/")] == []
    # The browser logs every refusal. It must log nothing else.
    refusal = "Failed to load resource: the server responded with a status of 40"
    places = (f"{demo}/api/", f"{demo}/elsewhere")
    assert [
        message
        for message in watched.console_messages
        if not (message[0].startswith(refusal) and message[1].startswith(places))
    ] == []


@pytest.fixture
def page(watched: Watched) -> Page:
    return watched.page


def token(demo: str, kind: str = "good") -> str:
    with requests.Session() as http:
        http.trust_env = False
        answer = http.post(
            f"{demo}/console/token", json={"kind": kind}, headers={"Origin": demo}, timeout=DEADLINE
        )
    return answer.json()["token"]


def answer(page: Page) -> Locator:
    return page.get_by_role("region", name="The answer")


def call(page: Page, endpoint: str, button: str) -> Locator:
    page.get_by_role("radio", name=endpoint, exact=True).check()
    page.get_by_role("button", name=button, exact=True).click()
    expect(answer(page)).not_to_have_attribute("aria-busy", "true")
    return answer(page)


# --- every button


CALLS = [
    pytest.param(PUBLIC, "No token", "200 OK", "none", None, id="public, no token"),
    pytest.param(PUBLIC, "A forged token", "200 OK", "none", None, id="public, a forged token"),
    pytest.param(
        PRIVATE,
        "No token",
        "401 Unauthorized",
        f'Bearer realm="api" DPoP realm="api", {ALGS}',
        "rule",
        id="private, no token",
    ),
    pytest.param(
        PRIVATE,
        "A token without the scope",
        "200 OK",
        "none",
        None,
        id="private, without the scope",
    ),
    pytest.param(
        SCOPED,
        "No token",
        "401 Unauthorized",
        'Bearer realm="api", scope="read:messages" '
        f'DPoP realm="api", scope="read:messages", {ALGS}',
        "rule",
        id="no token",
    ),
    pytest.param(SCOPED, "A good token", "200 OK", "none", None, id="a good token"),
    pytest.param(
        SCOPED,
        "A token without the scope",
        "403 Forbidden",
        'Bearer realm="api", error="insufficient_scope", '
        'error_description="The token lacks a required scope", scope="read:messages"',
        "rule",
        id="without the scope",
    ),
    pytest.param(
        SCOPED,
        "An expired token",
        "401 Unauthorized",
        'Bearer realm="api", error="invalid_token", error_description="The token has expired", '
        f'scope="read:messages" DPoP realm="api", scope="read:messages", {ALGS}',
        "expiry",
        id="an expired token",
    ),
    pytest.param(
        SCOPED,
        "A forged token",
        "401 Unauthorized",
        'Bearer realm="api", error="invalid_token", error_description="The token\'s signature is invalid", '
        f'scope="read:messages" DPoP realm="api", scope="read:messages", {ALGS}',
        "signature",
        id="a forged token",
    ),
    pytest.param(ELSEWHERE, "A good token", "403 Forbidden", "none", "rule", id="elsewhere"),
]


@pytest.mark.parametrize(("endpoint", "button", "status", "challenge", "failing"), CALLS)
def test_a_button_makes_a_call_and_shows_the_decision_with_reasons(
    page, width, endpoint, button, status, challenge, failing
):
    shown = call(page, endpoint, button)
    expect(shown.get_by_role("status")).to_contain_text(status)
    expect(shown.get_by_role("status")).to_contain_text(button.lower())
    expect(shown.locator("#challenge")).to_have_text(challenge)
    expect(shown.locator("#body")).to_contain_text(
        '"message"' if status == "200 OK" else '"reason"'
    )
    failed = shown.get_by_role("listitem").filter(
        has=page.get_by_role("img", name="failed", exact=True)
    )
    expect(failed).to_have_count(0 if failing is None else 1)
    if failing is not None:
        expect(failed).to_contain_text(failing)
        # In red: more of it than of both others together.
        red, green, blue = colour(failed)
        assert red > green + blue or red > max(green, blue) + 60
    for layer in LAYERS:
        expect(shown.get_by_role("list", name=layer)).to_have_count(1)
    assert (
        page.get_by_role("button", name=button, exact=True).get_attribute("aria-pressed") == "true"
    )
    assert fits(page)


def colour(of: Locator) -> list[int]:
    return of.evaluate("element => getComputedStyle(element).color.match(/\\d+/g).map(Number)")


def test_the_table_has_every_button_except_the_one_for_a_pasted_token(page):
    assert [button.inner_text() for button in page.get_by_role("button").all()] == BUTTONS
    assert {row.values[1] for row in CALLS} == {*BUTTONS} - {"The pasted token"}


def test_the_answer_and_the_pipeline_show_which_layer_refused(page):
    shown = call(page, SCOPED, "An expired token")
    expect(shown.get_by_role("status")).to_contain_text(
        "TokenVerifier refused the request: token_expired."
    )
    boxes = page.get_by_role("region", name="The pipeline").get_by_role("listitem")
    assert [box.get_attribute("class") for box in boxes.all()] == ["passed", "failed", "", ""]
    shown = call(page, SCOPED, "A good token")
    expect(shown.get_by_role("status")).to_contain_text("All three layers accepted the request.")
    assert [box.get_attribute("class") for box in boxes.all()] == ["passed"] * 4
    assert [box.locator("em").inner_text() for box in boxes.all()] == ["✓ passed"] * 4


@pytest.mark.parametrize(
    ("button", "says"),
    [
        pytest.param("No token", "so the request passed without one", id="f9-none"),
        pytest.param("A forged token", "its token was not checked", id="f9-forged"),
        pytest.param("A good token", "its token was not checked", id="f9-good"),
    ],
)
def test_what_is_unchecked_is_not_called_passed(page, button, says):
    status = call(page, PUBLIC, button).get_by_role("status")
    expect(status).to_contain_text(says)
    expect(status).to_contain_text("The rule asks for no token, so the request passed")
    expect(status).not_to_contain_text("accepted")
    boxes = page.get_by_role("region", name="The pipeline").get_by_role("listitem")
    states = [box.locator("em").inner_text() for box in boxes.all()]
    assert states == ["– not checked", "– not checked", "✓ passed", "✓ passed"]


def test_dates_are_readable(page):
    shown = call(page, SCOPED, "An expired token")
    expect(shown.get_by_role("listitem").filter(has_text="expiry")).to_contain_text("UTC")


def test_not_before_and_age_show_their_own_values_f9(page):
    shown = call(page, SCOPED, "A good token")
    steps = shown.get_by_role("list", name="TokenVerifier").get_by_role("listitem")
    expect(steps.filter(has_text="not before").locator(".detail")).to_have_text("absent")
    expect(steps.filter(has_text="age").locator(".detail").last).to_have_text(
        re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \([0-9T:-]+Z, \d seconds? ago\)$")
    )


# --- the token and the curl line


@pytest.fixture
def clipboard(watched: Watched, page: Page) -> Callable[[str], str]:
    """Return a function that presses a button and returns what it copied."""
    watched.context.grant_permissions(["clipboard-read", "clipboard-write"])

    def copied(button: str) -> str:
        page.evaluate("navigator.clipboard.writeText('')")
        page.get_by_role("button", name=button, exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("Copied: ")
        text: str = page.evaluate("navigator.clipboard.readText()")
        return text

    return copied


def test_the_claims_are_shown_with_readable_dates_f9(page, width, clipboard):
    shown = call(page, SCOPED, "An expired token")
    expect(shown.get_by_role("heading", name="The token, decoded")).to_be_visible()
    claims = json.loads(clipboard("Copy claims"))
    assert claims["scope"] == "read:messages"
    expiry = datetime.fromtimestamp(claims["exp"], UTC)
    names = shown.locator("#claims dt").all_inner_texts()
    values = shown.locator("#claims dd").all_inner_texts()
    rows = dict(zip(names, values, strict=True))
    assert rows.keys() == claims.keys()
    assert rows["exp"].split() == [str(claims["exp"]), *f"{expiry:%Y-%m-%d %H:%M:%S} UTC".split()]
    assert rows["scope"] == '"read:messages"'
    assert fits(page)


def test_the_token_is_copied_and_is_the_one_that_was_sent_f9(page, demo, clipboard):
    with page.expect_request(f"{demo}/api/private") as sent:
        call(page, PRIVATE, "A good token")
    assert sent.value.headers["authorization"] == f"Bearer {clipboard('Copy token')}"


@pytest.mark.parametrize(
    ("endpoint", "button", "status"),
    [
        pytest.param(SCOPED, "A good token", 200, id="f9-good"),
        pytest.param(SCOPED, "A forged token", 401, id="f9-forged"),
        pytest.param(PRIVATE, "No token", 401, id="f9-none"),
    ],
)
def test_the_copied_curl_line_makes_the_same_call(page, clipboard, endpoint, button, status):
    shown = call(page, endpoint, button)
    line = clipboard("Copy curl")
    command, include, url, *headers = shlex.split(line)
    assert (command, include) == ("curl", "-i")
    sent = dict(header.split(": ", 1) for header in headers[1:])
    with requests.Session() as http:
        http.trust_env = False
        assert http.get(url, headers=sent, timeout=DEADLINE).status_code == status
    beginning = shown.locator("#curl").inner_text()
    assert line.startswith(beginning.removesuffix("'").removesuffix("…"))


def test_without_a_token_no_token_is_shown_f9(page):
    call(page, SCOPED, "A good token")
    shown = call(page, SCOPED, "No token")
    expect(shown.get_by_role("heading", name="The token, decoded")).to_be_hidden()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("it's; touch '$(id)' `id` \\", id="f9-shell"),
        pytest.param("a.b.c", id="f9-not-base64"),
        pytest.param("e30.bnVsbA.e30", id="f9-null"),
        pytest.param("e30.W10.e30", id="f9-list"),
        pytest.param("e30.eyJleHAiOjFlMzA4LCJuYmYiOiJ4In0.e30", id="f9-dates"),
    ],
)
def test_an_odd_pasted_token_is_quoted_and_decoded_safely(page, clipboard, text):
    page.get_by_role("textbox", name=FIELD).fill(text)
    call(page, SCOPED, "The pasted token")
    assert shlex.split(clipboard("Copy curl"))[-1] == f"Authorization: Bearer {text}"
    assert clipboard("Copy token") == text


# --- a pasted token


PASTED = [
    pytest.param("{good}", "200 OK", id="good"),
    pytest.param("Bearer {good}", "200 OK", id="with the scheme before it"),
    pytest.param("  {good}\n\n", "200 OK", id="with space around it"),
    pytest.param("{expired}", "token_expired", id="expired"),
    pytest.param("nonsense", "token_malformed", id="nonsense"),
    pytest.param("two words", "malformed_header", id="two words"),
    pytest.param("a,b", "several_tokens", id="a comma"),
    pytest.param("<img/src=x/onerror=document.title=1>", "token_malformed", id="markup"),
    pytest.param("x" * 20000, "token_too_large", id="too large"),
    pytest.param("", "Paste a token into the field first.", id="nothing"),
    pytest.param("a\nb", "This text cannot be sent", id="two lines"),
    pytest.param("tokén", "This text cannot be sent", id="not ASCII"),
]


@pytest.mark.parametrize(("text", "says"), PASTED)
def test_a_pasted_token_is_sent_unchanged(page, demo, text, says):
    made = {kind: token(demo, kind) for kind in ("good", "expired")}
    for kind, value in made.items():
        text = text.replace(f"{{{kind}}}", value)
    page.get_by_role("textbox", name=FIELD).fill(text)
    shown = call(page, SCOPED, "The pasted token")
    expect(shown.get_by_role("status")).to_contain_text(says)
    assert page.title() == "Console of the jwt-wsgi demo"
    for value in made.values():
        assert value.split(".")[1] not in shown.inner_text()


# --- without an answer


def test_the_page_reports_a_missing_answer_and_recovers(page, watched):
    call(page, SCOPED, "A good token")
    watched.context.set_offline(True)
    shown = call(page, SCOPED, "No token")
    expect(shown.get_by_role("status")).to_have_text(
        "The demo does not answer. Is it still running?", use_inner_text=True
    )
    expect(shown.get_by_role("heading", name="Every check")).to_be_hidden()
    watched.context.set_offline(False)
    expect(call(page, SCOPED, "A good token").get_by_role("status")).to_contain_text("200 OK")
    # The browser logs requests that failed.
    offline = [
        message for message in watched.console_messages if "ERR_INTERNET_DISCONNECTED" in message[0]
    ]
    assert offline
    watched.console_messages[:] = [
        message for message in watched.console_messages if message not in offline
    ]


def test_the_answer_of_an_earlier_call_is_not_shown(page, demo):
    routes: list[Any] = []
    page.route(f"{demo}/console/token", lambda route: routes.append(route))
    page.get_by_role("radio", name=SCOPED).check()
    with page.expect_request(f"{demo}/console/token"):
        page.get_by_role("button", name="A good token").click()
    page.get_by_role("button", name="No token").click()
    expect(answer(page).get_by_role("status")).to_contain_text("401 Unauthorized")
    with page.expect_response(f"{demo}/api/private-scoped"):
        routes[0].continue_()
    page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    expect(answer(page).get_by_role("status")).to_contain_text("401 Unauthorized")


# --- a token that is bound to a key of the page

THEFTS = ["The bound token as Bearer", "The token with another key", "A proof that was used before"]


def bind(page: Page) -> str:
    """Turn the switch, and return the thumbprint that the page shows."""
    page.get_by_role("switch", name=SWITCH).check()
    told = page.get_by_role("group", name="Proof of possession").get_by_role("status")
    expect(told).to_contain_text("The page has made a key.")
    return told.inner_text().split()[-1]


def exchange(page: Page) -> list[str]:
    """Return the requests with a proof, and their answers, in words."""
    items = answer(page).get_by_role("list", name="The exchange").get_by_role("listitem")
    return items.all_inner_texts()


def step(page: Page, name: str) -> Locator:
    steps = answer(page).get_by_role("list", name="TokenVerifier").get_by_role("listitem")
    return steps.filter(has=page.get_by_text(name, exact=True))


def test_without_the_switch_there_is_no_proof(page):
    expect(page.get_by_role("switch", name=SWITCH)).not_to_be_checked()
    for name in THEFTS:
        expect(page.get_by_role("button", name=name, exact=True)).to_be_hidden()
    shown = call(page, SCOPED, "A good token")
    for heading in ("The exchange", "The proof, decoded"):
        expect(shown.get_by_role("heading", name=heading)).to_be_hidden()
    expect(step(page, "possession")).to_contain_text("an unbound token")


def test_a_bound_token_meets_the_nonce_once(page, demo, width, clipboard):
    thumbprint = bind(page)
    with page.expect_response(
        lambda answered: answered.url == f"{demo}/api/private-scoped" and answered.status == 401
    ) as challenged:
        shown = call(page, SCOPED, "A good token")
    expect(shown.get_by_role("status")).to_contain_text("All three layers accepted the request.")
    nonce = challenged.value.headers["dpop-nonce"]
    first, second = exchange(page)
    assert first.startswith("401 Unauthorized, proof_nonce_required. The proof had no nonce.")
    assert first.endswith(f" The answer brings the nonce {nonce}.")
    assert second == "200 OK. The proof had the last nonce."
    assert json.loads(clipboard("Copy claims"))["cnf"] == {"jkt": thumbprint}
    for name in ("possession", "replay"):
        expect(step(page, name).get_by_role("img", name="passed", exact=True)).to_have_count(1)
    expect(step(page, "possession")).to_contain_text("proven by dpop")
    call(page, PRIVATE, "A good token")
    assert exchange(page) == ["200 OK. The proof had the last nonce."]
    assert fits(page)


def test_the_proof_is_decoded_without_its_signature(page, demo, width):
    bind(page)
    with page.expect_request(
        lambda request: request.url == f"{demo}/api/private" and "dpop" in request.headers
    ) as sent:
        shown = call(page, PRIVATE, "A good token")
    expect(shown.get_by_role("heading", name="The proof, decoded")).to_be_visible()
    names = shown.locator("#proof-claims dt").all_inner_texts()
    values = shown.locator("#proof-claims dd").all_inner_texts()
    rows = dict(zip(names, values, strict=True))
    assert list(rows) == ["typ", "alg", "jwk", "jti", "htm", "htu", "iat", "ath", "nonce"]
    assert json.loads(rows["jwk"]).keys() == {"crv", "kty", "x", "y"}
    assert (rows["htm"], rows["htu"]) == ('"GET"', f'"{demo}/api/private"')
    assert "UTC" in rows["iat"]
    visible = page.locator("body").inner_text()
    assert sent.value.headers["dpop"].split(".")[2] not in visible
    assert sent.value.headers["authorization"].split(".")[2] not in visible


@pytest.mark.parametrize(
    ("button", "says", "failing", "outcomes"),
    [
        pytest.param("The bound token as Bearer", "token_bound", "possession", [], id="as Bearer"),
        pytest.param(
            "The token with another key",
            "binding_mismatch",
            "possession",
            ["401 Unauthorized, binding_mismatch."],
            id="another key",
        ),
        pytest.param(
            "A proof that was used before",
            "proof_replayed",
            "replay",
            [
                "401 Unauthorized, proof_nonce_required.",
                "200 OK.",
                "401 Unauthorized, proof_replayed. The request had the same proof again.",
            ],
            id="a used proof",
        ),
    ],
)
def test_a_thief_is_refused_and_the_page_shows_by_which_check(
    page, width, button, says, failing, outcomes
):
    bind(page)
    shown = call(page, SCOPED, button)
    expect(shown.get_by_role("status")).to_contain_text("401 Unauthorized")
    expect(shown.get_by_role("status")).to_contain_text(
        f"TokenVerifier refused the request: {says}."
    )
    expect(step(page, failing).get_by_role("img", name="failed", exact=True)).to_have_count(1)
    # A verified token that is bound needs this scheme, so no other is offered.
    expect(shown.locator("#challenge")).to_have_text(re.compile("^DPoP realm=((?!Bearer).)*$"))
    shown_outcomes = exchange(page)
    assert len(shown_outcomes) == len(outcomes)
    for text, outcome in zip(shown_outcomes, outcomes, strict=True):
        assert text.startswith(outcome)
    assert fits(page)


@pytest.mark.parametrize("button", ["An expired token", "A forged token", "No token"])
def test_the_other_tokens_are_refused_as_ever(page, button):
    bind(page)
    says = {"An expired token": "token_expired", "A forged token": "signature_invalid"}
    shown = call(page, SCOPED, button)
    expect(shown.get_by_role("status")).to_contain_text(says.get(button, "missing_token"))
    assert len(exchange(page)) == (0 if button == "No token" else 1)


def test_each_turn_of_the_switch_makes_a_new_key(page):
    first = bind(page)
    call(page, SCOPED, "A good token")
    page.get_by_role("switch", name=SWITCH).uncheck()
    expect(page.get_by_role("button", name=THEFTS[0], exact=True)).to_be_hidden()
    expect(page.locator("#key")).to_be_empty()
    expect(call(page, SCOPED, "A good token").locator("#exchange")).to_be_hidden()
    assert bind(page) != first
    call(page, SCOPED, "A good token")
    assert len(exchange(page)) == 2


def test_a_switch_that_is_turned_back_at_once_stays_off(page):
    page.evaluate(
        "() => { const bind = document.getElementById('bind'); bind.click(); bind.click(); }"
    )
    page.evaluate("() => newKey()")
    expect(page.get_by_role("switch", name=SWITCH)).not_to_be_checked()
    expect(call(page, SCOPED, "A good token").locator("#exchange")).to_be_hidden()


def test_a_browser_that_makes_no_keys_leaves_the_switch_off(page):
    page.evaluate("() => Object.defineProperty(crypto, 'subtle', { value: undefined })")
    page.get_by_role("switch", name=SWITCH).click()
    told = page.get_by_role("group", name="Proof of possession").get_by_role("status")
    expect(told).to_contain_text("makes no keys")
    expect(page.get_by_role("switch", name=SWITCH)).not_to_be_checked()


def test_the_copied_curl_line_repeats_the_proof_and_is_refused(page, clipboard):
    bind(page)
    shown = call(page, PRIVATE, "A good token")
    expect(shown.get_by_text("this line repeats the proof")).to_be_visible()
    _, _, url, *headers = shlex.split(clipboard("Copy curl"))
    sent = dict(header.split(": ", 1) for header in headers[1::2])
    assert sent.keys() == {"Authorization", "DPoP"}
    with requests.Session() as http:
        http.trust_env = False
        assert http.get(url, headers=sent, timeout=DEADLINE).json()["reason"] == "proof_replayed"
    call(page, PRIVATE, "No token")
    expect(shown.get_by_text("this line repeats the proof")).to_be_hidden()


def test_the_keyboard_turns_the_switch_and_reaches_the_thefts(page, width):
    for key in ("Tab", "ArrowDown", "ArrowDown", "Tab", "Space"):
        page.keyboard.press(key)
    expect(page.get_by_role("group", name="What a thief can try")).to_be_visible()
    order = []
    for _ in range(len(BUTTONS) + len(THEFTS) + 1):
        page.keyboard.press("Tab")
        role, name, visible = page.evaluate(FOCUSED)
        assert visible, f"nobody sees that {name} has the focus"
        order.append((role, name))
    names = [*BUTTONS[:-1], *THEFTS]
    assert order == [
        *[("button", name) for name in names],
        ("textbox", FIELD),
        ("button", BUTTONS[-1]),
    ]
    page.get_by_role("button", name=THEFTS[-1], exact=True).focus()
    page.keyboard.press("Enter")
    expect(answer(page).get_by_role("status")).to_contain_text("proof_replayed")


def test_every_text_about_proofs_has_contrast_and_fits_the_width(page, width, scheme):
    bind(page)
    for button in THEFTS:
        call(page, PUBLIC, button)
        call(page, SCOPED, button)
        seen, pale = page.evaluate(PALE)
        assert (pale, seen > 60) == ([], True)
        assert fits(page)
    for button in page.get_by_role("button").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44


# --- by keyboard

FOCUSED = """() => {
  const element = document.activeElement;
  const named = element.labels?.length ? element.labels[0].innerText : element.innerText;
  const role = element.role ?? { BUTTON: "button", TEXTAREA: "textbox", INPUT: "radio" }[element.tagName] ?? element.tagName;
  const shown = element.tagName === "INPUT" ? element.closest("label") : element;
  const { outlineStyle, outlineWidth } = getComputedStyle(shown);
  return [role, named.replace(/\\s+/g, " ").trim(), outlineStyle === "solid" && parseFloat(outlineWidth) >= 2];
}"""


def test_the_keyboard_reaches_every_control_in_order(page, width):
    order = []
    for _ in range(len(BUTTONS) + 3):
        page.keyboard.press("Tab")
        role, name, visible = page.evaluate(FOCUSED)
        assert visible, f"nobody sees that {name} has the focus"
        order.append((role, name))
    assert order == [
        ("radio", PUBLIC),
        ("switch", SWITCH),
        *[("button", name) for name in BUTTONS[:-1]],
        ("textbox", FIELD),
        ("button", BUTTONS[-1]),
    ]


def test_the_keyboard_alone_makes_a_call(page):
    page.keyboard.press("Tab")
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    assert page.evaluate(FOCUSED)[1] == SCOPED
    for _ in range(5):
        page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED)[1] == "An expired token"
    page.keyboard.press("Enter")
    expect(answer(page).get_by_role("status")).to_contain_text("token_expired")
    # The focus has not moved, so the next call needs one key.
    assert page.evaluate(FOCUSED)[1] == "An expired token"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    expect(answer(page).get_by_role("status")).to_contain_text("insufficient_scope")


def test_the_enter_key_does_not_leave_the_page(page, demo):
    page.get_by_role("radio", name=SCOPED).focus()
    page.keyboard.press("Enter")
    assert page.url == f"{demo}/"


def test_headings_and_controls_have_accessible_names(page):
    assert page.get_by_role("heading", level=1).inner_text() == "jwt-wsgi console"
    headings = [heading.inner_text() for heading in page.get_by_role("heading", level=2).all()]
    assert headings == ["The pipeline", "Make a call", "The answer", "What clients read first"]
    expect(page.get_by_role("form", name="Make a call")).to_have_count(1)
    groups = page.get_by_role("group", name="Endpoint and its rule").get_by_role("radio")
    assert groups.count() == 4
    expect(page.get_by_role("radio", name=PUBLIC)).to_be_checked()


# --- appearance


def fits(page: Page) -> bool:
    """Return whether every element is inside the right edge, and each state inside its box."""
    return page.evaluate(
        "() => document.documentElement.scrollWidth <= innerWidth &&"
        " [...document.querySelectorAll('body *')].every((each) => each.getBoundingClientRect().right <= innerWidth) &&"
        " [...document.querySelectorAll('.pipeline li')].every((each) => each.scrollWidth <= each.clientWidth)"
    )


# WCAG 2.2, 1.4.3: the contrast of every visible text against the background behind it.
PALE = """() => {
  const parsed = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, alpha = 1] = parsed(getComputedStyle(at).backgroundColor);
      if (alpha === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const pale = [];
  let seen = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility()) continue;
    seen += 1;
    const [one, other] = [light(parsed(getComputedStyle(element).color)), light(ground(element))];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) pale.push([node.data.trim(), contrast]);
  }
  return [seen, pale];
}"""


def test_every_text_has_contrast_and_fits_the_width(page, width, scheme):
    for endpoint, button in [
        (PUBLIC, "No token"),
        (SCOPED, "A good token"),
        (SCOPED, "A forged token"),
    ]:
        seen, pale = page.evaluate(PALE)
        assert (pale, seen > 20) == ([], True)
        assert fits(page)
        call(page, endpoint, button)
    seen, pale = page.evaluate(PALE)
    assert (pale, seen > 60) == ([], True)
    assert fits(page)


def test_light_and_dark_are_two_palettes(browser, demo):
    grounds = []
    for scheme in ("light", "dark"):
        watched = Watched(browser, scheme=scheme)
        watched.page.goto(f"{demo}/")
        grounds.append(
            watched.page.evaluate(
                "() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g)"
            )
        )
        watched.close()
    light, dark = (sum(map(int, ground)) for ground in grounds)
    assert light > 600
    assert dark < 150


def test_buttons_are_large_enough_for_a_thumb(page, width):
    for button in page.get_by_role("button").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44


def test_the_page_scrolls_to_the_answer_on_a_phone_only(page, width):
    page.emulate_media(reduced_motion="reduce")
    page.get_by_role("button", name="A forged token").scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    call(page, SCOPED, "A forged token")
    expect(page.locator("#status")).to_be_in_viewport()
    assert (page.evaluate("scrollY") == before) is (width == DESK)


# --- the Content-Security-Policy


def test_the_browser_blocks_injected_code(page, watched):
    violations = page.evaluate(
        """() => new Promise((done) => {
          const seen = [];
          addEventListener("securitypolicyviolation", (event) => {
            if (seen.push(event.effectiveDirective) === 2) done(seen.sort());
          });
          const script = document.createElement("script");
          script.append("window.injected = true");
          document.body.append(script);
          const style = document.createElement("style");
          style.append("body { display: none }");
          document.body.append(style);
        })"""
    )
    assert violations
    assert page.evaluate("window.injected") is None
    expect(page.locator("body")).to_be_visible()
    assert any("Content Security Policy" in text for text, _ in watched.console_messages)
    watched.console_messages.clear()
