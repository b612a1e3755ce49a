-- People, their browsers, and what they are in the middle of.

CREATE TABLE authorize.users (
    id            text        PRIMARY KEY,
    email         text        NOT NULL DEFAULT '',
    -- The form in which addresses are compared; NULL where there is none, which is unique beside any other NULL.
    email_key     text        CONSTRAINT users_email_key_unique UNIQUE,
    name          text        NOT NULL DEFAULT '',
    role          text        NOT NULL DEFAULT 'user' CONSTRAINT users_role_known CHECK (role IN ('user', 'admin')),
    status        text        NOT NULL DEFAULT 'active' CONSTRAINT users_status_known CHECK (status IN ('active', 'disabled')),
    provider      text        NOT NULL DEFAULT 'local',
    password_hash text        NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);
CREATE INDEX users_by_creation ON authorize.users (created_at, id);

CREATE TABLE authorize.sessions (
    -- SHA-256 of the cookie's value; the value itself is stored nowhere.
    digest           bytea       PRIMARY KEY,
    user_id          text        NOT NULL REFERENCES authorize.users (id) ON DELETE CASCADE,
    authenticated_at timestamptz NOT NULL,
    last_seen_at     timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL
);
CREATE INDEX sessions_by_user ON authorize.sessions (user_id);
CREATE INDEX sessions_by_expiry ON authorize.sessions (expires_at);

CREATE TABLE authorize.interactions (
    id         text        PRIMARY KEY,
    -- SHA-256 of the cookie of the browser it began in.
    browser    bytea       NOT NULL,
    request    jsonb       NOT NULL,
    -- Whom `needed` speaks of. No reference: the row lives for minutes, and a person who is gone cannot reach it.
    user_id    text,
    needed     jsonb,
    claimed_at timestamptz,
    expires_at timestamptz NOT NULL
);
CREATE INDEX interactions_by_expiry ON authorize.interactions (expires_at);
