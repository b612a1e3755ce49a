-- Upstream providers, connections of people to them, and every secret of either, sealed.
--
-- A sealed column is an envelope (format, key id, nonce, ciphertext); key_id repeats the envelope's key id beside it, so that values
-- sealed with an old data key can be found and sealed anew while the plane runs.

-- Keys that seal the rest, themselves sealed under the operator's master key. Exactly one seals anew; the others only open.
CREATE TABLE vault.data_keys (
    id            text        PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]{1,64}$'),
    driver        text        NOT NULL CHECK (driver IN ('aes_master', 'vault_transit_encrypt')),
    master_key_id text        NOT NULL,
    sealed        bytea       NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    retired_at    timestamptz
);
CREATE UNIQUE INDEX data_keys_one_active ON vault.data_keys ((true)) WHERE retired_at IS NULL;

-- Where tokens come from. config_data holds what is public about a provider, sealed its client secret or service account key.
CREATE TABLE vault.providers (
    id           text        PRIMARY KEY,
    slug         text        NOT NULL CONSTRAINT providers_slug UNIQUE,
    display_name text        NOT NULL CHECK (display_name <> ''),
    protocol     text        NOT NULL CHECK (protocol IN ('oauth', 'api_key', 'service_account')),
    config_data  jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(config_data) = 'object'),
    sealed       bytea,
    key_id       text        REFERENCES vault.data_keys (id),
    version      bigint      NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CHECK ((sealed IS NULL) = (key_id IS NULL))
);
CREATE INDEX providers_by_key ON vault.providers (key_id) WHERE key_id IS NOT NULL;

-- Connections being made: one row from leaving for the provider to coming back, spent by one statement. sealed: the PKCE verifier.
CREATE TABLE vault.links (
    state_hash  bytea       PRIMARY KEY CHECK (octet_length(state_hash) = 32),
    user_id     text        NOT NULL,
    provider_id text        NOT NULL REFERENCES vault.providers (id) ON DELETE CASCADE,
    resource    text        NOT NULL,
    return_url  text        NOT NULL,
    scopes      text[]      NOT NULL,
    sealed      bytea       NOT NULL,
    key_id      text        NOT NULL REFERENCES vault.data_keys (id),
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    consumed_at timestamptz
);
CREATE INDEX links_by_expiry ON vault.links (expires_at);
CREATE INDEX links_by_provider ON vault.links (provider_id);

-- One connection per person and provider, shared by every resource of that provider; revived, not doubled, when made again.
-- sealed: the upstream credential. scopes_granted is in the provider's own vocabulary. version counts what was sealed here.
CREATE TABLE vault.upstream_grants (
    id               text        PRIMARY KEY,
    user_id          text        NOT NULL,
    provider_id      text        NOT NULL REFERENCES vault.providers (id),
    upstream_subject text        NOT NULL DEFAULT '',
    scopes_granted   text[]      NOT NULL,
    sealed           bytea       NOT NULL,
    key_id           text        NOT NULL REFERENCES vault.data_keys (id),
    version          bigint      NOT NULL DEFAULT 1,
    needs_reconnect  boolean     NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    last_vended_at   timestamptz,
    revoked_at       timestamptz,
    CONSTRAINT upstream_grants_user_provider UNIQUE (user_id, provider_id)
);
CREATE INDEX upstream_grants_by_provider ON vault.upstream_grants (provider_id);
CREATE INDEX upstream_grants_by_key ON vault.upstream_grants (key_id);
