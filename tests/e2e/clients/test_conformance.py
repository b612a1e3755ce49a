"""The conformance suite of the Model Context Protocol, in its mode for authorization servers."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.demo.client_metadata import hosted
from cli.demo.user_agent import HeadlessPerson
from tests.e2e.clients.installed import node, node_client
from tests.e2e.clients.ports import free_port
from tests.e2e.conftest import RunningPlane
from tests.e2e.flows import Public, register

SUITE = Path("node_modules") / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
REVISIONS = ["2025-06-18", "2025-11-25", "2026-07-28"]


@asynccontextmanager
async def suite(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    folder = await asyncio.to_thread(node_client, "conformance")
    process = await asyncio.create_subprocess_exec(
        str(node().executable),
        str(folder / SUITE),
        "authorization",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=1 << 20,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def run(public: Public, person: HeadlessPerson, folder: Path, *arguments: str, client_id: str, port: int) -> list[dict[str, Any]]:
    """Every check of every scenario. The suite prints the authorization URL and listens for the way back."""
    redirect_uri = f"http://127.0.0.1:{port}/callback"
    said: list[str] = []
    async with asyncio.timeout(60):
        async with suite(
            *("--url", public.issuer, "--resource", public.resource, "--client-id", client_id, "--port", str(port)),
            *("--output-dir", str(folder), *arguments),
        ) as process:
            assert process.stdout is not None
            async for raw in process.stdout:
                said.append(raw.decode(errors="replace").rstrip())
                if re.match(rf"{re.escape(public.issuer)}/oauth/authorize\?", said[-1]):
                    arrival = await person.authorize(said[-1], redirect_uri)
                    async with httpx.AsyncClient() as http:
                        await http.get(arrival.url)
            code = await process.wait()
    assert code == 0, "\n".join(said)
    return checks_in(folder)


def checks_in(folder: Path) -> list[dict[str, Any]]:
    return [check for found in sorted(folder.rglob("checks.json")) for check in json.loads(found.read_text())]


@pytest.mark.parametrize("revision", REVISIONS)
async def test_every_check_passes_without_a_warning(public: Public, person: HeadlessPerson, tmp_path: Path, revision: str) -> None:
    """MCP authorization; RFC 8414; OAuth 2.1 §4.1; RFC 9207."""
    port = free_port()
    client = await register(public, client_name=f"conformance {revision}", redirect_uris=[f"http://127.0.0.1:{port}/callback"])
    checks = await run(public, person, tmp_path, "--spec-version", revision, client_id=client["client_id"], port=port)
    assert {check["id"] for check in checks} >= {"authorization-server-metadata", "authorization-code-grant"}
    assert [check for check in checks if check["status"] != "SUCCESS"] == []


async def test_every_check_passes_for_a_client_known_by_its_metadata_document(
    public: Public, plane: RunningPlane, person: HeadlessPerson, tmp_path: Path
) -> None:
    """C5."""
    port = free_port()
    redirect_uri = f"http://127.0.0.1:{port}/callback"
    with hosted(plane.client_metadata_port, plane.localhost_certificate, plane.localhost_key, redirect_uri) as client_id:
        checks = await run(public, person, tmp_path, client_id=client_id, port=port)
    assert len(checks) >= 3
    assert [check for check in checks if check["status"] != "SUCCESS"] == []
