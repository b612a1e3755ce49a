"""UserAdminService: people, for operators."""

from datetime import datetime
from typing import Any

from authserver.authorize.v1 import authorize_pb2 as pb
from authserver.authorize.v1.authorize_pb2_grpc import UserAdminServiceServicer
from google.protobuf.timestamp_pb2 import Timestamp

from kit.errors import InvalidRequest
from services.authorize.model import Operator, User, UserId, UserStatus, Visit
from services.authorize.users import NewUser, UserAdministration, UserChange

_STATUS = {UserStatus.ACTIVE: pb.USER_STATUS_ACTIVE, UserStatus.DISABLED: pb.USER_STATUS_DISABLED}


class UserAdmin(UserAdminServiceServicer):
    """Wire to value, call, value to wire."""

    def __init__(self, administration: UserAdministration) -> None:
        self._users = administration

    async def CreateUser(self, request: pb.CreateUserRequest, context: Any) -> pb.CreateUserResponse:  # noqa: N802
        """A person with a password."""
        new = NewUser(request.email, request.password, request.name, request.role)
        return pb.CreateUserResponse(user=_to_wire(await self._users.create(new, _operator(request.operator))))

    async def GetUser(self, request: pb.GetUserRequest, context: Any) -> pb.GetUserResponse:  # noqa: N802
        """By id."""
        return pb.GetUserResponse(user=_to_wire(await self._users.get(UserId(request.user_id))))

    async def ListUsers(self, request: pb.ListUsersRequest, context: Any) -> pb.ListUsersResponse:  # noqa: N802
        """By creation."""
        users = await self._users.all(request.limit, request.offset, request.email)
        return pb.ListUsersResponse(users=[_to_wire(user) for user in users])

    async def UpdateUser(self, request: pb.UpdateUserRequest, context: Any) -> pb.UpdateUserResponse:  # noqa: N802
        """Only the members present."""
        change = UserChange(
            email=request.email if request.HasField("email") else None,
            name=request.name if request.HasField("name") else None,
            password=request.password if request.HasField("password") else None,
        )
        user = await self._users.change(UserId(request.user_id), change, _operator(request.operator))
        return pb.UpdateUserResponse(user=_to_wire(user))

    async def SetUserStatus(self, request: pb.SetUserStatusRequest, context: Any) -> pb.SetUserStatusResponse:  # noqa: N802
        """Disable or enable."""
        user_id, operator = UserId(request.user_id), _operator(request.operator)
        if request.status == pb.USER_STATUS_DISABLED:
            return pb.SetUserStatusResponse(user=_to_wire(await self._users.disable(user_id, operator)))
        if request.status == pb.USER_STATUS_ACTIVE:
            return pb.SetUserStatusResponse(user=_to_wire(await self._users.enable(user_id, operator)))
        raise InvalidRequest("status must be active or disabled")

    async def DeleteUser(self, request: pb.DeleteUserRequest, context: Any) -> pb.DeleteUserResponse:  # noqa: N802
        """For good."""
        await self._users.delete(UserId(request.user_id), _operator(request.operator), force=request.force)
        return pb.DeleteUserResponse()

    async def EndSessions(self, request: pb.EndSessionsRequest, context: Any) -> pb.EndSessionsResponse:  # noqa: N802
        """Every browser of one person."""
        return pb.EndSessionsResponse(ended=await self._users.end_sessions(UserId(request.user_id), _operator(request.operator)))

    async def CountUsers(self, request: pb.CountUsersRequest, context: Any) -> pb.CountUsersResponse:  # noqa: N802
        """For the overview."""
        users, active = await self._users.directory.counts()
        return pb.CountUsersResponse(users=users, active_users=active)


def _operator(operator: pb.Operator) -> Operator:
    return Operator(operator.key_name, Visit(operator.ip, operator.request_id, operator.trace_id))


def _to_wire(user: User) -> pb.User:
    return pb.User(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role.value,
        status=_STATUS[user.status],
        provider=user.provider,
        created_at=_moment(user.created_at),
        updated_at=_moment(user.updated_at),
    )


def _moment(at: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp
