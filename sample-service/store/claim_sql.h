// Columns of a loan, from deliveries d, messages m and (left joined) endpoints e; read by SqlStore::loan_of.
#pragma once

#define COURIER_LOAN_COLUMNS_SQL                                                                                              \
  "d.message, d.endpoint, d.tenant, CASE WHEN d.endpoint = '' THEN d.url ELSE COALESCE(e.url, '') END, d.attempts, "          \
  "d.run_after, d.last_error, m.payload, m.traceparent, COALESCE(e.secret, ''), d.receiver, d.lane, d.lease_until, d.fence, " \
  "COALESCE(e.old_secrets, ''), m.received "
