-- Three roles for the fleet's database, before its first migration; as a superuser, in that database:
--   psql -d xunqun -v ON_ERROR_STOP=1 -f postgresql-roles.sql
-- Give them passwords (\password xunqun_worker) or client certificates, and let them in by `hostssl … scram-sha-256` lines of
-- pg_hba.conf alone. May be called again.

DO $$
DECLARE
  one text;
BEGIN
  FOREACH one IN ARRAY ARRAY['xunqun_owner', 'xunqun_worker', 'xunqun_reader'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = one) THEN
      EXECUTE format('CREATE ROLE %I', one);
    END IF;
    EXECUTE format('ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', one);
  END LOOP;
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO xunqun_owner, xunqun_worker, xunqun_reader', current_database());
  -- `xunqun cases rebuild` makes its rows in temporary tables.
  EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO xunqun_owner', current_database());
  EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION xunqun_owner', current_schema());
  EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', current_schema());
  EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO xunqun_owner', current_schema());
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO xunqun_worker, xunqun_reader', current_schema());
END $$;

-- Tables of later migrations, too.
ALTER DEFAULT PRIVILEGES FOR ROLE xunqun_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO xunqun_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE xunqun_owner GRANT USAGE ON SEQUENCES TO xunqun_worker;
