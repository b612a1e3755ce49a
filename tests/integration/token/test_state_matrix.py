"""Every state against every way to be served, each cell said in so many words (K5, K15), on real Postgres.

What stands in a cell is the answer a client gets that held a good credential before the state changed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from kit import jose
from kit.credentials import random_id
from kit.oauth import GrantType
from services.token.families import hash_of
from services.token.keyring import SigningKey
from services.token.model import ClientId, Operator
from services.token.ports import WholeFamily
from tests.support.fakes_token import FILES, MACHINE, NOTES, RUNTIME, SECRET, Answer, TokenPlane, basic
from tests.support.postgres_token import PostgresStore

OPERATOR = Operator("root")
# One client that holds everything at once, so that every column of a row is about the same one.
APP = replace(
    MACHINE,
    id=ClientId("app"),
    name="App",
    grant_types=frozenset({"authorization_code", "refresh_token", "client_credentials", GrantType.DEVICE_CODE.value}),
    ceiling=("notes:read", "notes:write", "files:read"),
)
HEADER = basic(APP.id, SECRET)
OK = "ok"


class Held:
    """What the client holds before anything happens: unspent code and device code, a refresh token, a person's and its own token."""

    def __init__(self, plane: TokenPlane) -> None:
        self.plane = plane
        self.code = self.refresh = self.device = self.access = self.own = ""

    async def obtain(self) -> "Held":
        """All of it, for ada and the notes."""
        tokens = (await self.plane.redeem(await self.plane.code(APP), APP, HEADER)).json
        self.refresh, self.access = tokens["refresh_token"], tokens["access_token"]
        self.code = await self.plane.code(APP)
        begun = (await self.plane.device(APP, HEADER)).json
        await self.plane.decide(begun["user_code"])
        self.device = begun["device_code"]
        form = {"grant_type": "client_credentials", "resource": NOTES.uri, "scope": "notes:read"}
        self.own = (await self.plane.token(form, HEADER)).json["access_token"]
        return self


State = Callable[[Held], Awaitable[None]]


async def nothing_happened(held: Held) -> None:
    """The row that shows that the others are about their state."""


async def user_disabled(held: Held) -> None:
    await held.plane.endings.refuse("ada", "disabled", OPERATOR)


async def client_suspended(held: Held) -> None:
    held.plane.registry.put(replace(APP, active=False))


async def resource_removed(held: Held) -> None:
    held.plane.registry.resources = (FILES,)


async def grant_revoked(held: Held) -> None:
    await held.plane.endings.grant(await _grant_id(held), "ada", OPERATOR)


async def family_ended(held: Held) -> None:
    stored = await held.plane.store.refresh_token(hash_of(held.refresh))
    assert stored is not None
    await held.plane.store.end(WholeFamily(stored.family_id), reason="revoked", now=held.plane.clock.now(), events=lambda _: [])


async def key_rotated(held: Held) -> None:
    """A new key signs, the old one is still published."""
    new = SigningKey(random_id(), jose.Alg.ES256, jose.generate_key(jose.Alg.ES256), held.plane.clock.now())
    held.plane.keyring.load([new, *held.plane.signing_keys])


async def key_gone(held: Held) -> None:
    """Only the new key is left: nothing the old one signed is believed."""
    held.plane.keyring.load([SigningKey(random_id(), jose.Alg.ES256, jose.generate_key(jose.Alg.ES256), held.plane.clock.now())])


async def _grant_id(held: Held) -> str:
    stored = await held.plane.store.refresh_token(hash_of(held.refresh))
    assert stored is not None
    return stored.grant_id


async def by_code(held: Held) -> str:
    return _said(await held.plane.redeem(held.code, APP, HEADER))


async def by_refresh(held: Held) -> str:
    return _said(await held.plane.refresh(held.refresh, APP, HEADER))


async def by_client_credentials(held: Held) -> str:
    form = {"grant_type": "client_credentials", "resource": NOTES.uri, "scope": "notes:read"}
    return _said(await held.plane.token(form, HEADER))


async def by_device(held: Held) -> str:
    return _said(await held.plane.poll(held.device, APP, HEADER))


async def introspected(held: Held) -> str:
    return await _activity(held, held.access)


async def own_introspected(held: Held) -> str:
    return await _activity(held, held.own)


async def introspected_by_the_client(held: Held) -> str:
    answer = await held.plane.post("/oauth/introspect", {"token": held.access}, HEADER)
    return _said(answer) if answer.status != 200 else "active" if answer.json["active"] else "inactive"


async def _activity(held: Held, token: str) -> str:
    return "active" if await held.plane.active(token, RUNTIME) else "inactive"


def _said(answer: Answer) -> str:
    return OK if answer.status == 200 else answer.error


COLUMNS = (by_code, by_refresh, by_client_credentials, by_device, introspected, own_introspected, introspected_by_the_client)

# fmt: off
MATRIX: dict[State, tuple[str, str, str, str, str, str, str]] = {
    # introspection: of a person's token and of its own by the resource's server, of a person's by the client
    #                 code              refresh           client_credentials  device            introspection
    nothing_happened: (OK,               OK,               OK,                 OK,               "active",   "active",   "active"),
    user_disabled:    ("invalid_grant",  "invalid_grant",  OK,                 "invalid_grant",  "inactive", "active",   "inactive"),
    client_suspended: ("invalid_client", "invalid_client", "invalid_client",   "invalid_client", "inactive", "inactive", "invalid_client"),
    resource_removed: ("invalid_target", "invalid_target", "invalid_target",   "invalid_target", "inactive", "inactive", "inactive"),
    grant_revoked:    ("invalid_grant",  "invalid_grant",  OK,                 "invalid_grant",  "inactive", "active",   "inactive"),
    family_ended:     (OK,               "invalid_grant",  OK,                 OK,               "inactive", "active",   "inactive"),
    key_rotated:      (OK,               OK,               OK,                 OK,               "active",   "active",   "active"),
    key_gone:         (OK,               OK,               OK,                 OK,               "inactive", "inactive", "inactive"),
}
# fmt: on
CELLS = [
    pytest.param(state, column, expected, id=f"{state.__name__}-{column.__name__}")
    for state, row in MATRIX.items()
    for column, expected in zip(COLUMNS, row, strict=True)
]


@pytest.mark.parametrize(("state", "column", "expected"), CELLS)
async def test_what_a_state_does_to_a_way_of_being_served(
    plane: TokenPlane, store: PostgresStore, state: State, column: Callable[[Held], Awaitable[str]], expected: str
) -> None:
    """K5, K15: and whatever is refused, nothing is issued."""
    plane.registry.put(APP)
    held = await Held(plane).obtain()
    await state(held)
    before = await store.count("issuances")
    assert await column(held) == expected
    assert await store.count("issuances") == before + (expected == OK)


def test_the_matrix_has_no_empty_cell() -> None:
    """Law 12."""
    states = {nothing_happened, user_disabled, client_suspended, resource_removed, grant_revoked, family_ended, key_rotated, key_gone}
    assert set(MATRIX) == states
    assert len(CELLS) == len(states) * len(COLUMNS)
