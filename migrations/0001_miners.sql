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
  miner_id text COLLATE "C" NOT NULL REFERENCES poolhub.miners ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  revoked_at timestamptz
);

CREATE INDEX api_keys_by_miner ON poolhub.api_keys (miner_id);

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
