"""What a consent allows: targets A5 and A6; K18 of the known attacks."""

import pytest

from kit.errors import InvalidRequest, Missing
from services.token.app import CALLERS
from services.token.consents import Approval, Consent, ConsentMissing, Memory, StoredGrant, decide
from services.token.lineage import issuance_named
from services.token.model import GrantId, Operator, issuance_id_of, jti_of
from tests.support.fakes_token import OTHER, TokenPlane, code_request

NOTHING = Memory(None, met_before=False)


def memory(scopes: tuple[str, ...], remembered: tuple[str, ...] | None) -> Memory:
    return Memory(StoredGrant(GrantId("g"), scopes, remembered), met_before=True)


def test_unticked_scopes_are_not_issued() -> None:
    decision = decide(code_request(consent=Consent(("notes:write",), remember=True)), NOTHING)
    assert decision == Approval(("notes:write",), ("notes:write",), ("notes:write",))


def test_step_up_asks_for_what_is_new_and_keeps_the_old() -> None:
    known = memory(("notes:read",), ("notes:read",))
    assert decide(code_request(consent=None), known) == ConsentMissing(("notes:read",), ("notes:write",), first_time=False)
    both = ("notes:read", "notes:write")
    assert decide(code_request(consent=Consent(("notes:write",), remember=True)), known) == Approval(both, both, both)


def test_a_decision_not_to_be_remembered_forgets_nothing_either() -> None:
    known = memory(("notes:read",), ("notes:read",))
    both = ("notes:read", "notes:write")
    assert decide(code_request(consent=Consent(("notes:write",), remember=False)), known) == Approval(both, both, ("notes:read",))


def test_a_grant_never_remembered_spares_no_question() -> None:
    known = memory(("notes:read", "notes:write"), None)
    assert isinstance(decide(code_request(consent=None), known), ConsentMissing)
    assert isinstance(decide(code_request(scopes=(), consent=None), known), ConsentMissing)


@pytest.mark.parametrize("ticked", [("admin",), ("notes:read", "admin"), ()])
def test_a_consent_that_does_not_fit_the_request(ticked: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest):
        decide(code_request(consent=Consent(ticked, remember=True)), NOTHING)


async def test_consent_for_one_client_approves_no_other() -> None:
    """K18."""
    plane = TokenPlane()
    assert isinstance(await plane.code_issuing.issue(code_request()), str)
    assert isinstance(await plane.code_issuing.issue(code_request(consent=None)), str)
    assert isinstance(await plane.code_issuing.issue(code_request(OTHER, consent=None)), ConsentMissing)
    assert isinstance(await plane.code_issuing.issue(code_request(user="eve", consent=None)), ConsentMissing)


async def test_remembered_consent_does_not_outlive_its_grant() -> None:
    plane = TokenPlane()
    await plane.code()
    (grant_id,) = plane.store.grants
    await plane.endings.grant(grant_id, "", Operator("root"))
    missing = await plane.code_issuing.issue(code_request(consent=None))
    assert isinstance(missing, ConsentMissing)
    assert not missing.first_time


def test_every_service_names_its_callers() -> None:
    """Law 12."""
    names = ("ClientAuthService", "GrantService", "DeviceService", "SubjectService", "TokenAdminService")
    assert set(CALLERS) == {f"authserver.token.v1.{name}" for name in names}


@pytest.mark.parametrize("text", ["", "x", "A" * 21 + "B", "A" * 23, "!" * 22, 7, None])
def test_what_is_no_jti_of_ours(text: object) -> None:
    assert issuance_id_of(text) is None


def test_jti_and_id_are_one_thing_in_two_spellings() -> None:
    issued = issuance_named("0197a5b0-0000-7000-8000-000000000000")
    assert issuance_named(jti_of(issued)) == issued
    assert len(jti_of(issued)) == 22
    with pytest.raises(Missing):
        issuance_named("nonsense")
