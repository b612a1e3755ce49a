-- Named keys for the operator's API. The secret is never stored: `digest` is its SHA-256, and the key has 256 random bits,
-- so a slow hash would add nothing but a way to make this service busy.
CREATE TABLE admin.api_keys (
    id           text PRIMARY KEY,
    name         text NOT NULL,
    digest       bytea NOT NULL,
    role         text NOT NULL,
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL,
    last_used_at timestamptz,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    CONSTRAINT api_keys_role_is_known CHECK (role IN ('viewer', 'operator', 'admin')),
    CONSTRAINT api_keys_digest_is_sha256 CHECK (octet_length(digest) = 32)
);

CREATE UNIQUE INDEX api_keys_digest ON admin.api_keys (digest);

-- A revoked key frees its name, so that "ci" can be replaced by a new "ci".
CREATE UNIQUE INDEX api_keys_live_name ON admin.api_keys (name) WHERE revoked_at IS NULL;
