"""People named in the configuration: created when absent, and brought up to date where the operator asked for that (O7)."""

from dataclasses import dataclass, field

from kit.errors import Conflict
from services.authorize.model import Operator
from services.authorize.users import NewUser, UserAdministration, UserChange


@dataclass(frozen=True, slots=True)
class SeedUser:
    """One entry of `users[]`."""

    email: str
    password: str = field(repr=False)
    name: str = ""
    role: str = "user"


async def seed(users: tuple[SeedUser, ...], administration: UserAdministration, *, sync: bool) -> None:
    """Idempotent, also when several processes start at once. Raises InvalidRequest for an entry nobody could be created from."""
    for entry in users:
        known = await administration.all(1, 0, entry.email)
        if not known:
            try:
                await administration.create(NewUser(entry.email, entry.password, entry.name, entry.role), Operator(""))
            except Conflict:
                continue  # another process was faster
        elif sync and known[0].name != entry.name:
            await administration.change(known[0].id, UserChange(name=entry.name), Operator(""))
