"""From an authorization request to its answer: what /oauth/authorize begins and every later page goes on with."""

from dataclasses import dataclass

from kit.audit import Event
from kit.clock import Clock
from kit.errors import AuthPlaneError, Conflict, ConsentNeeded, InvalidRequest, InvalidTarget, LoginRequired, Missing, Refused, Unavailable
from services.authorize import checks
from services.authorize.checks import AFTER_REDIRECT_IS_TRUSTED, BEFORE_REDIRECT_IS_TRUSTED, Asked
from services.authorize.interaction import Interaction, Needed, open_interaction
from services.authorize.model import Client, InteractionId, Resource, Session, Visit
from services.authorize.ports import Clients, CodeRequest, Codes, Consent, Interactions, Resources
from services.authorize.redirect_uri import origin
from services.authorize.refusals import AlreadyAnswered
from services.authorize.request import AuthorizationRequest, Prompt, RawRequest
from services.authorize.response import Responder
from services.authorize.steps import Step, next_step, step_for


@dataclass(frozen=True, slots=True)
class SendBack:
    """The browser leaves for the client; this is the whole location."""

    location: str


@dataclass(frozen=True, slots=True)
class GoTo:
    """The browser goes to a page of ours."""

    step: Step
    interaction_id: InteractionId


Outcome = SendBack | GoTo

# Which of our errors a client may be told under their own code (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6, RFC 8707 §2).
_TOLD = (Refused, Unavailable)


