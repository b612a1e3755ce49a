"""An MCP agent: the official MCP Python SDK and its OAuth client, with nothing of ours in between."""

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
from mcp import ClientSession
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from cli.demo.user_agent import HeadlessPerson, Watcher

REDIRECT_URI = "http://127.0.0.1:33418/callback"


class Memory:
    """Where the SDK keeps its tokens and its registration: this process, and nowhere else."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        """The tokens of the last answer."""
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Called by the SDK whenever the token endpoint answered."""
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """The client's registration."""
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Called by the SDK when it has registered, or chosen its metadata URL as identity."""
        self.client = client_info


class Agent:
    """An agent on behalf of one person, talking to one MCP server."""

    def __init__(self, server_url: str, person: HeadlessPerson, *, client_metadata_url: str | None = None) -> None:
        self.server_url = server_url
        self.person = person
        self.memory = Memory()
        self.issuer_seen: str | None = None
        self._arrived: tuple[str, str | None] = ("", None)
        # Identical registrations from one address are the same client for a while (C6); a name of its own makes every telling start anew.
        self.provider = OAuthClientProvider(
            server_url=server_url,
            client_metadata=OAuthClientMetadata(client_name=f"Demo agent {secrets.token_hex(2)}", redirect_uris=[AnyUrl(REDIRECT_URI)]),
            storage=self.memory,
            redirect_handler=self._open_browser,
            callback_handler=self._callback,
            client_metadata_url=client_metadata_url,
        )

    async def _open_browser(self, authorization_url: str) -> None:
        arrival = await self.person.authorize(authorization_url, REDIRECT_URI)
        self.issuer_seen = arrival.parameters.get("iss")
        self._arrived = (arrival.parameters.get("code", ""), arrival.parameters.get("state"))

    async def _callback(self) -> tuple[str, str | None]:
        return self._arrived

    def expire_access_token(self) -> None:
        """Makes the SDK believe its access token has run out, so that its next call refreshes silently."""
        self.provider.context.token_expiry_time = 1.0

    @asynccontextmanager
    async def session(self, watch: Watcher | None = None) -> AsyncGenerator[ClientSession]:
        """An initialized MCP session; `watch` sees every HTTP answer, those of the OAuth flow included."""
        hooks = {"response": [watch]} if watch else {}
        async with (
            httpx.AsyncClient(auth=self.provider, event_hooks=hooks, timeout=30) as http,
            streamable_http_client(self.server_url, http_client=http) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            yield session
