"""A corpus of redirect URIs that pass a careless comparison (C7; K7 to K10, K20)."""

import pytest

from services.authorize.redirect_uri import describe, is_registered, origin

REGISTERED = (
    "https://app.example/callback",
    "http://127.0.0.1:33418/callback",
    "http://localhost/callback?app=1",
    "http://[::1]:1/cb",
    "cursor://anysphere.cursor/oauth",
)


@pytest.mark.parametrize("uri", REGISTERED)
def test_the_registered_value_itself_matches(uri: str) -> None:
    assert is_registered(uri, REGISTERED)


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1/callback",
        "http://127.0.0.1:1/callback",
        "http://127.0.0.1:65535/callback",
        "http://localhost:8080/callback?app=1",
        "http://[::1]:50000/cb",
        "http://[::1]/cb",
    ],
)
def test_on_a_loopback_address_the_port_alone_may_differ(uri: str) -> None:
    """RFC 8252 §7.3."""
    assert is_registered(uri, REGISTERED)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "https://app.example/callback/",
        "https://app.example/callback?x=1",
        "https://app.example/callback#f",
        "https://APP.example/callback",
        "HTTPS://app.example/callback",
        "https://app.example:443/callback",
        "https://app.example/%63allback",
        "https://app.example/x/../callback",
        "https://app.example/..;/callback",
        "https://app.example//callback",
        "https://app.example\\@evil.example/callback",
        "https://app.example@evil.example/callback",
        "https://app.example.evil.example/callback",
        "https://app.example/callback ",
        " https://app.example/callback",
        "https://app.example/callback\n",
        "http://app.example/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://localhost.evil.example/callback?app=1",
        "http://127.0.0.1:80@evil.example/callback",
        "http://user@127.0.0.1:80/callback",
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:99999/callback",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1:8a/callback",
        "http://127.0.0.1:\u0661/callback",
        "http://127.0.0.1:1/callback/..",
        "http://127.0.0.1:1/other",
        "http://127.0.0.1:1/callback?x",
        "http://127.0.0.1:1/callback#x",
        "http://127.0.0.1:1\\/callback",
        "https://127.0.0.1:1/callback",
        "http://127.1:33418/callback",
        "http://0177.0.0.1:33418/callback",
        "http://2130706433:33418/callback",
        "http://localhost:33418/callback",
        "http://LOCALHOST/callback?app=1",
        "http://[::ffff:127.0.0.1]:1/cb",
        "http://[0:0:0:0:0:0:0:1]/cb",
        "cursor://anysphere.cursor/oauth/",
        "cursor://anysphere.cursor:1/oauth",
        "CURSOR://anysphere.cursor/oauth",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)//127.0.0.1",
        "data:text/html,x",
    ],
)
def test_nothing_else_matches(uri: str) -> None:
    """K7 suffix, K8 userinfo, K9 dot segments, K10 scheme case, K20 bare localhost."""
    assert not is_registered(uri, REGISTERED)


@pytest.mark.parametrize(
    ("uri", "host", "loopback", "application"),
    [
        ("https://app.example/cb", "app.example", False, False),
        ("http://127.0.0.1:9/cb", "127.0.0.1", True, False),
        ("http://[::1]:9/cb", "::1", True, False),
        ("http://localhost/cb", "localhost", True, False),
        ("https://good.example@evil.example/cb", "evil.example", False, False),
        ("com.example.app:/cb", "", False, True),
    ],
)
def test_people_are_told_the_true_host(uri: str, host: str, loopback: bool, application: bool) -> None:
    """Wire contract §4.9: userinfo never poses as the host."""
    destination = describe(uri)
    assert (destination.host, destination.loopback, destination.application) == (host, loopback, application)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://app.example:8443/cb", "https://app.example:8443"),
        ("http://127.0.0.1:5555/cb", "http://127.0.0.1"),
        ("cursor://anysphere.cursor/oauth", "cursor://anysphere.cursor"),
        ("com.example.app:/cb", "com.example.app:"),
    ],
)
def test_consent_is_remembered_per_origin(uri: str, expected: str) -> None:
    """A6: a native client's port changes with every start."""
    assert origin(uri) == expected
