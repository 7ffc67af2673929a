// Pieces of SQL that intake consists of. Parameters, the same in all of them:
// $1 tenant, $2 route, $3 key, $4 fingerprint, $5 status, $6 headers, $7 body, $8 now, $9 expires,
// $10 message, $11 topic, $12 payload, $13 traceparent, $14 lane, $15 received,
// $16 direct receiver, $17 direct URL (or ''), $18 1: only the direct one, 0: only when nobody subscribes
#pragma once

// replace() finds the topic in ",a,b,"; it is written alike in both dialects.
#define COURIER_TARGETS_SQL                                                                 \
  "subscribed AS (SELECT id FROM endpoints WHERE tenant = $1 AND $18 = 0 AND state <> 2 "   \
  "AND (topics = '' OR replace(topics, ',' || $11 || ',', '') <> topics)), "                \
  "targets AS (SELECT id AS endpoint, id AS receiver, '' AS url FROM subscribed UNION ALL " \
  "SELECT '', $16, $17 FROM tenants WHERE id = $1 AND $17 <> '' AND NOT EXISTS (SELECT 1 FROM subscribed)) "

// Leaves a key alone that is there and has not expired.
#define COURIER_REMEMBER_TAIL_SQL                                                                                 \
  "ON CONFLICT (tenant, route, key) DO UPDATE SET fingerprint = excluded.fingerprint, status = excluded.status, " \
  "headers = excluded.headers, body = excluded.body, created = excluded.created, expires = excluded.expires "     \
  "WHERE idempotency.expires <= excluded.created "

#define COURIER_KEY_COLUMNS_SQL "idempotency (tenant, route, key, fingerprint, status, headers, body, created, expires)"
#define COURIER_MESSAGE_COLUMNS_SQL "messages (id, tenant, topic, payload, traceparent, lane, received)"
#define COURIER_DELIVERY_COLUMNS_SQL \
  "deliveries (message, endpoint, tenant, receiver, url, lane, state, attempts, run_after, lease_until, fence, last_error)"
