-- Trust that can't be bought cheaply: which reports are about a match of this hub, and how much evidence
-- coordinators have added on a day.

ALTER TABLE poolhub.feedback
  -- The match that it is about, proven by its offer; NULL: no such proof.
  ADD COLUMN offered_at timestamptz,
  ADD COLUMN offered_price_units bigint;

ALTER TABLE poolhub.trust
  -- What was added on the last day (of UTC, since 1970) that anything was.
  ADD COLUMN day bigint NOT NULL DEFAULT 0,
  ADD COLUMN day_good double precision NOT NULL DEFAULT 0 CHECK (day_good >= 0),
  ADD COLUMN day_bad double precision NOT NULL DEFAULT 0 CHECK (day_bad >= 0);

-- What each coordinator has added about all miners, on the last day that it added anything.
CREATE TABLE poolhub.coordinator_days (
  coordinator text COLLATE "C" PRIMARY KEY,
  day bigint NOT NULL,
  good double precision NOT NULL CHECK (good >= 0),
  bad double precision NOT NULL CHECK (bad >= 0)
);
