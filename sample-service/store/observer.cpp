#include "sample-service/store/observer.h"

#include "common/telemetry/log.h"
#include "sample-service/store/statement_name.h"

namespace courier {
namespace {

double seconds(std::chrono::nanoseconds took) { return std::chrono::duration<double>(took).count(); }

}  // namespace

Observer::Observer(sluice::metrics::Registry* metrics, sluice::Duration slow) : metrics_(metrics), slow_(slow) {
  for (const std::string_view name : kStatementNames) slow_queries(std::string(name));
}

void Observer::operation(const std::string& op, bool ok, std::chrono::nanoseconds took) {
  if (!metrics_) return;
  const std::lock_guard lock(mutex_);
  auto found = operations_.find({op, ok});
  if (found == operations_.end()) {
    const auto series = metrics_->histogram("dependency_request_duration_seconds", "How long operations of what courier depends on took.",
                                            sluice::metrics::dependency_duration_bounds(),
                                            {{"dependency", "database"}, {"op", op}, {"outcome", ok ? "ok" : "failed"}});
    found = operations_.emplace(std::pair(op, ok), series).first;
  }
  found->second.observe(seconds(took));
}

void Observer::statement(const std::string& query, std::chrono::nanoseconds took) {
  if (took < slow_) return;
  sluice::log::warn("a slow query", {{"query", query}, {"seconds", seconds(took)}});
  slow_queries(query, 1);
}

void Observer::slow_queries(const std::string& query, double more) {
  if (metrics_) metrics_->counter("db_slow_queries_total", "Statements that took longer than they should.", {{"query", query}}).add(more);
}

void Observer::pool(std::size_t in_use, std::size_t idle, std::size_t max) {
  if (!metrics_) return;
  const std::pair<const char*, std::size_t> states[] = {{"in_use", in_use}, {"idle", idle}, {"max", max}};
  for (const auto& [state, count] : states) {
    metrics_->gauge("db_pool_connections", "Connections to the database by what they do; max: how many there may be.", {{"state", state}})
        .set(static_cast<double>(count));
  }
}

void Observer::waited(std::chrono::nanoseconds took) {
  if (metrics_)
    metrics_->histogram("db_pool_wait_seconds", "How long callers waited for a connection.", sluice::metrics::dependency_duration_bounds())
        .observe(seconds(took));
}

}  // namespace courier
