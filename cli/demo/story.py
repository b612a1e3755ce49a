"""What an MCP client does, step by step, against the plane that is running here.

Every step asserts what it shows: the demonstration fails loudly rather than narrate something that did not happen.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import jwt
from mcp.types import CallToolResult, TextContent

from cli.demo.agent import REDIRECT_URI, Agent
from cli.demo.client_metadata import hosted
from cli.demo.narrator import Narrator, short
from cli.demo.user_agent import HeadlessPerson


class StoryFailed(Exception):
    """A step did not end the way the specification says."""


@dataclass(frozen=True)
class Plane:
    """The running plane, as `authserver dev --status --json` describes it."""

    issuer: str
    demo_mcp_url: str
    demo_resource: str
    email: str
    password: str
    certificate: Path
    key: Path
    client_metadata_port: int


def require(holds: bool, what: str) -> None:
    """Raises StoryFailed naming `what` unless it holds."""
    if not holds:
        raise StoryFailed(what)


def text_of(result: CallToolResult) -> str:
    """The text a tool answered. Raises StoryFailed when the tool reported an error."""
    text = " ".join(part.text for part in result.content if isinstance(part, TextContent))
    require(not result.isError, f"the tool refused: {text}")
    return text


class Story:
    """One telling."""

    def __init__(self, plane: Plane, narrator: Narrator) -> None:
        self.plane = plane
        self.narrator = narrator
        self.began = datetime.now(UTC)
        self.person = HeadlessPerson(plane.email, plane.password, watch=narrator.watch)

    async def tell(self) -> None:
        """The whole of it. Raises StoryFailed at the first step that is not as it should be."""
        agent = await self.first_call()
        await self.look_at_the_token(agent)
        await self.refresh_silently(agent)
        await self.revoke(agent)
        await self.with_a_metadata_document()
        await self.person.aclose()

    async def first_call(self) -> Agent:
        """From 401 to an answered tool call, by dynamic registration."""
        say = self.narrator
        say.chapter("An agent calls the MCP server, knowing nothing but its URL")
        say.say(f"The client is the official MCP Python SDK; the server, {self.plane.demo_mcp_url}, is guarded by authplane-mcp.")
        agent = Agent(self.plane.demo_mcp_url, self.person)
        async with agent.session(say.watch) as session:
            tools = [tool.name for tool in (await session.list_tools()).tools]
            notes = text_of(await session.call_tool("list_notes", {}))
        require(agent.issuer_seen == self.plane.issuer, "the authorization response must carry `iss` (RFC 9207)")
        client = agent.memory.client
        require(client is not None and bool(client.client_id), "no client id was registered")
        say.good(f"{self.plane.email} logged in and allowed it; the code came back with iss={agent.issuer_seen}")
        say.good(f"tools offered: {', '.join(tools)}; list_notes answered: {notes[:70]}")
        return agent

    async def look_at_the_token(self, agent: Agent) -> None:
        """Verifies the access token the way any resource server may: with the published keys and nothing else."""
        say = self.narrator
        say.chapter("The access token, verified against the published keys")
        token = self._access_token(agent)
        header = jwt.get_unverified_header(token)
        async with httpx.AsyncClient() as http:
            published = (await http.get(f"{self.plane.issuer}/.well-known/jwks.json")).json()
        key = next(jwt.PyJWK(entry) for entry in published["keys"] if entry["kid"] == header["kid"])
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=[header["alg"]], audience=self.plane.demo_resource, issuer=self.plane.issuer
        )
        require(header["typ"] == "at+jwt", "the header's typ must be at+jwt (RFC 9068)")
        require(claims["aud"] == [self.plane.demo_resource], "aud must name the demo server and nothing else")
        say.show("header", header)
        say.show("claims", claims)
        say.good("signature, issuer, audience and lifetime hold")

    async def refresh_silently(self, agent: Agent) -> None:
        """The SDK refreshes by itself when its access token has run out."""
        say = self.narrator
        say.chapter("Silent refresh, with rotation")
        before = self._refresh_token(agent)
        agent.expire_access_token()
        async with agent.session(say.watch) as session:
            text_of(await session.call_tool("who_am_i", {}))
        after = self._refresh_token(agent)
        require(before != after, "the refresh token must rotate")
        say.good(f"refresh token {short(before)} became {short(after)}; nobody was asked anything")

    async def revoke(self, agent: Agent) -> None:
        """Ends the refresh family, and proves it."""
        say = self.narrator
        say.chapter("Revocation")
        client = agent.memory.client
        require(client is not None, "no client")
        identity = {"client_id": (client.client_id if client else "") or ""}
        refresh_token = self._refresh_token(agent)
        async with httpx.AsyncClient(event_hooks={"response": [say.watch]}) as http:
            revoked = await http.post(f"{self.plane.issuer}/oauth/revoke", data={"token": refresh_token, **identity})
            require(revoked.status_code == 200, f"revocation answered {revoked.status_code}")
            refused = await http.post(
                f"{self.plane.issuer}/oauth/token", data={"grant_type": "refresh_token", "refresh_token": refresh_token, **identity}
            )
        body = refused.json()
        require(refused.status_code == 400 and body["error"] == "invalid_grant", f"the next refresh was not refused: {body}")
        say.good(f"the next refresh is refused: {body['error']} ({body['error_description']})")

    async def with_a_metadata_document(self) -> None:
        """Once more, the agent's identity being a URL (CIMD): nothing is registered in advance."""
        say = self.narrator
        say.chapter("Once more, with a client metadata document instead of registration")
        with hosted(self.plane.client_metadata_port, self.plane.certificate, self.plane.key, REDIRECT_URI) as client_id:
            agent = Agent(self.plane.demo_mcp_url, self.person, client_metadata_url=client_id)
            async with agent.session(say.watch) as session:
                answer = json.loads(text_of(await session.call_tool("who_am_i", {})))
        require(answer["client_id"] == client_id, f"the server saw {answer['client_id']} instead of {client_id}")
        say.good(f"the server sees the caller as {client_id}")

    def _access_token(self, agent: Agent) -> str:
        tokens = agent.memory.tokens
        if tokens is None:
            raise StoryFailed("no access token")
        return tokens.access_token

    def _refresh_token(self, agent: Agent) -> str:
        tokens = agent.memory.tokens
        if tokens is None or not tokens.refresh_token:
            raise StoryFailed("no refresh token was issued")
        return tokens.refresh_token
