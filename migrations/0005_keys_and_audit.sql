-- Keys that operators issue, of miners and of coordinators, and a log of what operators do.

ALTER TABLE poolhub.api_keys
  -- How operators call it; says nothing of the key.
  ADD COLUMN key_id text COLLATE "C" NOT NULL UNIQUE DEFAULT gen_random_uuid()::text,
  -- Whose it is, if not a miner's.
  ADD COLUMN coordinator text COLLATE "C",
  ADD COLUMN label text NOT NULL DEFAULT '',
  -- NULL: until it is revoked.
  ADD COLUMN expires_at timestamptz,
  -- NULL in a miner's key that was issued and not used yet.
  ALTER COLUMN miner_id DROP NOT NULL,
  ADD CHECK (miner_id IS NULL OR coordinator IS NULL);

CREATE INDEX api_keys_by_coordinator ON poolhub.api_keys (coordinator) WHERE coordinator IS NOT NULL;
CREATE INDEX api_keys_by_revocation ON poolhub.api_keys (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE poolhub.audit_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor text NOT NULL,
  -- The address that the request came from.
  origin text NOT NULL,
  action text NOT NULL,
  -- The key or miner that it was done to; empty where there was none.
  subject text NOT NULL,
  -- 'done', or the code of the problem that was answered.
  outcome text NOT NULL,
  detail text NOT NULL,
  request_id text NOT NULL
);

CREATE FUNCTION poolhub.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% only grows', TG_TABLE_NAME;
END
$$;

CREATE TRIGGER audit_log_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON poolhub.audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION poolhub.refuse_change();
