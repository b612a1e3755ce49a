"""The audit events of this service: what happened to which client or resource, and on whose behalf."""

from collections.abc import Mapping

from kit.audit import Action, ActorKind, Event
from services.registry.model import Client, Origin, Resource


def by_client(action: Action, client: Client, origin: Origin, **detail: str | int | bool | list[str]) -> Event:
    """Something a client did about itself, such as registering."""
    return _event(action, ActorKind.CLIENT, client.id, origin, client_id=client.id, detail=detail)


def about_client(action: Action, client_id: str, origin: Origin, **detail: str | int | bool | list[str]) -> Event:
    """Something an operator, or nobody in particular, did to a client."""
    return _event(action, *_actor(origin), origin, client_id=client_id, detail=detail)


def about_resource(action: Action, resource: Resource, origin: Origin, **detail: str | int | bool | list[str]) -> Event:
    """Something done to a resource."""
    return _event(action, *_actor(origin), origin, resource=resource.slug, detail={"id": resource.id, "slug": resource.slug} | detail)


def about_settings(action: Action, origin: Origin, **detail: str | int | bool | list[str]) -> Event:
    """Something done to the service as a whole."""
    return _event(action, *_actor(origin), origin, detail=detail)


def _actor(origin: Origin) -> tuple[ActorKind, str]:
    return (ActorKind.OPERATOR, origin.operator) if origin.operator else (ActorKind.SYSTEM, "")


def _event(
    action: Action,
    actor_kind: ActorKind,
    actor_id: str,
    origin: Origin,
    *,
    client_id: str = "",
    resource: str = "",
    detail: Mapping[str, str | int | bool | list[str]],
) -> Event:
    return Event(
        action=action,
        actor_kind=actor_kind,
        actor_id=actor_id,
        client_id=client_id,
        resource=resource,
        ip=origin.ip,
        request_id=origin.request_id,
        trace_id=origin.trace_id,
        detail=detail,
    )
