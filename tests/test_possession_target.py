"""The URL in a proof and the URL of the request: what is the same, and what is not."""

from __future__ import annotations

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jwt_wsgi.possession.target import (
    Target,
    names_request,
    names_url,
    parse_base_urls,
    parse_target,
)

HOST = "https://api.example.com"
ROOT = parse_base_urls(HOST)
PREFIX = parse_base_urls(f"{HOST}/v1")


# --- one URL

PARTS = {
    "plain": ("https://api.example.com/a/b", ("https", "api.example.com", 443, b"/a/b")),
    "no path": ("https://api.example.com", ("https", "api.example.com", 443, b"/")),
    "http": ("http://api.example.com/", ("http", "api.example.com", 80, b"/")),
    "upper case": ("HTTPS://API.Example.COM/A", ("https", "api.example.com", 443, b"/A")),
    "a port": ("https://api.example.com:8443/a", ("https", "api.example.com", 8443, b"/a")),
    "the default port": ("https://api.example.com:443/a", ("https", "api.example.com", 443, b"/a")),
    "an empty port": ("https://api.example.com:/a", ("https", "api.example.com", 443, b"/a")),
    "the port of http": ("https://api.example.com:80", ("https", "api.example.com", 80, b"/")),
    "the last port": ("https://a.example.com:65535", ("https", "a.example.com", 65535, b"/")),
    "a query": ("https://api.example.com/a?b=/c#d", ("https", "api.example.com", 443, b"/a")),
    "a query alone": ("https://api.example.com?b", ("https", "api.example.com", 443, b"/")),
    "a fragment alone": ("https://api.example.com#b?c", ("https", "api.example.com", 443, b"/")),
    "a bad escape in the query": ("https://a.example.com/?%zz", ("https", "a.example.com", 443, b"/")),
    "escapes": ("https://a.example.com/%7e%2F%25%c3%A9", ("https", "a.example.com", 443, b"/~/%\xc3\xa9")),
    "a double escape": ("https://a.example.com/%2541", ("https", "a.example.com", 443, b"/%41")),
    "dot segments": ("https://a.example.com/a/../%2e", ("https", "a.example.com", 443, b"/a/../.")),
    "empty segments": ("https://a.example.com//a//", ("https", "a.example.com", 443, b"//a//")),
    "printable characters": (
        "https://a.example.com/!\"$&'()*+,;:=@[]^`{|}~<>",
        ("https", "a.example.com", 443, b"/!\"$&'()*+,;:=@[]^`{|}~<>"),
    ),
    "IPv4": ("https://192.0.2.1/", ("https", "192.0.2.1", 443, b"/")),
    "IPv6": ("https://[2001:DB8:0::1]:8443/", ("https", "2001:db8::1", 8443, b"/")),
    "a trailing dot": ("https://api.example.com./", ("https", "api.example.com.", 443, b"/")),
    "an underscore": ("https://my_api/", ("https", "my_api", 443, b"/")),
}  # fmt: skip


@pytest.mark.parametrize(("url", "parts"), PARTS.values(), ids=PARTS)
def test_a_url_has_each_part_in_one_spelling(url: str, parts: tuple[str, str, int, bytes]) -> None:
    assert parse_target(url) == Target(*parts)


