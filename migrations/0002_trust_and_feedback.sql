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
  PRIMARY KEY (miner_id, coordinator)
);

-- All evidence about a miner, as it stood at its last counted feedback.
CREATE TABLE poolhub.trust_totals (
  miner_id text COLLATE "C" PRIMARY KEY REFERENCES poolhub.miners ON DELETE CASCADE,
  good double precision NOT NULL CHECK (good >= 0),
  bad double precision NOT NULL CHECK (bad >= 0),
  score double precision NOT NULL CHECK (score BETWEEN 0 AND 1),
  -- Grows by one with each counted feedback.
  version bigint NOT NULL
);
