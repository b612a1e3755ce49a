"""What the plane wrote down about the demonstration, read back through the operator's API from the audit service."""

import asyncio
import time
from datetime import datetime
from typing import Any

import httpx

from cli.demo.narrator import Narrator
from cli.demo.story import require

PATIENCE_SECONDS = 10.0
EXPECTED = {"client.registered", "user.login", "consent.granted", "token.issued", "token.refreshed", "token.revoked"}
Row = dict[str, Any]


async def entries_since(admin_url: str, key: str, since: datetime) -> list[Row]:
    """The entries since then, oldest first, once everything the story must have left has been chained.

    The audit service drains its outbox behind the requests, so the last events take a moment to appear.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    async with httpx.AsyncClient(base_url=admin_url, headers={"Authorization": f"Bearer {key}"}) as http:
        while True:
            answer = await http.get("/admin/audit", params={"since": since.isoformat().replace("+00:00", "Z"), "limit": 200})
            answer.raise_for_status()
            rows: list[Row] = answer.json()
            if {row["action"] for row in rows} >= EXPECTED or time.monotonic() > until:
                return list(reversed(rows))
            await asyncio.sleep(0.2)


async def show_audit_trail(narrator: Narrator, admin_url: str, key: str, *, since: datetime) -> None:
    """Prints the trail as a table. Raises StoryFailed when an event of the story is not in it, or the chain does not hold."""
    narrator.chapter("What the audit log says happened")
    rows = await entries_since(admin_url, key, since)
    missing = EXPECTED - {row["action"] for row in rows}
    require(not missing, f"the audit log does not say {', '.join(sorted(missing))}")
    cells = [
        (
            str(row.get("created_at", ""))[11:23],
            str(row["action"]),
            str(row.get("actor_id", ""))[:24],
            str(row.get("client_id", ""))[:34],
            str(row.get("outcome", "")),
            str(row.get("reason", "") or ""),
        )
        for row in rows
    ]
    narrator.table(("time", "action", "actor", "client", "outcome", "reason"), cells)
    async with httpx.AsyncClient(base_url=admin_url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as http:
        verdict = (await http.get("/admin/audit/verify")).raise_for_status().json()
    require(verdict["intact"] is True, f"the audit log's chain does not hold: {verdict}")
    narrator.good(f"{len(rows)} entries; the log's {verdict['checked']} were verified, each bound to the one before by its hash")
