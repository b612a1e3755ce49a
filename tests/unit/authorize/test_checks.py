"""The rules of an authorization request, each by itself and in their order (OAuth 2.1 §4.1.1, A1 to A4)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kit.errors import AuthPlaneError, Missing
from kit.http import Parameters
from services.authorize import checks
from services.authorize.api.authorize_page import read
from services.authorize.checks import AFTER_REDIRECT_IS_TRUSTED, BEFORE_REDIRECT_IS_TRUSTED, Asked, accepted, run
from services.authorize.model import Client, ClientStatus, Resource, Scope
from services.authorize.request import Prompt, RawRequest
from tests.support.clock import MIDSUMMER
from tests.support.fakes_authorize import CHALLENGE, NOTES, REDIRECT_URI, a_client

GOOD = RawRequest(
    client_id="client-a",
    redirect_uri=REDIRECT_URI,
    response_type="code",
    state="s",
    scope="notes:read",
    resources=(NOTES.uri,),
    code_challenge=CHALLENGE,
    code_challenge_method="S256",
)


def asked(client: Client | None = None, found: tuple[Resource, ...] = (NOTES,), **changes: Any) -> Asked:
    return Asked(replace(GOOD, **changes), client or a_client(), found)


def refusal(case: Asked, rules: tuple[checks.Check, ...] = AFTER_REDIRECT_IS_TRUSTED) -> AuthPlaneError:
    with pytest.raises(AuthPlaneError) as caught:
        run(rules, case)
    return caught.value


def test_a_good_request_passes_every_rule() -> None:
    run(BEFORE_REDIRECT_IS_TRUSTED + AFTER_REDIRECT_IS_TRUSTED, asked())
    request = accepted(asked(), MIDSUMMER)
    assert (request.scopes, request.resource, request.state) == (("notes:read",), NOTES.uri, "s")


@pytest.mark.parametrize(
    ("case", "status", "words"),
    [
        (asked(a_client(status=ClientStatus.SUSPENDED)), 403, "switched off"),
        (asked(a_client(status=ClientStatus.REVOKED)), 403, "switched off"),
        (asked(redirect_uri=None), 400, "missing"),
        (asked(redirect_uri=None, repeated=frozenset({"redirect_uri"})), 400, "more than once"),
        (asked(redirect_uri="https://evil.example/"), 400, "not one"),
    ],
)
def test_until_the_redirect_uri_is_trusted_a_refusal_is_a_page(case: Asked, status: int, words: str) -> None:
    """A1, wire contract §4.2."""
    error = refusal(case, BEFORE_REDIRECT_IS_TRUSTED)
    assert error.status == status
    assert words in error.detail


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"repeated": frozenset({"scope"})}, "invalid_request"),
        ({"state": "x" * 5000}, "invalid_request"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": "urn:x"}, "request_uri_not_supported"),
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"code_challenge": "a" * 42}, "invalid_request"),
        ({"code_challenge": "a" * 129}, "invalid_request"),
        ({"code_challenge": "a" * 42 + "+"}, "invalid_request"),
        ({"code_challenge": "a" * 43 + "\n"}, "invalid_request"),
        ({"dpop_jkt": "short"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "1e3"}, "invalid_request"),
        ({"max_age": "٣"}, "invalid_request"),
        ({"resources": (NOTES.uri, "https://other.example/")}, "invalid_target"),
        ({"scope": 'bad"scope'}, "invalid_scope"),
        ({"scope": "a" * 5000}, "invalid_scope"),
        ({"scope": "notes:read admin:all"}, "invalid_scope"),
    ],
)
def test_afterwards_the_client_is_told_the_code(changes: dict[str, Any], code: str) -> None:
    """A1 to A4, K11; RFC 7636 §4.4.1, RFC 8707 §2."""
    assert refusal(asked(**changes)).code == code


@pytest.mark.parametrize(
    ("client", "code"),
    [
        (a_client(grant_types=frozenset({"client_credentials"})), "unauthorized_client"),
        (a_client(must_push=True), "invalid_request"),
        (a_client(ceiling=("notes:write",)), "invalid_scope"),
    ],
)
def test_what_the_client_is_registered_for_binds_it(client: Client, code: str) -> None:
    assert refusal(asked(client)).code == code


def test_an_unknown_resource_names_the_closest_one() -> None:
    """A3."""
    case = Asked(GOOD, a_client(), (), Missing("no such resource", members={"closest": NOTES.uri}))
    error = refusal(case)
    assert (error.code, NOTES.uri in error.detail) == ("invalid_target", True)


def test_a_brokered_resource_is_not_for_authorization() -> None:
    """Wire contract §4.5."""
    assert refusal(asked(found=(replace(NOTES, brokered=True),))).code == "invalid_target"


def test_the_first_fault_in_order_is_the_one_reported() -> None:
    assert refusal(asked(response_type="token", code_challenge=None, scope="x")).code == "unsupported_response_type"


class TestAbsentScope:
    """A2."""

    def test_means_all_scopes_where_none_is_marked(self) -> None:
        assert accepted(asked(scope=None), MIDSUMMER).scopes == ("notes:read", "notes:write")

    def test_means_those_marked_default(self) -> None:
        marked = replace(NOTES, scopes=(Scope("notes:read", is_default=True), Scope("notes:write")))
        assert accepted(asked(scope=None, found=(marked,)), MIDSUMMER).scopes == ("notes:read",)

    def test_stays_within_the_ceiling(self) -> None:
        assert accepted(asked(a_client(ceiling=("notes:read",)), scope=None), MIDSUMMER).scopes == ("notes:read",)

    def test_is_refused_when_nothing_is_left(self) -> None:
        assert refusal(asked(a_client(ceiling=("mail:read",)), scope=None)).code == "invalid_scope"
        assert refusal(Asked(replace(GOOD, scope=None), a_client(), (replace(NOTES, scopes=()),))).code == "invalid_scope"

    def test_is_refused_where_the_operator_requires_one(self) -> None:
        assert refusal(replace(asked(scope=None), scope_required=True)).code == "invalid_scope"

    def test_without_resource_is_the_union_over_all(self) -> None:
        mail = Resource("https://mail.example/mcp", "mail", "Mail", (Scope("mail:read"),))
        case = Asked(replace(GOOD, scope=None, resources=()), a_client(), (NOTES, mail))
        run(AFTER_REDIRECT_IS_TRUSTED, case)
        request = accepted(case, MIDSUMMER)
        assert (request.scopes, request.resource) == (("notes:read", "notes:write", "mail:read"), "")


def test_offline_access_is_tolerated_and_not_granted() -> None:
    """A2, A6: it says nothing about the resource."""
    case = asked(a_client(ceiling=("notes:read",)), scope="notes:read offline_access")
    run(AFTER_REDIRECT_IS_TRUSTED, case)
    assert accepted(case, MIDSUMMER).scopes == ("notes:read",)


def test_offline_access_alone_leaves_the_defaults() -> None:
    case = asked(scope="offline_access")
    run(AFTER_REDIRECT_IS_TRUSTED, case)
    assert accepted(case, MIDSUMMER).scopes == ("notes:read", "notes:write")


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [({}, None), ({"prompt": "login"}, 0), ({"prompt": "select_account"}, 0), ({"max_age": "0"}, 0), ({"max_age": "60"}, 60)],
)
def test_prompt_and_max_age_say_how_old_a_login_may_be(changes: dict[str, Any], seconds: int | None) -> None:
    """A4."""
    since = accepted(asked(**changes), MIDSUMMER).signed_in_since
    assert since == (None if seconds is None else MIDSUMMER - timedelta(seconds=seconds))


def test_prompt_consent_is_kept() -> None:
    assert accepted(asked(prompt="login consent"), MIDSUMMER).prompt == {Prompt.LOGIN, Prompt.CONSENT}


def test_reading_notes_what_was_repeated_and_lets_resources_repeat() -> None:
    """RFC 6749 §3.1, RFC 8707 §2."""
    raw = read(Parameters.parse(b"client_id=a&state=1&state=2&resource=x&resource=y&odd=1&odd=&scope="))
    assert raw.repeated == {"state", "odd"}
    assert (raw.client_id, raw.state, raw.scope, raw.resources) == ("a", None, None, ("x", "y"))


def test_every_rule_is_in_exactly_one_table() -> None:
    rules = {
        value
        for name, value in vars(checks).items()
        if callable(value)
        and name != "run"
        and getattr(value, "__annotations__", {}).get("asked") is Asked
        and value.__annotations__.get("return") is None
    }
    assert rules == {*BEFORE_REDIRECT_IS_TRUSTED, *AFTER_REDIRECT_IS_TRUSTED}
    assert len(BEFORE_REDIRECT_IS_TRUSTED + AFTER_REDIRECT_IS_TRUSTED) == len(rules)
