"""Path and query parameters more than one route takes."""

from typing import Annotated

from fastapi import Depends, Path, Query
from pydantic import AwareDatetime

from services.admin.paging import Paging

PathId = Annotated[str, Path(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
Text = Annotated[str, Query(max_length=1024)]
Moment = Annotated[AwareDatetime | None, Query(description="RFC 3339")]


def paging(limit: int = 0, offset: int = 0) -> Paging:
    """`limit` of 0 or less means 50; at most 1000 at a time."""
    return Paging(limit=limit, offset=offset)


Cut = Annotated[Paging, Depends(paging)]
