-- The whole schema as it stands after all migrations, to be read. A test holds it against them.

CREATE SCHEMA poolhub;

CREATE TABLE poolhub.schema_migrations (
  number integer PRIMARY KEY,
  name text NOT NULL,
  -- Of the file, in hexadecimal.
  sha256 text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Who offers work: profiles, their keys, what operators say of their prices, and changes on their way to
-- the change stream.

CREATE TABLE poolhub.miners (
  miner_id text COLLATE "C" PRIMARY KEY CHECK (octet_length(miner_id) BETWEEN 1 AND 64),
  -- Grows by one with each change of the miner's record.
  version bigint NOT NULL CHECK (version > 0),
  addr text NOT NULL,
  proto text NOT NULL,
  region text NOT NULL,
  gpu_name text NOT NULL,
  gpu_count integer NOT NULL,
  gpu_vram_gb double precision NOT NULL,
  ram_gb double precision NOT NULL,
  cpu_cores integer NOT NULL,
  max_parallel integer NOT NULL CHECK (max_parallel >= 1),
  -- Of 10^-8 tokens, for a thousand seconds.
  price_units bigint NOT NULL CHECK (price_units >= 0),
  accel text[] NOT NULL,
  tags text[] NOT NULL,
  capabilities text[] NOT NULL,
  wallet_address text,
  chain_id text,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);

CREATE INDEX miners_by_region ON poolhub.miners (region, miner_id);

CREATE TABLE poolhub.api_keys (
  -- SHA-256 of the key; the key itself is stored nowhere.
  key_hash bytea PRIMARY KEY CHECK (octet_length(key_hash) = 32),
  -- NULL in a coordinator's key, and in a miner's that was issued and not used yet.
  miner_id text COLLATE "C" REFERENCES poolhub.miners ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  revoked_at timestamptz,
  -- How operators call it; says nothing of the key.
  key_id text COLLATE "C" NOT NULL UNIQUE DEFAULT gen_random_uuid()::text,
  -- Whose it is, if not a miner's.
  coordinator text COLLATE "C",
  label text NOT NULL DEFAULT '',
  -- NULL: until it is revoked.
  expires_at timestamptz,
  CHECK (miner_id IS NULL OR coordinator IS NULL)
);

CREATE INDEX api_keys_by_miner ON poolhub.api_keys (miner_id);
CREATE INDEX api_keys_by_coordinator ON poolhub.api_keys (coordinator) WHERE coordinator IS NOT NULL;
CREATE INDEX api_keys_by_revocation ON poolhub.api_keys (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE poolhub.price_overrides (
  miner_id text COLLATE "C" PRIMARY KEY REFERENCES poolhub.miners ON DELETE CASCADE,
  price_units bigint NOT NULL CHECK (price_units >= 0),
  reason text NOT NULL,
  -- NULL: until it is taken back.
  expires_at timestamptz,
  created_at timestamptz NOT NULL
);

CREATE TABLE poolhub.outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- Packed changes, as the change stream carries them.
  payload bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What coordinators say of miners' work, and what follows from it.

CREATE TABLE poolhub.feedback (
  -- Grows in commit order among the rows of one miner.
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  coordinator text COLLATE "C" NOT NULL,
  job_id text COLLATE "C" NOT NULL,
  miner_id text COLLATE "C" NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('accepted', 'rejected', 'failed', 'completed')),
  latency_ms double precision,
  fail_code text,
  tokens_spent bigint,
  -- The evidence that it added: good for 'completed', bad for 'failed' and 'rejected'.
  weight double precision NOT NULL CHECK (weight >= 0),
  trust_before double precision NOT NULL,
  trust_after double precision NOT NULL,
  created_at timestamptz NOT NULL,
  -- The match that it is about, proven by its offer; NULL: no such proof.
  offered_at timestamptz,
  offered_price_units bigint,
  CONSTRAINT feedback_counts_once UNIQUE (coordinator, job_id, miner_id, outcome)
);

CREATE INDEX feedback_by_miner ON poolhub.feedback (miner_id, id);

CREATE TABLE poolhub.idempotency_keys (
  coordinator text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  -- What was reported under the key, to tell a repetition from a mistake.
  body bytea NOT NULL,
  feedback_id bigint NOT NULL REFERENCES poolhub.feedback ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (coordinator, key)
);

CREATE INDEX idempotency_keys_by_age ON poolhub.idempotency_keys (created_at);
CREATE INDEX idempotency_keys_by_feedback ON poolhub.idempotency_keys (feedback_id);

-- Evidence of one coordinator about one miner, as it stood at updated_at.
CREATE TABLE poolhub.trust (
  miner_id text COLLATE "C" NOT NULL,
  coordinator text COLLATE "C" NOT NULL,
  good double precision NOT NULL CHECK (good >= 0),
  bad double precision NOT NULL CHECK (bad >= 0),
  updated_at timestamptz NOT NULL,
  -- What was added on the last day (of UTC, since 1970) that anything was.
  day bigint NOT NULL DEFAULT 0,
  day_good double precision NOT NULL DEFAULT 0 CHECK (day_good >= 0),
  day_bad double precision NOT NULL DEFAULT 0 CHECK (day_bad >= 0),
  PRIMARY KEY (miner_id, coordinator)
) WITH (fillfactor = 50);

-- What each coordinator has added about all miners, on the last day that it added anything.
CREATE TABLE poolhub.coordinator_days (
  coordinator text COLLATE "C" PRIMARY KEY,
  day bigint NOT NULL,
  good double precision NOT NULL CHECK (good >= 0),
  bad double precision NOT NULL CHECK (bad >= 0)
) WITH (fillfactor = 50);

-- All evidence about a miner, as it stood at its last counted feedback.
CREATE TABLE poolhub.trust_totals (
  miner_id text COLLATE "C" PRIMARY KEY REFERENCES poolhub.miners ON DELETE CASCADE,
  good double precision NOT NULL CHECK (good >= 0),
  bad double precision NOT NULL CHECK (bad >= 0),
  score double precision NOT NULL CHECK (score BETWEEN 0 AND 1),
  -- Grows by one with each counted feedback.
  version bigint NOT NULL
) WITH (fillfactor = 50);

-- Each miner has its trust from its registration on, so that a report finds it, and need not look first whether it
-- is there.

CREATE FUNCTION poolhub.begin_trust() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO poolhub.trust_totals (miner_id, good, bad, score, version)
  SELECT miner_id, 0, 0, 0.5, 0 FROM fresh ORDER BY miner_id ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$$;

CREATE TRIGGER miners_begin_trust AFTER INSERT ON poolhub.miners
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION poolhub.begin_trust();

-- What miners offer, by type of service, and what was answered to coordinators.

CREATE TABLE poolhub.service_configs (
  miner_id text COLLATE "C" NOT NULL REFERENCES poolhub.miners ON DELETE CASCADE,
  service_type text COLLATE "C" NOT NULL,
  -- The miner's version with the last change of this row, so that none ever comes twice.
  version bigint NOT NULL CHECK (version > 0),
  enabled boolean NOT NULL,
  -- Objects, as the miner wrote them.
  config json NOT NULL,
  pricing json NOT NULL,
  -- What matches go by, of 10^-8 tokens for a thousand seconds; NULL: the miner's own price.
  price_units bigint CHECK (price_units >= 0),
  capabilities text[] NOT NULL,
  max_concurrent integer NOT NULL CHECK (max_concurrent BETWEEN 1 AND 10),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (miner_id, service_type)
);

-- Answered matches, to be explained later. A partition a UTC day, called matches_YYYYMMDD, made by the
-- gateways as they write and dropped by age.
CREATE TABLE poolhub.matches (
  coordinator text COLLATE "C" NOT NULL,
  job_id text COLLATE "C" NOT NULL,
  answered_at timestamptz NOT NULL,
  match_id text COLLATE "C" NOT NULL,
  -- What was asked, as it was understood.
  request json NOT NULL,
  -- The whole answer.
  answer json NOT NULL,
  PRIMARY KEY (coordinator, job_id, answered_at, match_id)
) PARTITION BY RANGE (answered_at);

-- What each miner said last, written now and then from what is live: for when that is gone, and to be
-- looked at with SQL. NULL: it never said.

CREATE TABLE poolhub.miner_status (
  miner_id text COLLATE "C" PRIMARY KEY REFERENCES poolhub.miners ON DELETE CASCADE,
  -- Its last sign of life, and for how long that held.
  seen_at timestamptz NOT NULL,
  lease_ms bigint NOT NULL CHECK (lease_ms >= 0),
  state text,
  busy boolean,
  queue_len bigint,
  avg_latency_ms double precision,
  temp_c double precision,
  mem_free_gb double precision,
  gpu_utilization double precision
) WITH (fillfactor = 70);

-- What operators did.

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
