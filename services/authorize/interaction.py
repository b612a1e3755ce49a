"""A pending authorization: what was asked, from which browser, and what a person still has to decide."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest

from kit.credentials import Mac, digest, random_id
from kit.errors import InvalidRequest
from services.authorize.model import InteractionId, UserId
from services.authorize.refusals import ForeignBrowser
from services.authorize.request import AuthorizationRequest

LIFETIME = timedelta(minutes=10)
# Longer than any answer from token can take, so a claim lapses only when its process died.
CLAIM_SECONDS = 30
_ID_LENGTH = 22


@dataclass(frozen=True, slots=True)
class Needed:
    """What the stored grants say about a request: scopes already allowed, scopes to ask for, and whether the two have met before."""

    granted: tuple[str, ...]
    missing: tuple[str, ...]
    first_time: bool


@dataclass(frozen=True, slots=True)
class Interaction:
    """One pending authorization. `needed` is what `user_id` has to decide, once known. `browser` is the digest of that browser's cookie."""

    id: InteractionId
    browser: bytes
    request: AuthorizationRequest
    expires_at: datetime
    user_id: UserId | None = None
    needed: Needed | None = None


def open_interaction(
    browser: str, request: AuthorizationRequest, now: datetime, user_id: UserId | None, needed: Needed | None
) -> Interaction:
    """A new pending authorization of the browser that holds `browser` in its cookie."""
    return Interaction(InteractionId(random_id()), digest(browser), request, now + LIFETIME, user_id, needed)


def require_same_browser(interaction: Interaction, browser: str | None) -> None:
    """Whoever begins an authorization is the only one to finish it, so no link makes one person consent for another."""
    if browser is None or not compare_digest(interaction.browser, digest(browser)):
        raise ForeignBrowser("this page belongs to a request that began in another browser or window")


@dataclass(frozen=True, slots=True)
class Hops:
    """Tags on the way from step to step: a link to one step opens neither another step nor another authorization (K13, K17)."""

    mac: Mac

    def tag(self, interaction_id: InteractionId, page: str) -> str:
        """The tag a link to `page` carries."""
        return self.mac.tag(page, interaction_id)

    def require(self, tag: str | None, interaction_id: str, page: str) -> InteractionId:
        """The id, once its tag is proven. Raises InvalidRequest."""
        if tag is None or len(interaction_id) != _ID_LENGTH:
            raise InvalidRequest("this link is incomplete or was changed on the way")
        self.mac.require(tag, page, interaction_id)
        return InteractionId(interaction_id)
