"""Rows of registry.clients, read and written by three stores."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from kit.oauth import AuthMethod
from kit.pg import Record, Transaction
from services.registry.model import AgentAssurance, ApplicationType, Client, ClientId, ClientStatus, Metadata, Source

COLUMNS: Final = (
    "id, name, redirect_uris, grant_types, response_types, token_endpoint_auth_method, application_type, client_uri, logo_uri, tos_uri,"
    " policy_uri, jwks_uri, jwks, is_agent, agent_description, agent_assurance, require_par, dpop_bound_access_tokens, status,"
    " registration_source, scope, access_token_lifetime, secret_digest, version, issued_at, updated_at,"
    " tokens_per_minute, tokens_per_day"
)
_PLACES: Final = ", ".join(f"${number}" for number in range(1, 29))

INSERT: Final = f"INSERT INTO registry.clients ({COLUMNS}) VALUES ({_PLACES})"  # noqa: S608 - constants
INSERT_UNLESS_KNOWN: Final = f"{INSERT} ON CONFLICT (id) DO NOTHING"
LOCK: Final = f"SELECT {COLUMNS} FROM registry.clients WHERE id = $1 FOR UPDATE"  # noqa: S608 - constants
REPLACE: Final = f"UPDATE registry.clients SET ({COLUMNS}) = ROW({_PLACES}) WHERE id = $1"  # noqa: S608 - constants


def values(client: Client) -> tuple[Any, ...]:
    """The columns of a client in order."""
    about = client.metadata
    return (
        client.id,
        about.name,
        about.redirect_uris,
        about.grant_types,
        about.response_types,
        about.auth_method.value,
        about.application_type.value if about.application_type else "",
        about.client_uri,
        about.logo_uri,
        about.tos_uri,
        about.policy_uri,
        about.jwks_uri,
        about.jwks,
        about.agent,
        about.agent_description,
        client.agent_assurance.value,
        about.require_pushed_authorization_requests,
        about.dpop_bound_access_tokens,
        client.status.value,
        client.source.value,
        client.scope,
        client.access_token_lifetime,
        client.secret_digest,
        client.version,
        client.issued_at,
        client.updated_at,
        client.tokens_per_minute,
        client.tokens_per_day,
    )


def client_of(row: Record) -> Client:
    """The client a row describes."""
    return Client(
        id=ClientId(row["id"]),
        metadata=Metadata(
            name=row["name"],
            redirect_uris=tuple(row["redirect_uris"]),
            grant_types=tuple(row["grant_types"]),
            response_types=tuple(row["response_types"]),
            auth_method=AuthMethod(row["token_endpoint_auth_method"]),
            application_type=ApplicationType(row["application_type"]) if row["application_type"] else None,
            client_uri=row["client_uri"],
            logo_uri=row["logo_uri"],
            tos_uri=row["tos_uri"],
            policy_uri=row["policy_uri"],
            jwks_uri=row["jwks_uri"],
            jwks=row["jwks"],
            agent=row["is_agent"],
            agent_description=row["agent_description"],
            require_pushed_authorization_requests=row["require_par"],
            dpop_bound_access_tokens=row["dpop_bound_access_tokens"],
        ),
        status=ClientStatus(row["status"]),
        source=Source(row["registration_source"]),
        issued_at=row["issued_at"],
        updated_at=row["updated_at"],
        version=row["version"],
        scope=row["scope"],
        agent_assurance=AgentAssurance(row["agent_assurance"]),
        access_token_lifetime=row["access_token_lifetime"],
        secret_digest=row["secret_digest"],
        tokens_per_minute=row["tokens_per_minute"],
        tokens_per_day=row["tokens_per_day"],
    )


async def replaced(transaction: Transaction, before: Client, after: Client, now: datetime) -> Client:
    """Write `after` over `before` as its next version, and answer what was written."""
    written = replace(after, id=before.id, version=before.version + 1, updated_at=now)
    await transaction.execute(REPLACE, *values(written))
    return written
