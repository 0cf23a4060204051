"""A policy as data: a file makes the same policy as Python, and errors name the mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jwt_wsgi import (
    AUTHENTICATED,
    DENY,
    OPTIONAL,
    PUBLIC,
    Auth,
    Policy,
    acr,
    claim,
    fresh,
    has,
    issued_by,
    path_param,
    permission,
    report_only,
    scope,
    sender_constrained,
)
from jwt_wsgi.policy.algebra import MAX_CONDITIONS, MAX_DEPTH
from jwt_wsgi.policyfile import parse_policy, parse_requirement, read_policy

A, B = scope("a"), scope("b")

REQUIREMENTS: list[Any] = [
    PUBLIC,
    OPTIONAL,
    AUTHENTICATED,
    DENY,
    scope("a", "b:c"),
    permission("read:x"),
    claim("org", "acme"),
    claim("admin", True),
    claim(("realm_access", "x.y"), None),
    claim("n", -1.5),
    claim("o", {"a": [1, {}]}),
    claim("sub", path_param("id")),
    has("orgs", path_param("org"), "all"),
    has(("realm_access", "roles"), "auditor", 7),
    issued_by("https://one.test/"),
    acr("phr", "urn:x"),
    fresh(300),
    sender_constrained(),
    sender_constrained("dpop"),
    A & (sender_constrained("mtls") | sender_constrained("dpop")),
    report_only(sender_constrained()),
    A & B | claim("x", 'it\'s "quoted" \\ é'),
    A & (B | AUTHENTICATED),
    report_only(A | B),
    report_only(DENY),
    A & report_only(B),
    (A | B) & report_only(fresh(60) & acr("phr")),
]


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_a_requirement_is_read_as_it_is_printed(requirement: Any) -> None:
    read = parse_requirement(str(requirement))
    assert str(read) == str(requirement)
    assert type(read) is type(requirement)
    assert parse_requirement(f"\n  {requirement}  ") == read or "report_only" in str(read)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a requirement; combine with & and | what you need of PUBLIC"),
        ("(((", "is not a requirement; combine with"),
        ("scope('a'); DENY", "is not a requirement; combine with"),
        ("[" * 10_000, "is not a requirement; combine with"),
        (
            "scop('a')",
            r"scop.* is not a requirement; choose from PUBLIC, OPTIONAL, AUTHENTICATED, DENY, scope",
        ),
        ("public", "'public' is not a requirement; choose from"),
        ("scope", "'scope' is not a requirement; choose from"),
        ("'read:a'", "read:a.* is not a requirement; choose from"),
        ("scope('a') and scope('b')", "scope.* and .* is not a requirement; choose from"),
        ("not scope('a')", "is not a requirement; choose from"),
        ("scope('a') + scope('b')", "is not a requirement; choose from"),
        ("scope(*['a'])", "is not a requirement; choose from"),
        ("scope(names='a')", r"scope\(names='a'\).? is not a requirement"),
        ("claim('a', lambda value: True)", "lambda value: True. is not a requirement"),
        ("claim('a', open('x'))", r"open\('x'\).? is not a requirement"),
        ("__import__('os').getcwd()", "is not a requirement; choose from"),
        ("path_param('id')", "is not a requirement by itself; use it in claim"),
        ("claim('a', scope('b'))", "write a value that JSON has"),
        ("claim('a', {1})", "write a value that JSON has"),
        ("claim('a', b'x')", "write a value that JSON has"),
        (
            "claim('a')",
            r"claim\('a'\).?: claim\(\) missing 1 required positional argument: 'value'",
        ),
        ("PUBLIC & scope('a')", "PUBLIC & scope.*: PUBLIC, OPTIONAL and DENY combine with nothing"),
        ("scope('a') | report_only(scope('b'))", "report_only with & alone"),
        ("scope('a b')", "printable ASCII without space"),
        ("scope()", "names no scope"),
        ("report_only(PUBLIC)", "watches nothing"),
        ("fresh(0)", "write whole seconds, above 0"),
    ],
)
def test_text_that_is_not_a_requirement_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        parse_requirement(text)
    assert len(str(raised.value)) < 500


def chain(sign: str, number: int) -> str:
    return f" {sign} ".join(f"scope('s{index}')" for index in range(number))


def nested(depth: int) -> str:
    """Return a text of combinations, one inside the other, in parentheses."""
    text = "scope('s')"
    for level in range(depth):
        text = f"(scope('s{level}') {'&|'[level % 2]} {text})"
    return text


MOST, DEEPEST = MAX_CONDITIONS, MAX_DEPTH
LARGE = {
    "a chain of |": chain("|", MOST),
    "a chain of &": chain("&", MOST),
    "nested combinations": nested(DEEPEST),
    "nested parentheses": "(" * 50 + "scope('a')" + ")" * 50,
    "a report": f"report_only({chain('|', MOST)})",
    "a chain beside a report": f"report_only(DENY) & {chain('&', MOST)}",
}


@pytest.mark.parametrize("text", LARGE.values(), ids=map("U25 {}".format, LARGE))
def test_the_largest_requirement_is_read_printed_judged_and_checked(text: str) -> None:
    policy = parse_policy(f'[rules]\n"/a" = "{text}"\n"/a/b" = "{text}"')
    requirement = policy.rules[0].requirement
    assert str(parse_requirement(str(requirement))) == str(requirement)
    assert str(requirement) in str(policy)
    match = policy.match({"PATH_INFO": "/a", "REQUEST_METHOD": "GET"})
    for auth in (None, Auth(claims={}, header={}, token="", issuer="https://issuer.test/")):
        match.refusal(auth)
    assert [finding for finding in policy.lint() if finding.code == "weaker_above"] == []


TOO_LARGE = {
    "a chain of |": chain("|", MOST + 1),
    "a chain of &": chain("&", MOST + 1),
    "a chain in parentheses": f"({chain('&', MOST)}) | scope('a')",
    "nested combinations": nested(DEEPEST + 1),
    "far too many": chain("|", 50_000),
    "far too deep": nested(150),
}


@pytest.mark.parametrize("text", TOO_LARGE.values(), ids=map("U25 {}".format, TOO_LARGE))
def test_a_larger_requirement_is_an_error_with_the_remedy(text: str) -> None:
    said = "a requirement has at most 1,000 conditions, nested at most 20 deep: write one condition"
    with pytest.raises(ValueError, match=said) as raised:
        parse_policy(f'[rules]\n"/a" = "{text}"')
    assert "rule '/a': " in str(raised.value)
    assert len(str(raised.value)) < 500


def test_a_value_that_is_nested_too_deeply_is_an_error_u25() -> None:
    value: Any = []
    for _ in range(5_000):
        value = [value]
    for make in (claim, has):
        with pytest.raises(ValueError, match="a value is nested deeper than any claim"):
            make("groups", value)


WHOLE = """
default = "AUTHENTICATED"
mounts = ["", "/app"]
allow_vhm_root = true
report_only = true
accept = [["method_hole", "GET,POST /users/{id}"]]

