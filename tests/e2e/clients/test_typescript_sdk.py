"""The official TypeScript SDK of MCP, with its own OAuth client, against the plane and the guarded demo server."""

import json
import secrets
from typing import Any

import pytest

from cli.demo.client_metadata import hosted
from cli.demo.user_agent import HeadlessPerson
from tests.e2e.clients.dialogue import run_node
from tests.e2e.clients.keyed import keyed_machine_client
from tests.e2e.conftest import RunningPlane
from tests.e2e.flows import REDIRECT_URI, Public, machine_client


async def agent(public: Public, person: HeadlessPerson, **task: str) -> dict[str, Any]:
    given = {"server": public.mcp_url, "redirect_uri": REDIRECT_URI, "client_name": f"TypeScript agent {secrets.token_hex(3)}"}
    return await run_node("typescript_sdk", "agent.mjs", given | task, person)


async def test_it_registers_itself_calls_a_tool_and_refreshes(public: Public, person: HeadlessPerson) -> None:
    """MCP authorization 2025-11-25; RFC 7591, RFC 8707, RFC 9207, RFC 9728; T1."""
    told = await agent(public, person)
    seen = json.loads(told["answer"])
    assert seen["client_id"] == told["client"]["client_id"]
    assert seen["resource"] == public.resource
    assert told["iss"] == public.issuer
    assert "POST /mcp 401" in told["requests"]
    assert "POST /oauth/register 201" in told["requests"]
    assert told["requests"].count("POST /oauth/token 200") == 2
    assert told["after"]["refresh_token"] != told["before"]["refresh_token"]
    assert told["after"]["access_token"] != told["before"]["access_token"]
    assert "rotate" in told["refreshed"]


async def test_it_is_known_by_its_metadata_document_alone(public: Public, plane: RunningPlane, person: HeadlessPerson) -> None:
    """C5; client id metadata documents."""
    with hosted(plane.client_metadata_port, plane.localhost_certificate, plane.localhost_key, REDIRECT_URI) as client_id:
        told = await agent(public, person, client_metadata_url=client_id)
    assert json.loads(told["answer"])["client_id"] == client_id
    assert not any("/oauth/register" in request for request in told["requests"])
    assert told["after"]["refresh_token"] != told["before"]["refresh_token"]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_it_may_register_for_a_secret_and_keeps_to_the_registered_method(public: Public, person: HeadlessPerson, method: str) -> None:
    """RFC 7591 §2; C3."""
    told = await agent(public, person, token_endpoint_auth_method=method)
    assert told["client"]["token_endpoint_auth_method"] == method
    assert told["client"]["client_secret"]
    assert told["after"]["refresh_token"] != told["before"]["refresh_token"]


async def test_a_machine_with_a_secret_needs_no_person(public: Public, person: HeadlessPerson) -> None:
    """RFC 6749 §4.4. For a machine the SDK always chooses Basic where the server offers it."""
    client_id, client_secret = await machine_client(public)
    told = await agent(public, person, client_id=client_id, client_secret=client_secret)
    assert json.loads(told["answer"])["client_id"] == client_id


async def test_a_machine_with_a_key_needs_no_secret(public: Public, person: HeadlessPerson) -> None:
    """RFC 7523 §2.2; C2."""
    client = await keyed_machine_client(public)
    told = await agent(public, person, client_id=client.client_id, private_key=client.private_pem)
    assert json.loads(told["answer"])["client_id"] == client.client_id
