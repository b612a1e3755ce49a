"""GET /account and what is ended from there (A9)."""

from dataclasses import dataclass
from typing import Final

from kit.errors import Forbidden
from kit.http import Parameters, Reply, Request, redirect
from services.authorize.account import AccountDesk
from services.authorize.api.site import Site, visit_of
from services.authorize.forms import Form
from services.authorize.model import Session
from services.authorize.refusals import ForeignBrowser

_EVERYWHERE: Final = "everywhere"
_PAGE: Final = "/account"


@dataclass(frozen=True, slots=True)
class AccountPage:
    """Agents and browsers of the person who is signed in. Every button has a form token of its own, good for its row alone (K17)."""

    site: Site
    desk: AccountDesk

    async def get(self, request: Request) -> Reply:
        """The lists."""
        session = await self.site.session(request)
        if session is None:
            return redirect("/login")
        account = await self.desk.of(session, visit_of(request))

        def token(about: str) -> str:
            return self.site.forms.token(Form.ACCOUNT, session.digest.hex(), about)

        signing_out = self.site.forms.token(Form.LOGOUT, session.digest.hex())
        return self.site.pages.show("account.html", account=account, token=token, csrf_token=signing_out)

    async def revoke(self, request: Request) -> Reply:
        """POST /account/agents: take an agent's access away."""
        session, form = await self._who(request)
        if session is None:
            return redirect("/login")
        grant = form.required("grant")
        self._require(form, session, f"grant {grant}")
        await self.desk.revoke(session, grant, visit_of(request))
        return redirect(_PAGE)

    async def end(self, request: Request) -> Reply:
        """POST /account/sessions: sign one browser out."""
        session, form = await self._who(request)
        if session is None:
            return redirect("/login")
        ended = form.required("session")
        self._require(form, session, f"session {ended}")
        await self.desk.end(session, ended, visit_of(request))
        return redirect(_PAGE)

    async def end_all(self, request: Request) -> Reply:
        """POST /account/sign-out: sign every browser out, this one included."""
        session, form = await self._who(request)
        if session is None:
            return redirect("/login")
        self._require(form, session, _EVERYWHERE)
        await self.desk.end_all(session, visit_of(request))
        return redirect("/login").adding(*self.site.cookies.clear())

    async def _who(self, request: Request) -> tuple[Session | None, Parameters]:
        return await self.site.session(request), await request.form()

    def _require(self, form: Parameters, session: Session, about: str) -> None:
        try:
            self.site.forms.require(form.one("csrf_token"), Form.ACCOUNT, session.digest.hex(), about)
        except ForeignBrowser as error:
            raise Forbidden(error.detail) from None