NO_TARGETS = {
    "nothing": "",
    "a path": "/a",
    "no scheme": "//api.example.com/a",
    "another scheme": "ftp://api.example.com/a",
    "a longer scheme": "httpss://api.example.com/a",
    "a scheme of other letters": "http\u017f://api.example.com/a",
    "one slash": "https:/api.example.com/a",
    "three slashes": "https:///api.example.com/a",
    "no host": "https:///a",
    "a port without a host": "https://:443/a",
    "a user": "https://user@api.example.com/a",
    "a user and a password": "https://user:pw@api.example.com/a",
    "an empty user": "https://@api.example.com/a",
    "an escape in the host": "https://api%2eexample.com/a",
    "a wildcard": "https://*.example.com/a",
    "an empty label": "https://api..example.com/a",
    "an empty first label": "https://.example.com/a",
    "a port above 65535": "https://api.example.com:65536/a",
    "a port of six digits": "https://api.example.com:000443/a",
    "port 0": "https://api.example.com:0/a",
    "a port with a plus": "https://api.example.com:+443/a",
    "a port with a minus": "https://api.example.com:-1/a",
    "a port with an underscore": "https://api.example.com:4_4/a",
    "a port of other digits": "https://api.example.com:\u0664\u0664\u0663/a",
    "two ports": "https://api.example.com:443:443/a",
    "a backslash for a slash": "https:\\\\api.example.com/a",
    "a backslash after the host": "https://api.example.com\\a",
    "a backslash in the path": "https://api.example.com/a\\b",
    "a backslash in the query": "https://api.example.com/a?\\",
    "a backslash in the fragment": "https://api.example.com/a#\\",
    "a blank before": " https://api.example.com/a",
    "a blank after": "https://api.example.com/a ",
    "a blank in the path": "https://api.example.com/a b",
    "a blank in the query": "https://api.example.com/a?b c",
    "a blank in the fragment": "https://api.example.com/a#b c",
    "a tab": "https://api.exam\tple.com/a",
    "a line end after": "https://api.example.com/a\n",
    "a line end in the query": "https://api.example.com/a?b\nc",
    "NUL": "https://api.example.com/a\0",
    "DEL": "https://api.example.com/a\x7f",
    "beyond ASCII in the path": "https://api.example.com/é",
    "beyond ASCII in the query": "https://api.example.com/?é",
    "beyond ASCII in the fragment": "https://api.example.com/#é",
    "beyond ASCII in the host": "https://äpi.example.com/",
    "a full stop of another script": "https://api。example.com/",
    "a lone surrogate": "https://api.example.com/\udc80",
    "an escape without digits": "https://api.example.com/%",
    "an escape of one digit": "https://api.example.com/%4",
    "an escape of other letters": "https://api.example.com/%4g",
    "an escape with a sign": "https://api.example.com/%+4",
    "IPv6 without brackets": "https://2001:db8::1/a",
    "IPv6 with a zone": "https://[fe80::1%25eth0]/a",
    "IPv6 with a bare zone": "https://[fe80::1%eth0]/a",
    "IPv6 with two gaps": "https://[2001::db8::1]/a",
    "IPv6 that is too short": "https://[2001:db8]/a",
    "IPv6 of a future version": "https://[v1.a]/a",
    "IPv4 in brackets": "https://[192.0.2.1]/a",
    "empty brackets": "https://[]/a",
    "text after the brackets": "https://[::1]a/",
    "2049 characters": f"{HOST}/".ljust(2049, "a"),
}  # fmt: skip


@pytest.mark.parametrize("url", NO_TARGETS.values(), ids=NO_TARGETS)
def test_any_other_text_is_not_a_target_and_matches_nothing(url: str) -> None:
    assert parse_target(url) is None
    assert not names_request(url, ROOT, "", "/a")
    assert not names_url(url, ROOT, url)


def test_a_url_of_2048_characters_is_read() -> None:
    assert parse_target(f"{HOST}/".ljust(2048, "a")) is not None


@given(st.one_of(st.text(), st.text().map(lambda text: f"https://{text}"), st.text().map(lambda text: f"{HOST}/{text}")))  # fmt: skip
def test_reading_never_raises(text: str) -> None:
    target = parse_target(text)
    assert target is None or target.path.startswith(b"/")
    names_request(text, ROOT, "", text)
    names_url(text, ROOT, text)


# --- base URLs

