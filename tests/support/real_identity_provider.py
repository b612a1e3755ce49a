"""The npm package `oidc-provider`, certified by the OpenID Foundation, as a provider to sign in at, and a person who does.

It runs on the pinned Node of the client tests; the packages are installed once, exactly as the lock file says, beside its script.
"""

import asyncio
import fcntl
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urljoin

import httpx

from cli.demo.user_agent import forms_of
from tests.e2e.clients.installed import node

FOLDER = Path(__file__).parent / "oidc_provider"
SECRET = "a secret of the provider's client"
ACCOUNTS: Mapping[str, Mapping[str, Any]] = {
    "grace": {"email": "grace@example.com", "email_verified": True, "name": "Grace Hopper", "groups": ["navy", "staff"]},
    "hidden": {},
}
_MOST_STEPS = 15


@dataclass(frozen=True)
class RealProvider:
    """The running provider. Its process ends with the fixture."""

    issuer: str


@contextmanager
def _alone() -> Iterator[None]:
    """One installation at a time, whatever runs in parallel."""
    folder = os.open(FOLDER, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def install() -> None:
    """`npm ci`, unless what is there is what the lock file says. Raises RuntimeError with what npm said."""
    with _alone():
        stamp, wanted = FOLDER / "node_modules" / ".installed", (FOLDER / "package-lock.json").read_text()
        if stamp.is_file() and stamp.read_text() == wanted:
            return
        node().install(FOLDER)
        stamp.write_text(wanted)


@asynccontextmanager
async def running(
    redirect_uri: str, *, client: Mapping[str, Any] = MappingProxyType({}), configuration: Mapping[str, Any] = MappingProxyType({})
) -> AsyncIterator[RealProvider]:
    """The provider with one client, this plane; by its own default it tells claims at UserInfo alone."""
    await asyncio.to_thread(install)
    registered = {"client_id": "plane", "client_secret": SECRET, "redirect_uris": [redirect_uri], **dict(client)}
    settings = json.dumps({"client": registered, "accounts": dict(ACCOUNTS), "configuration": dict(configuration)})
    process = await asyncio.create_subprocess_exec(
        str((await asyncio.to_thread(node)).executable),
        "server.js",
        cwd=FOLDER,
        env={**os.environ, "SETTINGS": settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        issuer = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
        assert issuer, "the provider did not start"
        yield RealProvider(issuer)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def sign_in_there(location: str, redirect_uri: str, login: str = "grace") -> str:
    """From the provider's URL to the URL it sends the browser back to, as a person with a fresh browser would get there."""
    async with httpx.AsyncClient(timeout=20) as http:
        response = await http.get(location)
        for _ in range(_MOST_STEPS):
            if response.is_redirect:
                target = urljoin(str(response.url), response.headers["location"])
                if target.startswith(redirect_uri):
                    return target
                response = await http.get(target)
                continue
            form = next(form for form in forms_of(response) if form.method == "post")
            typed = {"login": login, "password": "any"} if form.has("login") else {}
            response = await http.post(form.action, data=form.filled(**typed))
    raise AssertionError(f"no way back, last at {response.url}: {response.text[:500]}")
