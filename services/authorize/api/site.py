"""What every page handler needs: who is asking from where, the authorization they are in the middle of, and the way to the next page."""

from dataclasses import dataclass
from urllib.parse import urlencode

from kit import telemetry
from kit.clock import Clock
from kit.credentials import random_secret
from kit.http import Parameters, Reply, Request, redirect
from services.authorize.account import AccountDesk
from services.authorize.api.cookies import Cookies
from services.authorize.api.pages import Pages
from services.authorize.authorization import Authorization, GoTo, Outcome, SendBack
from services.authorize.consent import ConsentDesk
from services.authorize.device import DeviceDesk
from services.authorize.federation import Federation
from services.authorize.forms import FormTokens
from services.authorize.interaction import Hops, Interaction, require_same_browser
from services.authorize.login import Login
from services.authorize.model import InteractionId, Session, Visit
from services.authorize.pushed import Pushing
from services.authorize.refusals import InteractionGone
from services.authorize.sessions import SessionKeeper
from services.authorize.steps import Step

# `issue` has no page of its own; whoever opens the consent page passes it on the way.
_PATHS = {Step.LOGIN: "/login", Step.CONSENT: "/consent", Step.ISSUE: "/consent"}
LOGIN_PAGE = "login"
CONSENT_PAGE = "consent"
_PAGES = {Step.LOGIN: LOGIN_PAGE, Step.CONSENT: CONSENT_PAGE, Step.ISSUE: CONSENT_PAGE}


_LONGEST_USER_AGENT = 300


def visit_of(request: Request) -> Visit:
    """Where a request came from."""
    return Visit(
        address=request.client_address,
        request_id=request.request_id,
        trace_id=telemetry.trace_id(),
        user_agent=" ".join(request.headers_all("user-agent"))[:_LONGEST_USER_AGENT],
    )


@dataclass(frozen=True, slots=True)
class Site:
    """The service as its page handlers see it."""

    authorization: Authorization
    desk: ConsentDesk
    pushing: Pushing
    device: DeviceDesk | None
    account: AccountDesk
    login: Login
    sessions: SessionKeeper
    hops: Hops
    forms: FormTokens
    cookies: Cookies
    pages: Pages
    clock: Clock
    local_login: bool = True
    federation: Federation | None = None

    async def session(self, request: Request) -> Session | None:
        """Who is signed in. Raises Unavailable."""
        return await self.sessions.current(self.cookies.session(request))

    def browser(self, request: Request) -> tuple[str, tuple[tuple[str, str], ...]]:
        """The browser's own value, and the header that sets it if it had none."""
        known = self.cookies.browser(request)
        if known is not None:
            return known, ()
        made = random_secret()
        return made, (self.cookies.set_browser(made),)

    async def interaction(self, request: Request, parameters: Parameters, page: str) -> Interaction:
        """The pending authorization a link or form names.

        Raises InvalidRequest (a forged or shortened link), InteractionGone, ForeignBrowser, Unavailable.
        """
        interaction_id = self.hops.require(parameters.one("hop"), parameters.required("interaction"), page)
        interaction = await self.authorization.interactions.find(interaction_id, self.clock.now())
        if interaction is None:
            raise InteractionGone("it was answered already, or waited longer than ten minutes")
        require_same_browser(interaction, self.cookies.browser(request))
        return interaction

    def hop(self, interaction_id: InteractionId, step: Step) -> str:
        """The tag of a link to a step's page."""
        return self.hops.tag(interaction_id, _PAGES[step])

    def follow(self, outcome: Outcome) -> Reply:
        """To the client, or to our next page."""
        if isinstance(outcome, SendBack):
            return redirect(outcome.location)
        query = urlencode({"interaction": outcome.interaction_id, "hop": self.hop(outcome.interaction_id, outcome.step)})
        return redirect(f"{_PATHS[outcome.step]}?{query}")


__all__ = ["CONSENT_PAGE", "LOGIN_PAGE", "GoTo", "Site", "visit_of"]
