-- Who people are at the identity providers they sign in with, and the sign-ins that are under way there.

CREATE TABLE authorize.identities (
    provider   text        NOT NULL,
    subject    text        NOT NULL,
    -- Whose subject it is: a provider's name may be pointed at another issuer, for which the same subject is somebody else.
    issuer     text        NOT NULL,
    user_id    text        NOT NULL REFERENCES authorize.users (id) ON DELETE CASCADE,
    groups     text[]      NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    PRIMARY KEY (provider, subject)
);
CREATE INDEX identities_by_user ON authorize.identities (user_id);

CREATE TABLE authorize.federated_sign_ins (
    -- SHA-256 of the state parameter, and of the cookie of the browser it began in.
    state          bytea       PRIMARY KEY,
    browser        bytea       NOT NULL,
    provider       text        NOT NULL,
    nonce          text        NOT NULL,
    verifier       text        NOT NULL,
    redirect       text        NOT NULL,
    -- No reference: the row lives for minutes, and the page it leads to says so when the authorization is gone.
    interaction_id text,
    expires_at     timestamptz NOT NULL
);
CREATE INDEX federated_sign_ins_by_expiry ON authorize.federated_sign_ins (expires_at);
