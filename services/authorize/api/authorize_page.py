"""GET and POST /oauth/authorize."""

from dataclasses import dataclass

from kit.errors import MethodNotAllowed
from kit.http import Parameters, Reply, Request
from services.authorize.api.site import Site, visit_of
from services.authorize.request import read


@dataclass(frozen=True, slots=True)
class AuthorizePage:
    """RFC 6749 §3.1: GET must be understood, POST may be."""

    site: Site

    async def get(self, request: Request) -> Reply:
        """The parameters are the query."""
        return await self._begin(request, request.query)

    async def post(self, request: Request) -> Reply:
        """The parameters are the form; a query beside it would be a second answer to the same questions."""
        return await self._begin(request, await request.form())

    async def head(self, request: Request) -> Reply:
        """A link checker must not use up what a person is owed."""
        raise MethodNotAllowed("this page is opened with GET or POST")

    async def _begin(self, request: Request, parameters: Parameters) -> Reply:
        session = await self.site.session(request)
        browser, cookie = self.site.browser(request)
        outcome = await self.site.authorization.begin(read(parameters), session, browser, visit_of(request))
        return self.site.follow(outcome).adding(*cookie)
