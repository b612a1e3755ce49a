"""Pending authorizations in Postgres."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from kit import pg
from kit.audit import APPEND, Event, Recorder
from services.authorize.interaction import CLAIM_SECONDS, Interaction, Needed
from services.authorize.model import ClientId, InteractionId, UserId
from services.authorize.request import AuthorizationRequest, Prompt

ADD = """
INSERT INTO authorize.interactions (id, browser, request, user_id, needed, expires_at)
VALUES ($1, $2, $3, $4, $5, $6)
"""

FIND = """
SELECT id, browser, request, user_id, needed, expires_at
  FROM authorize.interactions
 WHERE id = $1 AND expires_at > $2
"""

CLAIM = """
UPDATE authorize.interactions
   SET claimed_at = $2
 WHERE id = $1 AND expires_at > $2 AND (claimed_at IS NULL OR claimed_at < $3)
RETURNING id
"""

RELEASE = """
UPDATE authorize.interactions
   SET claimed_at = NULL, user_id = $2, needed = $3
 WHERE id = $1
"""

FINISH = """
DELETE FROM authorize.interactions
 WHERE id = $1
RETURNING id
"""


class InteractionStore:
    """Satisfies services.authorize.ports.Interactions."""

    def __init__(self, pool: pg.Pool, recorder: Recorder) -> None:
        self._pool = pool
        self._recorder = recorder

    async def add(self, interaction: Interaction) -> None:
        """Store a new one."""
        await self._pool.execute(
            ADD,
            interaction.id,
            interaction.browser,
            _request_to_json(interaction.request),
            interaction.user_id,
            _needed_to_json(interaction.needed),
            interaction.expires_at,
        )

    async def find(self, interaction_id: InteractionId, now: datetime) -> Interaction | None:
        """None when it expired or never was."""
        row = await self._pool.fetchrow(FIND, interaction_id, now)
        if row is None:
            return None
        return Interaction(
            id=InteractionId(row["id"]),
            browser=row["browser"],
            request=_request_from_json(row["request"]),
            expires_at=row["expires_at"],
            user_id=UserId(row["user_id"]) if row["user_id"] is not None else None,
            needed=_needed_from_json(row["needed"]),
        )

    async def claim(self, interaction_id: InteractionId, now: datetime) -> bool:
        """True for one caller at a time."""
        return await self._pool.fetchval(CLAIM, interaction_id, now, now - timedelta(seconds=CLAIM_SECONDS)) is not None

    async def release(self, interaction_id: InteractionId, user_id: UserId | None, needed: Needed | None) -> None:
        """Open it again, remembering what is needed of whom."""
        await self._pool.execute(RELEASE, interaction_id, user_id, _needed_to_json(needed))

    async def finish(self, interaction_id: InteractionId, events: Sequence[Event]) -> bool:
        """Delete it with its audit rows; False, writing nothing, when it is already gone."""
        async with self._pool.transaction() as tx:
            if await tx.fetchval(FINISH, interaction_id) is None:
                return False
            if events:
                await tx.execute(APPEND, [self._recorder.encode(event) for event in events])
        return True


def _request_to_json(request: AuthorizationRequest) -> dict[str, Any]:
    return {
        "client_id": request.client_id,
        "redirect_uri": request.redirect_uri,
        "code_challenge": request.code_challenge,
        "scopes": list(request.scopes),
        "resource": request.resource,
        "state": request.state,
        "dpop_jkt": request.dpop_jkt,
        "prompt": sorted(request.prompt),
        "signed_in_since": request.signed_in_since.isoformat() if request.signed_in_since is not None else None,
        "login_hint": request.login_hint,
    }


def _request_from_json(value: dict[str, Any]) -> AuthorizationRequest:
    since = value["signed_in_since"]
    return AuthorizationRequest(
        client_id=ClientId(value["client_id"]),
        redirect_uri=value["redirect_uri"],
        code_challenge=value["code_challenge"],
        scopes=tuple(value["scopes"]),
        resource=value["resource"],
        state=value["state"],
        dpop_jkt=value["dpop_jkt"],
        prompt=frozenset(Prompt(word) for word in value["prompt"]),
        signed_in_since=datetime.fromisoformat(since) if since is not None else None,
        login_hint=value["login_hint"],
    )


def _needed_to_json(needed: Needed | None) -> dict[str, Any] | None:
    if needed is None:
        return None
    return {"granted": list(needed.granted), "missing": list(needed.missing), "first_time": needed.first_time}


def _needed_from_json(value: dict[str, Any] | None) -> Needed | None:
    return Needed(tuple(value["granted"]), tuple(value["missing"]), value["first_time"]) if value is not None else None
