"""Puts the log together."""

from collections.abc import Mapping
from typing import Final

from kit.http import HttpApp
from kit.service import Resources, Service
from services.audit.adapters.outbox import NotifiedGrowth, PostgresOutbox
from services.audit.adapters.store import PostgresEntries
from services.audit.api.rpc import AUDIT_SERVICE, servicers
from services.audit.drain import Drain

# Who may read the log. Writing is not here: it is SQL, and the function checks who is connected.
CALLERS: Final[Mapping[str, frozenset[str]]] = {AUDIT_SERVICE: frozenset({"admin"})}


async def build(resources: Resources) -> Service:
    """The audit service: a reader for admin over gRPC, and the drain in the background."""
    pool = await resources.pool()
    growth = NotifiedGrowth()
    await growth.listen(pool)
    drain = Drain(PostgresOutbox(pool), resources.clock)
    return Service(
        http=HttpApp((), secure=resources.configuration.server.issuer.startswith("https://"), service="audit"),
        rpc=servicers(PostgresEntries(pool), growth),
        callers=CALLERS,
        background=(drain.run,),
    )