@dataclass(frozen=True, slots=True)
class Authorization:
    """The authorization endpoint's rules over its ports."""

    clients: Clients
    resources: Resources
    codes: Codes
    interactions: Interactions
    responder: Responder
    clock: Clock
    require_scope: bool = False
    require_push: bool = False

    async def begin(self, raw: RawRequest, session: Session | None, browser: str, visit: Visit) -> Outcome:
        """Judge a request and take it as far as it goes without a person.

        Raises only until the redirect URI is trusted (A1, K12); from then on every failure is an outcome that goes to the client.
        """
        client = await self._client(raw, visit)
        checks.run(BEFORE_REDIRECT_IS_TRUSTED, Asked(raw, client))
        redirect_uri, state = raw.redirect_uri or "", raw.state or ""
        try:
            checks.state_is_bounded(Asked(raw, client))
        except InvalidRequest as error:
            return SendBack(self.responder.failure(redirect_uri, "", error))
        try:
            asked = await self._asked(raw, client)
            checks.run(AFTER_REDIRECT_IS_TRUSTED, asked)
            return await self._start(checks.accepted(asked, self.clock.now()), client, session, browser, visit)
        except AuthPlaneError as error:
            return SendBack(self.responder.failure(redirect_uri, state, _for_client(error)))

    async def require_acceptable(self, raw: RawRequest, visit: Visit) -> None:
        """Every rule of `begin`, before any browser is involved. Raises the first refusal, or Unavailable."""
        client = await self._client(raw, visit)
        checks.run(BEFORE_REDIRECT_IS_TRUSTED, Asked(raw, client))
        checks.run(AFTER_REDIRECT_IS_TRUSTED, await self._asked(raw, client))

    async def proceed(self, interaction: Interaction, session: Session | None, visit: Visit) -> Outcome:
        """The next step of a pending authorization, taken at once when it needs no person. Raises AlreadyAnswered, Unavailable."""
        step = next_step(interaction, session)
        if session is None or step is not Step.ISSUE:
            return GoTo(step, interaction.id)
        client = await self.client_of(interaction, visit)
        needed = await self.answer(interaction, client, session, visit, None, ())
        return needed if isinstance(needed, SendBack) else GoTo(Step.CONSENT, interaction.id)

    async def answer(
        self,
        interaction: Interaction,
        client: Client,
        session: Session,
        visit: Visit,
        consent: Consent | None,
        events: tuple[Event, ...],
    ) -> SendBack | Needed:
        """Have a code issued, once however many ask: one caller claims, the code exists, the row goes with its audit rows.

        A refusal by token, or a resource gone since it was asked for, goes to the client; when token cannot be reached, the authorization
        stays open.

        Raises AlreadyAnswered, Unavailable.
        """
        if not await self.interactions.claim(interaction.id, self.clock.now()):
            raise AlreadyAnswered("this page was answered already; start again from the application")
        request = interaction.request
        try:
            await self._require_resource(request)
            issued = await self.codes.issue(_code_request(request, client, session, visit, consent))
        except Refused as error:
            await self.interactions.finish(interaction.id, ())
            return SendBack(self.responder.failure(request.redirect_uri, request.state, error))
        except BaseException:
            await self.interactions.release(interaction.id, interaction.user_id, interaction.needed)
            raise
        if isinstance(issued, Needed):
            await self.interactions.release(interaction.id, session.user_id, issued)
            return issued
        if not await self.interactions.finish(interaction.id, events):
            raise AlreadyAnswered("this page was answered already; start again from the application")
        return SendBack(self.responder.success(request.redirect_uri, issued, request.state))

    async def client_of(self, interaction: Interaction, visit: Visit) -> Client:
        """The client of a pending authorization, judged again: it may have been suspended or changed meanwhile."""
        request = interaction.request
        client = await self.clients.resolve(request.client_id, visit)
        checks.run(BEFORE_REDIRECT_IS_TRUSTED, Asked(RawRequest(request.client_id, request.redirect_uri), client))
        return client

    async def _require_resource(self, request: AuthorizationRequest) -> None:
        """Judged again, as the client is: nothing is consented to for a resource an operator removed while the person was reading."""
        if not request.resource:
            return
        try:
            resource = await self.resources.resolve(request.resource)
        except (Missing, Conflict):
            raise InvalidTarget("the resource this request was about is no longer here") from None
        if resource.brokered:
            raise InvalidTarget("no token is issued for this resource here any more")

    async def _client(self, raw: RawRequest, visit: Visit) -> Client:
        if "client_id" in raw.repeated:
            raise InvalidRequest("client_id was sent more than once")
        if raw.client_id is None:
            raise InvalidRequest("client_id is missing")
        return await self.clients.resolve(raw.client_id, visit)

    async def _asked(self, raw: RawRequest, client: Client) -> Asked:
        resources: tuple[Resource, ...] = ()
        unresolved: AuthPlaneError | None = None
        if len(raw.resources) == 1:
            try:
                resources = (await self.resources.resolve(raw.resources[0]),)
            except (Missing, Conflict, InvalidTarget, InvalidRequest) as error:
                unresolved = error
        elif not raw.resources and (raw.scope is None or not checks.named_scopes(raw)):
            resources = await self.resources.mints()
        return Asked(raw, client, resources, unresolved, self.require_scope, self.require_push)

    async def _start(self, request: AuthorizationRequest, client: Client, session: Session | None, browser: str, visit: Visit) -> Outcome:
        step = step_for(request, session, None, None)
        silent = Prompt.NONE in request.prompt
        if silent and step is Step.LOGIN:
            raise LoginRequired("nobody is signed in, and prompt=none forbids asking")
        needed: Needed | None = None
        if session is not None and step is Step.ISSUE:
            issued = await self.codes.issue(_code_request(request, client, session, visit, None))
            if isinstance(issued, str):
                return SendBack(self.responder.success(request.redirect_uri, issued, request.state))
            needed, step = issued, Step.CONSENT
        if silent:
            raise ConsentNeeded("the person has not allowed this yet, and prompt=none forbids asking")
        interaction = open_interaction(browser, request, self.clock.now(), session.user_id if session and needed else None, needed)
        await self.interactions.add(interaction)
        return GoTo(step, interaction.id)


def _code_request(request: AuthorizationRequest, client: Client, session: Session, visit: Visit, consent: Consent | None) -> CodeRequest:
    return CodeRequest(
        request=request,
        user_id=session.user_id,
        authenticated_at=session.authenticated_at,
        # A document can be edited to name other redirect URIs; consent given for one origin must not follow (A6, K18).
        redirect_origin=origin(request.redirect_uri) if client.document_url else "",
        visit=visit,
        consent=consent,
    )


def _for_client(error: AuthPlaneError) -> AuthPlaneError:
    """What the client is told: refusals and outages under their own code, anything else as server_error without its text."""
    if isinstance(error, _TOLD):
        return error
    return AuthPlaneError("the request could not be completed", debug=error.detail)
