// The edge of the data port: what happens to a request before and after its handler.
//
// admit() sees the head and answers at once what need not be read any further: no such route, a deadline that is none, no
// right to ask, a tenant over its quota, a route with too much in work. enter() takes a place of the route's limit once the
// body is there, and sees to it that each answer is counted and carries its request id.
// Both run on the server's loops and never block. The edge must outlive the server.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/core/clock.h"
#include "common/http/server.h"
#include "sample-service/admission/concurrency_limit.h"
#include "sample-service/admission/request_deadline.h"
#include "sample-service/admission/tenant_quota.h"
#include "sample-service/api/call.h"
#include "sample-service/api/meter.h"
#include "sample-service/domain/message.h"
#include "sample-service/telemetry/span.h"
#include "sample-service/trust/token.h"

namespace courier {

struct EdgeOptions {
  bool auth_required = false;  // false: everybody is the default tenant
  DeadlinePolicy deadline{};
  QuotaPolicy quota{};  // of each tenant
  // Requests of one route in work at a time; 0: no limit. About limit / throughput is what an accepted request waits: with
  // 5,000 intakes per second 64 of them wait for 13 ms.
  std::size_t intake_limit = 64;
  std::size_t read_limit = 64;
  std::size_t change_limit = 16;
  double trace_ratio = 0;                     // of the traces that begin here, how many are recorded
  std::size_t body_bytes = 64 * 1024 * 1024;  // of all requests together
};

class Edge {
 public:
  struct Parts {
    const TokenRing& tokens;
    const sluice::Clock& clock;
    Random random;
    sluice::metrics::Registry& metrics;
    Meter& meter;
    SpanSink* spans = nullptr;  // null: nothing is traced, and what a client says of its trace is passed on
  };

  Edge(EdgeOptions options, Parts parts);

  std::optional<sluice::http::Response> admit(sluice::http::IncomingRequest& head);
  sluice::http::Handler enter(sluice::http::Handler inner);

  // While what was taken in is not passed on, taking in more only makes the pile higher.
  void hold_intake(bool hold) { intake_held_ = hold; }

  // Routes that have a limit may use so much of it, in (0, 1], but always `least` places: see AdaptiveShare.
  void share_limits(double share, std::size_t least);

  // The tenants' quotas are granted by that many processes together, 1 or more.
  void share_quotas(std::size_t processes);

 private:
  struct Refused {
    sluice::http::Response answer;
    const char* reason;  // label; null: the client's mistake, which is not counted as a rejection
  };
  std::optional<Refused> judge(const sluice::http::IncomingRequest& head, const Matched& matched, Call& call);
  std::optional<Refused> authorize(const sluice::http::IncomingRequest& head, const Route& route, Call& call) const;
  void begin_trace(const sluice::http::IncomingRequest& head, Call& call) const;
  // The answer, counted and traced.
  sluice::http::Response turned_away(Refused refused, const Call& call, const std::string& method, std::string_view route) const;
  Refused too_busy(const char* reason = "overloaded") const;
  std::size_t limit_of(RouteClass kind) const;
  sluice::metrics::Gauge admission_limit(const Route& route) const;

  const EdgeOptions options_;
  const sluice::http::Response busy_;  // to be copied: made anew for each it would be a fifth of what a refusal costs
  Parts parts_;
  TenantQuotas quotas_;
  ByteBudget bodies_;
  std::atomic<bool> intake_held_{false};
  std::vector<std::unique_ptr<ConcurrencyLimit>> limits_;  // as routes()
};

}  // namespace courier
