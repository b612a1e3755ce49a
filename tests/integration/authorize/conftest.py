"""The whole HTTP application in process, over a real Postgres and Valkey; only registry and token are stand-ins."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from cli.demo.user_agent import HtmlForm, forms_of
from kit.audit import Recorder
from kit.credentials import digest
from kit.http import HttpApp
from kit.pg import Pool, open_pool
from kit.replay import open_redis
from services.authorize.adapters.store.users import UserStore
from services.authorize.api.http import routes
from services.authorize.app import site
from services.authorize.identity_provider import IdentityProviders
from services.authorize.model import Operator, User
from services.authorize.passwords import Passwords
from services.authorize.sessions import SessionLimits
from services.authorize.settings import LockoutSettings, Settings
from services.authorize.users import NewUser, UserAdministration
from tests.support.clock import FrozenClock
from tests.support.fakes_authorize import CHALLENGE, NOTES, REDIRECT_URI, FakeClients, FakeCodes, FakeResources, FakeSubjects, a_client
from tests.support.fakes_authorize_token import FakeClientAuthentication, FakeDevices, FakeGrants
from tests.support.servers import Database, migrated

ISSUER = "http://localhost:9000"
EMAIL = "ada@example.com"
PASSWORD = "correct horse battery"

authorize_database = migrated("authorize")


@dataclass
class Plane:
    """The application with what a test may turn: its neighbours and its clock."""

    app: HttpApp
    pool: Pool
    superuser_dsn: str
    clients: FakeClients
    resources: FakeResources
    codes: FakeCodes
    authentication: FakeClientAuthentication
    devices: FakeDevices
    grants: FakeGrants
    subjects: FakeSubjects
    administration: UserAdministration
    clock: FrozenClock
    user: User
    browsers: list["Browser"] = field(default_factory=list)

    def browser(self, address: str = "203.0.113.9") -> "Browser":
        """A browser with an empty cookie jar."""
        browser = Browser(self.app, address)
        self.browsers.append(browser)
        return browser

    async def audit(self) -> list[dict[str, Any]]:
        """The audit rows so far, read as the superuser: authorize itself may only append."""
        pool = await open_pool(self.superuser_dsn, application_name="test")
        rows = await pool.fetch("SELECT event FROM audit.outbox ORDER BY id")
        await pool.close()
        return [row["event"] for row in rows]


class Browser:
    """Follows nothing by itself, so that a test sees every hop."""

    def __init__(self, app: HttpApp, address: str) -> None:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        headers = {"x-authplane-client-address": address}
        self.http = httpx.AsyncClient(transport=transport, base_url=ISSUER, headers=headers, follow_redirects=False)

    async def open(self, url: str) -> httpx.Response:
        """GET."""
        return await self.http.get(url)

    async def authorize(self, **changes: str | None) -> httpx.Response:
        """GET /oauth/authorize."""
        return await self.http.get("/oauth/authorize", params=parameters(**changes))

    async def submit(self, form: HtmlForm, **values: Any) -> httpx.Response:
        """Send a form as filled in."""
        return await self.http.post(form.action, data=form.filled(**values))

    async def follow(self, response: httpx.Response) -> httpx.Response:
        """One redirect of ours."""
        assert response.status_code == 303, response.text
        return await self.open(response.headers["location"])

    async def sign_in(self, page: httpx.Response, email: str = EMAIL, password: str = PASSWORD) -> httpx.Response:
        """Fill in the login page."""
        [form] = forms_of(page)
        return await self.submit(form, email=email, password=password)

    async def to_consent(self, **changes: str | None) -> httpx.Response:
        """From the authorization request to the consent page."""
        response = await self.authorize(**changes)
        for _ in range(6):
            page = await self.follow(response) if response.status_code == 303 else response
            if page.status_code == 303:
                response = page
                continue
            [form] = forms_of(page)
            if not form.has("password"):
                return page
            response = await self.sign_in(page)
        raise AssertionError("no consent page")

    @property
    def session(self) -> str | None:
        """The session cookie."""
        return self.http.cookies.get("authserver_session")


def parameters(**changes: str | None) -> dict[str, str]:
    """A good authorization request; a change of None leaves a parameter out."""
    good: dict[str, str | None] = {
        "response_type": "code",
        "client_id": "client-a",
        "redirect_uri": REDIRECT_URI,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "state": "st",
        "scope": "notes:read notes:write",
        "resource": NOTES.uri,
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def arrived(response: httpx.Response, at: str = REDIRECT_URI) -> dict[str, str]:
    """What reached the client."""
    assert response.status_code == 303, response.text
    location = response.headers["location"]
    assert location.startswith(at + "?")
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


SETTINGS = Settings(
    issuer=ISSUER,
    secure=False,
    key=digest("integration"),
    cookie_name="authserver_session",
    same_site="lax",
    limits=SessionLimits(timedelta(hours=8), timedelta(hours=24)),
    lockout=LockoutSettings(5, timedelta(minutes=10), timedelta(minutes=15)),
    require_scope=False,
    local_login=True,
    users=(),
    sync_users=False,
)


@pytest.fixture
def settings() -> Settings:
    return SETTINGS


@pytest.fixture
def identity_providers() -> IdentityProviders | None:
    """Tests of federation replace it."""
    return None


@pytest.fixture
async def plane(
    authorize_database: Database, valkey_url: str, settings: Settings, identity_providers: IdentityProviders | None
) -> AsyncIterator[Plane]:
    pool = await open_pool(authorize_database.dsn_for("authorize"), max_size=20, application_name="authorize")
    redis, passwords, clock = open_redis(valkey_url), Passwords(), FrozenClock()
    clients, resources, codes, subjects = FakeClients(a_client(), a_client("client-b")), FakeResources(NOTES), FakeCodes(), FakeSubjects()
    users = UserStore(pool, Recorder("authorize", clock))
    administration = UserAdministration(users, users, subjects, passwords, clock)
    user = await administration.create(NewUser(EMAIL, PASSWORD, "Ada"), Operator("ops"))
    authentication, devices, grants = FakeClientAuthentication(), FakeDevices(), FakeGrants()
    pages = site(
        settings,
        pool=pool,
        redis=redis,
        clients=clients,
        resources=resources,
        codes=codes,
        client_authentication=authentication,
        devices=devices,
        grants=grants,
        passwords=passwords,
        clock=clock,
        identity_providers=identity_providers,
    )
    app = HttpApp(routes(pages), secure=settings.secure, service="authorize")
    plane = Plane(
        app=app,
        pool=pool,
        superuser_dsn=authorize_database.superuser_dsn,
        clients=clients,
        resources=resources,
        codes=codes,
        authentication=authentication,
        devices=devices,
        grants=grants,
        subjects=subjects,
        administration=administration,
        clock=clock,
        user=user,
    )
    yield plane
    for browser in plane.browsers:
        await browser.http.aclose()
    passwords.close()
    await redis.aclose()
    await pool.close()


@pytest.fixture
def browser(plane: Plane) -> Browser:
    return plane.browser()
