"""/admin/ui/: a page that says what listens here. It needs no key, because it shows nothing."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

PAGE = (Path(__file__).parents[2] / "ui" / "index.html").read_text(encoding="utf-8")


def routes() -> APIRouter:
    """The page, and the address people type without the last slash."""
    router = APIRouter(include_in_schema=False)

    @router.get("/ui/")
    @router.get("/ui")
    async def page() -> HTMLResponse:
        return HTMLResponse(PAGE)

    return router
