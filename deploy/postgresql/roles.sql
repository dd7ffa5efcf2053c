-- The hub's roles and its database. Once, as a superuser, before the first `poolhub migrate`:
--
--   sudo -u postgres psql -v ON_ERROR_STOP=1 < roles.sql
--   sudo -u postgres psql -c '\password poolhub_owner' -c '\password poolhub'
--
-- poolhub_owner owns the schema and runs migrations, and nothing else. poolhub is who gateways and scorers
-- are: it works with rows, and what an audit log is worth rests on its not owning that table. Other
-- names: -v owner=… -v app=… -v database=…

\if :{?owner} \else \set owner poolhub_owner \endif
\if :{?app} \else \set app poolhub \endif
\if :{?database} \else \set database poolhub \endif

CREATE ROLE :"owner" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT 5;
CREATE ROLE :"app" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
-- So that a migration may change what the hub itself owns: the history of matches.
GRANT :"app" TO :"owner";

CREATE DATABASE :"database" OWNER :"owner" ENCODING 'UTF8' TEMPLATE template0;
\connect :"database"

REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
-- TEMPORARY: whether there is room to write is asked with a temporary table.
GRANT CONNECT, TEMPORARY ON DATABASE :"database" TO :"app";

-- Migrations find the schema there. It is the hub that makes a day's partition of the history, and drops it
-- when its time is over: hence CREATE.
SET ROLE :"owner";
CREATE SCHEMA poolhub;
GRANT USAGE, CREATE ON SCHEMA poolhub TO :"app";
-- What a later migration adds works at once; grants.sql then says how much of it is needed.
ALTER DEFAULT PRIVILEGES IN SCHEMA poolhub GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"app";
ALTER DEFAULT PRIVILEGES IN SCHEMA poolhub GRANT USAGE ON SEQUENCES TO :"app";
