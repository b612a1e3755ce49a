"""The token service's real stores as the one object that tests hand around; see fakes_token.FakeStore for the other."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from kit.audit import Action, Event, Recorder
from kit.clock import Clock
from kit.pg import Pool, open_pool
from services.token.adapters.codes import PostgresCodes
from services.token.adapters.device_codes import PostgresDeviceCodes
from services.token.adapters.issued import PostgresIssued
from services.token.adapters.ledger import PostgresLedger
from services.token.adapters.lineage import PostgresLineages
from services.token.consents import CodeRequest, Memory, NewCode
from services.token.devices import NewDevice, Settled, StoredDevice, Verdict
from services.token.model import CodeHash, DeviceHash, Ended, Issuance, IssuedToken, Liveness, RefreshHash, StoredCode, StoredRefresh
from services.token.ports import Target
from tests.support.servers import Database


class PostgresStore:
    """Codes, DeviceCodes, RefreshTokens, IssuedTokens, Ledger, Lineages and Grants on one pool."""

    def __init__(self, pool: Pool, superuser: Pool, clock: Clock) -> None:
        recorder = Recorder("token", clock)
        self.pool = pool
        self.superuser = superuser
        self._codes = PostgresCodes(pool=pool, recorder=recorder)
        self._devices = PostgresDeviceCodes(pool=pool, recorder=recorder)
        self._issued = PostgresIssued(pool=pool)
        self._ledger = PostgresLedger(pool=pool, recorder=recorder)
        self._lineages = PostgresLineages(pool=pool, recorder=recorder)

    async def code(self, code_hash: CodeHash) -> StoredCode | None:
        return await self._codes.code(code_hash)

    async def issue(self, request: CodeRequest, write: Callable[[Memory], NewCode | None], now: datetime) -> bool:
        return await self._codes.issue(request, write, now)

    async def add(self, device: NewDevice, event: Event) -> None:
        await self._devices.add(device, event)

    async def device(self, code_hash: DeviceHash) -> StoredDevice | None:
        return await self._devices.device(code_hash)

    async def polled_early(self, code_hash: DeviceHash, now: datetime) -> bool:
        return await self._devices.polled_early(code_hash, now)

    async def pending(self, tags: Sequence[str], now: datetime) -> StoredDevice | None:
        return await self._devices.pending(tags, now)

    async def settle(self, tags: Sequence[str], verdict: Verdict, write: Callable[[StoredDevice, Memory], Settled], now: datetime) -> bool:
        return await self._devices.settle(tags, verdict, write, now)

    async def refresh_token(self, token_hash: RefreshHash) -> StoredRefresh | None:
        return await self._issued.refresh_token(token_hash)

    async def liveness(self, issuance_id: UUID) -> Liveness | None:
        return await self._issued.liveness(issuance_id)

    async def record(self, token: IssuedToken, event: Event) -> None:
        await self._ledger.record(token, event)

    async def spend(self, issuance: Issuance, token: IssuedToken) -> bool:
        return await self._ledger.spend(issuance, token)

    async def note(self, *events: Event) -> None:
        await self._ledger.note(*events)

    async def end(self, target: Target, *, reason: str, now: datetime, events: Callable[[Ended], Sequence[Event]]) -> Ended:
        return await self._lineages.end(target, reason=reason, now=now, events=events)

    async def refuse(self, user_id: str, reason: str, now: datetime, event: Event) -> None:
        await self._lineages.refuse(user_id, reason, now, event)

    async def allow(self, user_id: str, event: Event) -> None:
        await self._lineages.allow(user_id, event)

    async def actions(self) -> list[Action]:
        """What the audit log was told, in order."""
        rows = await self.superuser.fetch("SELECT event ->> 'action' AS action FROM audit.outbox ORDER BY id")
        return [Action(row["action"]) for row in rows]

    async def count(self, table: str) -> int:
        """Rows of one of our tables."""
        return int(await self.superuser.fetchval(f"SELECT count(*) FROM token.{table}"))

    async def close(self) -> None:
        await self._ledger.close()
        await self.pool.close()
        await self.superuser.close()


async def open_store(database: Database, clock: Clock) -> PostgresStore:
    """On a database migrated for token."""
    pool = await open_pool(database.dsn_for("token"), max_size=20, application_name="test token")
    return PostgresStore(pool, await open_pool(database.superuser_dsn, application_name="test superuser"), clock)
