"""What operators read, and what leaves by itself (O5), on real Postgres."""

from datetime import timedelta

from kit.audit import Recorder
from services.token.adapters.inventory import PostgresInventory
from services.token.adapters.purge import Purge
from services.token.inventory import IssuanceFilter
from services.token.model import Operator
from tests.support.fakes_token import MACHINE, NOTES, OTHER, SECRET, TokenPlane, basic
from tests.support.postgres_token import PostgresStore


async def test_operators_see_grants_issuances_and_counts(plane: TokenPlane, store: PostgresStore) -> None:
    inventory = PostgresInventory(pool=store.pool)
    body = (await plane.redeem(await plane.code())).json
    await plane.redeem(await plane.code(OTHER), OTHER)
    await plane.token({"grant_type": "client_credentials"}, basic(MACHINE.id, SECRET))
    read = plane.access_tokens.read(body["access_token"])

    (grant,) = await inventory.grants("ada", "public", 0, 0)
    assert (grant.user_id, grant.client_id, grant.resource, grant.scopes) == ("ada", "public", NOTES.uri, ("notes:read", "notes:write"))
    assert len(await inventory.grants("ada", "", 10, 0)) == 2
    assert await inventory.grants("ada", "", 10, 2) == []

    (issued,) = await inventory.issuances(IssuanceFilter(jti=str(read.claims["jti"])))
    assert (issued.id, issued.grant_id, issued.scope) == (read.issuance_id, grant.id, "notes:read notes:write")
    assert len(await inventory.issuances(IssuanceFilter(resource=NOTES.uri))) == 2
    assert await inventory.issuances(IssuanceFilter(jti="nonsense")) == []
    assert await inventory.issuances(IssuanceFilter(user_id="ada", since=plane.clock.now() + timedelta(1))) == []
    assert await inventory.issuance(read.issuance_id) == issued

    live = await inventory.count("", "", plane.clock.now())
    assert (live.families, live.issuances, live.issued_today, live.revoked_today) == (2, 3, 3, 0)
    await plane.endings.issuance(str(read.claims["jti"]), Operator("root"))
    live = await inventory.count("ada", "public", plane.clock.now())
    assert (live.families, live.issuances, live.revoked_today) == (1, 0, 1)


async def test_what_has_expired_leaves_and_what_lives_stays(plane: TokenPlane, store: PostgresStore) -> None:
    purge = Purge(pool=store.pool, recorder=Recorder("token", plane.clock), clock=plane.clock)
    await plane.redeem(await plane.code())
    kept = (await plane.redeem(await plane.code())).json["refresh_token"]
    assert set((await purge.once()).values()) == {0}
    plane.clock.advance(timedelta(days=2))
    assert await purge.once() == {"authorization_codes": 2, "refresh_families": 0, "refresh_tokens": 0, "issuances": 2, "device_codes": 0}
    assert (await plane.refresh(kept)).status == 200
    plane.clock.advance(timedelta(days=31))
    left = await purge.once()
    assert (left["refresh_families"], await store.count("refresh_tokens")) == (2, 0)
    assert "data.purged" in await store.actions()
