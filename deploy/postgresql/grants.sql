-- What the hub may do with each table, no more. After each `poolhub migrate`, as a superuser or the owner:
--
--   sudo -u postgres psql -v ON_ERROR_STOP=1 poolhub < grants.sql

\if :{?app} \else \set app poolhub \endif

BEGIN;
REVOKE ALL ON ALL TABLES IN SCHEMA poolhub FROM :"app";
REVOKE ALL ON ALL SEQUENCES IN SCHEMA poolhub FROM :"app";

-- It makes and drops the partitions of days, which takes an owner.
ALTER TABLE poolhub.matches OWNER TO :"app";
GRANT SELECT, INSERT ON poolhub.matches TO :"app";

-- It grows, and nobody changes what stands in it.
GRANT SELECT, INSERT ON poolhub.audit_log TO :"app";

GRANT SELECT, INSERT, UPDATE ON poolhub.miners, poolhub.api_keys, poolhub.miner_status TO :"app";
GRANT SELECT, INSERT, UPDATE, DELETE ON poolhub.price_overrides, poolhub.service_configs TO :"app";
GRANT SELECT, INSERT, DELETE ON poolhub.outbox TO :"app";

-- Ids of reports and of what they send out are drawn before their rows are written.
GRANT USAGE ON SEQUENCE poolhub.feedback_id_seq, poolhub.outbox_id_seq TO :"app";

-- A report is never changed once it is there.
GRANT SELECT, INSERT ON poolhub.feedback TO :"app";
GRANT SELECT, INSERT, UPDATE, DELETE ON poolhub.idempotency_keys TO :"app";
GRANT SELECT, INSERT, UPDATE ON poolhub.trust, poolhub.trust_totals, poolhub.coordinator_days TO :"app";
GRANT SELECT ON poolhub.schema_migrations TO :"app";
COMMIT;
