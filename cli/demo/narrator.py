"""Tells the story of the demonstration: numbered chapters, one line per HTTP answer, nothing secret on the screen."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import httpx
from rich.console import Console
from rich.json import JSON
from rich.markup import escape
from rich.table import Table

from cli.demo.user_agent import without_query

# What an answer means to someone who reads the flow for the first time: (method, end of path, status) → words.
MEANINGS: tuple[tuple[str, str, int, str], ...] = (
    ("POST", "/mcp", 401, "the MCP server wants a token, and says where its metadata is"),
    ("GET", "oauth-protected-resource", 200, "protected resource metadata (RFC 9728): which authorization server to ask"),
    ("GET", "oauth-authorization-server", 200, "authorization server metadata (RFC 8414)"),
    ("GET", "openid-configuration", 200, "authorization server metadata, under its other well-known name"),
    ("POST", "/oauth/register", 201, "dynamic client registration (RFC 7591)"),
    ("GET", "/oauth/authorize", 303, "the browser asks, with PKCE S256 and the resource; it is sent on"),
    ("GET", "/login", 200, "the login page"),
    ("POST", "/login", 303, "the password was right"),
    ("GET", "/consent", 200, "the consent page: who asks, for what, and where the answer goes"),
    ("POST", "/consent", 303, "allowed: the code goes back to the client, with `iss` (RFC 9207)"),
    ("POST", "/oauth/revoke", 200, "revoked (RFC 7009)"),
    ("POST", "/oauth/token", 200, "the token endpoint answered"),
    ("POST", "/oauth/token", 400, "the token endpoint refused"),
    ("POST", "/mcp", 200, "the MCP server verified the token against cached keys, and answered"),
    ("POST", "/mcp", 202, "accepted"),
    ("DELETE", "/mcp", 200, "session closed"),
)


def meaning_of(method: str, path: str, status: int) -> str:
    """A few words about an answer, or none when it needs no comment."""
    for known_method, fragment, known_status, words in MEANINGS:
        if method == known_method and status == known_status and fragment in path:
            return words
    return ""


def short(secret: str) -> str:
    """Enough of a secret to tell it from another, too little to use."""
    return f"{secret[:6]}… ({len(secret)} characters)"


def _console() -> Console:
    console = Console(highlight=False, soft_wrap=True)
    # The audit trail needs room; a pipe has no width of its own.
    console.width = max(console.width, 132)
    return console


class Narrator:
    """Prints the story on one console."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or _console()
        self._chapter = 0

    def chapter(self, title: str) -> None:
        """Starts a numbered chapter."""
        self._chapter += 1
        self.console.print(f"\n[bold cyan]{self._chapter}. {escape(title)}[/]")

    def say(self, text: str) -> None:
        """One sentence."""
        self.console.print(f"   {escape(text)}")

    def good(self, text: str) -> None:
        """Something that had to hold, and held."""
        self.console.print(f"   [green]✓[/] {escape(text)}")

    def show(self, title: str, value: Mapping[str, Any]) -> None:
        """A small JSON object."""
        self.console.print(f"   [dim]{escape(title)}[/]")
        self.console.print(JSON(json.dumps(value)))

    async def watch(self, response: httpx.Response) -> None:
        """An httpx response hook: one line per answer, without queries, so that no code or token shows."""
        request = response.request
        colour = "green" if response.status_code < 400 else "yellow"
        words = meaning_of(request.method, request.url.path, response.status_code)
        self.console.print(
            f"   [dim]{request.method:6}[/] {escape(without_query(str(request.url)))} "
            f"[{colour}]{response.status_code}[/] [dim]{escape(words)}[/]"
        )

    def table(self, headings: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
        """A table of text."""
        table = Table(box=None, pad_edge=False, padding=(0, 2))
        for heading in headings:
            table.add_column(heading, style="dim" if heading == "#" else None, no_wrap=True)
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
        self.console.print(table)
