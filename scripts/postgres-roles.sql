-- The three roles of the e-catalog on PostgreSQL (docs/postgresql.md):
--   ecatalog_owner    owns the schema and migrates it             DATABASE_MIGRATION_URL
--   ecatalog_app      reads and writes rows, and nothing more     DATABASE_URL
--   ecatalog_monitor  reads, without what signs somebody in       dashboards, people
-- Run it in the catalog's own database, as a superuser or as its owner with CREATEROLE, with any client. It may be run
-- again at any time, also on a database that is in use. It holds no password: give each role one afterwards. What the
-- roles may do to each table is granted by `ecatalog migrate up`, so run that next, as ecatalog_owner.

DO $roles$
DECLARE
  is_superuser boolean := (SELECT rolsuper FROM pg_roles WHERE rolname = current_user);
  item text;
BEGIN
  FOREACH item IN ARRAY ARRAY['ecatalog_owner', 'ecatalog_app', 'ecatalog_monitor'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = item) THEN
      EXECUTE format('CREATE ROLE %I LOGIN', item);
    END IF;
  END LOOP;

  -- Who is no superuser may hand over ownership only to a role it is a member of.
  IF NOT is_superuser AND NOT pg_has_role(current_user, 'ecatalog_owner', 'USAGE') THEN
    EXECUTE format('GRANT ecatalog_owner TO %I', current_user);
  END IF;

  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO ecatalog_app, ecatalog_monitor', current_database());
  EXECUTE format('GRANT CONNECT, CREATE, TEMPORARY ON DATABASE %I TO ecatalog_owner', current_database());
  EXECUTE format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', current_schema());
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO ecatalog_app, ecatalog_monitor', current_schema());
  EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO ecatalog_owner', current_schema());

  -- A catalog that another role has migrated so far changes hands; what belongs to extensions does not.
  FOR item IN
    SELECT format('ALTER %s %s OWNER TO ecatalog_owner',
        CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::regclass)
      FROM pg_class c
      WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v')
        AND c.relowner <> 'ecatalog_owner'::regrole
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
    UNION ALL
    SELECT format('ALTER FUNCTION %s OWNER TO ecatalog_owner', p.oid::regprocedure)
      FROM pg_proc p
      WHERE p.pronamespace = current_schema()::regnamespace AND p.proowner <> 'ecatalog_owner'::regrole
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
  LOOP
    EXECUTE item;
  END LOOP;

  -- Only a superuser may give these; without them monitoring sees less, and nothing else is missing.
  BEGIN
    GRANT pg_monitor TO ecatalog_monitor;
    GRANT EXECUTE ON FUNCTION pg_ls_waldir() TO ecatalog_app;
  EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'pg_monitor and pg_ls_waldir() were not granted: that takes a superuser';
  END;
  EXECUTE format('ALTER ROLE ecatalog_monitor IN DATABASE %I SET default_transaction_read_only = on', current_database());
  EXECUTE format('ALTER ROLE ecatalog_monitor IN DATABASE %I SET statement_timeout = ''30s''', current_database());
END
$roles$;
