-- Grants and everything that descends from them. Credentials are stored as SHA-256 only.

-- The durable "user lets client act on resource with scopes". remembered_scopes spare the next question; NULL: ask again.
CREATE TABLE token.grants (
    id                text        PRIMARY KEY,
    user_id           text        NOT NULL,
    client_id         text        NOT NULL,
    redirect_origin   text        NOT NULL DEFAULT '',
    resource          text        NOT NULL DEFAULT '',
    scopes            text[]      NOT NULL,
    remembered_scopes text[],
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    revoked_at        timestamptz
);
CREATE UNIQUE INDEX grants_live_key ON token.grants (user_id, client_id, redirect_origin, resource) WHERE revoked_at IS NULL;
CREATE INDEX grants_of_user ON token.grants (user_id, created_at);
CREATE INDEX grants_of_client ON token.grants (client_id, created_at);

CREATE TABLE token.authorization_codes (
    code_hash      bytea       PRIMARY KEY,
    grant_id       text        NOT NULL REFERENCES token.grants (id) ON DELETE CASCADE,
    client_id      text        NOT NULL,
    user_id        text        NOT NULL,
    redirect_uri   text        NOT NULL,
    resource       text        NOT NULL,
    scopes         text[]      NOT NULL,
    code_challenge text        NOT NULL,
    dpop_jkt       text,
    auth_time      timestamptz,
    issued_at      timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    consumed_at    timestamptz,
    -- What the redemption produced, so that a replay can end it.
    family_id      text,
    issuance_id    uuid
);
CREATE INDEX authorization_codes_expiry ON token.authorization_codes (expires_at);
CREATE INDEX authorization_codes_of_grant ON token.authorization_codes (grant_id);

-- expires_at is the absolute end of the family; each token has its own, sliding one.
CREATE TABLE token.refresh_families (
    id         text        PRIMARY KEY,
    grant_id   text        NOT NULL REFERENCES token.grants (id) ON DELETE CASCADE,
    client_id  text        NOT NULL,
    user_id    text        NOT NULL,
    resource   text        NOT NULL,
    scopes     text[]      NOT NULL,
    dpop_jkt   text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz,
    end_reason text
);
CREATE INDEX refresh_families_of_grant ON token.refresh_families (grant_id);
CREATE INDEX refresh_families_of_client ON token.refresh_families (client_id) WHERE ended_at IS NULL;
CREATE INDEX refresh_families_of_user ON token.refresh_families (user_id) WHERE ended_at IS NULL;
CREATE INDEX refresh_families_expiry ON token.refresh_families (expires_at);

CREATE TABLE token.refresh_tokens (
    token_hash     bytea       PRIMARY KEY,
    family_id      text        NOT NULL REFERENCES token.refresh_families (id) ON DELETE CASCADE,
    issued_at      timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    consumed_at    timestamptz,
    successor_hash bytea
);
CREATE INDEX refresh_tokens_of_family ON token.refresh_tokens (family_id);

-- One row per access token. id is a UUIDv7 and, in base64url, the jti. ancestors holds every issuance it was exchanged from, nearest
-- last, so one statement ends a token with all its descendants. grant_id and family_id are inherited along the chain.
CREATE TABLE token.issuances (
    id          uuid        PRIMARY KEY,
    grant_type  text        NOT NULL,
    subject     text        NOT NULL,
    client_id   text        NOT NULL,
    resource    text        NOT NULL,
    scope       text        NOT NULL,
    grant_id    text,
    family_id   text,
    parent_id   uuid,
    ancestors   uuid[],
    dpop_jkt    text,
    agent_id    text,
    agent_chain text[],
    issued_at   timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    revoked_at  timestamptz
);
-- The busiest writer, a machine client, pays for the first two indexes only.
CREATE INDEX issuances_of_client ON token.issuances (client_id, id);
CREATE INDEX issuances_of_subject ON token.issuances (subject, id) WHERE subject <> client_id;
CREATE INDEX issuances_of_grant ON token.issuances (grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX issuances_of_family ON token.issuances (family_id) WHERE family_id IS NOT NULL;
CREATE INDEX issuances_descending ON token.issuances USING gin (ancestors) WHERE ancestors IS NOT NULL;

-- private_key is sealed with the plane's data key; the AAD names table, kid and algorithm.
CREATE TABLE token.signing_keys (
    kid         text        PRIMARY KEY,
    alg         text        NOT NULL,
    private_key bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    retired_at  timestamptz
);
CREATE UNIQUE INDEX signing_keys_one_current ON token.signing_keys ((true)) WHERE retired_at IS NULL;

-- People who get nothing until further notice, kept here because here is where it is enforced.
CREATE TABLE token.refused_subjects (
    user_id    text        PRIMARY KEY,
    reason     text        NOT NULL,
    refused_at timestamptz NOT NULL
);

-- What the purge looks for.
CREATE INDEX refresh_tokens_expiry ON token.refresh_tokens (expires_at) WHERE consumed_at IS NULL;
CREATE INDEX issuances_expiry ON token.issuances USING brin (expires_at);
