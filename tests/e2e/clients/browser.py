"""Stands in for the browser of clients that open one themselves: started with a URL, it logs in, allows, and follows the way back.

Run as `python -m tests.e2e.clients.browser URL`. The person comes from PERSON_EMAIL and PERSON_PASSWORD; each way back becomes a line
of the file PERSON_VISITS.
"""

import asyncio
import os
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx

from cli.demo.user_agent import HeadlessPerson, without_query

PATIENCE = 50
"""Tries of a tenth of a second each: some clients open the browser first and their callback listener afterwards."""

OPENER = """#!/bin/sh
cd '{root}' && exec '{python}' -m tests.e2e.clients.browser "$@" </dev/null >>'{log}' 2>&1 &
"""


def environ_with_browser(folder: Path, email: str, password: str) -> dict[str, str]:
    """Environment names under which clients find this browser, whichever way they look for one. Its notes are in `folder`."""
    root = Path(__file__).parents[3]
    opener = OPENER.format(root=root, python=sys.executable, log=folder / "browser.log")
    programs = folder / "programs"
    programs.mkdir()
    for name in ("browser", "open", "xdg-open", "x-www-browser"):
        (programs / name).write_text(opener)
        (programs / name).chmod(0o755)
    return {
        "BROWSER": str(programs / "browser"),
        "DISPLAY": "",
        "WAYLAND_DISPLAY": "",
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
        "PERSON_EMAIL": email,
        "PERSON_PASSWORD": password,
        "PERSON_VISITS": str(folder / "visits"),
    }


def visits(folder: Path) -> list[str]:
    """The addresses browsers came back to, without their queries, in order."""
    noted = folder / "visits"
    return noted.read_text().split() if noted.exists() else []


def note(address: str) -> None:
    with Path(os.environ["PERSON_VISITS"]).open("a") as noted:
        noted.write(f"{address}\n")


async def visit(url: str) -> None:
    """From the authorization URL back to the client's own listener."""
    redirect_uri = parse_qs(urlsplit(url).query)["redirect_uri"][0]
    person = HeadlessPerson(os.environ["PERSON_EMAIL"], os.environ["PERSON_PASSWORD"])
    arrival = await person.authorize(url, redirect_uri)
    note(without_query(arrival.url))
    for _ in range(PATIENCE):
        try:
            (await person.http.get(arrival.url)).raise_for_status()
            break
        except httpx.ConnectError:
            await asyncio.sleep(0.1)
    await person.aclose()


if __name__ == "__main__":
    asyncio.run(visit(sys.argv[1]))
