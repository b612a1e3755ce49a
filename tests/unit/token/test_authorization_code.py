"""authorization_code: OAuth 2.1 §4.1.3, RFC 7636, target T6; K1, K3, K19 of the known attacks."""

from dataclasses import replace

import jwt
import pytest

from kit.audit import Action
from kit.errors import Unavailable
from services.token.model import Operator
from tests.support.fakes_token import FILES, ISSUER, NOTES, OTHER, PUBLIC, RUNTIME, SECRET, VERIFIER, WEB, FakeStore, TokenPlane, basic


@pytest.fixture
def plane() -> TokenPlane:
    return TokenPlane()


async def test_code_becomes_tokens_for_the_resource(plane: TokenPlane) -> None:
    answer = await plane.redeem(await plane.code())
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    body = answer.json
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 900
    assert body["scope"] == "notes:read notes:write"
    assert len(body["refresh_token"]) == 43
    key = next(iter(plane.keyring.verification.values())).public
    claims = jwt.decode(
        body["access_token"],
        key,
        algorithms=["ES256"],
        audience=NOTES.uri,
        issuer=ISSUER,
        options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
    )
    now = int(plane.clock.now().timestamp())
    assert claims == {
        "iss": ISSUER,
        "sub": "ada",
        "aud": [NOTES.uri],
        "client_id": "public",
        "scope": "notes:read notes:write",
        "jti": claims["jti"],
        "iat": now,
        "nbf": now,
        "exp": now + 900,
    }
    assert jwt.get_unverified_header(body["access_token"])["typ"] == "at+jwt"
    assert plane.store.actions() == [Action.AUTH_CODE_ISSUED, Action.TOKEN_ISSUED]


async def test_agents_are_named_in_their_tokens(plane: TokenPlane) -> None:
    """T13."""
    agent = plane.registry.put(replace(PUBLIC, agent=True))
    token = (await plane.redeem(await plane.code(agent))).json["access_token"]
    claims = plane.access_tokens.read(token).claims
    assert (claims["agent_id"], claims["agent_name"]) == ("public", "Public")


async def test_no_refresh_token_without_the_grant(plane: TokenPlane) -> None:
    client = plane.registry.put(replace(PUBLIC, grant_types=frozenset({"authorization_code"})))
    assert "refresh_token" not in (await plane.redeem(await plane.code(client))).json


async def test_lifetimes_only_shorten(plane: TokenPlane) -> None:
    """T11."""
    plane.registry.put(replace(PUBLIC, access_token_lifetime=5000))
    assert (await plane.redeem(await plane.code())).json["expires_in"] == 900
    plane.registry.put(replace(PUBLIC, access_token_lifetime=300))
    assert (await plane.redeem(await plane.code())).json["expires_in"] == 300
    plane.registry.resources = (replace(NOTES, access_token_lifetime=120),)
    assert (await plane.redeem(await plane.code())).json["expires_in"] == 120


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": ""}, "invalid_request"),
        ({"code": "A" * 43}, "invalid_grant"),
        ({"redirect_uri": ""}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:4101/callback"}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:4100/callback/"}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_grant"),
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code_verifier": "v" * 42}, "invalid_grant"),
        ({"code_verifier": "v" * 129}, "invalid_grant"),
        ({"code_verifier": "v" * 42 + "/"}, "invalid_grant"),
        ({"resource": FILES.uri}, "invalid_target"),
        ({"resource": "https://nobody.example"}, "invalid_target"),
    ],
)
async def test_whatever_is_refused_leaves_the_code_unspent(plane: TokenPlane, changes: dict[str, str], error: str) -> None:
    code = await plane.code()
    refused = await plane.redeem(code, **changes)
    assert (refused.status, refused.error) == (400, error)
    assert plane.store.events[-1].action is Action.TOKEN_ISSUE_DENIED
    assert plane.store.events[-1].reason == error
    assert (await plane.redeem(code)).status == 200


@pytest.mark.parametrize("resource", [NOTES.uri, "notes", "HTTPS://MCP.example/notes"])
async def test_resource_may_be_repeated_in_any_spelling(plane: TokenPlane, resource: str) -> None:
    """A3, RFC 8707 §2.2."""
    assert (await plane.redeem(await plane.code(), resource=resource)).status == 200


async def test_code_without_resource_is_for_the_issuer(plane: TokenPlane) -> None:
    token = (await plane.redeem(await plane.code(resource=""))).json["access_token"]
    assert plane.access_tokens.read(token).audience == (ISSUER,)
    assert (await plane.redeem(await plane.code(resource=""), resource=NOTES.uri)).error == "invalid_target"


