"""The gRPC services this API consists of, with the functions that add them to a server."""

from collections.abc import Callable, Mapping
from typing import Any

from authserver.admin.v1 import admin_pb2 as pb
from authserver.admin.v1 import admin_pb2_grpc as grpc_pb

from kit.rpc_server import Servicer
from services.admin.api.rpc.admission import Door
from services.admin.api.rpc.clients import ClientRpc
from services.admin.api.rpc.resources import ResourceRpc
from services.admin.api.rpc.system import ApiKeyRpc, AuditRpc, SystemRpc
from services.admin.api.rpc.tokens import TokenRpc
from services.admin.api.rpc.users import UserRpc
from services.admin.authentication import Gate
from services.admin.operations.every import Operations

SERVICERS: Mapping[str, tuple[Callable[[Any, Any], None], type[Door]]] = {
    "ClientService": (grpc_pb.add_ClientServiceServicer_to_server, ClientRpc),
    "ResourceService": (grpc_pb.add_ResourceServiceServicer_to_server, ResourceRpc),
    "UserService": (grpc_pb.add_UserServiceServicer_to_server, UserRpc),
    "TokenService": (grpc_pb.add_TokenServiceServicer_to_server, TokenRpc),
    "AuditService": (grpc_pb.add_AuditServiceServicer_to_server, AuditRpc),
    "SystemService": (grpc_pb.add_SystemServiceServicer_to_server, SystemRpc),
    "ApiKeyService": (grpc_pb.add_ApiKeyServiceServicer_to_server, ApiKeyRpc),
}


def servicers(operations: Operations, gate: Gate) -> list[Servicer]:
    """All of them, behind the gate."""
    package = pb.DESCRIPTOR.package
    return [(add, make(operations, gate), f"{package}.{name}") for name, (add, make) in SERVICERS.items()]
