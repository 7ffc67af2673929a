-- phase: expand
-- up
CREATE TABLE tenants (
  id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, created BIGINT NOT NULL) @without_rowid@;
INSERT INTO tenants (id, name, created) VALUES ('default', 'default', 0);

CREATE TABLE api_keys (
  digest TEXT NOT NULL PRIMARY KEY, tenant TEXT NOT NULL REFERENCES tenants (id), id TEXT NOT NULL, created BIGINT NOT NULL,
  UNIQUE (tenant, id)) @without_rowid@;

CREATE TABLE endpoints (
  id TEXT NOT NULL PRIMARY KEY, tenant TEXT NOT NULL REFERENCES tenants (id), url TEXT NOT NULL, secret TEXT NOT NULL,
  topics TEXT NOT NULL, state INTEGER NOT NULL, max_inflight INTEGER NOT NULL, version BIGINT NOT NULL, created BIGINT NOT NULL,
  updated BIGINT NOT NULL) @without_rowid@;
CREATE INDEX endpoints_of_tenant ON endpoints (tenant, id);

CREATE TABLE messages (
  id TEXT NOT NULL PRIMARY KEY, tenant TEXT NOT NULL, topic TEXT NOT NULL, payload TEXT NOT NULL, traceparent TEXT NOT NULL,
  lane INTEGER NOT NULL, received BIGINT NOT NULL) @without_rowid@;
CREATE INDEX messages_of_tenant ON messages (tenant, id);
CREATE INDEX messages_by_age ON messages (received);

-- state: 0 pending, 1 delivered, 2 dead. run_after is the end of the lease while there is one, so that what is due is one range.
CREATE TABLE deliveries (
  message TEXT NOT NULL, endpoint TEXT NOT NULL, tenant TEXT NOT NULL, receiver TEXT NOT NULL, url TEXT NOT NULL,
  lane INTEGER NOT NULL, state INTEGER NOT NULL, attempts INTEGER NOT NULL, run_after BIGINT NOT NULL, lease_until BIGINT NOT NULL,
  fence BIGINT NOT NULL, last_error TEXT NOT NULL, PRIMARY KEY (message, endpoint)) @without_rowid@;
CREATE INDEX deliveries_due ON deliveries (receiver, lane, run_after) WHERE state = 0;
CREATE INDEX deliveries_due_since ON deliveries (run_after) WHERE state = 0;
CREATE INDEX deliveries_lent ON deliveries (receiver, lease_until) WHERE lease_until > 0;
CREATE INDEX deliveries_dead ON deliveries (tenant, message, endpoint) WHERE state = 2;

CREATE TABLE idempotency (
  tenant TEXT NOT NULL, route TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL,
  headers TEXT NOT NULL, body TEXT NOT NULL, created BIGINT NOT NULL, expires BIGINT NOT NULL,
  PRIMARY KEY (tenant, route, key)) @without_rowid@;
CREATE INDEX idempotency_by_age ON idempotency (expires);

CREATE TABLE outbox (
  sequence @sequence@, kind INTEGER NOT NULL, reference TEXT NOT NULL, created BIGINT NOT NULL);
CREATE INDEX outbox_by_reference ON outbox (reference);

CREATE TABLE leaders (
  chore TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, until BIGINT NOT NULL) @without_rowid@;
-- down
DROP TABLE leaders;
DROP TABLE outbox;
DROP TABLE idempotency;
DROP TABLE deliveries;
DROP TABLE messages;
DROP TABLE endpoints;
DROP TABLE api_keys;
DROP TABLE tenants;
