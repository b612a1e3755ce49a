"""The command line against a real gRPC server in this process: admin's own servicers on a plane of fakes.

Only what the gateway would do (mutual TLS) is left out; the refusals travel as they do behind it.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner, Result

from cli.admin import app
from kit.errors import AuthPlaneError
from kit.rpc_faults import status_of, to_metadata
from services.admin.api.rpc.services import servicers
from tests.support.fakes_admin import BOOTSTRAP_KEY, Plane, furnished

Run = Callable[..., Result]


class Faults(grpc.aio.ServerInterceptor):
    """Words refusals as kit.rpc_interceptors does."""

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        handler = await continuation(handler_call_details)
        if handler is None or handler.response_streaming:
            return handler

        async def handle(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            try:
                return await handler.unary_unary(request, context)
            except AuthPlaneError as error:
                await context.abort(status_of(error), error.detail, to_metadata(error))

        return grpc.unary_unary_rpc_method_handler(handle, handler.request_deserializer, handler.response_serializer)


def serve(plane: Plane, port: "Future[int]", stop: asyncio.Event) -> Any:
    async def serving() -> None:
        server = grpc.aio.server(interceptors=(Faults(),))
        for add, servicer, _ in servicers(plane.operations, plane.gate):
            add(servicer, server)
        port.set_result(server.add_insecure_port("127.0.0.1:0"))
        await server.start()
        await stop.wait()
        await server.stop(0)

    return serving()


@pytest.fixture
def plane() -> Plane:
    return furnished()


@pytest.fixture
def url(plane: Plane) -> Iterator[str]:
    loop = asyncio.new_event_loop()
    port: Future[int] = Future()
    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(plane, port, stop),), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{port.result(10)}"
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


@pytest.fixture
def run(url: str) -> Run:
    """Run `authserver admin …` with the bootstrap key."""

    def invoke(*arguments: str, **environ: str) -> Result:
        environment = {"AUTHPLANE_ADMIN_URL": url, "AUTHPLANE_ADMIN_API_KEY": BOOTSTRAP_KEY, **environ}
        return CliRunner().invoke(app, list(arguments), env=environment, prog_name="authserver admin")

    return invoke
