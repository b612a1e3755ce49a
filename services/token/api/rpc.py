"""gRPC for authorize: client authentication and codes."""

from authserver.token.v1 import token_pb2 as pb
from authserver.token.v1 import token_pb2_grpc as rpc
from google.protobuf.timestamp_pb2 import Timestamp

from kit import telemetry
from services.token.api.admin_rpc import utc
from services.token.client_auth import ClientAuthentication
from services.token.consents import CodeIssuing, CodeRequest, Consent, ConsentMissing
from services.token.model import ClientId, Context, Credentials, UserId


class ClientAuthServicer(rpc.ClientAuthServiceServicer):
    """For endpoints that authenticate clients elsewhere."""

    def __init__(self, authentication: ClientAuthentication) -> None:
        self._authentication = authentication

    async def AuthenticateClient(self, request: pb.AuthenticateClientRequest, context: object) -> pb.AuthenticateClientResponse:  # noqa: N802
        """See the proto."""
        client = await self._authentication.require(
            Credentials(
                authorization=request.authorization,
                client_id=request.client_id,
                client_secret=request.client_secret,
                assertion_type=request.client_assertion_type,
                assertion=request.client_assertion,
            ),
            Context(trace_id=telemetry.trace_id()),
        )
        return pb.AuthenticateClientResponse(client_id=client.id)


class GrantServicer(rpc.GrantServiceServicer):
    """What authorize needs to answer a browser."""

    def __init__(self, codes: CodeIssuing) -> None:
        self._codes = codes

    async def IssueCode(self, request: pb.IssueCodeRequest, context: object) -> pb.IssueCodeResponse:  # noqa: N802
        """See the proto."""
        outcome = await self._codes.issue(_code_request(request))
        if isinstance(outcome, ConsentMissing):
            needed = pb.ConsentNeeded(granted_scopes=outcome.granted, missing_scopes=outcome.missing, first_time=outcome.first_time)
            return pb.IssueCodeResponse(consent_needed=needed)
        return pb.IssueCodeResponse(code=outcome)


def _code_request(message: pb.IssueCodeRequest) -> CodeRequest:
    consent = Consent(tuple(message.consent.scopes), message.consent.remember) if message.HasField("consent") else None
    auth_time: Timestamp | None = message.auth_time if message.HasField("auth_time") else None
    return CodeRequest(
        user_id=UserId(message.user_id),
        client_id=ClientId(message.client_id),
        resource=message.resource,
        scopes=tuple(dict.fromkeys(message.scopes)),
        redirect_uri=message.redirect_uri,
        redirect_origin=message.redirect_origin,
        code_challenge=message.code_challenge,
        dpop_jkt=message.dpop_jkt,
        auth_time=utc(auth_time),
        consent=consent,
        context=Context(message.ip, message.request_id, message.trace_id),
    )
