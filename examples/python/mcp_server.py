"""A guarded MCP server in one page: the official MCP SDK, with AuthPlane checking every token.

Run it with `python -m examples.python.mcp_server`. It reads three environment variables:

- `MCP_ISSUER`: the authorization server, `http://localhost:9000` unless told otherwise;
- `MCP_RESOURCE`: this server's own identifier, which tokens must name in `aud`;
- `MCP_PORT`: where to listen on the loopback interface, 8080 unless told otherwise.
"""

import asyncio
import os

from authplane_mcp import authplane_mcp_auth, install_request_context, require_scope
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.fastmcp import FastMCP

NOTES = ["Tokens name one server in `aud`.", "Refresh tokens rotate at every use."]


def add_tools(server: FastMCP) -> None:
    """Registers the demonstration's tools; each names the scope it needs."""

    @server.tool()
    async def list_notes() -> list[str]:
        """Every note, oldest first."""
        require_scope("notes:read")
        return list(NOTES)

    @server.tool()
    async def add_note(text: str) -> int:
        """Keeps a note and answers how many there are."""
        require_scope("notes:write")
        NOTES.append(text)
        return len(NOTES)

    @server.tool()
    async def who_am_i() -> dict[str, str | list[str]]:
        """What this server knows about the caller, from the verified token alone."""
        token = get_access_token()
        if token is None:
            raise PermissionError("no verified token")
        return {"client_id": token.client_id, "scopes": token.scopes, "resource": token.resource or ""}


async def main() -> None:
    """Serves until it is told to stop."""
    issuer = os.environ.get("MCP_ISSUER", "http://localhost:9000")
    port = int(os.environ.get("MCP_PORT", "8080"))
    resource = os.environ.get("MCP_RESOURCE", f"http://localhost:{port}/mcp")
    guard = await authplane_mcp_auth(
        issuer=issuer,
        resource=resource,
        scopes=["notes:read", "notes:write"],
        # Plain http and loopback addresses are for development only; leave this out in production.
        dev_mode=issuer.startswith("http://"),
    )
    server = FastMCP("AuthPlane demo", host="127.0.0.1", port=port, json_response=True, **guard)
    install_request_context(server)
    add_tools(server)
    try:
        await server.run_streamable_http_async()
    finally:
        await guard.aclose()


if __name__ == "__main__":
    asyncio.run(main())
