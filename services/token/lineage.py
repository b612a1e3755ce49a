"""Endings asked for by operators, by people on their account page and by the authorize service; each with its audit row.

Ending a grant, family, client or subject ends every token that descends from it (T4); the store does it in one transaction.
"""

from collections.abc import Sequence
from uuid import UUID

from kit.audit import Action, ActorKind, DetailValue, Event
from kit.clock import Clock
from kit.errors import Missing
from services.token.events import by_operator
from services.token.model import Ended, Operator, issuance_id_of
from services.token.ports import Lineages, OneIssuance, WholeClient, WholeGrant, WholeSubject


class Endings:
    """One method per thing that can be ended."""

    def __init__(self, *, lineages: Lineages, clock: Clock) -> None:
        self._lineages = lineages
        self._clock = clock

    async def grant(self, grant_id: str, user_id: str, operator: Operator) -> Ended:
        """End a grant; with `user_id`, only if it is theirs. Raises Missing."""

        def events(ended: Ended) -> Sequence[Event]:
            detail = {"id": grant_id, **_counts(ended)}
            if user_id:
                return [_by_person(Action.CONSENT_GRANT_REVOKED, user_id, operator, detail)]
            return [by_operator(Action.CONSENT_GRANT_REVOKED_ADMIN, operator, detail=detail)]

        ended = await self._lineages.end(
            WholeGrant(grant_id, user_id or None), reason="grant_revoked", now=self._clock.now(), events=events
        )
        if not ended.found:
            raise Missing("there is no such grant")
        return ended

    async def issuance(self, reference: str, operator: Operator) -> Ended:
        """End an issuance, named by its id or `jti`, and what was exchanged from it. Raises Missing."""
        issuance_id = issuance_named(reference)

        def events(ended: Ended) -> Sequence[Event]:
            return [by_operator(Action.ISSUANCE_REVOKED_ADMIN, operator, detail={"id": str(issuance_id), **_counts(ended)})]

        ended = await self._lineages.end(OneIssuance(issuance_id), reason="revoked", now=self._clock.now(), events=events)
        if not ended.found:
            raise Missing("there is no such token")
        return ended

    async def subject(self, user_id: str, operator: Operator) -> Ended:
        """End every family and token of a person; their grants stay."""

        def events(ended: Ended) -> Sequence[Event]:
            return [by_operator(Action.TOKEN_REVOKED, operator, subject=user_id, detail={"scope": "subject", **_counts(ended)})]

        return await self._lineages.end(WholeSubject(user_id), reason="subject_ended", now=self._clock.now(), events=events)

    async def client(self, client_id: str, operator: Operator) -> Ended:
        """End every grant, family and token of a client."""

        def events(ended: Ended) -> Sequence[Event]:
            return [by_operator(Action.TOKEN_REVOKED, operator, client_id=client_id, detail={"scope": "client", **_counts(ended)})]

        return await self._lineages.end(WholeClient(client_id), reason="client_ended", now=self._clock.now(), events=events)

    async def refuse(self, user_id: str, reason: str, operator: Operator) -> None:
        """From its return on the person gets nothing here."""
        event = by_operator(Action.SUBJECT_REFUSED, operator, subject=user_id, detail={"reason": reason})
        await self._lineages.refuse(user_id, reason, self._clock.now(), event)

    async def allow(self, user_id: str, operator: Operator) -> None:
        """Lift `refuse`."""
        await self._lineages.allow(user_id, by_operator(Action.SUBJECT_ADMITTED, operator, subject=user_id))


def issuance_named(reference: str) -> UUID:
    """The issuance an id or a `jti` names. Raises Missing for anything else."""
    by_jti = issuance_id_of(reference)
    if by_jti is not None:
        return by_jti
    try:
        return UUID(reference)
    except ValueError:
        raise Missing("there is no such token") from None


def _counts(ended: Ended) -> dict[str, DetailValue]:
    return {"revoked_issuances": ended.issuances, "revoked_families": ended.families}


def _by_person(action: Action, user_id: str, operator: Operator, detail: dict[str, DetailValue]) -> Event:
    context = operator.context
    return Event(
        action=action,
        actor_kind=ActorKind.USER,
        actor_id=user_id,
        subject=user_id,
        ip=context.ip,
        request_id=context.request_id,
        trace_id=context.trace_id,
        detail=detail,
    )
