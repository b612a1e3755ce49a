"""Agents named in what they hold (T13), and one tolerance for every clock (T14)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest

from kit import jose
from kit.oauth import CLIENT_ASSERTION_TYPE, AuthMethod
from services.token.issuer import ACCESS_TOKEN_TYPE
from tests.support.fakes_token import ISSUER, MACHINE, PUBLIC, RUNTIME, SECRET, TELEVISION, TokenPlane, basic
from tests.unit.token.test_dpop import Prover

AGENT = replace(MACHINE, agent=True, name="Night watch")


async def introspected(plane: TokenPlane, token: str, caller: str = RUNTIME.id) -> dict[str, Any]:
    return dict((await plane.post("/oauth/introspect", {"token": token}, basic(caller, SECRET))).json)


async def test_an_agents_own_token_names_it_to_everybody_who_may_ask() -> None:
    """T13, wire contract §6.2: id and name; a chain only where somebody acts for somebody."""
    plane = TokenPlane()
    plane.registry.put(AGENT)
    form = {"grant_type": "client_credentials", "resource": "notes", "scope": "notes:read"}
    token = (await plane.token(form, basic(AGENT.id, SECRET))).json["access_token"]
    told = await introspected(plane, token)
    assert (told["agent_id"], told["agent_name"]) == (AGENT.id, "Night watch")
    assert "agent_chain" not in told
    (record,) = plane.store.issued.values()
    assert record.agent_id == AGENT.id


async def test_an_agent_that_acts_for_a_person_is_named_beside_them() -> None:
    """T13: by code, by refresh and by device alike."""
    plane = TokenPlane()
    plane.registry.put(replace(PUBLIC, agent=True))
    plane.registry.put(replace(TELEVISION, agent=True))
    first = (await plane.redeem(await plane.code())).json
    refreshed = (await plane.refresh(first["refresh_token"])).json
    device = (await plane.poll(await plane.approved())).json
    for token, client in ((first, PUBLIC), (refreshed, PUBLIC), (device, TELEVISION)):
        told = await introspected(plane, token["access_token"])
        assert (told["sub"], told["agent_id"], told["agent_name"]) == ("ada", client.id, client.name)


async def test_who_is_no_agent_is_not_called_one() -> None:
    plane = TokenPlane()
    told = await introspected(plane, (await plane.redeem(await plane.code())).json["access_token"])
    assert not {"agent_id", "agent_name", "agent_chain", "act"} & set(told)


async def test_a_chain_of_agents_is_shown_as_it_was_signed() -> None:
    """Wire contract §6.2: root first, acting party last."""
    plane = TokenPlane()
    token = (await plane.redeem(await plane.code())).json["access_token"]
    chain = {"act": {"sub": "b", "act": {"sub": "a"}}, "agent_chain": ["a", "b"], "agent_id": "b", "agent_name": "B"}
    claims = plane.access_tokens.read(token).claims | chain
    told = await introspected(plane, plane.keyring.signer.sign(claims, typ=ACCESS_TOKEN_TYPE))
    assert {name: told[name] for name in chain} == chain


SKEWS = [timedelta(0), timedelta(seconds=30), timedelta(seconds=300)]


@pytest.mark.parametrize("skew", SKEWS, ids=str)
async def test_an_access_tokens_times_are_read_with_the_one_skew(skew: timedelta) -> None:
    """T14: exp, nbf and iat."""
    plane = TokenPlane(skew=skew)
    token = (await plane.redeem(await plane.code())).json["access_token"]
    issued_at = plane.clock.now()
    for offset, active in (
        (-skew - timedelta(seconds=1), False),
        (-skew, True),
        (timedelta(seconds=899) + skew, True),
        (timedelta(seconds=901) + skew, False),
    ):
        plane.clock.advance(issued_at + offset - plane.clock.now())
        assert await plane.active(token) is active, offset


@pytest.mark.parametrize("skew", SKEWS, ids=str)
@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
async def test_an_assertions_times_are_read_with_the_one_skew(claim: str, skew: timedelta) -> None:
    """T14."""
    plane, key = TokenPlane(skew=skew), jose.generate_key(jose.Alg.ES256)
    plane.client_keys.published = {"k": jose.jwk_to_key(jose.public_jwk(key))}
    client = plane.registry.put(replace(MACHINE, auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks="inline"))
    now, allowed = int(plane.clock.now().timestamp()), int(skew.total_seconds())
    sign = -1 if claim == "exp" else 1
    for beyond, status in ((-1, 200), (1, 401)):
        claims = {
            "iss": client.id,
            "sub": client.id,
            "aud": ISSUER,
            "jti": f"{beyond}",
            "iat": now - 400,
            "nbf": now - 400,
            "exp": now + 60,
        }
        claims[claim] = now + sign * (allowed + beyond)
        assertion = jwt.encode(claims, key, algorithm="ES256", headers={"kid": "k"})
        form = {"grant_type": "client_credentials", "client_assertion_type": CLIENT_ASSERTION_TYPE, "client_assertion": assertion}
        assert (await plane.token(form)).status == status, (claim, beyond)


@pytest.mark.parametrize("skew", SKEWS, ids=str)
@pytest.mark.parametrize("edge", ["future", "past"])
async def test_a_proofs_time_is_read_with_the_one_skew(edge: str, skew: timedelta) -> None:
    """T14, RFC 9449 §11.1: a proof lives for its own 60 seconds, and clocks differ by no more than everywhere else."""
    plane = TokenPlane(dpop=True, skew=skew)
    prove, now, allowed = Prover(plane), int(plane.clock.now().timestamp()), int(skew.total_seconds())
    bound = now + allowed if edge == "future" else now - 60 - allowed
    outside = 1 if edge == "future" else -1
    code = await plane.code()
    assert (await plane.redeem(code, PUBLIC, prove(iat=bound + outside))).error == "invalid_dpop_proof"
    assert (await plane.redeem(code, PUBLIC, prove(iat=bound))).status == 200
