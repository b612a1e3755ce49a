"""GET and POST /oauth/authorize."""

from dataclasses import dataclass

from kit.errors import InvalidRequest, MethodNotAllowed
from kit.http import Parameters, Reply, Request
from services.authorize.api.site import Site, visit_of
from services.authorize.request import RawRequest


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
        visit = visit_of(request)
        raw = await self.site.pushing.collect(read(parameters), visit)
        outcome = await self.site.authorization.begin(raw, session, browser, visit)
        return self.site.follow(outcome).adding(*cookie)


def read(parameters: Parameters) -> RawRequest:
    """Sort the parameters of a query or form; nothing is refused yet, because where a refusal goes depends on what passes first."""
    repeated = frozenset(name for name in parameters.names() if name != "resource" and _is_repeated(parameters, name))

    def value(name: str) -> str | None:
        return None if name in repeated else parameters.one(name)

    return RawRequest(
        client_id=value("client_id"),
        redirect_uri=value("redirect_uri"),
        response_type=value("response_type"),
        response_mode=value("response_mode"),
        state=value("state"),
        scope=value("scope"),
        resources=parameters.all("resource"),
        code_challenge=value("code_challenge"),
        code_challenge_method=value("code_challenge_method"),
        dpop_jkt=value("dpop_jkt"),
        prompt=value("prompt"),
        max_age=value("max_age"),
        login_hint=value("login_hint"),
        request=value("request"),
        request_uri=value("request_uri"),
        repeated=repeated,
    )


def _is_repeated(parameters: Parameters, name: str) -> bool:
    try:
        parameters.one(name)
    except InvalidRequest:
        return True
    return False
