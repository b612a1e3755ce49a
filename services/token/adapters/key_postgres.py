"""Signing keys in Postgres, sealed with the plane's data key; every worker of every replica signs with the same one.

Whoever starts first creates the first key, under an advisory lock; a rotation notifies everybody, who then reads the set anew.
"""

from dataclasses import replace
from datetime import timedelta

from kit import jose
from kit.audit import APPEND, Action, Event, Recorder
from kit.clock import Clock
from kit.credentials import SealBroken, Sealer, random_id, sealing_key_id
from kit.pg import Pool, Transaction
from services.token.events import by_operator
from services.token.keyring import SigningKey
from services.token.model import Operator

CHANNEL = "token_signing_keys"

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('token.signing_keys', 0))"
LIST_KEYS = (
    "SELECT kid, alg, private_key, created_at, retired_at FROM token.signing_keys ORDER BY retired_at DESC NULLS FIRST, created_at DESC"
)
RETIRE = "UPDATE token.signing_keys SET retired_at = $1 WHERE retired_at IS NULL"
ADD_KEY = "INSERT INTO token.signing_keys (kid, alg, private_key, created_at) VALUES ($1, $2, $3, $4)"
DROP_KEYS = "DELETE FROM token.signing_keys WHERE retired_at < $1 RETURNING kid"
NOTIFY = f"SELECT pg_notify('{CHANNEL}', $1)"


class PostgresKeys:
    """`sealers` by key id: the first seals, all open. `alg` is what a new key will be."""

    def __init__(self, *, pool: Pool, recorder: Recorder, sealers: tuple[Sealer, ...], alg: jose.Alg, clock: Clock) -> None:
        self._pool = pool
        self._recorder = recorder
        self._sealers = {sealer.key_id: sealer for sealer in sealers}
        self._seal = sealers[0]
        self._alg = alg
        self._clock = clock

    async def load(self) -> list[SigningKey]:
        """Every key, the signing one first. Raises SealBroken when a key was sealed with a data key this process does not hold."""
        rows = await self._pool.fetch(LIST_KEYS)
        return [
            SigningKey(
                kid=row["kid"],
                alg=jose.Alg(row["alg"]),
                private_key=self._open(row["kid"], row["alg"], row["private_key"]),
                created_at=row["created_at"],
                retired_at=row["retired_at"],
            )
            for row in rows
        ]

    async def ensure(self) -> list[SigningKey]:
        """As `load`, after making sure there is a signing key of the configured algorithm."""
        async with self._pool.transaction() as tx:
            await tx.execute(LOCK)
            current = next((row["alg"] for row in await tx.fetch(LIST_KEYS) if row["retired_at"] is None), None)
            if current != self._alg.value:
                action = Action.KEY_CREATED if current is None else Action.KEY_ROTATED
                await self._replace(tx, by_operator(action, Operator()))
        return await self.load()

    async def rotate(self, operator: Operator) -> SigningKey:
        """A new key signs from its notification on; the old one stays published until `drop_retired`."""
        async with self._pool.transaction() as tx:
            await tx.execute(LOCK)
            return await self._replace(tx, by_operator(Action.KEY_ROTATED, operator))

    async def drop_retired(self, lifetime: timedelta) -> None:
        """Delete keys retired longer ago than `lifetime`, when nothing they signed is in force any more."""
        async with self._pool.transaction() as tx:
            dropped = [row["kid"] for row in await tx.fetch(DROP_KEYS, self._clock.now() - lifetime)]
            if dropped:
                await self._append(tx, by_operator(Action.KEY_RETIRED, Operator(), detail={"kid": dropped}))
                await tx.execute(NOTIFY, dropped[0])

    async def _replace(self, tx: Transaction, event: Event) -> SigningKey:
        now = self._clock.now()
        made = SigningKey(random_id(), self._alg, jose.generate_key(self._alg), now)
        await tx.execute(RETIRE, now)
        pem = jose.private_key_to_pem(made.private_key)
        await tx.execute(ADD_KEY, made.kid, made.alg.value, self._seal.seal(pem, _aad(made.kid, made.alg.value)), now)
        await self._append(tx, replace(event, detail={"kid": made.kid, "alg": made.alg.value}))
        await tx.execute(NOTIFY, made.kid)
        return made

    async def _append(self, tx: Transaction, event: Event) -> None:
        await tx.execute(APPEND, [self._recorder.encode(event)])

    def _open(self, kid: str, alg: str, sealed: bytes) -> jose.PrivateKey:
        sealer = self._sealers.get(sealing_key_id(sealed))
        if sealer is None:
            raise SealBroken("a signing key cannot be opened", debug=f"kid={kid} was sealed with a data key that is not configured")
        return jose.private_key_from_pem(sealer.open(sealed, _aad(kid, alg)))


def _aad(kid: str, alg: str) -> bytes:
    # Moving a sealed key to another row, or calling it another algorithm, must not go unnoticed.
    return f"token.signing_keys:{kid}:{alg}".encode()
