-- Who and what is known. Every write of a row here comes with one bump of registry.changes and one audit event, in one transaction.

CREATE TABLE registry.clients (
    id                         text PRIMARY KEY CHECK (id <> ''),
    name                       text NOT NULL,
    redirect_uris              text[] NOT NULL,
    grant_types                text[] NOT NULL,
    response_types             text[] NOT NULL,
    token_endpoint_auth_method text NOT NULL
        CHECK (token_endpoint_auth_method IN ('none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt')),
    application_type           text NOT NULL CHECK (application_type IN ('', 'web', 'native')),
    client_uri                 text NOT NULL,
    logo_uri                   text NOT NULL,
    tos_uri                    text NOT NULL,
    policy_uri                 text NOT NULL,
    jwks_uri                   text NOT NULL,
    jwks                       text NOT NULL,
    is_agent                   boolean NOT NULL,
    agent_description          text NOT NULL,
    agent_assurance            text NOT NULL CHECK (agent_assurance IN ('', 'self_declared', 'vouched')),
    require_par                boolean NOT NULL,
    dpop_bound_access_tokens   boolean NOT NULL,
    status                     text NOT NULL CHECK (status IN ('active', 'suspended', 'revoked')),
    registration_source        text NOT NULL CHECK (registration_source IN ('dcr', 'admin', 'cimd')),
    scope                      text NOT NULL,
    access_token_lifetime      bigint NOT NULL CHECK (access_token_lifetime >= 0),
    secret_digest              text NOT NULL,
    version                    bigint NOT NULL,
    issued_at                  timestamptz NOT NULL,
    updated_at                 timestamptz NOT NULL,
    -- A secret exists exactly where the client authenticates with one (RFC 7591 §2).
    CHECK ((secret_digest <> '') = (token_endpoint_auth_method IN ('client_secret_basic', 'client_secret_post'))),
    CHECK (jwks = '' OR jwks_uri = '')
);
CREATE INDEX clients_by_age ON registry.clients (issued_at DESC, id DESC);

-- What dynamic registration remembers beside the client: who may manage it (RFC 7592), which request made it, whether it was ever used.
CREATE TABLE registry.registrations (
    client_id           text PRIMARY KEY REFERENCES registry.clients ON DELETE CASCADE,
    access_token_digest bytea NOT NULL,
    fingerprint         bytea,
    registered_at       timestamptz NOT NULL,
    used_at             timestamptz
);
CREATE INDEX registrations_by_fingerprint ON registry.registrations (fingerprint, registered_at) WHERE fingerprint IS NOT NULL;
CREATE INDEX registrations_never_used ON registry.registrations (registered_at) WHERE used_at IS NULL;

-- How long what we read from a client's metadata document may be believed.
CREATE TABLE registry.client_documents (
    client_id   text PRIMARY KEY REFERENCES registry.clients ON DELETE CASCADE,
    fetched_at  timestamptz NOT NULL,
    fresh_until timestamptz NOT NULL,
    stale_until timestamptz NOT NULL
);

CREATE TABLE registry.resources (
    id                    text PRIMARY KEY,
    position              bigint GENERATED ALWAYS AS IDENTITY,
    slug                  text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,63}$'),
    uri                   text NOT NULL,
    -- The URI with scheme and host in lower case and without a root slash: what aliases have in common.
    alias                 text NOT NULL,
    display_name          text NOT NULL CHECK (display_name <> ''),
    description           text NOT NULL,
    backend_kind          text NOT NULL CHECK (backend_kind IN ('mint', 'broker')),
    broker_provider_id    text NOT NULL,
    scopes                jsonb NOT NULL,
    policy                jsonb NOT NULL,
    access_token_lifetime bigint NOT NULL CHECK (access_token_lifetime >= 0),
    version               bigint NOT NULL,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    CONSTRAINT resources_slug UNIQUE (slug),
    CHECK ((backend_kind = 'broker') = (broker_provider_id <> ''))
);
CREATE INDEX resources_by_alias ON registry.resources (alias) WHERE alias <> '';

-- What an operator may change while we run; a missing row means: as configured.
CREATE TABLE registry.settings (
    key        text PRIMARY KEY,
    value      text NOT NULL,
    updated_at timestamptz NOT NULL
);

-- One row, so that the lock on it puts revisions into the order of their commits, without gaps.
CREATE TABLE registry.changes (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    revision   bigint NOT NULL,
    kind       text NOT NULL,
    key        text NOT NULL,
    changed_at timestamptz NOT NULL
) WITH (fillfactor = 10);
INSERT INTO registry.changes (revision, kind, key, changed_at) VALUES (0, '', '', now());
