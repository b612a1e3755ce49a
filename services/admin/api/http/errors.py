"""Errors as REST shows them: 401 in OAuth's words, everything else as a problem document (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from kit.errors import AuthPlaneError, Unauthorized, Unavailable

PROBLEM = "application/problem+json"


def problem(status: int, detail: str, members: dict[str, object] | None = None, headers: dict[str, str] | None = None) -> Response:
    """A problem document of no particular type: the status says what kind of thing went wrong."""
    body = {**(members or {}), "type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(body, status_code=status, headers=headers, media_type=PROBLEM)


def unauthorized(detail: str) -> Response:
    """RFC 6750 §3, with the realm operators' tooling expects."""
    return JSONResponse(
        {"error": "unauthorized", "error_description": detail}, status_code=401, headers={"WWW-Authenticate": 'Bearer realm="admin"'}
    )


async def refused(_: Request, error: Exception) -> Response:
    """What the plane itself refused."""
    assert isinstance(error, AuthPlaneError)
    if isinstance(error, Unauthorized):
        return unauthorized(error.detail)
    retry = {"Retry-After": str(error.retry_after)} if isinstance(error, Unavailable) else None
    return problem(_status(error), error.detail, {"error": error.code, **error.members}, retry)


async def malformed(_: Request, error: Exception) -> Response:
    """A body or parameter that is not what it should be: named, but never repeated back, since it may be a secret."""
    assert isinstance(error, RequestValidationError)
    return problem(400, "; ".join(_fault(each) for each in error.errors()))


def _fault(each: dict[str, Any]) -> str:
    if each["type"] == "json_invalid":
        return "the body is not JSON"
    where, *steps = each["loc"]
    return f"{'.'.join(str(step) for step in steps) or where}: {each['msg']}"


async def unroutable(_: Request, error: Exception) -> Response:
    """No such path or method, or a body that is too large."""
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail), headers=dict(error.headers or {}))


async def crashed(_: Request, error: Exception) -> Response:
    """A mistake of ours: its text goes to the log, not to the caller."""
    return problem(500, "something went wrong on our side; quote the request id when asking about it")


def _status(error: AuthPlaneError) -> int:
    # On this API a 401 is only ever about the operator's own key; one that a peer answered is a request that made no sense there.
    return 400 if error.status == 401 else error.status


def install(app: FastAPI) -> None:
    """Render every error this way."""
    app.add_exception_handler(AuthPlaneError, refused)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(HTTPException, unroutable)
    app.add_exception_handler(Exception, crashed)
