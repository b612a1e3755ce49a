"""The routes a browser takes through this service."""

from kit.http import Route
from services.authorize.api.account_page import AccountPage
from services.authorize.api.authorize_page import AuthorizePage
from services.authorize.api.consent_page import ConsentPage
from services.authorize.api.device_page import DevicePage
from services.authorize.api.federation import FederationPages
from services.authorize.api.login_page import LoginPage
from services.authorize.api.par import PushEndpoint
from services.authorize.api.site import Site


def routes(site: Site) -> list[Route]:
    """All of them; where a person is looking, errors are pages."""
    authorize, login, consent = AuthorizePage(site), LoginPage(site), ConsentPage(site)
    federation = FederationPages(site)
    device, account = DevicePage(site, site.device), AccountPage(site, site.account)
    page = site.pages.error
    return [
        Route("GET", "/oauth/authorize", authorize.get, html_errors=page),
        Route("POST", "/oauth/authorize", authorize.post, html_errors=page),
        Route("HEAD", "/oauth/authorize", authorize.head, html_errors=page),
        Route("POST", "/oauth/par", PushEndpoint(site.pushing).post, cors=True),
        Route("GET", "/login", login.get, html_errors=page),
        Route("GET", "/oidc/start", federation.start, html_errors=page),
        Route("HEAD", "/oidc/start", federation.head, html_errors=page),
        Route("GET", "/oidc/callback", federation.callback, html_errors=page),
        Route("HEAD", "/oidc/callback", federation.head, html_errors=page),
        Route("POST", "/login", login.post, html_errors=page),
        Route("POST", "/logout", login.logout, html_errors=page),
        Route("GET", "/device", device.get, html_errors=page),
        Route("POST", "/device", device.post, html_errors=page),
        Route("GET", "/account", account.get, html_errors=page),
        Route("POST", "/account/agents", account.revoke, html_errors=page),
        Route("POST", "/account/sessions", account.end, html_errors=page),
        Route("POST", "/account/sign-out", account.end_all, html_errors=page),
        Route("GET", "/consent", consent.get, html_errors=page),
        Route("HEAD", "/consent", authorize.head, html_errors=page),
        Route("POST", "/consent", consent.post, html_errors=page),
    ]
