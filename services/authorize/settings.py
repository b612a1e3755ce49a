"""The part of the configuration authorize reads."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from config.localhost import is_localhost
from config.people import IdentityProvider
from config.schema import Configuration
from kit.credentials import derive_key, random_secret
from services.authorize.identity_provider import Provider
from services.authorize.seeds import SeedUser
from services.authorize.sessions import SessionLimits


@dataclass(frozen=True, slots=True)
class LockoutSettings:
    """`most` failed logins within `window` lock the pair of identity and address for `lock`; 0 = never."""

    most: int
    window: timedelta
    lock: timedelta


@dataclass(frozen=True, slots=True)
class Settings:
    """`key` is the root of every tag on links and forms."""

    issuer: str
    secure: bool
    key: bytes = field(repr=False)
    cookie_name: str
    same_site: Literal["lax", "strict", "none"]
    limits: SessionLimits
    lockout: LockoutSettings
    require_scope: bool
    local_login: bool
    users: tuple[SeedUser, ...]
    sync_users: bool
    require_push: bool = False
    push_lifetime: timedelta = timedelta(seconds=60)
    allowed_origins: tuple[str, ...] = ("*",)
    device_page: bool = True
    providers: tuple[Provider, ...] = ()
    sign_in_lifetime: timedelta = timedelta(minutes=10)
    clock_skew: timedelta = timedelta(seconds=30)


def of(configuration: Configuration) -> Settings:
    """Pick out authorize's part. Without a session secret (allowed on localhost only) links and forms die with the process."""
    session, limit = configuration.session, configuration.rate_limit
    master = (session.secret or random_secret()).encode()
    return Settings(
        issuer=configuration.server.issuer,
        secure=session.secure or configuration.server.issuer.startswith("https://"),
        key=derive_key(master, "authorize"),
        cookie_name=session.cookie_name,
        same_site=session.same_site,
        limits=SessionLimits(idle=min(session.idle_timeout, session.max_age), absolute=session.max_age),
        lockout=LockoutSettings(limit.auth_fail_max, limit.auth_fail_window, limit.auth_lockout),
        require_scope=configuration.oauth.require_scope,
        # Nobody could sign in at all while there is no other provider.
        local_login=configuration.oidc.show_local_login or not configuration.oidc.all_providers(),
        users=tuple(
            SeedUser(user.email, user.password or configuration.referenced(user.password_ref) or "", user.name, user.role)
            for user in configuration.users
        ),
        sync_users=configuration.seed.mode == "sync",
        require_push=configuration.oauth.require_pushed_authorization_requests,
        push_lifetime=configuration.oauth.pushed_request_lifetime,
        allowed_origins=configuration.server.allowed_origins or ("*",),
        device_page=configuration.device_authorization.enabled,
        providers=tuple(_provider(name, entry, configuration) for name, entry in configuration.oidc.all_providers()),
        sign_in_lifetime=configuration.oauth.state_max_age,
        clock_skew=configuration.clock_skew,
    )


def _provider(name: str, entry: IdentityProvider, configuration: Configuration) -> Provider:
    # Where there is no form either, a provider without a text of its own must still be found.
    label = entry.display_name or ("" if configuration.oidc.show_local_login else name)
    return Provider(
        name=name,
        issuer=entry.issuer,
        client_id=entry.client_id,
        client_secret=entry.client_secret or configuration.referenced(entry.secret_reference) or "",
        redirect_uri=entry.redirect_uri,
        label=label,
        scopes=entry.scopes,
        ask_for_groups=entry.include_groups_scope,
        groups_claim=entry.groups_claim,
        connector_id=entry.connector_id,
        # Only a developer's plane may ask a developer's provider.
        local=configuration.localhost and is_localhost(entry.issuer),
    )
