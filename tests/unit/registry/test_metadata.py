"""Negotiation of client metadata: targets C4, C7, C8; RFC 7591 §2; known attack K6."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import InvalidClientMetadata
from kit.oauth import AuthMethod, GrantType
from services.registry.metadata import Rules, Submitted, negotiate, submitted
from services.registry.model import ApplicationType, Metadata

RULES = Rules(frozenset(GrantType) - {GrantType.TOKEN_EXCHANGE})
HTTPS = "https://app.example/cb"
LOOPBACK = "http://127.0.0.1:33418/cb"
KEY = {"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}


def registered(rules: Rules = RULES, /, **members: Any) -> Metadata:
    return negotiate(submitted({"client_name": "App", "redirect_uris": [HTTPS]} | members), rules)


def test_defaults_are_those_of_a_public_client_with_refresh() -> None:
    """Wire contract §3.5."""
    metadata = registered()
    assert metadata.grant_types == ("authorization_code", "refresh_token")
    assert metadata.response_types == ("code",)
    assert metadata.auth_method is AuthMethod.NONE
    assert not metadata.agent


def test_unknown_grants_and_response_types_are_dropped_and_the_rest_registered() -> None:
    """C4."""
    metadata = registered(grant_types=["implicit", "authorization_code", "password", "magic"], response_types=["token", "code", "id_token"])
    assert metadata.grant_types == ("authorization_code",)
    assert metadata.response_types == ("code",)


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"grant_types": ["implicit"]}, "grant_types"),
        ({"grant_types": []}, "grant_types"),
        ({"grant_types": ["refresh_token"]}, "grant_types"),
        ({"grant_types": [GrantType.TOKEN_EXCHANGE.value]}, "AUTHPLANE_TOKEN_EXCHANGE_ENABLED"),
        ({"response_types": ["token"]}, "response_types"),
        ({"token_endpoint_auth_method": "tls_client_auth"}, "token_endpoint_auth_method"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "needs jwks"),
        ({"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"}, "needs a client that authenticates"),
        ({"redirect_uris": []}, "redirect_uris"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "redirect_uris[0]"),
        ({"application_type": "browser"}, "application_type"),
        ({"client_name": "x" * 256}, "client_name"),
        ({"client_name": "é" * 128}, "client_name"),
        ({"client_name": "evil\u202emoc.elgoog"}, "client_name"),
        ({"client_name": "a\nb"}, "client_name"),
        ({"agent_description": "x" * 256}, "agent_description"),
        ({"jwks": {"keys": []}}, "jwks"),
        ({"jwks": {"keys": [KEY | {"d": "secret"}]}}, "jwks"),
        ({"jwks": {"keys": [{"kty": "oct", "k": "x"}]}}, "jwks"),
        ({"jwks": {"keys": "x"}}, "jwks"),
        ({"jwks": {"keys": [1]}}, "jwks"),
        ({"jwks": {"keys": [KEY]}, "jwks_uri": "https://app.example/jwks"}, "jwks"),
        ({"jwks_uri": "http://app.example/jwks"}, "jwks_uri"),
    ],
)
def test_what_leaves_nothing_usable_is_refused_by_name(members: dict[str, Any], told: str) -> None:
    """C4; RFC 7591 §3.2.2."""
    with pytest.raises(InvalidClientMetadata) as refused:
        registered(**members)
    assert told in refused.value.detail


def test_every_problem_is_told_at_once() -> None:
    """Wire contract §3.5."""
    with pytest.raises(InvalidClientMetadata) as refused:
        registered(redirect_uris=["x"], grant_types=["implicit"], application_type="toaster")
    for member in ("redirect_uris[0]", "grant_types", "application_type"):
        assert member in refused.value.detail


SWAPPED: list[Any] = [0, 1.5, True, "text", ["text"], [1], [None], [["x"]], {"a": 1}, {"$ne": 1}, [{}]]


@pytest.mark.parametrize("member", sorted(Submitted.model_fields))
@pytest.mark.parametrize("value", SWAPPED, ids=repr)
def test_a_member_of_another_type_is_a_metadata_fault_and_never_a_crash(member: str, value: Any) -> None:
    """K6."""
    try:
        registered(**{member: value})
    except InvalidClientMetadata as refused:
        assert refused.status == 400


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@given(
    st.dictionaries(st.sampled_from([*Submitted.model_fields, "client_id", "status", "scope", "secret_digest"]), json_values) | json_values
)
def test_any_json_is_registered_or_refused(value: Any) -> None:
    """K6."""
    try:
        negotiate(submitted(value), RULES)
    except InvalidClientMetadata as refused:
        assert refused.detail


def test_nulls_mean_absent() -> None:
    assert registered(grant_types=None, client_name=None, jwks=None) == registered(client_name="app.example")


@pytest.mark.parametrize(
    ("uris", "name"),
    [([HTTPS], "app.example"), ([LOOPBACK], "Unnamed client"), ([LOOPBACK, HTTPS], "app.example"), (["cursor://x/cb"], "Unnamed client")],
)
def test_a_client_without_a_name_is_called_by_its_redirect_host(uris: list[str], name: str) -> None:
    """C4."""
    assert registered(client_name=None, redirect_uris=uris).name == name
    assert registered(client_name="  ", redirect_uris=uris).name == name


@pytest.mark.parametrize(
    ("uris", "inferred"),
    [
        ([HTTPS], ApplicationType.WEB),
        ([LOOPBACK], ApplicationType.NATIVE),
        (["http://localhost/cb"], ApplicationType.NATIVE),
        (["com.example.app:/cb"], ApplicationType.NATIVE),
        ([HTTPS, LOOPBACK], ApplicationType.NATIVE),
    ],
)
def test_the_application_type_is_inferred_from_the_redirect_uris(uris: list[str], inferred: ApplicationType) -> None:
    """C8."""
    assert registered(redirect_uris=uris).application_type is inferred


@pytest.mark.parametrize("uris", [[LOOPBACK], ["cursor://x/cb"], [HTTPS, LOOPBACK]])
def test_a_web_application_uses_https_only(uris: list[str]) -> None:
    """C8."""
    with pytest.raises(InvalidClientMetadata, match="https only"):
        registered(application_type="web", redirect_uris=uris)


def test_a_native_application_leads_to_the_device() -> None:
    """C8; RFC 8252 §7.2 lets it claim https URIs besides."""
    with pytest.raises(InvalidClientMetadata, match="loopback or private-use"):
        registered(application_type="native", redirect_uris=[HTTPS])
    assert registered(application_type="native", redirect_uris=[HTTPS, LOOPBACK]).application_type is ApplicationType.NATIVE


def test_the_first_usable_authentication_method_is_taken() -> None:
    """C4: the client's own list of choices is honoured."""
    choices = ["tls_client_auth", "private_key_jwt", "client_secret_post"]
    assert registered(token_endpoint_auth_methods_supported=choices).auth_method is AuthMethod.CLIENT_SECRET_POST
    with_keys = registered(token_endpoint_auth_methods_supported=choices, jwks={"keys": [KEY]})
    assert with_keys.auth_method is AuthMethod.PRIVATE_KEY_JWT
    assert registered(token_endpoint_auth_method="none", token_endpoint_auth_methods_supported=choices).auth_method is AuthMethod.NONE