[rules]
"/api/public" = "PUBLIC"
"GET,POST /users/{id}" = 'claim("sub", path_param("id")) | scope("admin")'
"/" = "DENY"
"""


def test_a_file_makes_the_same_policy_as_python(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(WHOLE, "utf-8")
    rules = {
        "/api/public": PUBLIC,
        "GET,POST /users/{id}": claim("sub", path_param("id")) | scope("admin"),
        "/": DENY,
    }
    written = Policy(
        rules,
        default=AUTHENTICATED,
        mounts=["", "/app"],
        allow_vhm_root=True,
        report_only=True,
        accept=[("method_hole", "GET,POST /users/{id}")],
    )
    for policy in (read_policy(file), read_policy(str(file)), parse_policy(WHOLE)):
        assert str(policy) == str(written)
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/users/7",
            "SCRIPT_NAME": "/app",
            "HTTP_X_VHM_ROOT": "/",
        }
        assert policy.match(environ).params == {"id": "7"}
        assert policy.report_only is True
        assert policy.accept == written.accept == (("method_hole", "GET,POST /users/{id}"),)


def test_omitted_options_have_the_defaults_of_python() -> None:
    policy = parse_policy('[rules]\n"/a" = "PUBLIC"')
    assert (policy.default, policy.report_only) == (DENY, False)
    assert str(policy) == str(Policy({"/a": PUBLIC}))


RULES = "[rules]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("rules =", "Invalid value", id="not TOML"),
        pytest.param('[rules]\n"/a" = "PUBLIC"\n"/a" = "DENY"', "Cannot overwrite", id="a rule twice"),
        pytest.param("", r"write a table \[rules\]", id="empty"),
        pytest.param('rules = ["/a"]', r"write a table \[rules\]", id="rules as a list"),
        pytest.param('mount = [""]\n[rules]', "mount: no such key; choose from rules, default", id="an unknown key"),
        pytest.param('mounts = "/a"\n[rules]', "mounts: '/a' is not a list", id="mounts as text"),
        pytest.param("report_only = 1\n[rules]", "report_only: 1 is not a bool", id="a number instead of a boolean"),
        pytest.param("default = 'NO'\n[rules]", "default: 'NO' is not a requirement", id="an invalid default"),
        pytest.param(RULES + '"/a" = true', "rule '/a': write the requirement as text", id="not text"),
        pytest.param(RULES + '"/a" = ["a"]', "rule '/a': write the requirement as text", id="a list"),
        pytest.param(RULES + "\"/a\" = 'scop(1)'", r"rule '/a': 'scop\(1\)' is not a requirement", id="an unknown function"),
        pytest.param(RULES + '"a" = "PUBLIC"', "rule 'a': write a path", id="not a path"),
        pytest.param(RULES + '"get /a" = "PUBLIC"', "'get' is not an upper-case method", id="a method in lower case"),
        pytest.param(RULES + '"/{a" = "PUBLIC"', "a parameter is a whole segment", id="an open parameter"),
        pytest.param(RULES + "\"/{a}\" = 'claim(\"x\", path_param(\"b\"))'", "{b} that the pattern does not have",
                     id="a parameter of another rule"),
        pytest.param(RULES + '"/{a}/x" = "PUBLIC"\n"/y" = "DENY"', "add the rules .*: /y/x", id="an overlap"),
        pytest.param(RULES + '"/a" = "PUBLIC"\n"/a/" = "DENY"', "keep one", id="one place twice"),
        pytest.param("mounts = [1]\n[rules]", "mounts=", id="invalid mounts"),
        pytest.param('accept = "weaker_above"\n[rules]', "accept: 'weaker_above' is not a list", id="F1 accept as text"),
        pytest.param('accept = ["weaker_above"]\n[rules]', "accept='weaker_above': write a list of pairs",
                     id="F1 a code without a rule"),
        pytest.param('accept = [["weaker_above", "/a"]]\n[rules]', "there is no rule '/a'", id="F1 a rule that is not there"),
        pytest.param(RULES + '"/t/{a...}" = "PUBLIC"\n"/t/x" = "DENY"', "rule '/t/{a...}': '/t/x' shares paths",
                     id="U28 a rule inside a tail"),
        pytest.param(RULES + "\"/t/{a...}\" = 'claim(\"x\", path_param(\"a\"))'", "{a...}, which has no value",
                     id="U28 the value of a tail"),
    ],
)  # fmt: skip
def test_an_error_names_the_file_the_key_and_the_remedy(
    tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=message) as raised:
        read_policy(file)
    assert str(raised.value).startswith(f"policy file {file}: ")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"absent.toml: cannot be read \(No such file"):
        read_policy(tmp_path / "absent.toml")
    file = tmp_path / "latin.toml"
    file.write_bytes(b'[rules]\n"/\xe9" = "PUBLIC"')
    with pytest.raises(ValueError, match=r"latin.toml: cannot be read \(not UTF-8\)"):
        read_policy(file)


def test_a_finding_is_accepted_in_a_file_f1() -> None:
    rules = '[rules]\n"/" = "PUBLIC"\n"/a" = "AUTHENTICATED"'
    assert [finding.code for finding in parse_policy(rules).lint()] == ["weaker_above"]
    assert parse_policy(f'accept = [["weaker_above", "/a"]]\n{rules}').lint() == ()
