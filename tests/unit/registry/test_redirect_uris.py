"""Target C7; known attacks K7, K8, K9, K10, K20."""

import contextlib
import string
from collections.abc import Callable
from urllib.parse import quote, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import InvalidRedirectUri
from services.registry.redirect_uris import LONGEST, MOST, NEVER, parse, parse_all

USABLE = [
    "https://app.example/cb",
    "https://app.example",
    "https://app.example:8443/cb?tenant=a&x=%20",
    "https://xn--bcher-kva.example/cb",
    "https://192.0.2.7/cb",
    "https://[2001:db8::1]/cb",
    "https://localhost:8443/cb",
    "http://localhost/cb",
    "http://LOCALHOST:1/cb",
    "http://127.0.0.1:33418/callback",
    "http://127.0.0.1/",
    "http://[::1]:9/cb",
    "http://[0:0:0:0:0:0:0:1]/cb",
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "com.example.app:/oauth2redirect",
    "com.example.App:/cb",
    "vscode://vscode.github-authentication/did-authenticate",
    "myapp:///callback",
    "https://app.example/a;b/c",
    "https://app.example/%7Euser",
    "https://app.example/...",
]

HOSTILE = [
    # K7, K20: a loopback name as a prefix, suffix or label
    "http://localhost.evil.test/cb",
    "http://127.0.0.1.evil.test/cb",
    "http://localhost:80.evil.test/cb",
    "http://evil.test/?localhost",
    "http://evillocalhost/cb",
    "http://localhost./cb",
    "http://127.0.0.2/cb",
    "http://127.1/cb",
    "http://2130706433/cb",
    "http://0x7f.0.0.1/cb",
    "http://0x7f000001/cb",
    "http://0177.0.0.1/cb",
    "http://127.0.0.01/cb",
    "http://[::ffff:127.0.0.1]/cb",
    "http://[::]/cb",
    "http://0.0.0.0/cb",
    "http://app.example/cb",
    # K8: user information and what parsers take for it
    "https://app.example@evil.test/cb",
    "https://user:pass@app.example/cb",
    "https://@app.example/cb",
    "http://localhost@evil.test/cb",
    "http://evil.test:80@localhost/cb",
    "cursor://user@host/cb",
    "https://app.example%40evil.test/cb",
    "https://app.example\\@evil.test/cb",
    "https://app.example\\.evil.test/cb",
    "https:\\\\app.example\\cb",
    "https:/app.example/cb",
    "https:app.example/cb",
    "https:///app.example/cb",
    "//app.example/cb",
    "/cb",
    "app.example/cb",
    "",
    " https://app.example/cb",
    "https://app.example/cb ",
    "https://app.example/c b",
    "https://app.example/cb\n",
    "https://app.example/cb\r\nSet-Cookie: a=b",
    "https://app.example/\x00",
    "https://app.example/\t",
    "ht\ntps://app.example/",
    # K9: paths that something on the way would rewrite
    "https://app.example/../cb",
    "https://app.example/a/./cb",
    "https://app.example/a/..;/cb",
    "https://app.example/a/..;x=1/cb",
    "https://app.example/a/%2e%2e/cb",
    "https://app.example/a/%2E%2e;/cb",
    "https://app.example/a/.%2e/cb",
    "https://app.example/a/%252e%252e/cb",
    "https://app.example/a%2fb",
    "https://app.example/a%5cb",
    "https://app.example/a%255cb",
    "https://app.example/a%00b",
    "https://app.example/cb?x=%0d%0aLocation:",
    "https://app.example/a%zz",
    "https://app.example/a%",
    "cursor://host/../cb",
    # K10: schemes a browser runs or reads itself
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "javascript://app.example/%0aalert(1)",
    "java\tscript:alert(1)",
    "\x01javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "DATA://x/y",
    "data:/x",
    "file:///etc/passwd",
    "vbscript:msgbox(1)",
    "VBScript://x/y",
    "blob:https://app.example/uuid",
    "about:blank",
    "about:/x",
    "view-source:https://app.example/",
    "intent://host/#Intent;end",
    "intent://host/x",
    "ftp://app.example/cb",
    "ws://app.example/cb",
    "urn:ietf:wg:oauth:2.0:oob",
    "mailto:a@b.example",
    # fragments
    "https://app.example/cb#",
    "https://app.example/cb#f",
    "cursor://host/cb#f",
    # internationalized names and other letters only some parsers fold
    "https://bücher.example/cb",
    "https://app。example/cb",
    "http://ⓛocalhost/cb",
    "https://app.exam\u00adple/cb",
    "https://app.example/\u202ecb",
    # ports and hosts out of shape
    "https://app.example:/cb",
    "https://app.example:99999/cb",
    "https://app.example:80:90/cb",
    "https://app.example:8a/cb",
    "https://[::1/cb",
    "https://::1/cb",
    "http://[fe80::1%25eth0]/cb",
    "http://[::1%25lo]/cb",
    "http://[fe80::1%eth0]/cb",
    "https://[v1.x]/cb",
    "https://a..b/cb",
    "https://.app.example/cb",
    "https://-app.example/cb",
    "https://app_name.example/cb",
    "https://1.2.3.4.5/cb",
    "https://256.1.1.1/cb",
    "https://*.example/cb",
    "https://app.example/<cb>",
    "https://app.example/{cb}",
    "cursor:callback",
    "cursor://",
    "cursor:///",
    "x",
    ":",
    "://x/y",
    "1app:/cb",
    "https://" + "a" * 64 + ".example/cb",
    "https://app.example/" + "a" * LONGEST,
]


