# mypy: ignore-errors
# It runs in environments of its own, where FastMCP is installed.
"""An agent with FastMCP's own client, which registers, opens a browser and listens for the way back by itself."""

import asyncio
import json
import sys

from fastmcp import Client
from fastmcp.client.auth import OAuth

TASK = json.loads(sys.argv[1])


async def call(auth, tool):
    async with Client(TASK["server"], auth=auth) as client:
        result = await client.call_tool(tool, {})
    return " ".join(part.text for part in result.content)


async def main():
    auth = OAuth(
        client_name=TASK["client_name"],
        client_metadata_url=TASK.get("client_metadata_url"),
        callback_host="127.0.0.1",
        callback_port=TASK.get("port"),
    )
    answer = await call(auth, "who_am_i")
    before = auth.context.current_tokens
    auth.context.token_expiry_time = 1.0
    refreshed = await call(auth, "list_notes")
    after = auth.context.current_tokens
    rotated = after.refresh_token != before.refresh_token and after.access_token != before.access_token
    return {"answer": answer, "refreshed": refreshed, "client_id": str(auth.context.client_info.client_id), "rotated": rotated}


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"result": asyncio.run(main())}) + "\n")