BASES = {
    "one": (HOST, ["https://api.example.com:443"]),
    "a final slash": (f"{HOST}/", ["https://api.example.com:443"]),
    "a prefix": ([f"{HOST}/v1"], ["https://api.example.com:443/v1"]),
    "a prefix and a final slash": ([f"{HOST}/a/v1/"], ["https://api.example.com:443/a/v1"]),
    "an escape": (f"{HOST}/%76%31", ["https://api.example.com:443/v1"]),
    "several": ((HOST, f"{HOST}/v1"), ["https://api.example.com:443", "https://api.example.com:443/v1"]),
    "any iterable": (iter([HOST]), ["https://api.example.com:443"]),
    "localhost": ("http://LOCALHOST:8080", ["http://localhost:8080"]),
    "IPv4 of loopback": ("http://127.1.2.3", ["http://127.1.2.3:80"]),
    "IPv6 of loopback": ("http://[0::1]:8080/v1", ["http://::1:8080/v1"]),
}  # fmt: skip


@pytest.mark.parametrize(("base_urls", "bases"), BASES.values(), ids=BASES)
def test_a_base_url_is_kept_without_its_final_slash(base_urls: str | list[str], bases: list[str]) -> None:  # fmt: skip
    assert [f"{scheme}://{host}:{port}{path.decode()}" for scheme, host, port, path in parse_base_urls(base_urls)] == bases  # fmt: skip


NO_BASES = {
    "none": [],
    "an empty text": "",
    "None": None,
    "a number": 1,
    "bytes": HOST.encode(),
    "bytes in a list": [HOST.encode()],
    "None in a list": [HOST, None],
    "twice": [HOST, HOST],
    "twice in two spellings": [f"{HOST}/%761", "HTTPS://API.example.com:443/v1/"],
    "a query": f"{HOST}/v1?a",
    "an empty query": f"{HOST}/v1?",
    "a fragment": f"{HOST}/v1#a",
    "an empty fragment": f"{HOST}/v1#",
    "a dot segment": f"{HOST}/a/../v1",
    "a single dot": f"{HOST}/./v1",
    "an escaped dot segment": f"{HOST}/%2e%2E/v1",
    "a final dot segment": f"{HOST}/v1/..",
    "an empty segment": f"{HOST}//v1",
    "two final slashes": f"{HOST}/v1//",
    "two slashes": f"{HOST}//",
    "plain http": "http://api.example.com",
    "plain http on a private address": "http://10.0.0.1",
    "plain http on any address": "http://0.0.0.0:8000",
    "plain http on a name that begins like loopback": "http://localhost.example.com",
    "plain http on a short address": "http://127.1",
    "no scheme": "api.example.com",
    "another scheme": "wss://api.example.com",
    "beyond ASCII": "https://äpi.example.com",
}  # fmt: skip


