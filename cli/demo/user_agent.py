"""A person without a screen: follows redirects, fills in the login form, reads the consent page and presses Allow."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx

MAX_STEPS = 12

Watcher = Callable[[httpx.Response], Awaitable[None]]


@dataclass
class HtmlForm:
    """A form as the page offers it: where it goes and what it would send untouched."""

    action: str
    method: str = "get"
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def has(self, name: str) -> bool:
        """Whether the form has a field of this name."""
        return any(known == name for known, _ in self.fields)

    def filled(self, **values: str) -> dict[str, str | list[str]]:
        """What a browser would send after the person typed `values`."""
        data: dict[str, str | list[str]] = {}
        for name, value in self.fields:
            if name in values:
                data[name] = values[name]
                continue
            before = data.get(name)
            data[name] = value if before is None else [*(before if isinstance(before, list) else [before]), value]
        return data | values


class FormReader(HTMLParser):
    """Collects the forms of a page."""

    def __init__(self, page_url: str) -> None:
        super().__init__()
        self.page_url = page_url
        self.forms: list[HtmlForm] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes forms and the controls inside the one that is open."""
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(HtmlForm(urljoin(self.page_url, attributes.get("action", "")), attributes.get("method", "get").lower()))
        elif self.forms and attributes.get("name"):
            self._control(tag, attributes, present={name for name, _ in attrs})

    def _control(self, tag: str, attributes: dict[str, str], present: set[str]) -> None:
        kind = attributes.get("type", "submit" if tag == "button" else "text").lower()
        pair = (attributes["name"], attributes.get("value", "on" if kind == "checkbox" else ""))
        if tag == "button" or kind == "submit":
            self.forms[-1].buttons.append(pair)
        elif tag == "input" and (kind not in {"checkbox", "radio"} or "checked" in present):
            self.forms[-1].fields.append(pair)


def forms_of(page: httpx.Response) -> list[HtmlForm]:
    """The forms of a page, in order."""
    reader = FormReader(str(page.url))
    reader.feed(page.text)
    return reader.forms


@dataclass(frozen=True)
class Arrival:
    """What reached the client's redirect URI."""

    url: str
    parameters: dict[str, str]
    pages: tuple[str, ...]


class UnexpectedPage(Exception):
    """The plane showed something else than a login form, a consent page or the way back."""


class HeadlessPerson:
    """One person with one cookie jar."""

    def __init__(self, email: str, password: str, *, watch: Watcher | None = None) -> None:
        self.email = email
        self.password = password
        self.http = httpx.AsyncClient(follow_redirects=False, timeout=20, event_hooks={"response": [watch]} if watch else {})

    async def authorize(self, authorization_url: str, redirect_uri: str, *, decision: str = "allow") -> Arrival:
        """Goes from the authorization URL to the redirect URI the way a browser would.

        Raises UnexpectedPage when the plane shows an error page or loops.
        """
        response = await self.http.get(authorization_url)
        pages: list[str] = []
        for _ in range(MAX_STEPS):
            if response.is_redirect:
                target = urljoin(str(response.url), response.headers["location"])
                if without_query(target) == without_query(redirect_uri):
                    return Arrival(target, dict(parse_qsl(urlsplit(target).query, keep_blank_values=True)), tuple(pages))
                response = await self.http.get(target)
                continue
            page, response = await self._answer(response, decision)
            pages.append(page)
        raise UnexpectedPage(f"no end after {MAX_STEPS} steps, last at {without_query(str(response.url))}")

    async def _answer(self, page: httpx.Response, decision: str) -> tuple[str, httpx.Response]:
        for form in forms_of(page):
            if form.has("password"):
                return "login", await self.http.post(form.action, data=form.filled(email=self.email, password=self.password))
            if ("action", decision) in form.buttons:
                return "consent", await self.http.post(form.action, data=form.filled(action=decision))
        raise UnexpectedPage(f"{page.status_code} at {without_query(str(page.url))}: {text_of(page)}")

    async def aclose(self) -> None:
        """Closes the person's browser."""
        await self.http.aclose()


def text_of(page: httpx.Response) -> str:
    """What the page says, without its markup."""
    bare = re.sub(r"<(style|head)\b.*?</\1>|<[^>]+>", " ", page.text, flags=re.DOTALL | re.IGNORECASE)
    return " ".join(bare.split())[:400]


def without_query(url: str) -> str:
    """The URL without query and fragment, so that no code or state is ever printed by accident."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
