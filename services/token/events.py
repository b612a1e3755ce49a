"""Audit events of this service, so that every place names actor, client and subject in the same way."""

from collections.abc import Mapping

from kit.audit import Action, ActorKind, DetailValue, Event
from services.token.model import Client, Context, Operator


def by_client(
    action: Action,
    client: Client,
    context: Context,
    *,
    subject: str = "",
    resource: str = "",
    detail: Mapping[str, DetailValue] | None = None,
) -> Event:
    """Something a client did and got."""
    return Event(
        action=action,
        actor_kind=ActorKind.CLIENT,
        actor_id=client.id,
        client_id=client.id,
        subject=subject,
        resource=resource,
        ip=context.ip,
        request_id=context.request_id,
        trace_id=context.trace_id,
        detail=detail or {},
    )


def refused(
    action: Action, client: Client, context: Context, reason: str, *, subject: str = "", detail: Mapping[str, DetailValue] | None = None
) -> Event:
    """Something a client asked for and did not get. `reason` is an OAuth code or one of this service's own words."""
    return Event(
        action=action,
        actor_kind=ActorKind.CLIENT,
        actor_id=client.id,
        client_id=client.id,
        subject=subject,
        outcome="denied",
        reason=reason,
        ip=context.ip,
        request_id=context.request_id,
        trace_id=context.trace_id,
        detail=detail or {},
    )


def by_operator(
    action: Action, operator: Operator, *, subject: str = "", client_id: str = "", detail: Mapping[str, DetailValue] | None = None
) -> Event:
    """Something an operator did, or a person through their account page."""
    return Event(
        action=action,
        actor_kind=operator.actor_kind,
        actor_id=operator.key_name,
        client_id=client_id,
        subject=subject,
        ip=operator.context.ip,
        request_id=operator.context.request_id,
        trace_id=operator.context.trace_id,
        detail=detail or {},
    )
