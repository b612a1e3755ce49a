-- Who may touch what: one schema and one login role per service, reviewed as privilege.
-- Run by the database's owner inside the plane's own database; idempotent. Passwords are set by whoever deploys, never here.
--
-- A role owns its schema and nothing else. The one road between schemas is the function audit.append(jsonb[]): the audit service's
-- migration creates it SECURITY DEFINER and grants EXECUTE on exactly that function to the roles below.

DO $roles$
DECLARE
    service text;
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());

    FOREACH service IN ARRAY ARRAY['registry', 'authorize', 'token', 'vault', 'audit', 'admin'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'authplane_' || service) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT', 'authplane_' || service);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), 'authplane_' || service);

        EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', service, 'authplane_' || service);
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', service);
        EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path TO %I, pg_catalog', 'authplane_' || service, current_database(), service);

        -- A new function is executable by everyone unless its owner says otherwise in advance.
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC', 'authplane_' || service);
    END LOOP;

    FOREACH service IN ARRAY ARRAY['registry', 'authorize', 'token', 'vault', 'admin'] LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA audit TO %I', 'authplane_' || service);
    END LOOP;
END
$roles$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