async def test_several_resources_are_refused(plane: TokenPlane) -> None:
    code = await plane.code()
    form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("client_id", "public"),
        ("redirect_uri", "http://127.0.0.1:4100/callback"),
        ("code_verifier", VERIFIER),
        ("resource", NOTES.uri),
        ("resource", FILES.uri),
    ]
    assert (await plane.post("/oauth/token", form)).error == "invalid_target"


async def test_code_of_another_client_changes_nothing(plane: TokenPlane) -> None:
    """K1."""
    code = await plane.code(PUBLIC)
    refused = await plane.redeem(code, OTHER)
    assert refused.error == "invalid_grant"
    confidential = await plane.redeem(code, WEB, basic("web", SECRET))
    assert confidential.error == "invalid_grant"
    assert (await plane.redeem(code, PUBLIC)).status == 200


async def test_code_expires(plane: TokenPlane) -> None:
    code = await plane.code()
    plane.clock.advance(120)
    assert (await plane.redeem(code)).error == "invalid_grant"


async def test_replay_by_the_right_client_ends_what_the_code_produced(plane: TokenPlane) -> None:
    """T6."""
    code = await plane.code()
    first = (await plane.redeem(code)).json
    assert await plane.active(first["access_token"])
    assert (await plane.redeem(code)).error == "invalid_grant"
    assert not await plane.active(first["access_token"])
    assert (await plane.refresh(first["refresh_token"])).error == "invalid_grant"
    store: FakeStore = plane.store
    assert Action.AUTH_CODE_REUSED in store.actions()
    assert Action.FAMILY_REVOKED in store.actions()


async def test_replay_without_refresh_token_ends_the_access_token(plane: TokenPlane) -> None:
    """T6."""
    client = plane.registry.put(replace(PUBLIC, grant_types=frozenset({"authorization_code"})))
    code = await plane.code(client)
    token = (await plane.redeem(code)).json["access_token"]
    await plane.redeem(code)
    assert not await plane.active(token)


async def test_replay_long_after_the_code_expired_still_ends_it(plane: TokenPlane) -> None:
    """T6."""
    code = await plane.code()
    token = (await plane.redeem(code)).json["access_token"]
    plane.clock.advance(600)
    await plane.redeem(code)
    assert not await plane.active(token)


@pytest.mark.parametrize("changes", [{"code_verifier": "w" * 43}, {"code_verifier": ""}, {"client_id": "other"}])
async def test_replay_by_anybody_else_changes_nothing_and_is_audited(plane: TokenPlane, changes: dict[str, str]) -> None:
    """T6."""
    code = await plane.code()
    first = (await plane.redeem(code)).json
    assert (await plane.redeem(code, **changes)).error == "invalid_grant"
    assert Action.AUTH_CODE_REUSED in plane.store.actions()
    assert Action.FAMILY_REVOKED not in plane.store.actions()
    assert await plane.active(first["access_token"])
    assert (await plane.refresh(first["refresh_token"])).status == 200


async def test_disabled_person_gets_nothing(plane: TokenPlane) -> None:
    """K5, law 13."""
    code = await plane.code()
    plane.store.refused.add("ada")
    assert (await plane.redeem(code)).error == "invalid_grant"


async def test_revoked_grant_takes_its_unredeemed_codes_along(plane: TokenPlane) -> None:
    code = await plane.code()
    await plane.endings.client("public", Operator("root"))
    assert (await plane.redeem(code)).error == "invalid_grant"


async def test_a_failing_commit_answers_nothing_and_spends_nothing(plane: TokenPlane) -> None:
    """Law 5."""
    code = await plane.code()
    plane.store.fail_next = Unavailable("the database cannot be reached")
    failed = await plane.redeem(code)
    assert (failed.status, failed.error) == (503, "temporarily_unavailable")
    assert "retry-after" in failed.headers
    assert plane.store.issued == {}
    assert (await plane.redeem(code)).status == 200


async def test_resource_that_is_no_longer_registered_gets_no_tokens(plane: TokenPlane) -> None:
    code = await plane.code()
    plane.registry.resources = (FILES,)
    assert (await plane.redeem(code)).error == "invalid_target"


async def test_runtime_client_cannot_use_the_grant(plane: TokenPlane) -> None:
    refused = await plane.redeem(await plane.code(), RUNTIME, basic(RUNTIME.id, SECRET))
    assert (refused.status, refused.error) == (400, "unauthorized_client")
