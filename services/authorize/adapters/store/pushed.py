"""Pushed requests in Postgres."""

from datetime import datetime
from typing import Any

from kit import pg
from services.authorize.request import RawRequest

ADD = """
INSERT INTO authorize.pushed_requests (digest, client_id, request, expires_at)
VALUES ($1, $2, $3, $4)
"""

# Deleting is what makes a reference single use: of two browsers one gets the row.
TAKE = """
DELETE FROM authorize.pushed_requests
 WHERE digest = $1 AND client_id = $2 AND expires_at > $3
RETURNING request
"""

_TEXTS = (
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "state",
    "scope",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "prompt",
    "max_age",
    "login_hint",
)


class PushedRequestStore:
    """Satisfies services.authorize.pushed.PushedRequests."""

    def __init__(self, pool: pg.Pool) -> None:
        self._pool = pool

    async def add(self, reference: bytes, raw: RawRequest, expires_at: datetime) -> None:
        """Keep one under the digest of its reference."""
        await self._pool.execute(ADD, reference, raw.client_id, _to_json(raw), expires_at)

    async def take(self, reference: bytes, client_id: str, now: datetime) -> RawRequest | None:
        """The request, to one caller only."""
        request: dict[str, Any] | None = await self._pool.fetchval(TAKE, reference, client_id, now)
        return _from_json(request) if request is not None else None


def _to_json(raw: RawRequest) -> dict[str, Any]:
    given = {name: getattr(raw, name) for name in _TEXTS}
    return {name: value for name, value in given.items() if value is not None} | {"resources": list(raw.resources)}


def _from_json(request: dict[str, Any]) -> RawRequest:
    texts: dict[str, Any] = {name: request.get(name) for name in _TEXTS}
    return RawRequest(**texts, resources=tuple(request["resources"]), pushed=True)
