# mypy: ignore-errors
# It runs in an environment of its own, where FastMCP and authplane-fastmcp are installed.
"""A FastMCP server whose tokens authplane-fastmcp checks. Its one argument is JSON: issuer and port."""

import asyncio
import json
import sys

from authplane_fastmcp import authplane_auth
from fastmcp import FastMCP
from fastmcp.server.auth import require_scopes
from fastmcp.server.dependencies import get_access_token

TASK = json.loads(sys.argv[1])


async def main():
    guard = await authplane_auth(
        issuer=TASK["issuer"], base_url=f"http://127.0.0.1:{TASK['port']}", scopes=["notes:read", "notes:write"], dev_mode=True
    )
    server = FastMCP("FastMCP behind AuthPlane", **guard)

    @server.tool(auth=require_scopes("notes:read"))
    async def list_notes() -> list[str]:
        """Every note."""
        return ["FastMCP is guarded, too."]

    @server.tool(auth=require_scopes("notes:write"))
    async def add_note(text: str) -> str:
        """Keeps a note."""
        return text

    @server.tool
    async def who_am_i() -> dict:
        """What this server knows about the caller."""
        token = get_access_token()
        return {"client_id": token.client_id, "scopes": token.scopes, "audience": token.claims["aud"]}

    await server.run_async(transport="http", host="127.0.0.1", port=TASK["port"], show_banner=False)


if __name__ == "__main__":
    asyncio.run(main())
