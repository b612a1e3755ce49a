"""FastMCP on both sides: its client against the demo server, and a FastMCP server guarded by authplane-fastmcp."""

import asyncio
import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.demo.agent import Agent
from cli.demo.client_metadata import hosted
from cli.demo.story import StoryFailed, text_of
from cli.demo.user_agent import HeadlessPerson
from tests.e2e.clients.browser import environ_with_browser, visits
from tests.e2e.clients.dialogue import converse
from tests.e2e.clients.installed import python_of
from tests.e2e.clients.ports import free_port
from tests.e2e.conftest import RunningPlane
from tests.e2e.flows import Public, machine_client, token_request

SCRIPTS = Path(__file__).parent / "fastmcp"
VERSIONS = ["fastmcp_3", "fastmcp_4"]


@dataclass(frozen=True)
class Guarded:
    """A running FastMCP server."""

    url: str


@pytest.fixture(scope="module")
def guarded(public: Public, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A FastMCP server that the operator has registered as a resource."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    scopes = [{"name": "notes:read", "description": "Read notes"}, {"name": "notes:write", "description": "Write notes"}]
    answer = httpx.post(
        f"{public.admin_url}/admin/resources",
        headers={"authorization": f"Bearer {public.admin_api_key}"},
        json={"slug": f"fastmcp-{port}", "backend_kind": "mint", "uri": url, "display_name": "FastMCP", "scopes": scopes},
    )
    assert answer.status_code == 201, answer.text
    with serving(public, port, tmp_path_factory.mktemp("fastmcp") / "server.log"):
        yield Guarded(url)
    # Two resources of one path have no metadata by path alone (RFC 9728 §3.1); the plane is shared, so this one goes again.
    httpx.delete(f"{public.admin_url}/admin/resources/{answer.json()['id']}", headers={"authorization": f"Bearer {public.admin_api_key}"})


@contextmanager
def serving(public: Public, port: int, log: Path) -> Iterator[None]:
    python = python_of("fastmcp_3")
    with log.open("w") as out:
        task = json.dumps({"issuer": public.issuer, "port": port})
        process = subprocess.Popen([str(python), str(SCRIPTS / "server.py"), task], stdout=out, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + 40
            while not answers(port):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
            yield
        finally:
            process.terminate()
            process.wait(timeout=10)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/mcp", timeout=2).status_code == 401
    except httpx.TransportError:
        return False


async def agent(version: str, server: str, public: Public, folder: Path, **task: Any) -> dict[str, Any]:
    given = {"server": server, "client_name": f"FastMCP agent {secrets.token_hex(3)}"} | task
    python = await asyncio.to_thread(python_of, version)
    environ = environ_with_browser(folder, public.email, public.password)
    person = public.person()
    try:
        return await converse([str(python), str(SCRIPTS / "agent.py"), json.dumps(given)], person, environ=environ)
    finally:
        await person.aclose()


@pytest.mark.parametrize("version", VERSIONS)
async def test_its_client_opens_a_browser_once_calls_a_tool_and_refreshes(public: Public, tmp_path: Path, version: str) -> None:
    """RFC 7591, RFC 8252 §7.3, RFC 9207; T1."""
    told = await agent(version, public.mcp_url, public, tmp_path)
    assert json.loads(told["answer"])["client_id"] == told["client_id"]
    assert told["rotated"]
    assert len(visits(tmp_path)) == 1


@pytest.mark.parametrize("version", VERSIONS)
async def test_its_client_is_known_by_its_metadata_document_alone(
    public: Public, plane: RunningPlane, tmp_path: Path, version: str
) -> None:
    """C5; client id metadata documents."""
    port = free_port()
    redirect_uri = f"http://127.0.0.1:{port}/callback"
    with hosted(plane.client_metadata_port, plane.localhost_certificate, plane.localhost_key, redirect_uri) as client_id:
        told = await agent(version, public.mcp_url, public, tmp_path, port=port, client_metadata_url=client_id)
    assert json.loads(told["answer"])["client_id"] == client_id
    assert told["rotated"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_its_client_meets_its_server(public: Public, guarded: Guarded, tmp_path: Path, version: str) -> None:
    """RFC 8707, RFC 9728: the token names the FastMCP server and nothing else."""
    told = await agent(version, guarded.url, public, tmp_path)
    seen = json.loads(told["answer"])
    assert seen["client_id"] == told["client_id"]
    assert "guarded" in told["refreshed"]


async def test_the_official_sdk_meets_a_fastmcp_server(public: Public, guarded: Guarded, person: HeadlessPerson) -> None:
    """RFC 9728."""
    agent_of_version_1 = Agent(guarded.url, person)
    async with agent_of_version_1.session() as session:
        seen = json.loads(text_of(await session.call_tool("who_am_i", {})))
    assert seen["audience"] == guarded.url or seen["audience"] == [guarded.url]


async def test_a_fastmcp_server_keeps_a_tool_from_a_token_without_its_scope(public: Public, guarded: Guarded) -> None:
    """RFC 6750 §3.1: a token for reading writes nothing."""
    client_id, client_secret = await machine_client(public, scope="notes:read")
    form = {"grant_type": "client_credentials", "resource": guarded.url}
    token = (await token_request(public, form, auth=(client_id, client_secret))).json()["access_token"]
    assert await outcome(guarded, token, "list_notes", {}) == "answered"
    assert await outcome(guarded, token, "add_note", {"text": "no"}) == "refused"


async def test_a_fastmcp_server_refuses_a_token_for_another_server(public: Public, guarded: Guarded) -> None:
    """RFC 8707 §2; RFC 9068 §4."""
    client_id, client_secret = await machine_client(public)
    form = {"grant_type": "client_credentials", "resource": public.resource}
    token = (await token_request(public, form, auth=(client_id, client_secret))).json()["access_token"]
    async with httpx.AsyncClient() as http:
        answer = await http.post(guarded.url, json={}, headers={"authorization": f"Bearer {token}", "accept": "application/json"})
    assert answer.status_code == 401


async def outcome(guarded: Guarded, token: str, tool: str, arguments: dict[str, str]) -> str:
    """Whether a machine's call of `tool` was answered or refused."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async with (
        httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}, timeout=30) as http,
        streamable_http_client(guarded.url, http_client=http) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        try:
            text_of(await session.call_tool(tool, arguments))
        except StoryFailed:
            return "refused"
    return "answered"
