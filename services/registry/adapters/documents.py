"""Fetching client metadata documents through the guard against private addresses."""

import time

from kit.errors import InvalidClient, Refused
from kit.outbound import Outbound
from services.registry.adapters import metrics
from services.registry.documents import ACCEPT, LARGEST
from services.registry.ports import Response


class OutboundDocuments:
    """See ports.DocumentSource."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def fetch(self, url: str) -> Response:
        """Raises InvalidClient for an address we do not connect to or an answer too large, Unavailable when none came."""
        started = time.perf_counter()
        try:
            fetched = await self._outbound.get(url, accept=ACCEPT, max_bytes=LARGEST)
        except Refused as error:
            raise InvalidClient(f"the client's metadata document cannot be read: {error.detail}", debug=error.debug) from error
        finally:
            metrics.fetched(time.perf_counter() - started)
        return Response(fetched.status, dict(fetched.headers), fetched.body)
