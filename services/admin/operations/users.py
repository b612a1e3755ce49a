"""People: everything an operator does to them."""

from dataclasses import dataclass

from kit.errors import InvalidRequest, Missing
from services.admin.model.operators import Operator
from services.admin.model.users import Ended, NewUser, User, UserChange, UserId, UserStatus
from services.admin.operations.clients import require_nothing_lives
from services.admin.paging import Paging
from services.admin.ports import LiveTokens, UserLife, UserRecords

PAGE = 100


@dataclass(frozen=True, slots=True)
class Users:
    """Authorize keeps people and their sessions, token ends what clients hold on their behalf."""

    records: UserRecords
    life: UserLife
    tokens: LiveTokens

    async def list(self, paging: Paging | None) -> tuple[User, ...]:
        """In order of creation; all of them without `paging`."""
        if paging is not None:
            return await self.records.list_users(paging.size, paging.start)
        users: list[User] = []
        while page := await self.records.list_users(PAGE, len(users)):
            users.extend(page)
            if len(page) < PAGE:
                break
        return tuple(users)

    async def get(self, user_id: UserId) -> User:
        """Raises Missing."""
        return await self.records.get_user(user_id)

    async def create(self, operator: Operator, new: NewUser) -> User:
        """Raises InvalidRequest, Conflict (address taken)."""
        if not new.email or not new.password:
            raise InvalidRequest("email and password are required")
        return await self.records.create_user(operator, new)

    async def update(self, operator: Operator, user_id: UserId, change: UserChange) -> User:
        """Raises Missing, Conflict, InvalidRequest."""
        return await self.records.update_user(operator, user_id, change)

    async def disable(self, operator: Operator, user_id: UserId) -> UserStatus:
        """End the user's sessions and refuse every token for them until enabled. Raises Missing."""
        return (await self.life.set_user_status(operator, user_id, UserStatus.DISABLED)).status

    async def enable(self, operator: Operator, user_id: UserId) -> UserStatus:
        """Raises Missing."""
        return (await self.life.set_user_status(operator, user_id, UserStatus.ACTIVE)).status

    async def delete(self, operator: Operator, user_id: UserId, *, force: bool) -> None:
        """Remove the user and end everything held on their behalf. Raises Missing, and Conflict while tokens live unless forced."""
        live = await self.tokens.count_live(user_id=user_id)
        if not force:
            require_nothing_lives(live, "user")
        try:
            await self.life.delete_user(operator, user_id, force=force)
        except Missing:
            # An earlier attempt may have got this far and no further: then there is still something to end.
            if not live.any:
                raise
        await self.tokens.end_subject(operator, user_id)

    async def force_logout(self, operator: Operator, user_id: UserId) -> Ended:
        """End the user's browser sessions, then everything clients hold on their behalf. Raises Missing."""
        sessions = await self.life.end_sessions(operator, user_id)
        ended = await self.tokens.end_subject(operator, user_id)
        return Ended(user_id=user_id, tokens_revoked=ended.families + ended.issuances, sessions_ended=sessions)
