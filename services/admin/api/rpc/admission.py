"""The door of every RPC: the API key in the call's metadata, and the operation it must allow."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol, TypeVar

import grpc.aio

from services.admin.access import Operation
from services.admin.api.origin import ADDRESS, LONGEST, REQUEST_ID, TRACEPARENT, trace_id_of
from services.admin.authentication import Gate
from services.admin.model.operators import Operator, Origin
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
    carried: dict[str, list[str]] = {}
    for key, value in context.invocation_metadata() or ():
        if isinstance(value, str):
            carried.setdefault(key, []).append(value)
    presented = carried.get("authorization", [])
    origin = Origin(ip=_first(carried, ADDRESS), request_id=_first(carried, REQUEST_ID), trace_id=trace_id_of(_first(carried, TRACEPARENT)))
    return await gate.admit(operation, presented[0] if len(presented) == 1 else None, origin)


def _first(carried: dict[str, list[str]], key: str) -> str:
    return carried.get(key, [""])[0][:LONGEST]
