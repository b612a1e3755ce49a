-- Device authorizations (RFC 8628). user_code_tag is keyed: a user code is too short for a bare hash to hide it.
CREATE TABLE token.device_codes (
    code_hash        bytea       PRIMARY KEY,
    user_code_tag    text        NOT NULL UNIQUE,
    client_id        text        NOT NULL,
    resource         text        NOT NULL,
    -- What was asked for; from approval on, what was allowed.
    scopes           text[]      NOT NULL,
    interval_seconds integer     NOT NULL,
    issued_at        timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL,
    polled_at        timestamptz,
    polled_early     boolean     NOT NULL DEFAULT false,
    decided_at       timestamptz,
    user_id          text,
    auth_time        timestamptz,
    -- Present once approved; decided without one: denied.
    grant_id         text        REFERENCES token.grants (id) ON DELETE CASCADE,
    consumed_at      timestamptz,
    family_id        text,
    issuance_id      uuid
);
CREATE INDEX device_codes_expiry ON token.device_codes (expires_at);
CREATE INDEX device_codes_of_grant ON token.device_codes (grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX device_codes_of_client ON token.device_codes (client_id) WHERE consumed_at IS NULL;
CREATE INDEX device_codes_of_user ON token.device_codes (user_id) WHERE consumed_at IS NULL;
