// The names of all statements of the store, so that db_slow_queries_total{query} has each of them from the start: a counter
// that first appears with a 1 never rose, as Prometheus sees it. A name that is missing here does not compile.
#pragma once

#include <array>
#include <string_view>

namespace courier {

inline constexpr std::array<std::string_view, 61> kStatementNames{"backlog",
                                                                  "claim",
                                                                  "dead_letters",
                                                                  "deliveries",
                                                                  "end_loan",
                                                                  "endpoint",
                                                                  "endpoint_count",
                                                                  "endpoint_create",
                                                                  "endpoint_delete",
                                                                  "endpoint_notice",
                                                                  "endpoint_stats",
                                                                  "endpoint_tenant",
                                                                  "endpoint_update",
                                                                  "endpoints",
                                                                  "extend",
                                                                  "intake",
                                                                  "intake_deliveries",
                                                                  "intake_key",
                                                                  "intake_message",
                                                                  "intake_notice",
                                                                  "key_add",
                                                                  "key_revoke",
                                                                  "keys",
                                                                  "lead",
                                                                  "loan",
                                                                  "message",
                                                                  "messages",
                                                                  "nobody_leads",
                                                                  "nobody_lends",
                                                                  "outbox",
                                                                  "outbox_age",
                                                                  "outbox_forget",
                                                                  "outbox_forget_of",
                                                                  "overdue",
                                                                  "ping",
                                                                  "prune_check",
                                                                  "prune_deliveries",
                                                                  "prune_keys",
                                                                  "prune_messages",
                                                                  "queue",
                                                                  "recall",
                                                                  "replay",
                                                                  "replay_key",
                                                                  "replay_message",
                                                                  "replay_notice",
                                                                  "schema_exists",
                                                                  "schema_forget",
                                                                  "schema_list",
                                                                  "schema_lock",
                                                                  "schema_record",
                                                                  "schema_strange",
                                                                  "schema_unlock",
                                                                  "sooner",
                                                                  "stats_count",
                                                                  "stats_keep",
                                                                  "stats_piece",
                                                                  "stats_rest",
                                                                  "stats_forget",
                                                                  "tenant",
                                                                  "tenant_create",
                                                                  "tenant_of_key"};

struct StatementName {
  // NOLINTNEXTLINE(google-explicit-constructor): a literal is one.
  consteval StatementName(const char* name) : text(name) {
    bool known = false;
    for (const std::string_view one : kStatementNames) known = known || one == text;
    if (!known) throw "a statement has a name that is not in kStatementNames (store/statement_name.h)";
  }
  std::string_view text;
};

}  // namespace courier
