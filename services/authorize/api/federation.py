"""GET /oidc/start and GET /oidc/callback: out to an identity provider and back."""

from dataclasses import dataclass
from urllib.parse import urlencode

from kit.credentials import random_secret
from kit.errors import MethodNotAllowed, Missing
from kit.http import Reply, Request, redirect
from services.authorize.api.pages import ProviderLink
from services.authorize.api.site import LOGIN_PAGE, Site, visit_of
from services.authorize.authorization import GoTo
from services.authorize.federation import Federation, Returned
from services.authorize.local_path import safe_path
from services.authorize.steps import Step


def provider_links(federation: Federation | None, where: dict[str, str]) -> tuple[ProviderLink, ...]:
    """One for every provider that has a name to show; `where` is what the sign-in leads to."""
    if federation is None:
        return ()
    alone = len(federation.providers) == 1
    return tuple(
        ProviderLink(provider.label, "/oidc/start?" + urlencode(where if alone else {"provider": provider.name, **where}))
        for provider in federation.providers.values()
        if provider.label
    )


@dataclass(frozen=True, slots=True)
class FederationPages:
    """Signing in elsewhere, on its own or in the middle of an authorization."""

    site: Site

    async def start(self, request: Request) -> Reply:
        """Remember where this browser is, and send it to the provider."""
        federation = self._federation()
        provider = federation.provider(request.query.one("provider"))
        interaction = None
        if request.query.one("interaction") is not None:
            interaction = await self.site.interaction(request, request.query, LOGIN_PAGE)
        # Kept when there is one already, so that a second tab does not spoil the first.
        browser = self.site.cookies.sign_in(request) or random_secret()
        target = safe_path(request.query.one("redirect"))
        asked = (interaction.id, interaction.request) if interaction is not None else (None, None)
        location = await federation.start(provider, browser, target, *asked)
        # 302, as everywhere on the way to another server.
        return redirect(location, 302).adding(self.site.cookies.set_sign_in(browser, federation.lifetime))

    async def callback(self, request: Request) -> Reply:
        """Judge what the provider sent; then go on to where the person was going, signed in."""
        federation, query = self._federation(), request.query
        returned = Returned(query.one("state"), query.one("code"), query.one("error"), query.one("iss"), query.one("provider"))
        cookies = self.site.cookies
        signed_in = await federation.finish(returned, cookies.sign_in(request), cookies.session(request), visit_of(request))
        if signed_in.interaction_id is not None:
            # The page that owns the authorization looks at it afresh: it may have ended meanwhile, or want a newer sign-in.
            reply = self.site.follow(GoTo(Step.ISSUE, signed_in.interaction_id))
        else:
            reply = redirect(signed_in.redirect)
        return reply.adding(cookies.set_session(signed_in.secret), cookies.clear_sign_in())

    async def head(self, request: Request) -> Reply:
        """A link checker must not use up what a person is owed."""
        raise MethodNotAllowed("this page is opened with GET")

    def _federation(self) -> Federation:
        if self.site.federation is None:
            raise Missing("signing in elsewhere is switched off")
        return self.site.federation
