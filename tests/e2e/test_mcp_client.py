"""The main job, with a client and a server nobody here wrote: the official MCP SDK and the AuthPlane adapter."""

import httpx
import jwt
import pytest

from cli.demo.agent import REDIRECT_URI, Agent
from cli.demo.client_metadata import hosted
from cli.demo.story import text_of
from tests.e2e.conftest import RunningPlane
from tests.e2e.flows import Public


async def test_an_mcp_client_gets_in_by_dynamic_registration_and_calls_a_tool(public: Public) -> None:
    """MCP authorization 2025-11-25; RFC 7591, 8707, 9207, 9728."""
    person = public.person()
    agent = Agent(public.mcp_url, person)
    seen: list[tuple[str, str, int]] = []

    async def watch(response: httpx.Response) -> None:
        seen.append((response.request.method, response.request.url.path, response.status_code))

    async with agent.session(watch) as session:
        answer = text_of(await session.call_tool("who_am_i", {}))
    await person.aclose()
    assert agent.memory.client is not None
    assert str(agent.memory.client.client_id) in answer
    assert agent.issuer_seen == public.issuer
    assert ("POST", "/mcp", 401) in seen
    assert any("oauth-protected-resource" in path and status == 200 for _, path, status in seen)
    assert ("POST", "/oauth/register", 201) in seen
    tokens = agent.memory.tokens
    assert tokens is not None
    claims = jwt.decode(tokens.access_token, options={"verify_signature": False})
    assert claims["aud"] == [public.resource]
    assert jwt.get_unverified_header(tokens.access_token)["typ"] == "at+jwt"


async def test_an_mcp_client_refreshes_silently_and_its_token_rotates(public: Public) -> None:
    """OAuth 2.1 §4.3.1; T1."""
    person = public.person()
    agent = Agent(public.mcp_url, person)
    async with agent.session() as session:
        text_of(await session.call_tool("list_notes", {}))
    assert agent.memory.tokens is not None
    before = agent.memory.tokens
    agent.expire_access_token()
    async with agent.session() as session:
        text_of(await session.call_tool("list_notes", {}))
    await person.aclose()
    assert agent.memory.tokens.refresh_token != before.refresh_token
    assert agent.memory.tokens.access_token != before.access_token


async def test_an_mcp_client_is_known_by_its_metadata_document_alone(public: Public, plane: RunningPlane) -> None:
    """C5; client id metadata documents."""
    person = public.person()
    with hosted(plane.client_metadata_port, plane.localhost_certificate, plane.localhost_key, REDIRECT_URI) as client_id:
        agent = Agent(public.mcp_url, person, client_metadata_url=client_id)
        async with agent.session() as session:
            answer = text_of(await session.call_tool("who_am_i", {}))
    await person.aclose()
    assert client_id in answer


@pytest.mark.parametrize("header", ["Bearer not-a-token", "Bearer eyJhbGciOiJub25lIn0.e30.", "Basic Zm9vOmJhcg=="])
async def test_the_guarded_server_refuses_what_the_plane_did_not_sign(public: Public, header: str) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.post(
            public.mcp_url, headers={"Authorization": header, "Accept": "application/json, text/event-stream"}, json={}
        )
    assert answer.status_code == 401
    assert "resource_metadata" in answer.headers["www-authenticate"]
