"""The door of every RPC: the API key in the call's metadata, and the operation it must allow."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol, TypeVar

import grpc.aio

from services.admin.access import Operation
from services.admin.api.origin import ADDRESS, origin
from services.admin.authentication import Gate
from services.admin.model.operators import Operator
from services.admin.operations.every import Operations


class Door:
    """What every servicer has: the operations and the gate in front of them."""

    def __init__(self, operations: Operations, gate: Gate) -> None:
        self.operations = operations
        self.gate = gate


class Guarded(Protocol):
    """A servicer with a gate."""

    gate: Gate


S = TypeVar("S", bound=Guarded)
Q = TypeVar("Q")
A = TypeVar("A")
Context = grpc.aio.ServicerContext[Any, Any]


def operation_of(method: object) -> Operation:
    """The operation a servicer's method was declared to need. Raises AttributeError when it was not."""
    operation: Operation = method.__operation__  # type: ignore[attr-defined]
    return operation


def needs(operation: Operation) -> Callable[[Callable[[S, Operator, Q], Awaitable[A]]], Callable[[S, Q, Context], Awaitable[A]]]:
    """Admit the caller to a unary method, which then receives the operator in place of gRPC's context."""

    def decorate(method: Callable[[S, Operator, Q], Awaitable[A]]) -> Callable[[S, Q, Context], Awaitable[A]]:
        async def admitted(self: S, request: Q, context: Context) -> A:
            return await method(self, await _operator(self.gate, operation, context), request)

        admitted.__operation__ = operation  # type: ignore[attr-defined]
        return admitted

    return decorate


def needs_to_follow(
    operation: Operation,
) -> Callable[[Callable[[S, Operator, Q], AsyncIterator[A]]], Callable[[S, Q, Context], AsyncIterator[A]]]:
    """As `needs`, for a method that answers a stream."""

    def decorate(method: Callable[[S, Operator, Q], AsyncIterator[A]]) -> Callable[[S, Q, Context], AsyncIterator[A]]:
        async def admitted(self: S, request: Q, context: Context) -> AsyncIterator[A]:
            operator = await _operator(self.gate, operation, context)
            async for answer in method(self, operator, request):
                yield answer

        admitted.__operation__ = operation  # type: ignore[attr-defined]
        return admitted

    return decorate


async def _operator(gate: Gate, operation: Operation, context: Context) -> Operator:
    carried = [(key, value) for key, value in context.invocation_metadata() or () if isinstance(value, str)]
    presented = [value for key, value in carried if key == "authorization"]
    address = next((value for key, value in carried if key == ADDRESS), "")
    # Two of them are none: whichever one were read, somebody on the way may have read the other.
    return await gate.admit(operation, presented[0] if len(presented) == 1 else None, origin(address))
