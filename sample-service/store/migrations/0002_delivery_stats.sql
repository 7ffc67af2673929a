-- phase: expand
-- up
-- What GET /v1/endpoints/{id}/stats answers from; made anew by one worker, so that reading it never counts deliveries.
CREATE TABLE delivery_stats (
  endpoint TEXT NOT NULL PRIMARY KEY, pending BIGINT NOT NULL, delivered BIGINT NOT NULL, dead BIGINT NOT NULL,
  attempts BIGINT NOT NULL, refreshed BIGINT NOT NULL) @without_rowid@;
-- down
DROP TABLE delivery_stats;
