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
