"""A resource removed while a person is reading the consent page: no code, no stored consent, and the client is told why (A3, K5)."""

from dataclasses import replace

import pytest

from kit.errors import Unavailable
from tests.support.fakes_authorize import NOTES
from tests.unit.authorize.test_authorization import VISIT, Stage, signed_in, stage, told

__all__ = ["stage"]


@pytest.mark.parametrize("left", [(), (replace(NOTES, brokered=True),)])
async def test_allowing_it_gives_no_code_and_stores_no_consent(stage: Stage, left: tuple[object, ...]) -> None:
    pending = await stage.pending(signed_in())
    asked_before = stage.codes.calls
    stage.resources.known = left  # type: ignore[assignment]
    answer = told(await stage.desk.allow(pending, signed_in(), ("notes:read",), remember=True, visit=VISIT))
    assert (answer["error"], answer["iss"], answer["state"]) == ("invalid_target", "https://auth.example", "s")
    assert "code" not in answer
    assert (stage.codes.calls, stage.codes.issued, stage.tables.interactions) == (asked_before, [], {})


async def test_remembered_consent_does_not_outlive_the_resource(stage: Stage) -> None:
    """The person only logs in; nothing is left to ask."""
    pending = await stage.pending()
    stage.codes.remembered["user-1", "client-a", "", NOTES.uri] = ("notes:read",)
    stage.resources.known = ()
    answer = told(await stage.authorization.proceed(pending, signed_in(), VISIT))
    assert (answer["error"], stage.codes.calls) == ("invalid_target", 0)


async def test_while_resources_cannot_be_asked_for_the_question_stays_open(stage: Stage) -> None:
    """Law 10."""
    pending = await stage.pending(signed_in())
    stage.resources.fault = Unavailable("registry cannot be reached")
    with pytest.raises(Unavailable):
        await stage.desk.allow(pending, signed_in(), ("notes:read",), remember=True, visit=VISIT)
    stage.resources.fault = None
    assert "code" in told(await stage.desk.allow(pending, signed_in(), ("notes:read",), remember=True, visit=VISIT))
