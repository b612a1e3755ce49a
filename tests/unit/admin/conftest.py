"""Admin's two APIs on a furnished plane of fakes."""

from collections.abc import AsyncIterator

import httpx
import pytest

from kit.http import HttpApp
from services.admin.api.http.application import application
from tests.support.fakes_admin import BOOTSTRAP_KEY, Plane, furnished


@pytest.fixture
def plane() -> Plane:
    return furnished()


@pytest.fixture
async def anyone(plane: Plane) -> AsyncIterator[httpx.AsyncClient]:
    """REST without a key, as the gateway would pass it on."""
    rest = application(plane.operations, plane.gate, "0.1.0")
    app = HttpApp([], fallback=rest, secure=True, service="admin")
    headers = {"x-authplane-client-address": "192.0.2.7", "x-request-id": "req-1", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://admin", headers=headers) as client:
        yield client


@pytest.fixture
def admin(anyone: httpx.AsyncClient) -> httpx.AsyncClient:
    """REST with the bootstrap key."""
    anyone.headers["authorization"] = f"Bearer {BOOTSTRAP_KEY}"
    return anyone
