"""People and their sessions, at authorize."""

import grpc.aio
from authserver.authorize.v1 import authorize_pb2 as pb
from authserver.authorize.v1.authorize_pb2_grpc import UserAdminServiceStub

from services.admin.adapters.peers.wire import moment, word
from services.admin.model.operators import Operator
from services.admin.model.users import NewUser, User, UserChange, UserId, UserStatus

STATUS = {UserStatus.ACTIVE: pb.USER_STATUS_ACTIVE, UserStatus.DISABLED: pb.USER_STATUS_DISABLED}


def _acting(operator: Operator) -> pb.Operator:
    origin = operator.origin
    return pb.Operator(key_name=operator.key_name, ip=origin.ip, request_id=origin.request_id, trace_id=origin.trace_id)


def user_of(message: pb.User) -> User:
    """The user as operators see them."""
    return User(
        id=UserId(message.id),
        email=message.email,
        name=message.name,
        role=message.role,
        status=word(UserStatus, "USER_STATUS_", pb.UserStatus.Name(message.status)),
        provider=message.provider,
        created_at=moment(message, "created_at"),
    )


class AuthorizeUsers:
    """Implements UserRecords and UserLife."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = UserAdminServiceStub(channel)

    async def get_user(self, user_id: UserId) -> User:
        """Raises Missing."""
        return user_of((await self._stub.GetUser(pb.GetUserRequest(user_id=user_id))).user)

    async def list_users(self, limit: int, offset: int) -> tuple[User, ...]:
        """In order of creation."""
        return tuple(user_of(each) for each in (await self._stub.ListUsers(pb.ListUsersRequest(limit=limit, offset=offset))).users)

    async def create_user(self, operator: Operator, new: NewUser) -> User:
        """Raises Conflict, InvalidRequest."""
        request = pb.CreateUserRequest(email=new.email, password=new.password, name=new.name, role=new.role, operator=_acting(operator))
        return user_of((await self._stub.CreateUser(request)).user)

    async def update_user(self, operator: Operator, user_id: UserId, change: UserChange) -> User:
        """Raises Missing, Conflict, InvalidRequest."""
        request = pb.UpdateUserRequest(user_id=user_id, email=change.email, name=change.name, operator=_acting(operator))
        return user_of((await self._stub.UpdateUser(request)).user)

    async def set_user_status(self, operator: Operator, user_id: UserId, status: UserStatus) -> User:
        """Raises Missing."""
        request = pb.SetUserStatusRequest(user_id=user_id, status=STATUS[status], operator=_acting(operator))
        return user_of((await self._stub.SetUserStatus(request)).user)

    async def delete_user(self, operator: Operator, user_id: UserId, *, force: bool) -> None:
        """Raises Missing."""
        await self._stub.DeleteUser(pb.DeleteUserRequest(user_id=user_id, force=force, operator=_acting(operator)))

    async def end_sessions(self, operator: Operator, user_id: UserId) -> int:
        """How many sessions ended. Raises Missing."""
        return (await self._stub.EndSessions(pb.EndSessionsRequest(user_id=user_id, operator=_acting(operator)))).ended

    async def count(self) -> int:
        """How many people are known."""
        return (await self._stub.CountUsers(pb.CountUsersRequest())).users
