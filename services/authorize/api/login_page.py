"""GET and POST /login, POST /logout."""

from dataclasses import dataclass, replace

from kit.errors import AuthPlaneError, Forbidden, Missing
from kit.http import Parameters, Reply, Request, redirect
from services.authorize.api.federation import provider_links
from services.authorize.api.pages import LoginForm
from services.authorize.api.site import LOGIN_PAGE, Site, visit_of
from services.authorize.authorization import GoTo
from services.authorize.forms import Form
from services.authorize.interaction import Interaction
from services.authorize.local_path import safe_path
from services.authorize.login import LONGEST_EMAIL, Attempt
from services.authorize.model import Session
from services.authorize.refusals import ForeignBrowser, LockedOut, LoginRejected
from services.authorize.steps import Step, next_step

_OUT_OF_DATE = "This page was out of date. Please try again."


@dataclass(frozen=True, slots=True)
class LoginPage:
    """Signing in, on its own or in the middle of an authorization, and signing out."""

    site: Site

    async def get(self, request: Request) -> Reply:
        """The form; whoever is signed in already goes on."""
        session = await self.site.session(request)
        browser, cookie = self.site.browser(request)
        interaction = await self._interaction(request, request.query)
        if interaction is None:
            target = safe_path(request.query.one("redirect"))
            if session is not None:
                return redirect(target)
            return self._form(browser, None, LoginForm("", redirect=target)).adding(*cookie)
        if next_step(interaction, session) is not Step.LOGIN:
            return self.site.follow(await self.site.authorization.proceed(interaction, session, visit_of(request)))
        email = interaction.request.login_hint or (session.email if session is not None else "")
        return self._form(browser, interaction, LoginForm("", email=email)).adding(*cookie)

    async def post(self, request: Request) -> Reply:
        """Judge the form. 422 for what was rejected, 429 while locked out; else on to where the person was going."""
        if not self.site.local_login:
            raise Missing("signing in with a password is switched off")
        form = await request.form()
        interaction = await self._interaction(request, form)
        browser, cookie = self.site.browser(request)
        email = form.one("email") or ""
        again = LoginForm("", email=email[:LONGEST_EMAIL], redirect=safe_path(form.one("redirect")))
        try:
            self.site.forms.require(form.one("csrf_token"), Form.LOGIN, browser, interaction.id if interaction is not None else "")
            attempt = Attempt(email, form.one("password") or "", visit_of(request))
            secret, session = await self.site.login.sign_in(attempt, self.site.cookies.session(request))
        except ForeignBrowser:
            return self._form(browser, interaction, replace(again, message=_OUT_OF_DATE), status=422).adding(*cookie)
        except LoginRejected as error:
            return self._form(browser, interaction, replace(again, message=error.detail), status=422)
        except LockedOut as error:
            message = f"{error.detail} Try again in {_minutes(error.retry_after)}."
            return self._form(browser, interaction, replace(again, message=message), status=429).adding(
                ("retry-after", str(error.retry_after))
            )
        reply = await self._go_on(request, interaction, session) if interaction is not None else redirect(again.redirect)
        return reply.adding(self.site.cookies.set_session(secret))

    async def logout(self, request: Request) -> Reply:
        """End the session on the server, then in the browser."""
        session = await self.site.session(request)
        if session is not None:
            try:
                self.site.forms.require((await request.form()).one("csrf_token"), Form.LOGOUT, session.digest.hex())
            except ForeignBrowser as error:
                raise Forbidden(error.detail) from None
            await self.site.sessions.end(session, visit_of(request))
        return redirect("/login").adding(*self.site.cookies.clear())

    async def _interaction(self, request: Request, parameters: Parameters) -> Interaction | None:
        if parameters.one("interaction") is None:
            return None
        return await self.site.interaction(request, parameters, LOGIN_PAGE)

    async def _go_on(self, request: Request, interaction: Interaction, session: Session) -> Reply:
        try:
            return self.site.follow(await self.site.authorization.proceed(interaction, session, visit_of(request)))
        except AuthPlaneError:
            # The login stands whatever comes next; the page it leads to says what is wrong, and can be reloaded.
            return self.site.follow(GoTo(Step.ISSUE, interaction.id))

    def _form(self, browser: str, interaction: Interaction | None, form: LoginForm, *, status: int = 200) -> Reply:
        about = interaction.id if interaction is not None else ""
        hop = self.site.hop(interaction.id, Step.LOGIN) if interaction is not None else ""
        where = {"interaction": about, "hop": hop} if about else {"redirect": form.redirect}
        complete = replace(
            form,
            csrf_token=self.site.forms.token(Form.LOGIN, browser, about),
            interaction=about,
            hop=hop,
            offered=self.site.local_login,
            elsewhere=provider_links(self.site.federation, where),
        )
        return self.site.pages.login(complete, status=status)


def _minutes(seconds: int) -> str:
    if seconds < 90:
        return f"{seconds} seconds"
    return f"{-(-seconds // 60)} minutes"