def test_a_device_needs_no_redirect_uri_and_hears_when_its_grant_is_switched_off() -> None:
    """RFC 8628 §5.6: no browser, no redirect; T9."""
    made = registered(redirect_uris=[], grant_types=[GrantType.DEVICE_CODE, GrantType.REFRESH_TOKEN])
    assert (made.grant_types, made.response_types, made.auth_method) == (
        (GrantType.DEVICE_CODE, GrantType.REFRESH_TOKEN),
        (),
        AuthMethod.NONE,
    )
    with pytest.raises(InvalidClientMetadata, match="AUTHPLANE_DEVICE_AUTHORIZATION_ENABLED"):
        registered(Rules(frozenset({GrantType.AUTHORIZATION_CODE})), redirect_uris=[], grant_types=[GrantType.DEVICE_CODE])


def test_a_machine_that_says_nothing_gets_a_secret() -> None:
    metadata = registered(grant_types=["client_credentials"], redirect_uris=None)
    assert metadata.auth_method is AuthMethod.CLIENT_SECRET_BASIC
    assert metadata.response_types == ()


def test_key_sets_are_kept_without_other_members_and_in_one_form() -> None:
    """C2."""
    one = registered(jwks={"keys": [KEY], "extra": 1}).jwks
    assert one == registered(jwks={"keys": [dict(reversed(KEY.items()))]}).jwks
    assert "extra" not in one


@pytest.mark.parametrize(
    "uri", ["javascript:alert(1)", "data:text/html,x", "https://a@b.example/", "//x", "http://[", 'https://x/"><script>', "x" * 3000]
)
def test_a_link_that_is_no_web_address_is_dropped(uri: str) -> None:
    metadata = registered(logo_uri=uri, client_uri=uri, tos_uri=uri, policy_uri=uri)
    assert (metadata.logo_uri, metadata.client_uri, metadata.tos_uri, metadata.policy_uri) == ("", "", "", "")


def test_an_operator_hears_about_values_that_strangers_have_dropped() -> None:
    strict = Rules(RULES.grants, strict=True)
    with pytest.raises(InvalidClientMetadata, match="implicit is not supported"):
        registered(strict, grant_types=["authorization_code", "implicit"])
    with pytest.raises(InvalidClientMetadata, match="response_types"):
        registered(strict, response_types=["code", "token"])
