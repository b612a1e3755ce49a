"""UserService."""
# ruff: noqa: N802 - methods are named by the contract

from authserver.admin.v1 import admin_pb2 as pb
from authserver.admin.v1.admin_pb2_grpc import UserServiceServicer

from services.admin.access import Operation
from services.admin.api.rpc.admission import Door, needs
from services.admin.api.rpc.wire import identifier, written
from services.admin.model.operators import Operator
from services.admin.model.users import NewUser, User, UserChange, UserId
from services.admin.paging import Paging


def _user(user: User) -> pb.User:
    return written(pb.User, user)


def _id(text: str) -> UserId:
    return UserId(identifier(text, "user_id"))


class UserRpc(Door, UserServiceServicer):
    """People."""

    @needs(Operation.USERS_CREATE)
    async def CreateUser(self, operator: Operator, request: pb.CreateUserRequest) -> pb.CreateUserResponse:
        """The user."""
        role = "admin" if request.role == "admin" else "user"
        new = NewUser(email=request.email, password=request.password, name=request.name, role=role)
        return pb.CreateUserResponse(user=_user(await self.operations.users.create(operator, new)))

    @needs(Operation.USERS_GET)
    async def GetUser(self, _: Operator, request: pb.GetUserRequest) -> pb.GetUserResponse:
        """One user."""
        return pb.GetUserResponse(user=_user(await self.operations.users.get(_id(request.user_id))))

    @needs(Operation.USERS_LIST)
    async def ListUsers(self, _: Operator, request: pb.ListUsersRequest) -> pb.ListUsersResponse:
        """In order of creation; all of them without limit and offset."""
        paging = Paging(limit=request.limit, offset=request.offset) if request.limit or request.offset else None
        return pb.ListUsersResponse(users=[_user(each) for each in await self.operations.users.list(paging)])

    @needs(Operation.USERS_UPDATE)
    async def UpdateUser(self, operator: Operator, request: pb.UpdateUserRequest) -> pb.UpdateUserResponse:
        """The user afterwards."""
        change = UserChange(
            email=request.email if request.HasField("email") else None, name=request.name if request.HasField("name") else None
        )
        return pb.UpdateUserResponse(user=_user(await self.operations.users.update(operator, _id(request.user_id), change)))

    @needs(Operation.USERS_DISABLE)
    async def DisableUser(self, operator: Operator, request: pb.DisableUserRequest) -> pb.DisableUserResponse:
        """The status afterwards."""
        return pb.DisableUserResponse(status=(await self.operations.users.disable(operator, _id(request.user_id))).value)

    @needs(Operation.USERS_ENABLE)
    async def EnableUser(self, operator: Operator, request: pb.EnableUserRequest) -> pb.EnableUserResponse:
        """The status afterwards."""
        return pb.EnableUserResponse(status=(await self.operations.users.enable(operator, _id(request.user_id))).value)

    @needs(Operation.USERS_DELETE)
    async def DeleteUser(self, operator: Operator, request: pb.DeleteUserRequest) -> pb.DeleteUserResponse:
        """Nothing."""
        await self.operations.users.delete(operator, _id(request.user_id), force=request.force)
        return pb.DeleteUserResponse()

    @needs(Operation.USERS_FORCE_LOGOUT)
    async def ForceLogout(self, operator: Operator, request: pb.ForceLogoutRequest) -> pb.ForceLogoutResponse:
        """How much ended."""
        return written(pb.ForceLogoutResponse, await self.operations.users.force_logout(operator, _id(request.user_id)))
