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

-- Those that are here already.
INSERT INTO poolhub.trust_totals (miner_id, good, bad, score, version)
SELECT miner_id, 0, 0, 0.5, 0 FROM poolhub.miners ORDER BY miner_id ON CONFLICT DO NOTHING;
