"""Its composition: a database, three routes, and health's gRPC listener."""

import asyncio
import os

from kit.http import HttpApp, Reply, Request, Route
from kit.service import Resources, Service
from kit.telemetry import http_done


async def build(resources: Resources) -> Service:
    """Compose."""
    pool = await resources.pool()

    async def slow(request: Request) -> Reply:
        await asyncio.sleep(1)
        return Reply(200, str(await pool.fetchval("SELECT count(*) FROM vault.slow_things")).encode())

    async def who(request: Request) -> Reply:
        return Reply(200, str(os.getpid()).encode())

    async def stuck(request: Request) -> Reply:
        await asyncio.sleep(60)
        return Reply(200)

    async def fail() -> None:
        raise RuntimeError("a background task that fails")

    routes = [Route("GET", "/slow", slow), Route("GET", "/who", who), Route("GET", "/stuck", stuck)]
    return Service(http=HttpApp(routes, secure=False, service="vault", on_done=http_done), background=(fail,))
