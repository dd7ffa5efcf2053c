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
