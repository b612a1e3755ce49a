-- Requests clients push ahead of the browser (RFC 9126), and what a person recognises a session by.

CREATE TABLE authorize.pushed_requests (
    -- SHA-256 of the request_uri; whoever opens it proves to know the value.
    digest     bytea       PRIMARY KEY,
    client_id  text        NOT NULL,
    request    jsonb       NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX pushed_requests_by_expiry ON authorize.pushed_requests (expires_at);

ALTER TABLE authorize.sessions
    -- By which a page names a session; the digest stays between the cookie and the table.
    ADD COLUMN id         uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT sessions_id_unique UNIQUE,
    -- Where it began: the client address, and what the browser calls itself.
    ADD COLUMN address    text NOT NULL DEFAULT '',
    ADD COLUMN user_agent text NOT NULL DEFAULT '';
