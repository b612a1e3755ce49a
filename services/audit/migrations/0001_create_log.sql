-- The audit log: an outbox every service writes into inside its own transaction, and the hash-chained entries it is drained to.
--
-- The only thing another role may do in this schema is EXECUTE audit.append(jsonb[]).

-- Events on their way into the chain. Rows live for a fraction of a second, so the table is mostly dead ones: vacuum by count, not by share.
CREATE TABLE audit.outbox (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event       jsonb       NOT NULL,
    appended_at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_insert_threshold = -1);

-- Takes a service's events into the outbox, in the caller's transaction. SECURITY DEFINER with a pinned path, because the caller has
-- no right to the table; session_user is who logged in, and no service may write in another's name. One statement for any number.
CREATE FUNCTION audit.append(events jsonb[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $append$
DECLARE
    written bigint;
BEGIN
    INSERT INTO audit.outbox (event)
    SELECT event FROM unnest(events) AS event WHERE 'authplane_' || (event ->> 'service') = session_user;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written IS DISTINCT FROM cardinality(events)::bigint THEN
        RAISE EXCEPTION 'an audit event must be an object that names the service which writes it'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$append$;

REVOKE ALL ON FUNCTION audit.append(jsonb[]) FROM PUBLIC;
GRANT USAGE ON SCHEMA audit
    TO authplane_registry, authplane_authorize, authplane_token, authplane_vault, authplane_admin;
GRANT EXECUTE ON FUNCTION audit.append(jsonb[])
    TO authplane_registry, authplane_authorize, authplane_token, authplane_vault, authplane_admin;

-- The chain. seq counts from 1 without a gap; recorded_at (the database's clock, never running backwards along seq) decides the
-- partition, so that months end at one seq and leave together. Empty text means "not said".
CREATE TABLE audit.entries (
    seq         bigint      NOT NULL,
    recorded_at timestamptz NOT NULL,
    id          uuid        NOT NULL,
    occurred_at timestamptz NOT NULL,
    service     text        NOT NULL,
    action      text        NOT NULL,
    actor_kind  text        NOT NULL,
    actor_id    text        NOT NULL,
    client_id   text        NOT NULL,
    subject     text        NOT NULL,
    resource    text        NOT NULL,
    outcome     text        NOT NULL,
    reason      text        NOT NULL,
    ip          text        NOT NULL,
    request_id  text        NOT NULL,
    trace_id    text        NOT NULL,
    detail      jsonb       NOT NULL,
    prev_hash   bytea       NOT NULL CHECK (octet_length(prev_hash) = 32),
    hash        bytea       NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (seq, recorded_at)
) PARTITION BY RANGE (recorded_at);

CREATE INDEX entries_by_occurred_at ON audit.entries (occurred_at);
CREATE INDEX entries_by_action ON audit.entries (action, seq DESC);
CREATE INDEX entries_by_actor ON audit.entries (actor_id, seq DESC) WHERE actor_id <> '';
CREATE INDEX entries_by_client ON audit.entries (client_id, seq DESC) WHERE client_id <> '';
CREATE INDEX entries_by_subject ON audit.entries (subject, seq DESC) WHERE subject <> '';
CREATE INDEX entries_by_resource ON audit.entries (resource, seq DESC) WHERE resource <> '';

-- A rail against accidents, not against the database's owner: that is what the chain is for.
CREATE FUNCTION audit.refuse_change() RETURNS trigger
LANGUAGE plpgsql
AS $refuse$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$refuse$;
CREATE TRIGGER entries_are_append_only BEFORE UPDATE OR DELETE ON audit.entries
    FOR EACH ROW EXECUTE FUNCTION audit.refuse_change();

-- The partition of one month (any day of it, UTC). Made beside the table and then attached, which takes no lock that readers feel.
CREATE FUNCTION audit.create_partition(day date) RETURNS void
LANGUAGE plpgsql
AS $partition$
DECLARE
    first  timestamp := date_trunc('month', day::timestamp);
    name   text := 'entries_' || to_char(first, 'YYYY_MM');
BEGIN
    IF to_regclass('audit.' || name) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE audit.%I (LIKE audit.entries INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    EXECUTE format(
        'ALTER TABLE audit.entries ATTACH PARTITION audit.%I FOR VALUES FROM (%L) TO (%L)',
        name, first AT TIME ZONE 'UTC', (first + interval '1 month') AT TIME ZONE 'UTC'
    );
END
$partition$;
REVOKE ALL ON FUNCTION audit.refuse_change(), audit.create_partition(date) FROM PUBLIC;

SELECT audit.create_partition(((now() AT TIME ZONE 'UTC') + ahead * interval '1 month')::date) FROM generate_series(0, 2) AS ahead;

-- Where the chain stands: the newest entry. Before the first one, seq 0 and 32 zero bytes.
CREATE TABLE audit.head (
    only_row    boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    seq         bigint      NOT NULL,
    hash        bytea       NOT NULL CHECK (octet_length(hash) = 32),
    recorded_at timestamptz NOT NULL
) WITH (fillfactor = 10);
INSERT INTO audit.head (seq, hash, recorded_at) VALUES (0, decode(repeat('00', 32), 'hex'), now());

-- What the chain's head was when a month ended. Lets the rest be verified after that month's partition has been taken away.
CREATE TABLE audit.checkpoints (
    seq         bigint      PRIMARY KEY,
    hash        bytea       NOT NULL CHECK (octet_length(hash) = 32),
    recorded_at timestamptz NOT NULL
);
