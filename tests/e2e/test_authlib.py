"""A strict OAuth library nobody here wrote: Authlib, through every grant it speaks."""

import secrets

import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client

from tests.e2e.flows import REDIRECT_URI, Public, machine_client, public_client


async def test_authlib_walks_the_code_flow_refreshes_and_revokes(public: Public) -> None:
    """OAuth 2.1 §4.1, §4.3; RFC 7636, RFC 7009."""
    client = await public_client(public)
    verifier = secrets.token_urlsafe(48)
    person = public.person()
    async with AsyncOAuth2Client(
        client.client_id, token_endpoint_auth_method="none", redirect_uri=REDIRECT_URI, code_challenge_method="S256"
    ) as session:
        url, state = session.create_authorization_url(
            f"{public.issuer}/oauth/authorize", code_verifier=verifier, resource=public.resource, scope="notes:read"
        )
        arrival = await person.authorize(url, REDIRECT_URI)
        assert arrival.parameters["state"] == state
        tokens = await session.fetch_token(
            f"{public.issuer}/oauth/token",
            authorization_response=arrival.url,
            code_verifier=verifier,
            state=state,
            resource=public.resource,
        )
        assert tokens["token_type"] == "Bearer"
        refreshed = await session.refresh_token(f"{public.issuer}/oauth/token", refresh_token=tokens["refresh_token"])
        assert refreshed["refresh_token"] != tokens["refresh_token"]
        revoked = await session.revoke_token(f"{public.issuer}/oauth/revoke", token=refreshed["refresh_token"])
        assert revoked.status_code == 200
    await person.aclose()


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_authlib_gets_a_machine_token_and_introspects_it(public: Public, method: str) -> None:
    """RFC 6749 §4.4, RFC 7662; C3: with the registered method."""
    client_id, client_secret = await machine_client(public, method=method)
    async with AsyncOAuth2Client(
        client_id, client_secret, token_endpoint_auth_method=method, revocation_endpoint_auth_method=method
    ) as session:
        token = await session.fetch_token(f"{public.issuer}/oauth/token", grant_type="client_credentials", resource=public.resource)
        assert token["scope"] == "notes:read"
        answer = await session.introspect_token(f"{public.issuer}/oauth/introspect", token=token["access_token"])
        body = answer.json()
        assert body["active"] is True
        assert body["client_id"] == client_id
        assert body["iss"] == public.issuer
        await session.revoke_token(f"{public.issuer}/oauth/revoke", token=token["access_token"])
        after = await session.introspect_token(f"{public.issuer}/oauth/introspect", token=token["access_token"])
        assert after.json() == {"active": False}
