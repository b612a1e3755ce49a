"""GET and POST /consent."""

from dataclasses import dataclass

from kit.errors import InvalidRequest
from kit.http import Reply, Request
from services.authorize.api.pages import ConsentForm
from services.authorize.api.site import CONSENT_PAGE, Site, visit_of
from services.authorize.authorization import GoTo
from services.authorize.forms import Form
from services.authorize.interaction import Interaction
from services.authorize.model import Session
from services.authorize.refusals import InteractionGone, NothingTicked
from services.authorize.steps import Step, next_step


@dataclass(frozen=True, slots=True)
class ConsentPage:
    """The question and its answer."""

    site: Site

    async def get(self, request: Request) -> Reply:
        """The question, unless the dispatcher knows a better place to be."""
        session = await self.site.session(request)
        interaction = await self.site.interaction(request, request.query, CONSENT_PAGE)
        step = next_step(interaction, session)
        if session is None or step is Step.LOGIN:
            return self.site.follow(GoTo(Step.LOGIN, interaction.id))
        if step is Step.ISSUE:
            outcome = await self.site.authorization.proceed(interaction, session, visit_of(request))
            if outcome != GoTo(Step.CONSENT, interaction.id):
                return self.site.follow(outcome)
            # What has to be asked is known since a moment ago.
            interaction = await self._again(interaction)
        return await self._question(request, interaction, session)

    async def post(self, request: Request) -> Reply:
        """Allow with what was left ticked, or deny; either way the browser goes back to the client."""
        session = await self.site.session(request)
        form = await request.form()
        interaction = await self.site.interaction(request, form, CONSENT_PAGE)
        if session is None or next_step(interaction, session) is Step.LOGIN:
            return self.site.follow(GoTo(Step.LOGIN, interaction.id))
        self.site.forms.require(form.one("csrf_token"), Form.CONSENT, session.digest.hex(), interaction.id)
        visit = visit_of(request)
        action = form.one("action")
        if action == "deny":
            return self.site.follow(await self.site.desk.deny(interaction, session, visit))
        if action != "allow":
            raise InvalidRequest("the form says neither allow nor deny")
        try:
            remember = form.one("remember") is not None
            return self.site.follow(await self.site.desk.allow(interaction, session, form.all("scopes"), remember=remember, visit=visit))
        except NothingTicked as error:
            return await self._question(request, interaction, session, message=error.detail, status=error.status)

    async def _again(self, interaction: Interaction) -> Interaction:
        found = await self.site.authorization.interactions.find(interaction.id, self.site.clock.now())
        if found is None:
            raise InteractionGone("it was answered already, or waited longer than ten minutes")
        return found

    async def _question(
        self, request: Request, interaction: Interaction, session: Session, *, message: str = "", status: int = 200
    ) -> Reply:
        question = await self.site.desk.question(interaction, session, visit_of(request))
        form = ConsentForm(
            csrf_token=self.site.forms.token(Form.CONSENT, session.digest.hex(), interaction.id),
            interaction=interaction.id,
            hop=self.site.hop(interaction.id, Step.CONSENT),
            message=message,
        )
        return self.site.pages.consent(question, form, status=status)
