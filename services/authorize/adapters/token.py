"""Client authentication and codes from token, and token's list of people it refuses."""

import grpc
from authserver.token.v1 import token_pb2 as pb
from authserver.token.v1 import token_pb2_grpc as rpc
from google.protobuf.timestamp_pb2 import Timestamp

from services.authorize.interaction import Needed
from services.authorize.model import ClientId, Operator, UserId
from services.authorize.ports import CodeRequest
from services.authorize.pushed import Proof


class TokenCodes:
    """Satisfies services.authorize.ports.Codes."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rpc.GrantServiceStub(channel)

    async def issue(self, asked: CodeRequest) -> str | Needed:
        """A code, or what the person has not yet allowed. Raises AccessDenied, InvalidTarget, Unavailable."""
        answer = await self._stub.IssueCode(_to_wire(asked))
        if answer.WhichOneof("outcome") == "code":
            return answer.code
        needed = answer.consent_needed
        return Needed(tuple(needed.granted_scopes), tuple(needed.missing_scopes), needed.first_time)


def _to_wire(asked: CodeRequest) -> pb.IssueCodeRequest:
    request = asked.request
    signed_in_at = Timestamp()
    signed_in_at.FromDatetime(asked.authenticated_at)
    consent = pb.Consent(scopes=asked.consent.scopes, remember=asked.consent.remember) if asked.consent is not None else None
    return pb.IssueCodeRequest(
        user_id=asked.user_id,
        client_id=request.client_id,
        resource=request.resource,
        scopes=request.scopes,
        redirect_uri=request.redirect_uri,
        redirect_origin=asked.redirect_origin,
        code_challenge=request.code_challenge,
        dpop_jkt=request.dpop_jkt,
        auth_time=signed_in_at,
        consent=consent,
        ip=asked.visit.address,
        request_id=asked.visit.request_id,
        trace_id=asked.visit.trace_id,
    )


class TokenClientAuthentication:
    """Satisfies services.authorize.pushed.ClientAuthentication."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rpc.ClientAuthServiceStub(channel)

    async def authenticate(self, proof: Proof) -> ClientId:
        """The client, proven and active. Raises InvalidClient, InvalidRequest, Unavailable."""
        request = pb.AuthenticateClientRequest(
            authorization=proof.authorization,
            client_id=proof.client_id,
            client_secret=proof.secret,
            client_assertion_type=proof.assertion_type,
            client_assertion=proof.assertion,
        )
        return ClientId((await self._stub.AuthenticateClient(request)).client_id)


class TokenSubjects:
    """Satisfies services.authorize.ports.Subjects."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rpc.SubjectServiceStub(channel)

    async def refuse(self, user_id: UserId, reason: str, operator: Operator) -> None:
        """From its return on token serves this person nothing. Raises Unavailable."""
        await self._stub.RefuseSubject(pb.RefuseSubjectRequest(user_id=user_id, reason=reason, operator=_operator(operator)))

    async def allow(self, user_id: UserId, operator: Operator) -> None:
        """Lifts `refuse`. Raises Unavailable."""
        await self._stub.AllowSubject(pb.AllowSubjectRequest(user_id=user_id, operator=_operator(operator)))


def _operator(operator: Operator) -> pb.Operator:
    visit = operator.visit
    return pb.Operator(key_name=operator.key_name, ip=visit.address, request_id=visit.request_id, trace_id=visit.trace_id)
