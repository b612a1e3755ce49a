"""The FastAPI application behind /admin/*."""

from typing import Final

from fastapi import APIRouter, FastAPI

from services.admin.api.http import audit, clients, errors, page, policies, resources, system, tokens, users
from services.admin.authentication import Gate
from services.admin.operations.every import Operations

PREFIX: Final = "/admin"
# What needs no key: the description of the API and a page without content of the plane's.
OPEN: Final = frozenset({"/admin/openapi.json", "/admin/ui", "/admin/ui/"})


def routers(operations: Operations) -> tuple[APIRouter, ...]:
    """Every route, still without the prefix."""
    return (
        clients.routes(operations),
        clients.settings_routes(operations),
        policies.exchange_routes(operations),
        policies.runtime_routes(operations),
        policies.return_url_routes(operations),
        resources.routes(operations),
        users.routes(operations),
        users.token_routes(operations),
        tokens.routes(operations),
        tokens.key_routes(operations),
        audit.routes(operations),
        system.routes(operations),
        system.api_key_routes(operations),
        page.routes(),
    )


def application(operations: Operations, gate: Gate, version: str) -> FastAPI:
    """Every REST route. No docs pages, because they would load scripts from elsewhere; no telemetry but the plane's own."""
    app = FastAPI(
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False},
        title="AuthPlane operator API",
        version=version,
        openapi_url="/admin/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.gate = gate
    errors.install(app)
    for router in routers(operations):
        app.include_router(router, prefix=PREFIX)
    return app
