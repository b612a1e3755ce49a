"""Grants and authorization codes in Postgres."""

from collections.abc import Callable
from datetime import datetime

from kit.audit import APPEND, Recorder
from kit.errors import AccessDenied
from kit.pg import Pool, Record, Transaction
from services.token.consents import Approval, CodeRequest, Memory, NewCode, StoredGrant
from services.token.model import ClientId, CodeHash, FamilyId, GrantId, StoredCode, UserId

FIND_CODE = """
SELECT c.grant_id, c.client_id, c.user_id, c.redirect_uri, c.resource, c.scopes, c.code_challenge, c.dpop_jkt, c.expires_at,
       c.consumed_at, c.family_id, c.issuance_id,
       g.revoked_at IS NULL AS grant_live,
       EXISTS (SELECT FROM token.refused_subjects r WHERE r.user_id = c.user_id) AS subject_refused
  FROM token.authorization_codes c
  JOIN token.grants g ON g.id = c.grant_id
 WHERE c.code_hash = $1
"""

# One question at a time per person and client, so that two consents given at once both count.
LOCK_KEY = "SELECT pg_advisory_xact_lock(hashtextextended($1 || chr(31) || $2, 7))"

KNOWN = """
SELECT EXISTS (SELECT FROM token.refused_subjects WHERE user_id = $1) AS subject_refused,
       EXISTS (SELECT FROM token.grants WHERE user_id = $1 AND client_id = $2) AS met_before
"""

FIND_GRANT = """
SELECT id, scopes, remembered_scopes FROM token.grants
 WHERE user_id = $1 AND client_id = $2 AND redirect_origin = $3 AND resource = $4 AND revoked_at IS NULL
   FOR UPDATE
"""

ADD_GRANT = """
INSERT INTO token.grants (id, user_id, client_id, redirect_origin, resource, scopes, remembered_scopes, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
"""

WIDEN_GRANT = "UPDATE token.grants SET scopes = $2, remembered_scopes = $3, updated_at = $4 WHERE id = $1"

ADD_CODE = """
INSERT INTO token.authorization_codes
       (code_hash, grant_id, client_id, user_id, redirect_uri, resource, scopes, code_challenge, dpop_jkt, auth_time, issued_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""


# user_id, client_id, redirect_origin, resource
GrantKey = tuple[str, str, str, str]


class PostgresCodes:
    """Implements the ports Codes and Grants."""

    def __init__(self, *, pool: Pool, recorder: Recorder) -> None:
        self._pool = pool
        self._recorder = recorder

    async def code(self, code_hash: CodeHash) -> StoredCode | None:
        """The code under this name, consumed or not."""
        row = await self._pool.fetchrow(FIND_CODE, code_hash)
        return _code(code_hash, row) if row is not None else None

    async def issue(self, request: CodeRequest, write: Callable[[Memory], NewCode | None], now: datetime) -> bool:
        """See ports.Grants."""
        async with self._pool.transaction() as tx:
            memory = await known_to(tx, _key(request))
            code = write(memory)
            if code is None:
                return False
            await self._store(tx, code, known=memory.grant is not None, now=now)
        return True

    async def _store(self, tx: Transaction, code: NewCode, *, known: bool, now: datetime) -> None:
        request, approval = code.request, code.approval
        await store_grant(tx, code.grant_id, _key(request), approval, known=known, now=now)
        await tx.execute(
            ADD_CODE,
            code.code_hash,
            code.grant_id,
            request.client_id,
            request.user_id,
            request.redirect_uri,
            request.resource,
            approval.scopes,
            request.code_challenge,
            request.dpop_jkt or None,
            request.auth_time,
            code.issued_at,
            code.expires_at,
        )
        await tx.execute(APPEND, [self._recorder.encode(code.event)])


async def known_to(tx: Transaction, key: GrantKey) -> Memory:
    """What is remembered under `key`, locked until the transaction ends. Raises AccessDenied for a refused subject."""
    user_id, client_id, _, _ = key
    await tx.execute(LOCK_KEY, user_id, client_id)
    known = await tx.fetchrow(KNOWN, user_id, client_id)
    assert known is not None, "the query always answers one row"
    if known["subject_refused"]:
        raise AccessDenied("this account cannot be used")
    return Memory(_grant(await tx.fetchrow(FIND_GRANT, *key)), met_before=known["met_before"])


async def store_grant(tx: Transaction, grant_id: GrantId, key: GrantKey, approval: Approval, *, known: bool, now: datetime) -> None:
    """What a consent makes of the grant under `key`."""
    if known:
        await tx.execute(WIDEN_GRANT, grant_id, approval.grant_scopes, approval.remembered, now)
    else:
        await tx.execute(ADD_GRANT, grant_id, *key, approval.grant_scopes, approval.remembered, now)


def _key(request: CodeRequest) -> GrantKey:
    return (request.user_id, request.client_id, request.redirect_origin, request.resource)


def _grant(row: Record | None) -> StoredGrant | None:
    if row is None:
        return None
    remembered = row["remembered_scopes"]
    return StoredGrant(GrantId(row["id"]), tuple(row["scopes"]), tuple(remembered) if remembered is not None else None)


def _code(code_hash: CodeHash, row: Record) -> StoredCode:
    return StoredCode(
        code_hash=code_hash,
        grant_id=GrantId(row["grant_id"]),
        client_id=ClientId(row["client_id"]),
        user_id=UserId(row["user_id"]),
        redirect_uri=row["redirect_uri"],
        resource=row["resource"],
        scopes=tuple(row["scopes"]),
        code_challenge=row["code_challenge"],
        dpop_jkt=row["dpop_jkt"],
        expires_at=row["expires_at"],
        consumed_at=row["consumed_at"],
        family_id=FamilyId(row["family_id"]) if row["family_id"] is not None else None,
        issuance_id=row["issuance_id"],
        grant_live=row["grant_live"],
        subject_refused=row["subject_refused"],
    )
