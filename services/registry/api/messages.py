"""Values of the registry as protobuf messages, and back."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

import orjson
from authserver.registry.v1 import registry_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from kit import telemetry
from kit.errors import InvalidClientMetadata, InvalidRequest
from services.registry.clients import NewClient
from services.registry.metadata import Submitted, submitted
from services.registry.model import BackendKind, Change, ChangeKind, Client, ClientStatus, Origin, Policy, Resource, Scope, Source

_T = TypeVar("_T")

_PAGE_ROOM: Final = 512 * 1024  # bytes
_LONG_FIELDS: Final = ("redirect_uris", "client_uri", "logo_uri", "tos_uri", "policy_uri", "jwks_uri", "jwks", "scope", "agent_description")

STATUS = {
    ClientStatus.ACTIVE: pb.CLIENT_STATUS_ACTIVE,
    ClientStatus.SUSPENDED: pb.CLIENT_STATUS_SUSPENDED,
    ClientStatus.REVOKED: pb.CLIENT_STATUS_REVOKED,
}
SOURCE = {
    Source.DCR: pb.REGISTRATION_SOURCE_DCR,
    Source.ADMIN: pb.REGISTRATION_SOURCE_ADMIN,
    Source.CIMD: pb.REGISTRATION_SOURCE_CIMD,
}
BACKEND = {BackendKind.MINT: pb.BACKEND_KIND_MINT, BackendKind.BROKER: pb.BACKEND_KIND_BROKER}
CHANGE = {
    ChangeKind.CLIENT: pb.CHANGE_KIND_CLIENT,
    ChangeKind.RESOURCE: pb.CHANGE_KIND_RESOURCE,
    ChangeKind.SETTINGS: pb.CHANGE_KIND_SETTINGS,
}
_STATUS_OF: Mapping[int, ClientStatus] = {number: status for status, number in STATUS.items()}
_SOURCE_OF: Mapping[int, Source] = {number: source for source, number in SOURCE.items()}
_BACKEND_OF: Mapping[int, BackendKind] = {number: backend for backend, number in BACKEND.items()}


def client_message(client: Client, *, with_digest: bool = False) -> pb.Client:
    """A client; the digest of its secret only for the service that checks secrets."""
    about = client.metadata
    return pb.Client(
        id=client.id,
        name=about.name,
        redirect_uris=about.redirect_uris,
        grant_types=about.grant_types,
        response_types=about.response_types,
        token_endpoint_auth_method=about.auth_method.value,
        secret_digest=client.secret_digest if with_digest else "",
        scope=client.scope,
        status=STATUS[client.status],
        registration_source=SOURCE[client.source],
        application_type=about.application_type.value if about.application_type else "",
        agent=about.agent,
        agent_description=about.agent_description,
        agent_assurance=client.agent_assurance.value,
        cimd_url=client.cimd_url,
        client_uri=about.client_uri,
        logo_uri=about.logo_uri,
        tos_uri=about.tos_uri,
        policy_uri=about.policy_uri,
        jwks_uri=about.jwks_uri,
        jwks=about.jwks,
        issued_at=timestamp(client.issued_at),
        updated_at=timestamp(client.updated_at),
        version=client.version,
        access_token_lifetime=client.access_token_lifetime,
        require_pushed_authorization_requests=about.require_pushed_authorization_requests,
        dpop_bound_access_tokens=about.dpop_bound_access_tokens,
        tokens_per_minute=client.tokens_per_minute,
        tokens_per_day=client.tokens_per_day,
    )


def client_messages(clients: Sequence[Client]) -> list[pb.Client]:
    """A page of clients. Once half a mebibyte is full, the rest come without what strangers can make long: one answer must always fit."""
    room, messages = _PAGE_ROOM, []
    for client in clients:
        message = client_message(client)
        if message.ByteSize() > room:
            for name in _LONG_FIELDS:
                message.ClearField(name)
        else:
            room -= message.ByteSize()
        messages.append(message)
    return messages


def resource_message(resource: Resource) -> pb.Resource:
    """A resource."""
    return pb.Resource(
        id=resource.id,
        slug=resource.slug,
        uri=resource.uri,
        display_name=resource.display_name,
        description=resource.description,
        backend_kind=BACKEND[resource.backend_kind],
        broker_provider_id=resource.broker_provider_id,
        scopes=[
            pb.Scope(name=scope.name, description=scope.description, upstream=scope.upstream, is_default=scope.is_default)
            for scope in resource.scopes
        ],
        policy=pb.ResourcePolicy(
            exchange_allowed_client_ids=resource.policy.exchange_allowed_client_ids,
            runtime_client_ids=resource.policy.runtime_client_ids,
            connect_allowed_return_urls=resource.policy.connect_allowed_return_urls,
        ),
        created_at=timestamp(resource.created_at),
        updated_at=timestamp(resource.updated_at),
        version=resource.version,
        access_token_lifetime=resource.access_token_lifetime,
    )


def change_message(change: Change) -> pb.WatchChangesResponse:
    """One step of the feed."""
    kind = pb.CHANGE_KIND_UNSPECIFIED if change.kind is None else CHANGE[change.kind]
    return pb.WatchChangesResponse(revision=change.revision, kind=kind, key=change.key)


def timestamp(moment: datetime) -> Timestamp:
    """A moment as protobuf has it."""
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def new_client(request: pb.CreateClientRequest) -> NewClient:
    """Raises InvalidClientMetadata for a key set that is not JSON."""
    try:
        jwks = orjson.loads(request.jwks) if request.jwks else None
    except orjson.JSONDecodeError:
        raise InvalidClientMetadata("jwks: is not JSON") from None
    return NewClient(
        metadata=_metadata(request, jwks),
        scope=request.scope,
        access_token_lifetime=request.access_token_lifetime,
        tokens_per_minute=request.tokens_per_minute,
        tokens_per_day=request.tokens_per_day,
        client_id=request.client_id,
        secret=request.client_secret,
    )


def _metadata(request: pb.CreateClientRequest, jwks: object) -> Submitted:
    return submitted(
        {
            "client_name": request.client_name,
            "redirect_uris": list(request.redirect_uris),
            "grant_types": list(request.grant_types) or None,
            "response_types": list(request.response_types) or None,
            "token_endpoint_auth_method": request.token_endpoint_auth_method or None,
            "application_type": request.application_type or None,
            "agent": request.agent,
            "agent_description": request.agent_description,
            "jwks_uri": request.jwks_uri or None,
            "jwks": jwks,
            "require_pushed_authorization_requests": request.require_pushed_authorization_requests,
            "dpop_bound_access_tokens": request.dpop_bound_access_tokens,
        }
    )


def status_of(number: int) -> ClientStatus | None:
    """None for unspecified. Raises InvalidRequest for a number of no meaning."""
    return _known(_STATUS_OF, number, "status")


def source_of(number: int) -> Source | None:
    """None for unspecified. Raises InvalidRequest for a number of no meaning."""
    return _known(_SOURCE_OF, number, "registration_source")


def backend_of(number: int) -> BackendKind:
    """Mint for unspecified. Raises InvalidRequest for a number of no meaning."""
    return _known(_BACKEND_OF, number, "backend_kind") or BackendKind.MINT


def scopes_of(messages: "pb.ScopeList | pb.CreateResourceRequest") -> tuple[Scope, ...]:
    """A catalogue of scopes."""
    return tuple(Scope(each.name, each.description, each.upstream, each.is_default) for each in messages.scopes)


def policy_of(message: pb.ResourcePolicy) -> Policy:
    """A resource's policy."""
    return Policy(tuple(message.exchange_allowed_client_ids), tuple(message.runtime_client_ids), tuple(message.connect_allowed_return_urls))


def origin_of(operator: pb.Operator) -> Origin:
    """Whom the audit row names. Raises InvalidRequest for a write nobody signs."""
    if not operator.key_name:
        raise InvalidRequest("operator.key_name is missing: every write is attributed")
    return Origin(
        ip=operator.ip, request_id=operator.request_id, trace_id=operator.trace_id or telemetry.trace_id(), operator=operator.key_name
    )


def _known(table: Mapping[int, _T], number: int, member: str) -> _T | None:
    if number == 0:
        return None
    if number not in table:
        raise InvalidRequest(f"{member} has no such value")
    return table[number]
