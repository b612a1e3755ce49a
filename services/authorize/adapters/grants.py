"""A person's standing permissions, at token."""

from datetime import UTC
from typing import Final

import grpc
from authserver.token.v1 import token_pb2 as pb
from authserver.token.v1 import token_pb2_grpc as rpc

from services.authorize.account import Grant
from services.authorize.model import ClientId, UserId, Visit

_PAGE: Final = 500
# Ended ones are listed too, so a person with a long past takes more than one page; nobody reads more than these.
_MOST_PAGES: Final = 6


class TokenGrants:
    """Satisfies services.authorize.account.Grants."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rpc.SubjectServiceStub(channel)

    async def of(self, user_id: UserId) -> tuple[Grant, ...]:
        """Those in force, newest first. Raises Unavailable."""
        found: list[Grant] = []
        for page in range(_MOST_PAGES):
            answer = await self._stub.ListSubjectGrants(pb.ListSubjectGrantsRequest(user_id=user_id, limit=_PAGE, offset=page * _PAGE))
            found += [_grant(grant) for grant in answer.grants if not grant.HasField("revoked_at")]
            if len(answer.grants) < _PAGE:
                break
        return tuple(found)

    async def revoke(self, user_id: UserId, grant_id: str, visit: Visit) -> None:
        """Raises Missing, Unavailable."""
        await self._stub.RevokeSubjectGrant(
            pb.RevokeSubjectGrantRequest(
                user_id=user_id, grant_id=grant_id, ip=visit.address, request_id=visit.request_id, trace_id=visit.trace_id
            )
        )


def _grant(grant: pb.Grant) -> Grant:
    return Grant(grant.id, ClientId(grant.client_id), grant.resource, tuple(grant.scopes), grant.created_at.ToDatetime(UTC))
