"""HTML: every text is escaped, whatever it came from; no script, nothing from elsewhere (A7)."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from kit.errors import AccessDenied, AuthPlaneError, MethodNotAllowed, Missing, SlowDown, Unavailable
from kit.http import Reply, Request, html_reply
from services.authorize.browser_name import browser_name
from services.authorize.consent import Question
from services.authorize.device import DeviceGone
from services.authorize.pushed import RequestUriGone
from services.authorize.refusals import (
    AlreadyAnswered,
    ClientNotActive,
    DocumentNotAcceptable,
    DocumentUnreachable,
    EmailTaken,
    ForeignBrowser,
    InteractionGone,
    ProviderDeclined,
    ProviderUnavailable,
    SignInElsewhereFailed,
    StateUnknown,
    UnknownClient,
)

_TEMPLATES = Path(__file__).parent.parent / "pages"
_LONGEST_TEXT = 120
# Control characters, and those that reorder or hide what stands around them: a client's name must not rewrite the page.
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})

_TRY_AGAIN = "Wait a moment and reload this page."
_START_AGAIN = "Go back to the application and start again."
_TELL_AUTHOR = "Tell whoever runs the application; nothing was shared with it."
# In order: the first kind that fits decides heading and advice.
_EXPLANATIONS: Sequence[tuple[type[AuthPlaneError], str, str]] = (
    (UnknownClient, "This application is not known here", _TELL_AUTHOR),
    (
        DocumentUnreachable,
        "The application's description could not be fetched",
        "It is published by the application itself and did not arrive. Try again in a minute; if it stays like this, tell its author.",
    ),
    (
        DocumentNotAcceptable,
        "The application's description is not acceptable",
        "It is published by the application itself and breaks a rule. Its author has to mend it; nothing was shared.",
    ),
    (ClientNotActive, "This application is switched off", "Ask the administrator of this service if you think it should not be."),
    (ForeignBrowser, "This page does not belong to this browser", _START_AGAIN),
    (AlreadyAnswered, "This request was answered already", _START_AGAIN),
    (InteractionGone, "This request has expired", _START_AGAIN),
    (DeviceGone, "This request has expired", "Start again on the device; it will show a new code."),
    (RequestUriGone, "This request has expired", _START_AGAIN),
    (StateUnknown, "This sign-in has expired", _START_AGAIN),
    (ProviderDeclined, "You were not signed in", _START_AGAIN),
    (EmailTaken, "This e-mail address is taken", "Sign in the way you did before, or ask the administrator of this service."),
    (SignInElsewhereFailed, "You were not signed in", _START_AGAIN),
    (ProviderUnavailable, "Signing in there does not work at this moment", "Wait a moment, go back and try again."),
    (AccessDenied, "This is not allowed", _START_AGAIN),
    (SlowDown, "Too many attempts", _TRY_AGAIN),
    (Unavailable, "The service is not available at this moment", _TRY_AGAIN),
    (Missing, "There is nothing here", "Check the address."),
    (MethodNotAllowed, "This page is opened in another way", _START_AGAIN),
)


@dataclass(frozen=True, slots=True)
class ProviderLink:
    """A button that leads to an identity provider."""

    label: str
    href: str


@dataclass(frozen=True, slots=True)
class LoginForm:
    """What the login page shows and sends back."""

    csrf_token: str
    email: str = ""
    redirect: str = ""
    interaction: str = ""
    hop: str = ""
    message: str = ""
    offered: bool = True
    elsewhere: Sequence[ProviderLink] = ()


@dataclass(frozen=True, slots=True)
class ConsentForm:
    """What the consent page sends back."""

    csrf_token: str
    interaction: str
    hop: str
    message: str = ""


def plain(text: str, longest: int = _LONGEST_TEXT) -> str:
    """A stranger's text as one harmless line of at most `longest` characters."""
    visible = "".join(" " if unicodedata.category(character) in _INVISIBLE else character for character in text)
    line = " ".join(visible.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def moment(at: datetime) -> str:
    """A point in time for a reader anywhere."""
    return f"{at.astimezone(UTC):%d %B %Y, %H:%M} UTC"


class Pages:
    """Renders the pages of this service."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            auto_reload=False,
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"plain": plain, "moment": moment, "browser_name": browser_name}

    def login(self, form: LoginForm, *, status: int = 200) -> Reply:
        """Sign in."""
        return self._page("login.html", status, form=form)

    def consent(self, question: Question, form: ConsentForm, *, status: int = 200) -> Reply:
        """Allow or deny."""
        return self._page("consent.html", status, question=question, form=form)

    def show(self, template: str, status: int = 200, **values: Any) -> Reply:
        """Any other page of this service, by the name of its template."""
        return self._page(template, status, **values)

    def error(self, request: Request, error: AuthPlaneError) -> Reply:
        """What is wrong and what to do about it, with the id under which the log knows more."""
        heading, advice = next(
            ((heading, advice) for kind, heading, advice in _EXPLANATIONS if isinstance(error, kind)),
            ("Something went wrong", _TRY_AGAIN)
            if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            else ("This request is not right", _TELL_AUTHOR),
        )
        reply = self._page(
            "error.html", error.status, heading=heading, detail=error.detail, advice=advice, code=error.code, request_id=request.request_id
        )
        after = getattr(error, "retry_after", None)
        return reply if after is None else reply.adding(("retry-after", str(after)))

    def _page(self, template: str, status: int, **values: Any) -> Reply:
        return html_reply(self._templates.get_template(template).render(**values), status)
