"""The rules around a sign-in elsewhere: what a provider is asked, what it may publish, and whose answer an answer is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import config
from kit.settings import SettingsError
from services.authorize import settings
from services.authorize.authentication_request import authentication_request, scopes, wishes
from services.authorize.federation import Returned, require_same_provider, unsaid
from services.authorize.identity_provider import Metadata, discovery_url, read_metadata
from services.authorize.model import ClientId
from services.authorize.refusals import AnswersMixedUp, ProviderUnavailable
from services.authorize.request import AuthorizationRequest, Prompt
from tests.support.clock import MIDSUMMER
from tests.support.fakes_federation import ISSUER, a_provider

METADATA = Metadata(f"{ISSUER}/auth", f"{ISSUER}/token", f"{ISSUER}/jwks")
DOCUMENT: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/jwks",
}
REQUEST = AuthorizationRequest(ClientId("c"), "https://app.example/cb", "x" * 43, ("a",))
TWO = a_provider("two", redirect_uri="http://localhost:9000/oidc/callback?provider=two")


def test_discovery_is_below_the_issuer_however_it_ends() -> None:
    assert discovery_url(a_provider(issuer="https://x.example/")) == "https://x.example/.well-known/openid-configuration"
    assert discovery_url(a_provider(issuer="https://x.example/t1")) == "https://x.example/t1/.well-known/openid-configuration"


def test_a_plain_document_is_enough() -> None:
    assert read_metadata(a_provider(), DOCUMENT) == METADATA


def test_what_a_provider_says_of_itself_is_heard() -> None:
    more = {
        "userinfo_endpoint": f"{ISSUER}/me",
        "authorization_response_iss_parameter_supported": True,
        "scopes_supported": ["openid", "groups"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    }
    read = read_metadata(a_provider(), DOCUMENT | more)
    assert (read.userinfo_endpoint, read.names_itself, read.offers_groups, read.secret_in_form) == (f"{ISSUER}/me", True, True, True)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        DOCUMENT | {"issuer": ISSUER + "/"},
        DOCUMENT | {"issuer": "https://evil.example"},
        {name: value for name, value in DOCUMENT.items() if name != "token_endpoint"},
        DOCUMENT | {"jwks_uri": 5},
        DOCUMENT | {"token_endpoint": "http://login.example/token"},
        DOCUMENT | {"authorization_endpoint": "javascript:alert(1)"},
        DOCUMENT | {"authorization_endpoint": f"{ISSUER}/auth#x"},
        DOCUMENT | {"authorization_endpoint": f"{ISSUER}/auth\r\nx: y"},
        DOCUMENT | {"userinfo_endpoint": "ftp://login.example"},
    ],
)
def test_a_document_that_is_not_the_issuers_or_unsafe_is_refused(document: Any) -> None:
    with pytest.raises(ProviderUnavailable):
        read_metadata(a_provider(), document)


def test_plain_http_is_for_a_developers_own_provider() -> None:
    document = DOCUMENT | {"issuer": "http://localhost:5", "token_endpoint": "http://localhost:5/token"}
    with pytest.raises(ProviderUnavailable):
        read_metadata(a_provider(issuer="http://localhost:5"), document)
    assert read_metadata(a_provider(issuer="http://localhost:5", local=True), document).token_endpoint == "http://localhost:5/token"


def test_the_request_carries_what_the_protocol_wants() -> None:
    """Core §3.1.2.1, RFC 7636 §4.3."""
    secrets = {"state": "s", "nonce": "n", "code_challenge": "c"}
    url = authentication_request(
        a_provider(connector_id="ldap"), replace(METADATA, authorization_endpoint=f"{ISSUER}/auth?t=1"), secrets, {}
    )
    assert url.startswith(f"{ISSUER}/auth?t=1&response_type=code&")
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert query == secrets | {
        "t": "1",
        "response_type": "code",
        "client_id": "plane",
        "redirect_uri": "http://localhost:9000/oidc/callback",
        "scope": "openid email profile",
        "code_challenge_method": "S256",
        "connector_id": "ldap",
    }


def test_groups_are_asked_for_where_wanted_and_offered() -> None:
    offering = replace(METADATA, offers_groups=True)
    assert scopes(a_provider(scopes=("email",)), offering) == ("openid", "email", "groups")
    assert scopes(a_provider(ask_for_groups=False), offering) == ("openid", "email", "profile")
    assert scopes(a_provider(), METADATA) == ("openid", "email", "profile")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"login_hint": "ada@example.com"}, {"login_hint": "ada@example.com"}),
        ({"prompt": frozenset({Prompt.LOGIN, Prompt.CONSENT}), "signed_in_since": MIDSUMMER}, {"prompt": "login"}),
        ({"prompt": frozenset({Prompt.SELECT_ACCOUNT}), "signed_in_since": MIDSUMMER}, {"prompt": "select_account"}),
        ({"signed_in_since": MIDSUMMER - timedelta(seconds=90.5)}, {"max_age": "90"}),
        ({"signed_in_since": MIDSUMMER + timedelta(seconds=1)}, {"max_age": "0"}),
    ],
)
def test_what_the_client_wished_is_passed_on(changes: dict[str, Any], expected: dict[str, str]) -> None:
    assert wishes(replace(REQUEST, **changes), MIDSUMMER) == expected


@pytest.mark.parametrize(
    ("provider", "names_itself", "returned"),
    [
        (a_provider(), False, Returned()),
        (a_provider(), False, Returned(provider="oidc")),
        (a_provider(), False, Returned(iss=ISSUER)),
        (a_provider(), True, Returned(iss=ISSUER)),
        (TWO, False, Returned(provider="two")),
        (TWO, True, Returned(provider="two", iss=ISSUER)),
    ],
)
def test_an_answer_that_fits_is_taken(provider: Any, names_itself: bool, returned: Returned) -> None:
    require_same_provider(provider, replace(METADATA, names_itself=names_itself), returned)


@pytest.mark.parametrize(
    ("provider", "names_itself", "returned"),
    [
        (a_provider(), False, Returned(iss="https://evil.example")),
        (a_provider(), False, Returned(iss=ISSUER + "/")),
        (a_provider(), True, Returned()),
        (a_provider(), False, Returned(provider="two")),
        (TWO, False, Returned()),
        (TWO, False, Returned(provider="oidc")),
        (TWO, False, Returned(provider="three", iss=ISSUER)),
        (TWO, True, Returned(provider="two", iss="https://evil.example")),
    ],
)
def test_an_answer_of_another_provider_is_refused(provider: Any, names_itself: bool, returned: Returned) -> None:
    """RFC 9207 §2.4, RFC 9700 §4.4."""
    with pytest.raises(AnswersMixedUp):
        require_same_provider(provider, replace(METADATA, names_itself=names_itself), returned)


def test_userinfo_is_asked_only_for_what_is_missing() -> None:
    full = {"email": "a@b", "name": "A", "groups": []}
    assert not unsaid(a_provider(), full)
    assert unsaid(a_provider(), {"email": "a@b", "groups": []})
    assert unsaid(a_provider(), {"email": "a@b", "name": "A"})
    assert not unsaid(a_provider(scopes=("openid",), ask_for_groups=False), {})


def test_only_a_developers_plane_may_ask_a_developers_provider() -> None:
    """O10 and the guard against private addresses."""
    of = {"AUTHPLANE_OIDC_CLIENT_ID": "plane", "AUTHPLANE_OIDC_ENABLED": "true"}
    here = {"AUTHPLANE_OIDC_ISSUER": "https://localhost:5", "AUTHPLANE_OIDC_REDIRECT_URI": "https://auth.example.com/oidc/callback"}
    secure = {"AUTHPLANE_SERVER_ISSUER": "https://auth.example.com", "AUTHPLANE_SESSION_SECRET": "x" * 32}
    [provider] = settings.of(config.load(None, of | here, service="authorize")).providers
    assert (provider.local, provider.label) == (True, "")
    with pytest.raises(SettingsError, match="localhost only"):
        config.load(None, of | here | secure, service="registry")
    public = {"AUTHPLANE_OIDC_ISSUER": ISSUER}
    [provider] = settings.of(config.load(None, of | here | secure | public, service="registry")).providers
    assert not provider.local
    off = config.load(None, of | here | {"AUTHPLANE_OIDC_ENABLED": "false"}, service="authorize")
    assert settings.of(off).providers == ()


def test_the_secret_may_be_named_and_a_hidden_form_leaves_every_provider_a_button() -> None:
    environ = {
        "AUTHPLANE_OIDC_ENABLED": "true",
        "AUTHPLANE_OIDC_ISSUER": ISSUER,
        "AUTHPLANE_OIDC_CLIENT_ID": "plane",
        "AUTHPLANE_OIDC_CLIENT_SECRET_REF": "CONNECTOR_LOGIN",
        "AUTHPLANE_OIDC_REDIRECT_URI": "http://localhost:9000/oidc/callback",
        "AUTHPLANE_OIDC_SHOW_LOCAL_LOGIN": "false",
        "CONNECTOR_LOGIN": "named-secret",
    }
    read = settings.of(config.load(None, environ, service="authorize"))
    [provider] = read.providers
    assert (provider.client_secret, provider.label, read.local_login) == ("named-secret", "oidc", False)
    assert "named-secret" not in repr(read)
