"""What two services decide each for themselves, because they never import one another, they decide alike."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kit.errors import InvalidRedirectUri
from services.authorize.redirect_uri import is_registered
from services.registry import redirect_uris, resources
from services.registry.settings import DPOP_ALGORITHMS
from services.token import dpop, policy
from tests.support.fakes_token import NOTES

REGISTERED = (
    "https://mcp.example/notes",
    "https://mcp.example",
    "http://localhost:8080/mcp",
    "https://kiwi.example/a?b=c",
    "https://[::1]/x",
)
CATALOGUE = policy.Catalogue.of(replace(NOTES, id=uri, slug="", uri=uri) for uri in REGISTERED)
SPELLINGS = st.sampled_from(REGISTERED).flatmap(
    lambda uri: st.sampled_from([uri, uri.upper(), uri.title(), uri + "/", uri + "?", uri + "#", uri.replace("https", "HTTPS"), f" {uri}"])
)


def known_to_registry(reference: str) -> str | None:
    """The registered URI a reference means, found as registry's store finds it: exactly, else by alias."""
    if reference in REGISTERED:
        return reference
    alias = resources.alias(reference)
    return next((uri for uri in REGISTERED if alias and resources.alias(uri) == alias), None)


@given(st.one_of(SPELLINGS, st.text(max_size=60)))
@example("https://\u212aiwi.example/a?b=c")
@example("https://mcp.example\t/notes")
@example("https://MCP.EXAMPLE/notes")
def test_registry_and_token_understand_a_resource_alike(reference: str) -> None:
    """A3: authorize asks registry and the token endpoint asks its own memory; a spelling must not mean two things."""
    found = CATALOGUE.find(reference)
    assert (found.uri if found is not None else None) == known_to_registry(reference)


def test_registry_publishes_the_proof_algorithms_token_accepts() -> None:
    """T7, RFC 9728 §2: a resource's metadata and the server's say the same."""
    assert DPOP_ALGORITHMS == dpop.ALGS


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
@pytest.mark.parametrize("rest", ["", "/", "/callback", "/callback?client=a", "?x=1"])
def test_whatever_loopback_address_registers_authorize_lets_choose_its_port(host: str, rest: str) -> None:
    """C7, RFC 8252 §7.3."""
    registered = redirect_uris.parse(f"http://{host}{rest}").text
    assert is_registered(f"http://{host}:49152{rest}", (registered,))
    assert not is_registered(f"https://{host}:49152{rest}", (registered,))


@given(st.text(alphabet="htps:/127.0localhost[]@\\#?%.eviltest;", max_size=60))
@example("http://localhost.evil.test/callback")
@example("http://localhost@evil.test/callback")
@example("http://localhost:80@evil.test/callback")
def test_what_authorize_takes_for_a_loopback_address_registry_does_too(requested: str) -> None:
    """C7, K7, K8, K20: two readers of one URI agree on where it leads."""
    if not any(is_registered(requested, (f"http://{host}/callback",)) for host in ("127.0.0.1", "[::1]", "localhost")):
        return
    try:
        assert redirect_uris.parse(requested).is_loopback
    except InvalidRedirectUri:
        pytest.fail(f"authorize would redirect to {requested!r}, which registry calls unusable")
