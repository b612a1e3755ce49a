"""What happened, as a value: written by every service in the transaction it describes, through the SQL function `audit.append`.

The set of actions is closed, so a reader of the log can know all of them, and an alert can name one.
"""

# ruff: noqa: S105 - actions about tokens and secrets are named after them

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

import orjson

from kit.clock import Clock
from kit.credentials import uuid7

APPEND: Final = "SELECT audit.append($1::jsonb[])"

DetailValue = str | int | bool | Sequence[str]
Outcome = Literal["success", "denied", ""]

# The log keeps texts up to 2048 bytes and details up to 8192; a stranger's longer value is cut here, never refused.
_LONGEST_TEXT = 2048
_LONGEST_DETAIL = 1024


class ActorKind(StrEnum):
    """Who did it. `system` is the plane itself: a seed, a retention run, an expiry."""

    USER = "user"
    CLIENT = "client"
    OPERATOR = "operator"
    SYSTEM = "system"
    NOBODY = ""


class Action(StrEnum):
    """Every action that can be in the log."""

    # Tokens
    TOKEN_ISSUED = "token.issued"
    TOKEN_ISSUE_DENIED = "token.issue_denied"
    TOKEN_REFRESHED = "token.refreshed"
    TOKEN_REFRESH_DENIED = "token.refresh_denied"
    TOKEN_REFRESH_RACED = "token.refresh_raced"
    TOKEN_REVOKED = "token.revoked"
    TOKEN_INTROSPECTED = "token.introspected"
    TOKEN_INTROSPECT_DENIED = "token.introspect_denied"
    TOKEN_EXCHANGED = "token.exchanged"
    TOKEN_EXCHANGE_DENIED = "token.exchange_denied"
    AUTH_CODE_ISSUED = "auth_code.issued"
    AUTH_CODE_REUSED = "auth_code.reused"
    FAMILY_REVOKED = "family.revoked"
    FAMILY_REVOCATION_FAILED = "family.revocation_failed"
    FAMILY_DENYLIST_FAILED = "family.denylist_failed"
    CLIENT_CREDENTIALS_ISSUED = "client_credentials.issued"
    CLIENT_CREDENTIALS_DENIED = "client_credentials.denied"
    JWT_BEARER_ISSUED = "jwt_bearer.issued"
    JWT_BEARER_DENIED = "jwt_bearer.denied"
    DEVICE_CODE_ISSUED = "device_code.issued"
    DEVICE_CODE_APPROVED = "device_code.approved"
    DEVICE_CODE_DENIED = "device_code.denied"
    ISSUANCE_REVOKED_ADMIN = "issuance.revoked_admin"
    SUBJECT_REFUSED = "subject.refused"
    SUBJECT_ADMITTED = "subject.admitted"
    CLIENT_AUTH_FAILED = "client.auth_failed"
    # Signing and sealing keys
    KEY_CREATED = "key.created"
    KEY_ROTATED = "key.rotated"
    KEY_RETIRED = "key.retired"
    KEY_REVOKED = "key.revoked"
    DATA_KEY_ROTATED = "data_key.rotated"
    # Consent and authorization
    AUTHORIZATION_DENIED = "authorization.denied"
    CONSENT_GRANTED = "consent.granted"
    CONSENT_DENIED = "consent.denied"
    CONSENT_GRANT_REVOKED = "consent_grant.revoked"
    CONSENT_GRANT_REVOKED_ADMIN = "consent_grant.revoked_admin"
    # Upstream
    UPSTREAM_TOKEN_ISSUED = "upstream.token.issued"
    UPSTREAM_TOKEN_DENIED = "upstream.token.denied"
    UPSTREAM_TOKEN_REFRESHED = "upstream.token.refreshed"
    UPSTREAM_TOKEN_REFRESH_FAILED = "upstream.token.refresh_failed"
    BROKER_GRANT_CREATED = "broker_grant.created"
    BROKER_GRANT_DENIED = "broker_grant.denied"
    BROKER_GRANT_REVOKED = "broker_grant.revoked"
    BROKER_GRANT_REVOKED_ADMIN = "broker_grant.revoked_admin"
    BROKER_PROVIDER_CREATED = "broker_provider.created"
    BROKER_PROVIDER_PATCHED = "broker_provider.patched"
    BROKER_PROVIDER_DELETED = "broker_provider.deleted"
    # Clients
    CLIENT_REGISTERED = "client.registered"
    CLIENT_REGISTRATION_DENIED = "client.registration_denied"
    CLIENT_CREATED_ADMIN = "client.created_admin"
    CLIENT_UPDATED = "client.updated"
    CLIENT_SECRET_ROTATED = "client.secret_rotated"
    CLIENT_SUSPENDED = "client.suspended"
    CLIENT_REACTIVATED = "client.reactivated"
    CLIENT_REVOKED = "client.revoked"
    CLIENT_EXPIRED = "client.expired"
    CLIENT_DELETED = "client.deleted"
    DCR_MODE_UPDATED = "dcr.mode_updated"
    # People and their browsers
    USER_CREATED = "user.created"
    USER_UPDATED = "user.updated"
    USER_DISABLED = "user.disabled"
    USER_ENABLED = "user.enabled"
    USER_DELETED = "user.deleted"
    USER_PASSWORD_CHANGED = "user.password_changed"
    USER_FORCE_LOGOUT = "user.force_logout"
    USER_LOGIN = "user.login"
    USER_LOGIN_FAILED = "user.login_failed"
    USER_LOGOUT = "user.logout"
    USER_OIDC_LOGIN = "user.oidc_login"
    USER_OIDC_LOGIN_FAILED = "user.oidc_login_failed"
    USER_IDENTITY_LINKED = "user.identity_linked"
    USER_IDENTITY_UNLINKED = "user.identity_unlinked"
    SESSION_ENDED = "session.ended"
    AUTH_LOCKED_OUT = "auth.locked_out"
    AUTH_DENIED = "auth.denied"
    # Resources
    RESOURCE_CREATED = "resource.created"
    RESOURCE_PATCHED = "resource.patched"
    RESOURCE_DELETED = "resource.deleted"
    RESOURCE_POLICY_EXCHANGE_ALLOWED_CLIENT_ADDED = "resource.policy.exchange.allowed_client.added"
    RESOURCE_POLICY_EXCHANGE_ALLOWED_CLIENT_REMOVED = "resource.policy.exchange.allowed_client.removed"
    RESOURCE_POLICY_CONNECT_ALLOWED_RETURN_URL_ADDED = "resource.policy.connect.allowed_return_url.added"
    RESOURCE_POLICY_CONNECT_ALLOWED_RETURN_URL_REMOVED = "resource.policy.connect.allowed_return_url.removed"
    RESOURCE_POLICY_RUNTIME_CLIENT_ADDED = "resource.policy.runtime.client.added"
    RESOURCE_POLICY_RUNTIME_CLIENT_REMOVED = "resource.policy.runtime.client.removed"
    FRONTING_LINK_CREATED = "fronting_link.created"
    FRONTING_LINK_PATCHED = "fronting_link.patched"
    FRONTING_LINK_DELETED = "fronting_link.deleted"
    # Trusted identity providers
    TRUSTED_ISSUER_CREATED = "trusted_issuer.created"
    TRUSTED_ISSUER_UPDATED = "trusted_issuer.updated"
    TRUSTED_ISSUER_DELETED = "trusted_issuer.deleted"
    ISSUER_POLICY_CREATED = "issuer_policy.created"
    ISSUER_POLICY_UPDATED = "issuer_policy.updated"
    ISSUER_POLICY_DELETED = "issuer_policy.deleted"
    SUBJECT_MAPPING_CREATED = "subject_mapping.created"
    SUBJECT_MAPPING_UPDATED = "subject_mapping.updated"
    SUBJECT_MAPPING_DELETED = "subject_mapping.deleted"
    # Operators
    ADMIN_UI_LOGIN = "admin.ui.login"
    ADMIN_UI_LOGOUT = "admin.ui.logout"
    ADMIN_AUTH_FAILED = "admin.auth_failed"
    ADMIN_ACCESS_DENIED = "admin.access_denied"
    ADMIN_KEY_CREATED = "admin_key.created"
    ADMIN_KEY_REVOKED = "admin_key.revoked"
    # The plane about itself
    AUDIT_EXPORTED = "audit.exported"
    AUDIT_PRUNED = "audit.pruned"
    AUDIT_MALFORMED = "audit.malformed"
    DATA_PURGED = "data.purged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened. `subject` is the person it is about; `resource` a URI or slug; `detail` the action's own members.

    Never put a token, code, secret or password in any field.
    """

    action: Action
    actor_kind: ActorKind = ActorKind.NOBODY
    actor_id: str = ""
    client_id: str = ""
    subject: str = ""
    resource: str = ""
    outcome: Outcome = "success"
    reason: str = ""
    ip: str = ""
    request_id: str = ""
    trace_id: str = ""
    detail: Mapping[str, DetailValue] = field(default_factory=dict)


class Recorder:
    """Turns events into rows for `audit.append`, adding when, by which service, and an id in order of time."""

    __slots__ = ("_clock", "_service")

    def __init__(self, service: str, clock: Clock) -> None:
        self._service = service
        self._clock = clock

    def encode(self, event: Event) -> str:
        """The JSON text of one event. Every event can be encoded: what Postgres could not store is replaced or cut."""
        members = {
            "id": str(uuid7()),
            "occurred_at": self._clock.now().isoformat(timespec="microseconds"),
            "service": self._service,
            "action": event.action.value,
            "actor_kind": event.actor_kind.value,
            "actor_id": event.actor_id,
            "client_id": event.client_id,
            "subject": event.subject,
            "resource": event.resource,
            "outcome": event.outcome,
            "reason": event.reason,
            "ip": event.ip,
            "request_id": event.request_id,
            "trace_id": event.trace_id,
            "detail": dict(event.detail),
        }
        try:
            text = orjson.dumps(members)
        except (TypeError, ValueError):
            text = b""
        # The size of the whole is a cheap sign that nothing within needs cutting.
        if not text or len(text) > _LONGEST_DETAIL or b"\\u0000" in text:
            text = orjson.dumps({name: _storable(value, _LONGEST_TEXT) for name, value in members.items()})
        return text.decode()


def _storable(value: Any, limit: int) -> Any:
    if isinstance(value, str):
        # A lone surrogate has no UTF-8, and jsonb holds no NUL.
        return value.encode(errors="replace").replace(b"\x00", b"?")[:limit].decode(errors="ignore")
    if isinstance(value, Mapping):
        return {_storable(name, 64): _storable(member, _LONGEST_DETAIL) for name, member in list(value.items())[:16]}
    if isinstance(value, Sequence):
        return [_storable(item, 128) for item in value[:32]]
    # jsonb's readers take 64-bit numbers; anything else becomes its text.
    return value if isinstance(value, int) and abs(value) < 2**63 else str(value)
