"""Law 1: with warm caches nothing a token's life consists of asks another service, whatever the answer is."""

import asyncio

from authserver.token.v1 import token_pb2_grpc as rpc

from tests.integration.token import test_app
from tests.integration.token.test_app import Running, code_request
from tests.support.fakes_token import NOTES, REDIRECT, SECRET, VERIFIER, basic

running = test_app.running

MACHINE = basic("machine", SECRET)


async def code(running: Running) -> dict[str, str]:
    """The form that redeems a fresh code; issuing it is authorize's call to token, not one of token's own."""
    issued = await rpc.GrantServiceStub(running.channel_as("authorize")).IssueCode(code_request())
    return {
        "grant_type": "authorization_code",
        "code": issued.code,
        "client_id": "agent",
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
        "resource": NOTES.uri,
    }


async def whole_life(running: Running) -> list[int]:
    """Every request a token meets between its code and its end, good ones and refused ones; their statuses."""
    redemption = await code(running)
    first = await running.post("/oauth/token", redemption)
    replayed = await running.post("/oauth/token", redemption)
    tokens = (await running.post("/oauth/token", await code(running))).json
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": "agent"}
    refreshed = await running.post("/oauth/token", refresh)
    own = await running.post("/oauth/token", {"grant_type": "client_credentials", "scope": "a"}, MACHINE)
    beyond = await running.post("/oauth/token", {"grant_type": "client_credentials", "scope": "z"}, MACHINE)
    shown = await running.post("/oauth/introspect", {"token": own.json["access_token"]}, MACHINE)
    hidden = await running.post("/oauth/introspect", {"token": tokens["access_token"]}, MACHINE)
    assert (shown.json["active"], hidden.json["active"]) == (True, False)
    ended = [
        await running.post("/oauth/revoke", {"token": own.json["access_token"]}, MACHINE),
        await running.post("/oauth/revoke", {"token": refreshed.json["refresh_token"], "client_id": "agent"}),
    ]
    public = [await running.get("/.well-known/jwks.json"), await running.get("/.well-known/oauth-authorization-server")]
    return [answer.status for answer in (first, replayed, refreshed, own, beyond, shown, hidden, *ended, *public)]


async def test_a_tokens_whole_life_asks_no_other_service_once_caches_are_warm(running: Running) -> None:
    """Law 1: code, refresh, client credentials, introspection, revocation, keys and discovery make zero gRPC calls."""
    await whole_life(running)
    # The feed's first word clears the caches once; what was loaded before it has to be loaded again.
    await asyncio.sleep(0.1)
    await whole_life(running)
    assert {"agent", "machine", "resources"} <= set(running.registry.asked), "the registry of this test counts"
    running.registry.asked.clear()
    assert await whole_life(running) == [200, 400, 200, 200, 400, 200, 200, 200, 200, 200, 200]
    assert running.registry.asked == []
