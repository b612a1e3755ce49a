"""Version 2 of the official Python SDK of MCP; version 1 is driven by tests/e2e/test_mcp_client.py."""

import json
import secrets
from typing import Any

from cli.demo.client_metadata import hosted
from cli.demo.user_agent import HeadlessPerson
from tests.e2e.clients.dialogue import run_python
from tests.e2e.conftest import RunningPlane
from tests.e2e.flows import REDIRECT_URI, Public, machine_client


async def agent(public: Public, person: HeadlessPerson, **task: str) -> dict[str, Any]:
    given = {"server": public.mcp_url, "redirect_uri": REDIRECT_URI, "client_name": f"Python agent {secrets.token_hex(3)}"}
    return await run_python("mcp_sdk_2", "mcp_sdk_2/agent.py", given | task, person)


async def test_it_registers_itself_calls_a_tool_and_refreshes(public: Public, person: HeadlessPerson) -> None:
    """MCP authorization 2026-07-28; RFC 7591, RFC 8707, RFC 9207, RFC 9728; T1."""
    told = await agent(public, person)
    assert json.loads(told["answer"])["client_id"] == told["client_id"]
    assert "POST /oauth/register 201" in told["requests"]
    assert told["requests"].count("POST /oauth/token 200") == 2
    assert told["rotated"]
    assert "rotate" in told["refreshed"]


async def test_it_is_known_by_its_metadata_document_alone(public: Public, plane: RunningPlane, person: HeadlessPerson) -> None:
    """C5; client id metadata documents."""
    with hosted(plane.client_metadata_port, plane.localhost_certificate, plane.localhost_key, REDIRECT_URI) as client_id:
        told = await agent(public, person, client_metadata_url=client_id)
    assert json.loads(told["answer"])["client_id"] == client_id
    assert told["rotated"]


async def test_a_machine_with_a_secret_needs_no_person(public: Public, person: HeadlessPerson) -> None:
    """RFC 6749 §4.4. The SDK asks for every scope the server names, so the machine must be allowed them all."""
    client_id, client_secret = await machine_client(public, scope="notes:read notes:write")
    told = await agent(public, person, client_id=client_id, client_secret=client_secret)
    assert json.loads(told["answer"])["client_id"] == client_id