@pytest.mark.parametrize("uri", USABLE)
def test_usable_redirect_uris_are_kept_as_written(uri: str) -> None:
    assert parse(uri).text == uri


@pytest.mark.parametrize("uri", HOSTILE)
def test_hostile_redirect_uris_are_refused(uri: str) -> None:
    with pytest.raises(InvalidRedirectUri) as refused:
        parse(uri)
    # What a stranger wrote is not repeated into a page or a log.
    assert not uri.strip() or uri not in refused.value.detail or len(uri) < 4


@pytest.mark.parametrize("scheme", sorted(NEVER))
@pytest.mark.parametrize("spelling", [str.lower, str.upper, str.title])
@pytest.mark.parametrize("rest", [":x", ":/x", "://x/y", ":///x"])
def test_schemes_of_the_user_agent_never_pass_in_any_case(scheme: str, spelling: Callable[[str], str], rest: str) -> None:
    """K10."""
    with pytest.raises(InvalidRedirectUri):
        parse(spelling(scheme) + rest)


@given(st.text(max_size=200))
def test_any_text_is_either_usable_or_refused(text: str) -> None:
    """No input is a crash."""
    with contextlib.suppress(InvalidRedirectUri):
        parse(text)


URI_TEXT = st.text(alphabet=string.ascii_letters + string.digits + "-._~:/?#[]@!$&'()*+,;=%\\ \t\n\x00é", max_size=60)


PREFIXES = ["https://", "http://", "http://localhost", "https://app.example", "http://127.0.0.1", "cursor://", "com.a:/"]


@given(prefix=st.sampled_from(PREFIXES), rest=URI_TEXT)
def test_what_is_accepted_means_the_same_to_other_parsers(prefix: str, rest: str) -> None:
    """K7, K8: no parser differential in scheme, host, or the absence of user information and fragment."""
    try:
        ours = parse(prefix + rest)
    except InvalidRedirectUri:
        return
    split = urlsplit(ours.text)
    assert split.scheme == ours.scheme
    assert split.username is None
    assert split.password is None
    assert not split.fragment
    assert (split.hostname or "").replace("0:0:0:0:0:0:0:1", "::1") in {ours.host, ""} or ":" in ours.host
    if not ours.is_private_use:
        other = httpx.URL(ours.text)
        assert not other.userinfo
        assert other.host.lower() == ours.host or ":" in ours.host
        assert ours.scheme == "https" or ours.host in {"localhost", "127.0.0.1", "::1"}


@given(st.text(alphabet=string.ascii_lowercase + string.digits, min_size=1, max_size=20), st.text(max_size=20))
def test_an_https_uri_with_an_encoded_query_is_usable(host: str, value: str) -> None:
    encoded = quote(value, safe="")
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in value):
        return
    assert parse(f"https://{host}.example/cb?x={encoded}").host == f"{host}.example"


def test_every_problem_is_told_with_its_position_and_repeats_are_dropped() -> None:
    found, problems = parse_all(["https://a.example/", "x", "https://a.example/", "http://b.example/"])
    assert [uri.text for uri in found] == ["https://a.example/"]
    assert [problem.split(":")[0] for problem in problems] == ["redirect_uris[1]", "redirect_uris[3]"]


def test_more_than_ten_are_refused() -> None:
    """Wire contract §3.2."""
    assert len(parse_all([f"https://a.example/{number}" for number in range(MOST)])[0]) == MOST
    assert parse_all([f"https://a.example/{number}" for number in range(MOST + 1)])[1]
