"""Audit events: a closed set of actions, and a row for every event whatever a stranger put into it."""

import re
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.audit import Action, ActorKind, Event, Recorder
from tests.support.clock import FrozenClock

RECORDER = Recorder("token", FrozenClock())
PUBLISHED = """
token.issued token.issue_denied token.refreshed token.refresh_denied token.revoked auth_code.reused family.revoked
family.revocation_failed family.denylist_failed token.introspected token.introspect_denied token.exchanged token.exchange_denied
client_credentials.issued client_credentials.denied jwt_bearer.issued jwt_bearer.denied upstream.token.issued broker_grant.created
broker_grant.revoked broker_grant.revoked_admin consent.granted consent.denied consent_grant.revoked_admin client.registered
client.created_admin client.updated client.secret_rotated client.suspended client.revoked client.deleted user.created user.updated
user.disabled user.deleted user.force_logout user.login user.login_failed auth.locked_out user.oidc_login user.oidc_login_failed
admin.ui.login key.rotated dcr.mode_updated resource.created resource.patched resource.deleted
resource.policy.exchange.allowed_client.added resource.policy.exchange.allowed_client.removed
resource.policy.connect.allowed_return_url.added resource.policy.connect.allowed_return_url.removed
resource.policy.runtime.client.added resource.policy.runtime.client.removed broker_provider.created broker_provider.patched
broker_provider.deleted fronting_link.created fronting_link.patched fronting_link.deleted issuance.revoked_admin auth.denied
upstream.token.refreshed
"""


@pytest.mark.parametrize("action", PUBLISHED.split())
def test_every_action_operators_filter_by_exists(action: str) -> None:
    assert Action(action)


@pytest.mark.parametrize("action", list(Action))
def test_actions_are_dotted_names_called_what_they_are(action: Action) -> None:
    assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", action.value)
    assert action.name == action.value.upper().replace(".", "_")


def test_an_event_becomes_one_json_object() -> None:
    event = Event(action=Action.TOKEN_ISSUED, actor_kind=ActorKind.USER, actor_id="u1", client_id="c1", detail={"family": "f", "n": 1})
    row = orjson.loads(RECORDER.encode(event))
    assert UUID(row.pop("id")).version == 7
    assert row == {
        "occurred_at": "2026-06-21T12:00:00.000000+00:00",
        "service": "token",
        "action": "token.issued",
        "actor_kind": "user",
        "actor_id": "u1",
        "client_id": "c1",
        "subject": "",
        "resource": "",
        "outcome": "success",
        "reason": "",
        "ip": "",
        "request_id": "",
        "trace_id": "",
        "detail": {"family": "f", "n": 1},
    }


values: Any = st.one_of(st.text(), st.integers(), st.booleans(), st.lists(st.text()))


@given(st.text(), st.dictionaries(st.text(), values))
def test_every_event_becomes_a_row_the_log_can_hold(text: str, detail: dict[str, Any]) -> None:
    row = RECORDER.encode(Event(action=Action.CLIENT_AUTH_FAILED, client_id=text, reason=text, detail=detail))
    assert "\\u0000" not in row
    members = orjson.loads(row.encode())
    assert len(members["client_id"].encode()) <= 2048


def test_a_strangers_long_value_is_cut_and_not_refused() -> None:
    event = Event(
        action=Action.CLIENT_AUTH_FAILED, client_id="ü" * 9000, detail={"x": "ü" * 9000, "scopes": ["s" * 500] * 90, "big": 2**70}
    )
    row = orjson.loads(RECORDER.encode(event))
    assert len(row["client_id"].encode()) == 2048
    assert len(orjson.dumps(row["detail"])) < 8192
    assert row["detail"]["big"] == str(2**70)
