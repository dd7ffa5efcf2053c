-- Each report rewrites its miner's rows, and a batch may rewrite all of a page at once. Pages that are half
-- empty take the new rows where the old ones were, with nothing new in the indexes. Older pages come to that
-- as their rows are rewritten.

ALTER TABLE poolhub.trust SET (fillfactor = 50);
ALTER TABLE poolhub.trust_totals SET (fillfactor = 50);
ALTER TABLE poolhub.coordinator_days SET (fillfactor = 50);
