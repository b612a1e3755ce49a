"""The one place that decides what comes next in a pending authorization; no step knows another (login, consent, issue)."""

from enum import StrEnum

from services.authorize.interaction import Interaction, Needed
from services.authorize.model import Session, UserId
from services.authorize.request import AuthorizationRequest, Prompt


class Step(StrEnum):
    """`login` and `consent` are pages; `issue` asks token for a code and shows nothing."""

    LOGIN = "login"
    CONSENT = "consent"
    ISSUE = "issue"


def next_step(interaction: Interaction, session: Session | None) -> Step:
    """From what is stored alone, so that reloading, going back and a second tab all lead to the same place."""
    return step_for(interaction.request, session, interaction.user_id, interaction.needed)


def step_for(request: AuthorizationRequest, session: Session | None, user_id: UserId | None, needed: Needed | None) -> Step:
    """Sign in if nobody did recently enough; ask token unless this very person is known to owe a decision; else ask the person."""
    if session is None or not is_recent_enough(request, session):
        return Step.LOGIN
    if needed is not None and user_id == session.user_id:
        return Step.CONSENT
    return Step.CONSENT if Prompt.CONSENT in request.prompt else Step.ISSUE


def is_recent_enough(request: AuthorizationRequest, session: Session) -> bool:
    """`prompt=login` and `max_age` (OpenID Connect Core §3.1.2.1)."""
    return request.signed_in_since is None or session.authenticated_at >= request.signed_in_since
