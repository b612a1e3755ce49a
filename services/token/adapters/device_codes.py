"""Device authorizations in Postgres."""

from collections.abc import Callable, Sequence
from datetime import datetime

from kit.audit import APPEND, Event, Recorder
from kit.errors import AccessDenied
from kit.pg import Pool, Record
from services.token.adapters.codes import known_to, store_grant
from services.token.consents import Memory
from services.token.devices import SLOWER_SECONDS, Decision, NewDevice, Settled, StoredDevice, Verdict
from services.token.model import ClientId, DeviceHash, GrantId, UserId

ADD = """
INSERT INTO token.device_codes (code_hash, user_code_tag, client_id, resource, scopes, interval_seconds, issued_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""

_COLUMNS = """d.code_hash, d.client_id, d.resource, d.scopes, d.expires_at, d.decided_at, d.user_id, d.grant_id, d.consumed_at"""

FIND = f"""
SELECT {_COLUMNS}, g.revoked_at IS NULL AS grant_live,
       EXISTS (SELECT FROM token.refused_subjects r WHERE r.user_id = d.user_id) AS subject_refused
  FROM token.device_codes d
  LEFT JOIN token.grants g ON g.id = d.grant_id
 WHERE d.code_hash = $1
"""  # noqa: S608 - constants

FIND_PENDING = f"""
SELECT {_COLUMNS}, true AS grant_live, false AS subject_refused
  FROM token.device_codes d
 WHERE d.user_code_tag = ANY($1::text[]) AND d.decided_at IS NULL AND d.expires_at > $2
"""  # noqa: S608 - constants

# Every expression sees the row as it was before, and the row is locked: two polls at once cannot both be in time.
# A fifth of the interval is forgiven, for networks that deliver one request later than the next.
POLL = f"""
UPDATE token.device_codes
   SET polled_early = polled_at IS NOT NULL AND polled_at > $2::timestamptz - make_interval(secs => interval_seconds * 0.8),
       interval_seconds = interval_seconds
         + CASE WHEN polled_at > $2::timestamptz - make_interval(secs => interval_seconds * 0.8) THEN {SLOWER_SECONDS} ELSE 0 END,
       polled_at = greatest(polled_at, $2::timestamptz)
 WHERE code_hash = $1 AND decided_at IS NULL
RETURNING polled_early
"""  # noqa: S608 - constants

# The one statement that takes a decision; who comes second finds nothing to decide.
DECIDE = f"""
UPDATE token.device_codes d SET decided_at = $2, user_id = $3, auth_time = $4
 WHERE user_code_tag = ANY($1::text[]) AND decided_at IS NULL AND expires_at > $2
RETURNING {_COLUMNS}, true AS grant_live, EXISTS (SELECT FROM token.refused_subjects WHERE user_id = $3) AS subject_refused
"""  # noqa: S608 - constants

APPROVE = "UPDATE token.device_codes SET grant_id = $2, scopes = $3 WHERE code_hash = $1"


class PostgresDeviceCodes:
    """Implements the port DeviceCodes."""

    def __init__(self, *, pool: Pool, recorder: Recorder) -> None:
        self._pool = pool
        self._recorder = recorder

    async def add(self, device: NewDevice, event: Event) -> None:
        """See ports.DeviceCodes."""
        async with self._pool.transaction() as tx:
            await tx.execute(
                ADD,
                device.code_hash,
                device.user_code_tag,
                device.client_id,
                device.resource,
                device.scopes,
                device.interval,
                device.issued_at,
                device.expires_at,
            )
            await tx.execute(APPEND, [self._recorder.encode(event)])

    async def device(self, code_hash: DeviceHash) -> StoredDevice | None:
        """See ports.DeviceCodes."""
        row = await self._pool.fetchrow(FIND, code_hash)
        return _device(row) if row is not None else None

    async def polled_early(self, code_hash: DeviceHash, now: datetime) -> bool:
        """See ports.DeviceCodes."""
        return bool(await self._pool.fetchval(POLL, code_hash, now))

    async def pending(self, tags: Sequence[str], now: datetime) -> StoredDevice | None:
        """See ports.DeviceCodes."""
        row = await self._pool.fetchrow(FIND_PENDING, tags, now)
        return _device(row) if row is not None else None

    async def settle(self, tags: Sequence[str], verdict: Verdict, write: Callable[[StoredDevice, Memory], Settled], now: datetime) -> bool:
        """See ports.DeviceCodes."""
        async with self._pool.transaction() as tx:
            row = await tx.fetchrow(DECIDE, tags, now, verdict.user_id, verdict.auth_time)
            if row is None:
                return False
            if row["subject_refused"]:
                raise AccessDenied("this account cannot be used")
            device = _device(row)
            key = (verdict.user_id, device.client_id, "", device.resource)
            memory = await known_to(tx, key)
            settled = write(device, memory)
            if settled.approval is not None and settled.grant_id is not None:
                await store_grant(tx, settled.grant_id, key, settled.approval, known=memory.grant is not None, now=now)
                await tx.execute(APPROVE, device.code_hash, settled.grant_id, settled.approval.scopes)
            await tx.execute(APPEND, [self._recorder.encode(settled.event)])
        return True


def _device(row: Record) -> StoredDevice:
    decision = Decision.PENDING
    if row["decided_at"] is not None:
        decision = Decision.APPROVED if row["grant_id"] is not None else Decision.DENIED
    return StoredDevice(
        code_hash=DeviceHash(row["code_hash"]),
        client_id=ClientId(row["client_id"]),
        resource=row["resource"],
        scopes=tuple(row["scopes"]),
        expires_at=row["expires_at"],
        decision=decision,
        user_id=UserId(row["user_id"]) if row["user_id"] is not None else None,
        grant_id=GrantId(row["grant_id"]) if row["grant_id"] is not None else None,
        consumed_at=row["consumed_at"],
        grant_live=row["grant_live"],
        subject_refused=row["subject_refused"],
    )
