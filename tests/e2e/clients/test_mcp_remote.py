"""mcp-remote, the bridge that desktop clients use: standard input and output on one side, the guarded demo server on the other."""

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from cli.demo.client_metadata import hosted
from cli.demo.story import text_of
from tests.e2e.clients.browser import environ_with_browser, visits
from tests.e2e.clients.installed import node, node_client
from tests.e2e.clients.ports import free_port
from tests.e2e.conftest import RunningPlane
from tests.e2e.flows import Public, machine_client


class Bridge:
    """mcp-remote with a home and a browser of its own."""

    def __init__(self, public: Public, folder: Path) -> None:
        self.public = public
        self.folder = folder
        (folder / "home").mkdir()
        self.environ = environ_with_browser(folder, public.email, public.password)
        self.environ["PATH"] = f"{self.environ['PATH'].split(':', 1)[0]}:{node().environ['PATH']}"
        self.environ["HOME"] = str(folder / "home")
        self.environ["MCP_REMOTE_CONFIG_DIR"] = str(folder / "home")

    @asynccontextmanager
    async def session(self, *options: str) -> AsyncGenerator[ClientSession]:
        """An initialized session through the bridge."""
        script = await asyncio.to_thread(node_client, "mcp_remote") / "node_modules" / "mcp-remote" / "dist" / "proxy.js"
        command = StdioServerParameters(command=str(node().executable), args=[str(script), self.public.mcp_url, *options], env=self.environ)
        with (self.folder / "bridge.log").open("a") as log:
            async with stdio_client(command, errlog=log) as (read, write), ClientSession(read, write) as session:
                await asyncio.wait_for(session.initialize(), 40)
                yield session

    @property
    def tokens_file(self) -> Path:
        """Where the bridge keeps its tokens."""
        return next((self.folder / "home").rglob("*tokens.json"))

    @property
    def tokens(self) -> dict[str, Any]:
        """The tokens it keeps."""
        kept: dict[str, Any] = json.loads(self.tokens_file.read_text())
        return kept


async def who(session: ClientSession) -> dict[str, Any]:
    seen: dict[str, Any] = json.loads(text_of(await session.call_tool("who_am_i", {})))
    return seen


def named(name: str) -> tuple[str, str]:
    return "--static-oauth-client-metadata", json.dumps({"client_name": f"{name} {secrets.token_hex(3)}"})


async def test_it_opens_a_browser_once_and_calls_a_tool(public: Public, tmp_path: Path) -> None:
    """RFC 8252 §7.3; RFC 7591; C7: the loopback listener gets the code."""
    bridge = Bridge(public, tmp_path)
    options = named("bridge")
    async with bridge.session(*options) as session:
        first = await who(session)
    assert first["resource"] == public.resource
    assert len(visits(tmp_path)) == 1
    async with bridge.session(*options) as session:
        assert await who(session) == first
    assert len(visits(tmp_path)) == 1, "the kept tokens should have been enough"


async def test_it_refreshes_without_a_browser_when_its_token_has_run_out(public: Public, tmp_path: Path) -> None:
    """OAuth 2.1 §4.3.1; T1."""
    bridge = Bridge(public, tmp_path)
    options = named("bridge")
    async with bridge.session(*options) as session:
        first = await who(session)
    before = bridge.tokens
    bridge.tokens_file.write_text(json.dumps({**before, "access_token": "run-out"}))
    async with bridge.session(*options) as session:
        assert await who(session) == first
    assert len(visits(tmp_path)) == 1
    assert bridge.tokens["refresh_token"] != before["refresh_token"]


async def test_it_is_known_by_its_metadata_document_alone(public: Public, plane: RunningPlane, tmp_path: Path) -> None:
    """C5; client id metadata documents."""
    bridge = Bridge(public, tmp_path)
    port = free_port()
    redirect_uri = f"http://127.0.0.1:{port}/callback"
    options = (str(port), "--host", "127.0.0.1", "--callback-path", "/callback")
    with hosted(plane.client_metadata_port, plane.localhost_certificate, plane.localhost_key, redirect_uri) as client_id:
        async with bridge.session(*options, "--client-metadata-url", client_id) as session:
            assert (await who(session))["client_id"] == client_id
    assert visits(tmp_path) == [redirect_uri]


async def test_a_machine_needs_no_browser(public: Public, tmp_path: Path) -> None:
    """RFC 6749 §4.4. The bridge asks for every scope the server names, so the machine must be allowed them all."""
    client_id, client_secret = await machine_client(public, scope="notes:read notes:write")
    bridge = Bridge(public, tmp_path)
    information = json.dumps({"client_id": client_id, "client_secret": client_secret})
    async with bridge.session("--client-credentials", "--static-oauth-client-info", information) as session:
        assert (await who(session))["client_id"] == client_id
    assert visits(tmp_path) == []


async def test_a_machine_that_may_do_less_says_what_it_asks_for(public: Public, tmp_path: Path) -> None:
    """RFC 6749 §3.3."""
    client_id, client_secret = await machine_client(public, scope="notes:read")
    bridge = Bridge(public, tmp_path)
    information = json.dumps({"client_id": client_id, "client_secret": client_secret})
    narrow = ("--static-oauth-client-metadata", json.dumps({"scope": "notes:read"}))
    async with bridge.session("--client-credentials", "--static-oauth-client-info", information, *narrow) as session:
        assert (await who(session))["scopes"] == ["notes:read"]
