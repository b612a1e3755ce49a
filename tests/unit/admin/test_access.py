"""The total table: every operation, route and RPC against every kind of key (O1)."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import fields
from datetime import timedelta
from inspect import getmembers, isfunction
from pathlib import Path

import grpc
import httpx
import pytest
from authserver.admin.v1 import admin_pb2 as pb
from fastapi.routing import APIRoute

from kit.audit import Action
from kit.errors import AuthPlaneError, Forbidden, InvalidRequest, Missing, Unauthorized
from kit.rpc_client import open_channel
from kit.rpc_server import RpcServer
from services.admin.access import LEAST, Operation
from services.admin.api.http.admission import AdmittedRoute
from services.admin.api.http.application import OPEN, PREFIX, routers
from services.admin.api.rpc.admission import operation_of
from services.admin.api.rpc.services import SERVICERS, servicers
from services.admin.app import CALLERS
from services.admin.model.operators import Role
from tests.support.fakes_admin import BOOTSTRAP_KEY, LONG_AGO, Plane, furnished
from tests.support.tls import Authority

KEYS = {
    "viewer": "viewer-secret",
    "operator": "operator-secret",
    "admin": "admin-secret",
    "expired": "old-secret",
    "revoked": "lost-secret",
}
PRESENTED = {
    "none": None,
    "wrong": "Bearer nobody-knows-this",
    "empty": "Bearer ",
    "lower-case scheme": f"bearer {BOOTSTRAP_KEY}",
    "other scheme": f"Basic {BOOTSTRAP_KEY}",
    "too long": "Bearer " + "x" * 513,
    "bootstrap": f"Bearer {BOOTSTRAP_KEY}",
    **{name: f"Bearer {secret}" for name, secret in KEYS.items()},
}
HOLDERS = {"viewer": Role.VIEWER, "operator": Role.OPERATOR, "admin": Role.ADMIN, "bootstrap": Role.ADMIN}


def keyed(plane: Plane) -> Plane:
    now = plane.clock.now()
    for role in Role:
        plane.keys.have(KEYS[role], role)
    plane.keys.have(KEYS["expired"], Role.ADMIN, expires_at=now)
    plane.keys.have(KEYS["revoked"], Role.ADMIN, revoked_at=now - timedelta(days=1))
    return plane


def every_route() -> Iterator[APIRoute]:
    for router in routers(furnished().operations):
        for route in router.routes:
            assert isinstance(route, APIRoute)
            yield route


def every_rpc() -> Iterator[tuple[str, str, Operation]]:
    for service in pb.DESCRIPTOR.services_by_name.values():
        for method in service.methods:
            yield service.full_name, method.name, operation_of(getattr(SERVICERS[service.name][1], method.name))


ROUTES = [
    (method, PREFIX + route.path, route.admission().operation)
    for route in every_route()
    if isinstance(route, AdmittedRoute)
    for method in route.methods or ()
]
RPCS = list(every_rpc())


def test_every_operation_has_a_least_role() -> None:
    assert set(LEAST) == set(Operation)


def test_every_method_of_every_operations_class_is_an_operation() -> None:
    plane = furnished()
    offered = set()
    for member in fields(plane.operations):
        kind = type(getattr(plane.operations, member.name))
        offered |= {f"{member.name}.{name}" for name, _ in getmembers(kind, isfunction) if not name.startswith("_")}
    assert offered == {operation.value for operation in Operation}


def test_every_route_is_admitted_or_openly_listed() -> None:
    open_routes = {PREFIX + route.path for route in every_route() if not isinstance(route, AdmittedRoute)}
    assert open_routes | {"/admin/openapi.json"} == OPEN
    assert len(ROUTES) > 40


def test_every_rpc_needs_an_operation_and_every_service_has_callers() -> None:
    assert {service for service, _, _ in RPCS} == set(CALLERS)
    assert all(callers == {"gateway", "operator"} for callers in CALLERS.values())


def test_every_operation_can_be_asked_for_over_rest() -> None:
    assert {operation for _, _, operation in ROUTES} == set(Operation)


def test_reading_needs_a_viewer_and_destroying_an_admin() -> None:
    reads = {"list", "get", "read", "search", "tail", "verify", "status", "stats", "configuration"}
    for operation, least in LEAST.items():
        verb = operation.value.split(".")[1]
        if verb in reads or verb.startswith(("list_", "get_")):
            assert least is Role.VIEWER, operation
        if verb == "delete":
            assert least is Role.ADMIN, operation


@pytest.mark.parametrize("presented", PRESENTED)
async def test_a_route_opens_to_the_right_keys_only(plane: Plane, anyone: httpx.AsyncClient, presented: str) -> None:
    keyed(plane)
    header, role = PRESENTED[presented], HOLDERS.get(presented)
    for method, path, operation in ROUTES:
        # A malformed body: who is let in hears of it, who is not hears 401 or 403 before the body is looked at.
        response = await anyone.request(
            method,
            path.replace("{", "").replace("}", ""),
            headers={"content-type": "application/json", **({"authorization": header} if header else {})},
            content=b"{" if method in {"POST", "PATCH"} else b"",
        )
        if role is None:
            require_unauthorized(response, "missing API key" if presented == "none" else "invalid API key")
        elif role.covers(LEAST[operation]):
            assert response.status_code not in {401, 403}, (method, path)
        else:
            assert response.status_code == 403, (method, path)
            assert response.headers["content-type"] == "application/problem+json"


def require_unauthorized(response: httpx.Response, described: str) -> None:
    assert response.status_code == 401, response.url
    assert response.headers["www-authenticate"] == 'Bearer realm="admin"'
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {"error": "unauthorized", "error_description": described}


@pytest.fixture
async def channel(plane: Plane, tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    authority = Authority(tmp_path)
    server = RpcServer(servicers(plane.operations, plane.gate), CALLERS, authority.files("admin"), "127.0.0.1:0", reflection=True)
    await server.start()
    opened = open_channel(f"127.0.0.1:{server.port}", authority.files("gateway"), "admin")
    yield opened
    await opened.close(None)
    await server.stop(0)


async def ask(channel: grpc.aio.Channel, service: str, method: str, authorization: str | None) -> AuthPlaneError | None:
    """Call with an empty request; None when it was answered, else what was refused."""
    described = pb.DESCRIPTOR.services_by_name[service.rsplit(".", 1)[1]].methods_by_name[method]
    request = getattr(pb, described.input_type.name)()
    answer = getattr(pb, described.output_type.name)
    metadata = (("authorization", authorization),) if authorization else ()
    kinds = {"request_serializer": type(request).SerializeToString, "response_deserializer": answer.FromString}
    try:
        if described.server_streaming:
            async for _ in channel.unary_stream(f"/{service}/{method}", **kinds)(request, metadata=metadata):
                break
        else:
            await channel.unary_unary(f"/{service}/{method}", **kinds)(request, metadata=metadata)
    except AuthPlaneError as refused:
        return refused
    return None


@pytest.mark.parametrize("presented", PRESENTED)
async def test_an_rpc_opens_to_the_right_keys_only(plane: Plane, channel: grpc.aio.Channel, presented: str) -> None:
    keyed(plane)
    role = HOLDERS.get(presented)
    for service, method, operation in RPCS:
        refused = await ask(channel, service, method, PRESENTED[presented])
        if role is None:
            assert type(refused) is Unauthorized, (method, refused)
        elif role.covers(LEAST[operation]):
            assert refused is None or isinstance(refused, InvalidRequest | Missing), (method, refused)
        else:
            assert type(refused) is Forbidden, (method, refused)


async def test_two_authorization_headers_are_none(plane: Plane, anyone: httpx.AsyncClient) -> None:
    good = f"Bearer {BOOTSTRAP_KEY}"
    response = await anyone.get("/admin/clients", headers=[("authorization", good), ("authorization", good)])
    assert response.json()["error_description"] == "missing API key"


async def test_a_refused_key_is_recorded_with_its_reason_and_nothing_of_the_key(plane: Plane, anyone: httpx.AsyncClient) -> None:
    keyed(plane)
    for presented in ("none", "wrong", "other scheme", "expired", "revoked"):
        header = PRESENTED[presented]
        await anyone.get("/admin/clients", headers={"authorization": header} if header else {})
    events = plane.keys.events
    assert [event.reason for event in events] == ["missing", "unknown", "malformed", "expired", "revoked"]
    assert {(event.action, event.outcome, event.ip, event.request_id) for event in events} == {
        (Action.ADMIN_AUTH_FAILED, "denied", "192.0.2.7", "req-1")
    }
    assert not any(secret in repr(events) for secret in (*KEYS.values(), "nobody-knows-this", BOOTSTRAP_KEY))


async def test_a_guesser_cannot_fill_the_audit_log(plane: Plane, anyone: httpx.AsyncClient) -> None:
    for _ in range(50):
        await anyone.get("/admin/clients", headers={"authorization": "Bearer guess"})
    assert len(plane.keys.events) == 20
    plane.clock.advance(timedelta(minutes=1))
    await anyone.get("/admin/clients", headers={"authorization": "Bearer guess"})
    assert plane.keys.events[-1].detail == {"reason": "unknown", "left_out": 30}


async def test_too_low_a_role_is_recorded_under_the_keys_name(plane: Plane, anyone: httpx.AsyncClient) -> None:
    keyed(plane)
    await anyone.post("/admin/keys/rotate", headers={"authorization": PRESENTED["viewer"] or ""})
    event = plane.keys.events[-1]
    assert (event.action, event.actor_id, event.reason) == (Action.ADMIN_ACCESS_DENIED, "key-viewer-0", "keys.rotate as viewer")


async def test_a_refusal_does_not_depend_on_the_audit_log(plane: Plane, anyone: httpx.AsyncClient) -> None:
    plane.keys.down = True
    assert (await anyone.get("/admin/clients", headers={"authorization": "Bearer guess"})).status_code == 401


async def test_a_used_key_remembers_when_once_a_minute(plane: Plane, anyone: httpx.AsyncClient) -> None:
    """O1: last used."""
    key = plane.keys.have("k", Role.VIEWER, last_used_at=LONG_AGO)
    for _ in range(3):
        await anyone.get("/admin/clients", headers={"authorization": "Bearer k"})
    assert plane.keys.touched == [key.id]
    plane.clock.advance(60)
    await anyone.get("/admin/clients", headers={"authorization": "Bearer k"})
    assert len(plane.keys.touched) == 2


async def test_without_any_key_configured_the_answer_says_so(plane: Plane) -> None:
    """operator-contract §3.1."""
    from dataclasses import replace

    from services.admin.model.operators import Origin

    gate = replace(plane.gate, bootstrap_key="")
    with pytest.raises(Unauthorized, match="admin API key not configured"):
        await gate.admit(Operation.CLIENTS_LIST, "Bearer x", Origin())
    with pytest.raises(Unauthorized):
        await gate.admit(Operation.CLIENTS_LIST, "Bearer ", Origin())
    plane.keys.have("k", Role.VIEWER)
    with pytest.raises(Unauthorized, match="invalid API key"):
        await gate.admit(Operation.CLIENTS_LIST, "Bearer x", Origin())
