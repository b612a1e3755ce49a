"""The door of every REST route: key, role, and where the call came from."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from kit import telemetry
from services.admin.access import Operation
from services.admin.api.origin import ADDRESS, origin
from services.admin.authentication import Gate
from services.admin.model.operators import Operator, Origin


def origin_of(request: Request) -> Origin:
    """Where the call came from. From here on, what is asked of other services belongs to the caller's trace."""
    telemetry.accept_traceparent(request.headers.get("traceparent"))
    return origin(request.headers.get(ADDRESS, ""))


class Admission:
    """The dependency that hands a route its operator. `AdmittedRoute` has let them in before."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation

    async def __call__(self, request: Request) -> Operator:
        """The operator the route's door let in."""
        operator = request.state.operator
        assert isinstance(operator, Operator)
        return operator

    async def admit(self, request: Request) -> Operator:
        """Raises Unauthorized, Forbidden, Unavailable."""
        gate: Gate = request.app.state.gate
        # Two Authorization headers are no header: whichever one were read, somebody on the way may have read the other.
        presented = request.headers.getlist("authorization")
        return await gate.admit(self.operation, presented[0] if len(presented) == 1 else None, origin_of(request))


def may(operation: Operation) -> Any:
    """`Annotated[Operator, may(Operation.X)]` as a route's parameter makes the route need X."""
    return Depends(Admission(operation))


class AdmittedRoute(APIRoute):
    """A route that asks for the key first. FastAPI reads and parses a body before it resolves dependencies; strangers get neither.

    `largest_body` is in bytes.
    """

    largest_body = 1024 * 1024

    def admission(self) -> Admission:
        """The one admission among the route's parameters. Raises ValueError when there is none, or more than one."""
        (found,) = [each.call for each in self.dependant.dependencies if isinstance(each.call, Admission)]
        return found

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler behind the door."""
        admission, inner, most = self.admission(), super().get_route_handler(), self.largest_body

        async def handler(request: Request) -> Response:
            request.state.operator = await admission.admit(request)
            return await inner(Request(request.scope, _bounded(request.receive, most)))

        return handler


class SmallBodyRoute(AdmittedRoute):
    """A route whose bodies name one thing."""

    largest_body = 16 * 1024


def _bounded(receive: Receive, most: int) -> Receive:
    """`receive`, until more than `most` bytes of body have arrived; whatever length was announced."""
    arrived = 0

    async def bounded() -> Message:
        nonlocal arrived
        message = await receive()
        arrived += len(message.get("body", b""))
        if arrived > most:
            raise HTTPException(413, f"the body must not exceed {most} bytes")
        return message

    return bounded