@pytest.mark.parametrize("base_urls", NO_BASES.values(), ids=NO_BASES)
def test_any_other_base_url_is_refused_with_a_remedy(base_urls: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^base_urls=.*: (write|remove) "):
        parse_base_urls(base_urls)


@pytest.mark.parametrize(
    "base_urls",
    ["https://user:s3cret@api.example.com", "https:/user:s3cret@a", b"https://user:s3cret@a"],
)
def test_the_password_of_a_base_url_is_not_quoted(base_urls: str) -> None:
    with pytest.raises(ValueError, match=r"^base_urls=…: write ") as refusal:
        parse_base_urls(base_urls)
    assert "s3cret" not in str(refusal.value)


# --- the request's URL; each row: htu, base, SCRIPT_NAME, PATH_INFO

MATCHES = {
    "the same": (f"{HOST}/a", HOST, "", "/a"),
    "a query": (f"{HOST}/a?b=c", HOST, "", "/a"),
    "a fragment": (f"{HOST}/a#b", HOST, "", "/a"),
    "the default port": (f"{HOST}:443/a", HOST, "", "/a"),
    "an empty port": (f"{HOST}:/a", HOST, "", "/a"),
    "the base's default port": (f"{HOST}/a", f"{HOST}:443", "", "/a"),
    "another port": (f"{HOST}:8443/a", f"{HOST}:8443", "", "/a"),
    "the case of scheme and host": ("HTTPS://Api.EXAMPLE.com/a", HOST, "", "/a"),
    "the case of the base": (f"{HOST}/a", "https://API.example.com", "", "/a"),
    "an escaped unreserved character": (f"{HOST}/%61%7e", HOST, "", "/a~"),
    "an escaped reserved character": (f"{HOST}/a%3Ab%3fc%23", HOST, "", "/a:b?c#"),
    "an escaped slash": (f"{HOST}/a%2Fb", HOST, "", "/a/b"),
    "an escaped percent sign": (f"{HOST}/100%25", HOST, "", "/100%"),
    "a double escape": (f"{HOST}/%2561", HOST, "", "/%61"),
    "octets of UTF-8": (f"{HOST}/caf%C3%A9", HOST, "", "/caf\xc3\xa9"),
    "octets that are not UTF-8": (f"{HOST}/%ff", HOST, "", "/\xff"),
    "brackets": (f"{HOST}/a[0]", HOST, "", "/a[0]"),
    "SCRIPT_NAME": (f"{HOST}/app/a", HOST, "/app", "/a"),
    "SCRIPT_NAME alone": (f"{HOST}/app", HOST, "/app", ""),
    "a slash below SCRIPT_NAME": (f"{HOST}/app/", HOST, "/app", "/"),
    "a prefix": (f"{HOST}/v1/a", f"{HOST}/v1", "", "/a"),
    "a prefix and SCRIPT_NAME": (f"{HOST}/v1/app/a", f"{HOST}/v1", "/app", "/a"),
    "an escaped prefix": (f"{HOST}/%76%31/a", f"{HOST}/v1", "", "/a"),
    "the path of the prefix again": (f"{HOST}/v1/v1", f"{HOST}/v1", "", "/v1"),
    "the root": (HOST, HOST, "", "/"),
    "the root with a slash": (f"{HOST}/", HOST, "", "/"),
    "the root as an empty path": (f"{HOST}/", HOST, "", ""),
    "an empty path on both sides": (f"{HOST}?a", HOST, "", ""),
    "the root of a prefix": (f"{HOST}/v1", f"{HOST}/v1", "", "/"),
    "the root of a prefix with a slash": (f"{HOST}/v1/", f"{HOST}/v1", "", "/"),
    "the root of a prefix without PATH_INFO": (f"{HOST}/v1/", f"{HOST}/v1/", "", ""),
    "a final slash": (f"{HOST}/a/", HOST, "", "/a/"),
    "empty segments": (f"{HOST}//a//", HOST, "", "//a//"),
    "dot segments on both sides": (f"{HOST}/a/../b", HOST, "", "/a/../b"),
    "IPv6 in another spelling": ("https://[2001:DB8:0:0::0001]/a", "https://[2001:db8::1]", "", "/a"),
    "IPv6 with an embedded IPv4": ("https://[::ffff:192.0.2.1]/a", "https://[::FFFF:c000:201]", "", "/a"),
    "IPv4": ("https://192.0.2.1/a", "https://192.0.2.1", "", "/a"),
    "loopback": ("http://[::1]:8080/a", "http://[::1]:8080", "", "/a"),
}  # fmt: skip


@pytest.mark.conforms(65)
@pytest.mark.parametrize(("htu", "base", "script_name", "path_info"), MATCHES.values(), ids=MATCHES)
def test_htu_is_the_url_of_the_request(htu: str, base: str, script_name: str, path_info: str) -> None:  # fmt: skip
    assert names_request(htu, parse_base_urls(base), script_name, path_info)


MISMATCHES = {
    "another path": (f"{HOST}/b", HOST, "", "/a"),
    "the case of the path": (f"{HOST}/A", HOST, "", "/a"),
    "a longer path": (f"{HOST}/a/b", HOST, "", "/a"),
    "a shorter path": (f"{HOST}/a", HOST, "", "/a/b"),
    "the end of the path": (f"{HOST}/x/a", HOST, "", "/a"),
    "a final slash in htu": (f"{HOST}/a/", HOST, "", "/a"),
    "a final slash in the request": (f"{HOST}/a", HOST, "", "/a/"),
    "a final slash below SCRIPT_NAME": (f"{HOST}/app", HOST, "/app", "/"),
    "an empty segment": (f"{HOST}//a", HOST, "", "/a"),
    "two slashes at the root": (f"{HOST}//", HOST, "", "/"),
    "two slashes at the root of a prefix": (f"{HOST}/v1//", f"{HOST}/v1", "", "/"),
    "a dot segment in htu": (f"{HOST}/b/../a", HOST, "", "/a"),
    "a dot segment in the request": (f"{HOST}/a", HOST, "", "/b/../a"),
    "a single dot": (f"{HOST}/./a", HOST, "", "/a"),
    "an escape in the request": (f"{HOST}/a", HOST, "", "/%61"),
    "a double escape": (f"{HOST}/%2561", HOST, "", "/a"),
    "a double escape of a slash": (f"{HOST}/a%252Fb", HOST, "", "/a/b"),
    "another scheme": ("http://api.example.com/a", HOST, "", "/a"),
    "another scheme with the same port": ("http://api.example.com:443/a", HOST, "", "/a"),
    "another host": ("https://api.example.org/a", HOST, "", "/a"),
    "a longer host": ("https://api.example.com.example.org/a", HOST, "", "/a"),
    "a trailing dot": ("https://api.example.com./a", HOST, "", "/a"),
    "another port": (f"{HOST}:8443/a", HOST, "", "/a"),
    "a port that is missing": (f"{HOST}/a", f"{HOST}:8443", "", "/a"),
    "without SCRIPT_NAME": (f"{HOST}/a", HOST, "/app", "/a"),
    "without the prefix": (f"{HOST}/a", f"{HOST}/v1", "", "/a"),
    "a prefix that continues": (f"{HOST}/v10/a", f"{HOST}/v1", "", "/a"),
    "a path that continues the prefix": (f"{HOST}/v10/a", f"{HOST}/v1", "", "0/a"),
    "a prefix in another case": (f"{HOST}/V1/a", f"{HOST}/v1", "", "/a"),
    "the root in place of the prefix": (HOST, f"{HOST}/v1", "", "/"),
    "the prefix in place of the root": (f"{HOST}/v1", HOST, "", "/"),
    "a path without a slash": (f"{HOST}/a", HOST, "", "a"),
    "the path of OPTIONS *": (f"{HOST}/*", HOST, "", "*"),
    "a whole URL as the path": (f"{HOST}/a", HOST, "", f"{HOST}/a"),
    "a path that is not latin-1": (f"{HOST}/%C4%80", HOST, "", "/Ā"),
    "a SCRIPT_NAME that is not latin-1": (f"{HOST}/a", HOST, "\u20ac", "/a"),
    "a path in another encoding": (f"{HOST}/caf%E9", HOST, "", "/caf\xc3\xa9"),
    "another IPv6": ("https://[2001:db8::2]/a", "https://[2001:db8::1]", "", "/a"),
    "another spelling of IPv4": ("https://192.0.513/a", "https://192.0.2.1", "", "/a"),
    "IPv4 in IPv6": ("https://[::ffff:192.0.2.1]/a", "https://192.0.2.1", "", "/a"),
}  # fmt: skip


@pytest.mark.conforms(65)
@pytest.mark.parametrize(("htu", "base", "script_name", "path_info"), MISMATCHES.values(), ids=MISMATCHES)  # fmt: skip
def test_htu_is_not_the_url_of_the_request(htu: str, base: str, script_name: str, path_info: str) -> None:  # fmt: skip
    assert not names_request(htu, parse_base_urls(base), script_name, path_info)


def test_any_of_several_base_urls_matches_as_a_whole() -> None:
    bases = parse_base_urls([f"{HOST}/v1", "https://api.example.org"])
    verdicts = {
        f"{HOST}/v1/a": True,
        "https://api.example.org/a": True,
        f"{HOST}/a": False,
        "https://api.example.org/v1/a": False,
    }
    assert {htu: names_request(htu, bases, "", "/a") for htu in verdicts} == verdicts


# --- properties

UNRESERVED = string.ascii_letters + string.digits + "-._~"
OCTETS = st.binary(max_size=12)


def escaped(octets: bytes) -> str:
    return "".join(f"%{octet:02X}" for octet in octets)


@given(OCTETS)
def test_every_path_matches_its_escaped_form(octets: bytes) -> None:
    assert names_request(f"{HOST}/v1/{escaped(octets)}", PREFIX, "", f"/{octets.decode('latin-1')}")


@given(OCTETS, OCTETS)
def test_another_path_never_matches(octets: bytes, other: bytes) -> None:
    assume(octets != other)
    path = f"/a{octets.decode('latin-1')}"
    assert not names_request(f"{HOST}/v1/a{escaped(other)}", PREFIX, "", path)


@given(st.text(UNRESERVED, max_size=12), st.text(UNRESERVED, max_size=12), st.data())
def test_escaping_an_unreserved_character_changes_no_verdict(path: str, other: str, data: st.DataObject) -> None:  # fmt: skip
    places = data.draw(st.sets(st.sampled_from(range(len(path))))) if path else set()
    spelled = "".join(escaped(c.encode()) if i in places else c for i, c in enumerate(path))
    for path_info in (f"/{path}", f"/{other}"):
        plain = names_request(f"{HOST}/v1/{path}", PREFIX, "", path_info)
        assert names_request(f"{HOST}/v1/{spelled}", PREFIX, "", path_info) == plain


ORIGINS = st.tuples(
    st.sampled_from(["http", "https"]),
    st.sampled_from(["localhost", "127.0.0.1", "[::1]", "[::2]", "localhost.", "a.localhost"]),
    st.sampled_from([80, 443, 8080]),
)


@given(ORIGINS, ORIGINS)
def test_only_the_same_scheme_host_and_port_match(one: tuple[str, str, int], two: tuple[str, str, int]) -> None:  # fmt: skip
    scheme, host, port = one
    base = Target(scheme, host.strip("[]"), port, b"")
    scheme, host, port = two
    assert names_request(f"{scheme}://{host}:{port}/a", (base,), "", "/a") == (one == two)


# --- outside WSGI

URLS = {
    "the same": (f"{HOST}/v1/a", f"{HOST}/v1/a", True),
    "another spelling": ("HTTPS://api.example.com:443/%76%31/a#b", f"{HOST}/v1/a?c", True),
    "the base": (f"{HOST}/v1", f"{HOST}/v1", True),
    "the base with a slash": (f"{HOST}/v1/", f"{HOST}/v1/", True),
    "another path": (f"{HOST}/v1/a", f"{HOST}/v1/b", False),
    "a final slash": (f"{HOST}/v1/a/", f"{HOST}/v1/a", False),
    "outside the base": (f"{HOST}/a", f"{HOST}/a", False),
    "a prefix that continues": (f"{HOST}/v10", f"{HOST}/v10", False),
    "another host": ("https://api.example.org/v1/a", "https://api.example.org/v1/a", False),
    "another port": (f"{HOST}:8443/v1/a", f"{HOST}:8443/v1/a", False),
    "another scheme": ("http://api.example.com/v1/a", "http://api.example.com/v1/a", False),
    "not a URL": (f"{HOST}/v1/a", "/v1/a", False),
    "neither is a URL": ("/v1/a", "/v1/a", False),
}  # fmt: skip


@pytest.mark.parametrize(("htu", "url", "verdict"), URLS.values(), ids=URLS)
def test_htu_is_compared_with_a_url_below_a_base(htu: str, url: str, verdict: bool) -> None:
    assert names_url(htu, PREFIX, url) is verdict


@given(st.text(UNRESERVED + "/%", max_size=12))
def test_every_url_below_the_root_names_itself(path: str) -> None:
    url = f"{HOST}/{path}"
    assert names_url(url, ROOT, url) is (parse_target(url) is not None)
