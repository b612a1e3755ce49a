"""AuditService, SystemService and ApiKeyService."""
# ruff: noqa: N802 - methods are named by the contract

from collections.abc import AsyncIterator

from authserver.admin.v1 import admin_pb2 as pb
from authserver.admin.v1.admin_pb2_grpc import ApiKeyServiceServicer, AuditServiceServicer, SystemServiceServicer

from services.admin.access import Operation
from services.admin.api.rpc.admission import Door, needs, needs_to_follow
from services.admin.api.rpc.wire import chosen, identifier, moment_or_none, written
from services.admin.model.audit import Filter, Window
from services.admin.model.operators import KeyId, Operator, Role


def _filter(request: pb.SearchAuditRequest) -> Filter:
    return Filter(
        actions=tuple(request.actions),
        actor_id=request.actor_id,
        client_id=request.client_id,
        subject=request.subject,
        resource=request.resource,
        outcome=request.outcome,
        text=request.text,
        ip=request.ip,
        trace_id=request.trace_id,
        request_id=request.request_id,
        since=moment_or_none(request, "since"),
        until=moment_or_none(request, "until"),
    )


class AuditRpc(Door, AuditServiceServicer):
    """Reading the audit log."""

    @needs(Operation.AUDIT_SEARCH)
    async def SearchAudit(self, _: Operator, request: pb.SearchAuditRequest) -> pb.SearchAuditResponse:
        """Newest first, by cursor."""
        window = Window(limit=request.limit or None, offset=request.offset, cursor=request.cursor)
        page = await self.operations.audit.search(_filter(request), window)
        return pb.SearchAuditResponse(entries=[written(pb.AuditEntry, each) for each in page.entries], next_cursor=page.next_cursor)

    @needs_to_follow(Operation.AUDIT_TAIL)
    async def TailAudit(self, _: Operator, request: pb.TailAuditRequest) -> AsyncIterator[pb.TailAuditResponse]:
        """Entries as they are chained."""
        wanted = Filter(actions=tuple(request.actions), client_id=request.client_id, actor_id=request.actor_id)
        async for entry in self.operations.audit.tail(wanted, request.after_seq):
            yield pb.TailAuditResponse(entry=written(pb.AuditEntry, entry))

    @needs(Operation.AUDIT_VERIFY)
    async def VerifyAudit(self, _: Operator, request: pb.VerifyAuditRequest) -> pb.VerifyAuditResponse:
        """Whether the chain is intact."""
        return written(pb.VerifyAuditResponse, await self.operations.audit.verify())


class SystemRpc(Door, SystemServiceServicer):
    """The plane itself."""

    @needs(Operation.SYSTEM_STATUS)
    async def GetStatus(self, _: Operator, request: pb.GetStatusRequest) -> pb.GetStatusResponse:
        """How every part feels now."""
        status = await self.operations.system.status()
        return pb.GetStatusResponse(
            version=status.version,
            uptime_secs=status.uptime_secs,
            subsystems=[written(pb.Subsystem, each) for each in status.subsystems],
        )

    @needs(Operation.SYSTEM_STATS)
    async def GetStats(self, _: Operator, request: pb.GetStatsRequest) -> pb.GetStatsResponse:
        """The figures of the overview."""
        return written(pb.GetStatsResponse, await self.operations.system.stats())

    @needs(Operation.SYSTEM_VERIFY_KEY)
    async def VerifyKey(self, operator: Operator, request: pb.VerifyKeyRequest) -> pb.VerifyKeyResponse:
        """The key got this far, so it is good."""
        version = await self.operations.system.verify_key(operator)
        return pb.VerifyKeyResponse(valid=True, version=version, name=operator.key_name, role=operator.role.value)


class ApiKeyRpc(Door, ApiKeyServiceServicer):
    """Named API keys."""

    @needs(Operation.API_KEYS_CREATE)
    async def CreateApiKey(self, operator: Operator, request: pb.CreateApiKeyRequest) -> pb.CreateApiKeyResponse:
        """The key and its secret, once."""
        role = chosen(Role, request.role, "role")
        made = await self.operations.api_keys.create(operator, request.name, role, moment_or_none(request, "expires_at"))
        return pb.CreateApiKeyResponse(api_key=written(pb.ApiKey, made.key), secret=made.secret)

    @needs(Operation.API_KEYS_LIST)
    async def ListApiKeys(self, _: Operator, request: pb.ListApiKeysRequest) -> pb.ListApiKeysResponse:
        """Newest first."""
        return pb.ListApiKeysResponse(api_keys=[written(pb.ApiKey, each) for each in await self.operations.api_keys.list()])

    @needs(Operation.API_KEYS_REVOKE)
    async def RevokeApiKey(self, operator: Operator, request: pb.RevokeApiKeyRequest) -> pb.RevokeApiKeyResponse:
        """The key afterwards."""
        key = await self.operations.api_keys.revoke(operator, KeyId(identifier(request.key_id, "key_id")))
        return pb.RevokeApiKeyResponse(api_key=written(pb.ApiKey, key))
