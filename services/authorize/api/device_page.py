"""GET and POST /device (RFC 8628 §3.3)."""

from dataclasses import dataclass
from urllib.parse import urlencode

from kit.errors import InvalidRequest, Missing
from kit.http import Reply, Request, redirect
from services.authorize.api.site import Site, visit_of
from services.authorize.device import DeviceDesk, DeviceQuestion, DeviceRequest, UserCodeRejected, plain_code, spelled
from services.authorize.forms import Form
from services.authorize.model import ClientId, Session
from services.authorize.refusals import NothingTicked


@dataclass(frozen=True, slots=True)
class DevicePage:
    """Type a code, read who is asking, decide. `desk` is None where the device grant is switched off."""

    site: Site
    desk: DeviceDesk | None

    async def get(self, request: Request) -> Reply:
        """The form. A code from verification_uri_complete is filled in, never sent by itself (RFC 8628 §3.3.1, §5.4)."""
        _require(self.desk)
        code = plain_code(request.query.one("user_code") or "") or ""
        session = await self.site.session(request)
        return self._to_login(code) if session is None else self._entry(session, code)

    async def post(self, request: Request) -> Reply:
        """`continue` looks a code up and asks; `allow` and `deny` decide."""
        desk = _require(self.desk)
        form = await request.form()
        typed = form.one("user_code") or ""
        code, action = plain_code(typed) or "", form.one("action")
        session = await self.site.session(request)
        if session is None:
            return self._to_login(code)
        visit = visit_of(request)
        if action == "continue":
            self.site.forms.require(form.one("csrf_token"), Form.DEVICE, session.digest.hex())
            try:
                return self._question(session, await desk.look_up(typed, session, visit))
            except UserCodeRejected as error:
                return self._entry(session, typed[:32], message=error.detail, status=error.status)
        if action not in {"allow", "deny"}:
            raise InvalidRequest("the form says neither continue, allow nor deny")
        asked = DeviceRequest(ClientId(form.one("client_id") or ""), form.one("resource") or "", form.all("asked"))
        # Bound to all the person read, so an answer cannot be about a device, a client or a permission they never saw (K17).
        self.site.forms.require(form.one("csrf_token"), Form.DEVICE, session.digest.hex(), asked.about(code))
        question = await desk.question(code, asked, session, visit)
        try:
            approve = action == "allow"
            await desk.decide(question, session, form.all("scopes"), approve=approve, visit=visit)
        except NothingTicked as error:
            return self._question(session, question, message=error.detail, status=error.status)
        return self.site.pages.show("device_done.html", question=question, approved=approve)

    def _to_login(self, code: str) -> Reply:
        here = "/device" + (f"?user_code={code}" if code else "")
        return redirect(f"/login?{urlencode({'redirect': here})}")

    def _entry(self, session: Session, code: str, *, message: str = "", status: int = 200) -> Reply:
        token = self.site.forms.token(Form.DEVICE, session.digest.hex())
        shown = spelled(code) if plain_code(code) == code else code
        return self.site.pages.show("device.html", status, session=session, user_code=shown, csrf_token=token, message=message)

    def _question(self, session: Session, question: DeviceQuestion, *, message: str = "", status: int = 200) -> Reply:
        token = self.site.forms.token(Form.DEVICE, session.digest.hex(), question.request.about(question.user_code))
        shown = spelled(question.user_code)
        return self.site.pages.show("device_consent.html", status, question=question, user_code=shown, csrf_token=token, message=message)


def _require(desk: DeviceDesk | None) -> DeviceDesk:
    if desk is None:
        raise Missing("the device grant is switched off")
    return desk
