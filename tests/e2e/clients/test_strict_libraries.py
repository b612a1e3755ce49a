"""Two certified libraries that refuse what a specification does not allow: oauth4webapi and openid-client."""

import secrets
from typing import Any

import pytest

from cli.demo.user_agent import HeadlessPerson
from tests.e2e.clients.dialogue import run_node
from tests.e2e.clients.keyed import keyed_machine_client
from tests.e2e.flows import REDIRECT_URI, Public, machine_client

LIBRARIES = ["oauth4webapi", "openid_client"]
METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]


async def tells(library: str, public: Public, person: HeadlessPerson, story: str, **task: str) -> dict[str, Any]:
    given = {
        "story": story,
        "issuer": public.issuer,
        "resource": public.resource,
        "redirect_uri": REDIRECT_URI,
        "client_name": f"{library} {secrets.token_hex(3)}",
    }
    return await run_node("strict_libraries", f"{library}.mjs", given | task, person)


@pytest.mark.parametrize("library", LIBRARIES)
async def test_a_code_becomes_tokens_that_refresh_and_are_revoked(public: Public, person: HeadlessPerson, library: str) -> None:
    """RFC 6749 §4.1, §6; RFC 7009, RFC 7591, RFC 7636, RFC 8414, RFC 9207."""
    told = await tells(library, public, person, "code")
    assert told["rotated"]
    assert told["refused"]["error"] == "invalid_grant"
    assert told["refused"]["status"] == 400


async def test_oauth4webapi_accepts_the_access_token_as_a_resource_server_would(public: Public, person: HeadlessPerson) -> None:
    """RFC 9068 §4."""
    told = await tells("oauth4webapi", public, person, "code")
    assert told["claims"]["aud"] == [public.resource]
    assert told["claims"]["client_id"] == told["client"]["client_id"]


@pytest.mark.parametrize("library", LIBRARIES)
async def test_a_client_pushes_its_request_and_sends_the_browser_with_a_reference(
    public: Public, person: HeadlessPerson, library: str
) -> None:
    """RFC 9126 §2.2, §4; A4."""
    told = await tells(library, public, person, "pushed")
    assert told.get("scope", "notes:read") == "notes:read"


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("method", METHODS)
async def test_a_machine_is_known_by_each_method(public: Public, person: HeadlessPerson, library: str, method: str) -> None:
    """RFC 6749 §2.3.1, §4.4; RFC 7523 §2.2; RFC 7662; RFC 7009."""
    if method == "private_key_jwt":
        keyed = await keyed_machine_client(public)
        known = {"client_id": keyed.client_id, "private_key": keyed.private_pem, "key_id": keyed.key_id}
    else:
        client_id, client_secret = await machine_client(public, method=method)
        known = {"client_id": client_id, "client_secret": client_secret}
    told = await tells(library, public, person, "machine", method=method, **known)
    assert told["token"]["scope"] == "notes:read"
    assert told["before"]["active"] is True
    assert told["before"]["client_id"] == known["client_id"]
    assert told["after"] == {"active": False}


async def test_oauth4webapi_verifies_a_signed_introspection_answer(public: Public, person: HeadlessPerson) -> None:
    """RFC 9701; T5."""
    client_id, client_secret = await machine_client(public)
    told = await tells(
        "oauth4webapi", public, person, "machine", method="client_secret_basic", client_id=client_id, client_secret=client_secret
    )
    assert told["mediaType"].startswith("application/token-introspection+jwt")
    assert told["beforeSigned"]["active"] is True
    assert told["beforeSigned"]["jti"] == told["before"]["jti"]


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519", "PS256"])
async def test_oauth4webapi_binds_its_tokens_to_a_key(public: Public, person: HeadlessPerson, algorithm: str) -> None:
    """RFC 9449 §5, §7, §10; T3, T7."""
    told = await tells("oauth4webapi", public, person, "dpop", algorithm=algorithm)
    assert (told["type"], told["refreshedType"]) == ("dpop", "dpop")
    assert told["claims"]["cnf"]["jkt"] == told["thumbprint"]
    assert told["withAnotherKey"]["status"] == 400
    assert told["withoutKey"]["status"] == 400


async def test_openid_client_binds_its_tokens_to_a_key(public: Public, person: HeadlessPerson) -> None:
    """RFC 9449 §5.2: a client registered for bound tokens gets no others."""
    told = await tells("openid_client", public, person, "dpop", algorithm="ES256")
    assert (told["type"], told["refreshedType"]) == ("dpop", "dpop")
    assert told["withoutKey"]["status"] == 400
