"""Response locations, the login's way back, links, forms, cookies, and what a stranger's text may look like."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from kit.credentials import Mac, random_id
from kit.errors import AuthPlaneError, InvalidRequest, InvalidScope
from services.authorize.api.cookies import Cookies
from services.authorize.api.pages import plain
from services.authorize.forms import Form, FormTokens
from services.authorize.interaction import Hops
from services.authorize.local_path import HOME, safe_path
from services.authorize.refusals import ForeignBrowser
from services.authorize.response import Responder
from services.authorize.users import require_email

ISSUER = "https://auth.example"
KEY = b"k" * 32


class TestResponder:
    def test_success_carries_code_state_and_iss(self) -> None:
        """RFC 9207, A1."""
        location = Responder(ISSUER).success("https://a.example/cb?keep=1", "c", "s&t")
        assert parse_qs(urlsplit(location).query) == {"keep": ["1"], "code": ["c"], "state": ["s&t"], "iss": [ISSUER]}

    def test_failure_carries_iss_and_no_empty_state(self) -> None:
        location = Responder(ISSUER).failure("cursor://a/cb", "", InvalidScope("no"))
        assert parse_qs(urlsplit(location).query) == {"error": ["invalid_scope"], "error_description": ["no"], "iss": [ISSUER]}

    def test_description_keeps_to_its_characters(self) -> None:
        """RFC 6749 §4.1.2.1."""
        location = Responder(ISSUER).failure("https://a.example/cb", "", InvalidRequest('"\\\r\nSet-Cookie: é'))
        text = parse_qs(urlsplit(location).query)["error_description"][0]
        assert all(character == " " or "!" <= character <= "~" for character in text)
        assert '"' not in text
        assert "\\" not in text

    @pytest.mark.parametrize("uri", ["https://a.example/cb?", "https://a.example/cb?x=1&"])
    def test_a_trailing_separator_is_not_doubled(self, uri: str) -> None:
        assert Responder(ISSUER).success(uri, "c", "").startswith(uri + "code=c")


@pytest.mark.parametrize("path", ["/account", "/", "/connect/github?x=1"])
def test_a_local_path_is_kept(path: str) -> None:
    assert safe_path(path) == path


@pytest.mark.parametrize(
    "path",
    [None, "", "account", "//evil.example", "/\\evil.example", "\\/evil.example", "https://evil.example", "/x://y", "/\t/evil.example",
     "/\n/evil.example", " /x", "/x y", "javascript:alert(1)", "/" + "a" * 3000, "/a\\b"],
)  # fmt: skip
def test_anything_that_could_leave_us_is_not(path: str | None) -> None:
    """Wire contract §4.7; T6 of its threats."""
    assert safe_path(path) == HOME


class TestLinksAndForms:
    """K13, K17: every round-tripped value is bound to its purpose."""

    def test_a_link_opens_its_step_only(self) -> None:
        hops, one, other = Hops(Mac(KEY, "hop")), random_id(), random_id()
        tag = hops.tag(one, "login")  # type: ignore[arg-type]
        assert hops.require(tag, one, "login") == one
        for bad in ((tag, one, "consent"), (tag, other, "login"), (None, one, "login"), (tag, "", "login"), (tag[:-1], one, "login")):
            with pytest.raises(InvalidRequest):
                hops.require(*bad)

    def test_a_form_token_fits_one_form_one_holder_one_authorization(self) -> None:
        forms = FormTokens(Mac(KEY, "form"))
        token = forms.token(Form.CONSENT, "session", "about")
        forms.require(token, Form.CONSENT, "session", "about")
        for form, holder, about in (
            (Form.LOGIN, "session", "about"),
            (Form.CONSENT, "other", "about"),
            (Form.CONSENT, "session", "else"),
            (Form.CONSENT, "sessiona", "bout"),
        ):
            with pytest.raises(ForeignBrowser):
                forms.require(token, form, holder, about)
        with pytest.raises(ForeignBrowser):
            forms.require(None, Form.CONSENT, "session", "about")

    def test_a_link_tag_is_no_form_token(self) -> None:
        with pytest.raises(InvalidRequest):
            Mac(KEY, "form").require(Mac(KEY, "hop").tag("a"), "a")


def test_cookies_are_host_only_and_secure_on_https() -> None:
    """A8."""
    name, value = Cookies(secure=True, session_name="authserver_session", session_life=timedelta(hours=24)).set_session("v" * 43)
    assert name == "set-cookie"
    assert value == f"__Host-authserver_session={'v' * 43}; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax; Secure"


def test_cookies_work_on_plain_localhost() -> None:
    value = Cookies(secure=False, session_name="mine", session_life=timedelta(hours=1)).set_session("v")[1]
    assert value.startswith("mine=v;")
    assert "Secure" not in value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Plain name", "Plain name"),
        ("a\u202eb\u200bc", "a b c"),
        ("two\r\nlines\t!", "two lines !"),
        ("x" * 500, "x" * 119 + "…"),
        ("Çöp — 日本", "Çöp — 日本"),
    ],
)
def test_a_strangers_text_is_one_harmless_line(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize("email", ["", "a", "a@", "@b", "a b@c", "a@b\n@c", "a@b@c", "a" * 250 + "@b.example"])
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(InvalidRequest):
        require_email(email)


def test_our_own_words_about_an_unknown_fault_stay_vague() -> None:
    location = Responder(ISSUER).failure("https://a.example/cb", "", AuthPlaneError("the request could not be completed", debug="row 7"))
    assert "row" not in location
    assert "server_error" in location
