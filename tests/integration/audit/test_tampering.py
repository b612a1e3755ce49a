"""Whoever owns the database can change it, and `verify` says where (O3)."""

import asyncpg
import pytest

from kit.pg import Pool
from services.audit.adapters.outbox import PostgresOutbox
from services.audit.adapters.store import PostgresEntries
from services.audit.drain import chained
from services.audit.model import Verdict
from services.audit.verification import verify
from tests.integration.audit.conftest import Append
from tests.support.fakes_audit import a_row

COPY = """
INSERT INTO audit.entries
SELECT {seq}, recorded_at + interval '1 microsecond', gen_random_uuid(), occurred_at, service, action, actor_kind, actor_id, client_id,
       subject, resource, outcome, reason, ip, request_id, trace_id, detail, {prev}, hash
  FROM audit.entries WHERE seq = 5
"""
SWAP = """
UPDATE audit.entries AS mine
   SET id = theirs.id, occurred_at = theirs.occurred_at, request_id = theirs.request_id, detail = theirs.detail,
       hash = theirs.hash
  FROM audit.entries AS theirs WHERE mine.seq + theirs.seq = 11 AND mine.seq IN (5, 6)
"""
RENUMBER = """
UPDATE audit.entries SET seq = -5 WHERE seq = 5;
UPDATE audit.entries SET seq = 5 WHERE seq = 6;
UPDATE audit.entries SET seq = 6 WHERE seq = -5
"""
CLOSE_THE_GAP = """
DELETE FROM audit.entries WHERE seq = 5;
UPDATE audit.entries SET seq = -seq WHERE seq > 5;
UPDATE audit.entries SET seq = -seq - 1 WHERE seq < 0;
UPDATE audit.head SET seq = 9
"""


@pytest.mark.parametrize(
    ("statement", "first_bad"),
    [
        ("UPDATE audit.entries SET actor_id = 'somebody else' WHERE seq = 5", 5),
        ("UPDATE audit.entries SET detail = detail || '{\"more\": 1}' WHERE seq = 5", 5),
        ("UPDATE audit.entries SET occurred_at = occurred_at + interval '1 microsecond' WHERE seq = 5", 5),
        ("UPDATE audit.entries SET outcome = '' WHERE seq = 10", 10),
        ("DELETE FROM audit.entries WHERE seq = 5", 5),
        ("DELETE FROM audit.entries WHERE seq = 1", 1),
        ("DELETE FROM audit.entries WHERE seq = 10", 10),
        (COPY.format(seq=5, prev="prev_hash"), 5),
        (COPY.format(seq=11, prev="hash"), 11),
        (SWAP, 5),
        (RENUMBER, 5),
        (CLOSE_THE_GAP, 5),
        ("UPDATE audit.head SET seq = 9", 9),
        ("TRUNCATE audit.entries", 1),
    ],
)
async def test_tampering_is_found_and_named(
    pool: Pool, append: Append, superuser: "asyncpg.Connection[asyncpg.Record]", statement: str, first_bad: int
) -> None:
    await PostgresOutbox(pool).prepare()
    for batch in (range(1, 4), range(4, 8), range(8, 11)):
        await append(*(a_row(number) for number in batch))
        await PostgresOutbox(pool).drain(100, chained)
    entries = PostgresEntries(pool)
    assert await verify(entries) == Verdict(10, 0, "")
    await superuser.execute(statement)
    verdict = await verify(entries)
    assert (verdict.intact, verdict.first_bad_seq) == (False, first_bad), verdict.explanation
