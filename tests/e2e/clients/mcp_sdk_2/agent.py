# mypy: ignore-errors
# It runs in an environment of its own, with a later mcp than the one the types are checked against.
"""An MCP agent with version 2 of the official Python SDK, and nothing of ours in between."""

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

TASK = json.loads(sys.argv[1])


def say(word):
    sys.stdout.write(json.dumps(word) + "\n")
    sys.stdout.flush()


class Memory:
    """Where the SDK keeps its tokens and its registration."""

    def __init__(self):
        self.tokens = None
        self.client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info):
        self.client = client_info


class Browser:
    """Asks the test for a person."""

    def __init__(self):
        self.arrived = None

    async def open(self, url):
        say({"open": url, "redirect_uri": TASK["redirect_uri"]})
        line = await asyncio.to_thread(sys.stdin.readline)
        self.arrived = {name: values[0] for name, values in parse_qs(urlsplit(line.strip()).query).items()}

    async def callback(self):
        return AuthorizationCodeResult(code=self.arrived["code"], state=self.arrived.get("state"), iss=self.arrived.get("iss"))


async def call(provider, tool, requests):
    async def watch(response):
        requests.append(f"{response.request.method} {response.request.url.path} {response.status_code}")

    async with (
        httpx2.AsyncClient(auth=provider, event_hooks={"response": [watch]}, timeout=30) as http,
        Client(streamable_http_client(TASK["server"], http_client=http)) as client,
    ):
        result = await client.call_tool(tool, {})
    if result.is_error:
        raise RuntimeError(result.content)
    return " ".join(part.text for part in result.content)


async def as_person():
    memory, browser, requests = Memory(), Browser(), []
    provider = OAuthClientProvider(
        server_url=TASK["server"],
        client_metadata=OAuthClientMetadata(client_name=TASK["client_name"], redirect_uris=[TASK["redirect_uri"]]),
        storage=memory,
        redirect_handler=browser.open,
        callback_handler=browser.callback,
        client_metadata_url=TASK.get("client_metadata_url"),
    )
    answer = await call(provider, "who_am_i", requests)
    before = memory.tokens
    provider.context.token_expiry_time = 1.0
    refreshed = await call(provider, "list_notes", requests)
    return {
        "answer": answer,
        "refreshed": refreshed,
        "requests": requests,
        "client_id": str(memory.client.client_id),
        "rotated": memory.tokens.refresh_token != before.refresh_token and memory.tokens.access_token != before.access_token,
    }


async def as_machine():
    requests = []
    provider = ClientCredentialsOAuthProvider(
        server_url=TASK["server"], storage=Memory(), client_id=TASK["client_id"], client_secret=TASK["client_secret"], scope="notes:read"
    )
    return {"answer": await call(provider, "who_am_i", requests), "requests": requests}


if __name__ == "__main__":
    say({"result": asyncio.run(as_machine() if "client_id" in TASK else as_person())})
