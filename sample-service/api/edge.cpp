#include "sample-service/api/edge.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include "common/telemetry/log.h"
#include "sample-service/api/request_span.h"
#include "sample-service/domain/endpoint.h"
#include "sample-service/domain/problem.h"

namespace courier {
namespace {

using sluice::http::Handler;
using sluice::http::IncomingRequest;
using sluice::http::Reply;
using sluice::http::ReplyPtr;
using sluice::http::Response;

// What a client may call its request: it is repeated in answers and logs.
std::optional<std::string> given_id(const IncomingRequest& head) {
  const auto found = head.request.headers.find("X-Request-Id");
  if (found == head.request.headers.end() || found->second.empty() || found->second.size() > 128) return std::nullopt;
  const bool plain = std::all_of(found->second.begin(), found->second.end(),
                                 [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
  return plain ? std::optional(found->second) : std::nullopt;
}

// What its body may need: a chunked one says nothing before.
std::size_t body_size(const IncomingRequest& head) {
  if (head.request.headers.contains("Transfer-Encoding")) return sluice::http::ServerLimits{}.max_body_bytes;
  const auto length = head.request.headers.find("Content-Length");
  std::size_t bytes = 0;
  if (length != head.request.headers.end()) std::from_chars(length->second.data(), length->second.data() + length->second.size(), bytes);
  return bytes;
}

std::string bearer(const IncomingRequest& head) {
  const auto found = head.request.headers.find("Authorization");
  constexpr std::string_view kScheme = "Bearer ";
  if (found == head.request.headers.end() || !found->second.starts_with(kScheme)) return {};
  return found->second.substr(kScheme.size());
}

Response unauthorized(const std::string& why) {
  Response answer = problem(401, why);
  answer.headers["WWW-Authenticate"] = "Bearer";
  return answer;
}

// Counts the answer, gives the route's place back and says what the request was called.
class EdgeReply final : public Reply {
 public:
  EdgeReply(ReplyPtr inner, Meter& meter, SpanSink* spans, std::string method, CallPtr call, ConcurrencyLimit::Permit permit)
      : inner_(std::move(inner)),
        meter_(meter),
        spans_(spans),
        method_(std::move(method)),
        call_(std::move(call)),
        permit_(std::move(permit)) {
    meter_.begin();
  }
  ~EdgeReply() override {
    if (!sent_) finish(500);  // the server answers 500 for a dropped reply
  }
  void send(Response response) override {
    if (sent_) return;
    sent_ = true;
    response.headers["X-Request-Id"] = call_->request_id;
    finish(response.status);
    inner_->send(std::move(response));
  }

 private:
  void finish(int status) {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin_;
    meter_.end();
    const bool traced = spans_ && call_->trace.sampled;
    meter_.answered(method_, call_->route->pattern, status, took.count(), traced ? call_->trace.trace_id : "");
    if (traced) spans_->offer(request_span(*call_, method_, call_->route->pattern, status, call_->watch.now()));
    permit_.reset();
    // 503 is what overload looks like, and a line for each would be more of it.
    const auto level = status >= 500 && status != 503 ? sluice::log::Level::Warn : sluice::log::Level::Debug;
    if (!sluice::log::enabled(level)) return;
    sluice::log::write(level, "request answered",
                       {{"request_id", call_->request_id},
                        {"trace_id", call_->trace.trace_id},
                        {"method", method_},
                        {"route", std::string(call_->route->pattern)},
                        {"status", status},
                        {"tenant", call_->tenant},
                        {"seconds", took.count()}});
  }

  ReplyPtr inner_;
  Meter& meter_;
  SpanSink* const spans_;
  std::string method_;
  CallPtr call_;
  std::optional<ConcurrencyLimit::Permit> permit_;
  bool sent_ = false;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace

Edge::Edge(EdgeOptions options, Parts parts)
    : options_(options),
      busy_(problem(503, "too many requests are in work here; try again", 1)),
      parts_(std::move(parts)),
      quotas_(options.quota),
      bodies_(options.body_bytes) {
  for (const Route& route : routes()) {
    limits_.push_back(std::make_unique<ConcurrencyLimit>(limit_of(route.kind)));
    if (route.kind == RouteClass::Free) continue;
    admission_limit(route).set(static_cast<double>(limit_of(route.kind)));
  }
}

sluice::metrics::Gauge Edge::admission_limit(const Route& route) const {
  return parts_.metrics.gauge("admission_limit", "Requests of a route that may be in work at a time; 0: any number.",
                              {{"method", std::string(route.method)}, {"route", std::string(route.pattern)}});
}

void Edge::share_limits(double share, std::size_t least) {
  for (std::size_t i = 0; i < limits_.size(); ++i) {
    const Route& route = routes()[i];
    const std::size_t ceiling = limit_of(route.kind);
    if (ceiling == 0) continue;
    const auto wanted = static_cast<std::size_t>(std::lround(share * static_cast<double>(ceiling)));
    const std::size_t limit = std::min(ceiling, std::max(least, wanted));
    limits_[i]->resize(limit);
    admission_limit(route).set(static_cast<double>(limit));
  }
}

void Edge::share_quotas(std::size_t processes) {
  quotas_.share_among(processes, parts_.clock.monotonic());
  parts_.metrics.gauge("quota_processes", "Processes that grant the tenants' quotas together.").set(static_cast<double>(processes));
}

std::size_t Edge::limit_of(RouteClass kind) const {
  switch (kind) {
    case RouteClass::Free: return 0;
    case RouteClass::Intake: return options_.intake_limit;
    case RouteClass::Read: return options_.read_limit;
    case RouteClass::Change: return options_.change_limit;
  }
  return 0;
}

Edge::Refused Edge::too_busy(const char* reason) const {
  Refused refused{busy_, reason};
  // Whole seconds, as the header has them; spread, so that the refused do not come back together.
  refused.answer.headers["Retry-After"] = std::to_string(1 + static_cast<int>(parts_.random() * 3));
  return refused;
}

void Edge::begin_trace(const IncomingRequest& head, Call& call) const {
  const auto header = head.request.headers.find("traceparent");
  const auto parent = header == head.request.headers.end() ? std::nullopt : sluice::http::parse_traceparent(header->second);
  call.trace = sluice::http::next_span(parent, parts_.random);
  if (parent) call.parent_span = parent->span_id;
  // Who began the trace has decided whether it is recorded.
  else if (parts_.spans) call.trace.sampled = is_sampled(call.trace.trace_id, options_.trace_ratio);
}

Response Edge::turned_away(Refused refused, const Call& call, const std::string& method, std::string_view route) const {
  const int status = refused.answer.status;
  if (refused.reason) parts_.meter.rejected(route, refused.reason);
  parts_.meter.answered(method, route, status, 0);
  if (parts_.spans && call.trace.sampled) parts_.spans->offer(request_span(call, method, route, status, call.watch.now()));
  refused.answer.headers["X-Request-Id"] = call.request_id;
  return std::move(refused.answer);
}

std::optional<Response> Edge::admit(IncomingRequest& head) {
  auto call = std::make_shared<Call>();
  call->deadline.begin = parts_.clock.monotonic();
  head.received = parts_.clock.now();  // the server has gone by the machine's clock, which other processes may not agree with
  const Matched matched = match(head.request.method, head.path);
  begin_trace(head, *call);
  call->request_id = given_id(head).value_or(call->trace.trace_id.substr(0, 16) + call->trace.span_id);
  if (auto refused = judge(head, matched, *call)) { return turned_away(*std::move(refused), *call, head.request.method, matched.pattern); }
  head.body_timeout = call->deadline.timeout;
  head.context = std::move(call);
  return std::nullopt;
}

std::optional<Edge::Refused> Edge::judge(const IncomingRequest& head, const Matched& matched, Call& call) {
  if (!matched.route) {
    if (matched.allowed.empty()) return Refused{problem(404, "there is nothing at '" + head.path + "'"), nullptr};
    Response answer = problem(405, head.request.method + " is not possible at '" + head.path + "'");
    answer.headers["Allow"] = matched.allowed;
    return Refused{std::move(answer), nullptr};
  }
  const Route& route = *matched.route;
  call.route = &route;
  call.ids = matched.ids;
  call.limit = limits_[static_cast<std::size_t>(&route - routes().data())].get();
  const auto timeout = requested_timeout(head.request.headers, options_.deadline);
  if (!timeout) return Refused{problem(timeout.error()), nullptr};
  call.deadline.timeout = *timeout;
  if (auto refused = authorize(head, route, call)) return refused;
  call.body = bodies_.try_take(body_size(head));
  if (!call.body) return too_busy("memory");
  if (route.kind == RouteClass::Free) return std::nullopt;
  if (const Duration wait = quotas_.take(call.tenant, call.deadline.begin); wait.count() > 0) {
    const auto whole = static_cast<int>(std::min<long long>(3600, (wait.count() + 999) / 1000));
    return Refused{problem(429, "tenant '" + call.tenant + "' sends more requests than its quota allows", whole), "quota"};
  }
  if (!call.limit->has_room()) return too_busy();
  if (route.kind == RouteClass::Intake && intake_held_) {
    return Refused{problem(503, "messages that were taken in are not passed on; try again", 5 + static_cast<int>(parts_.random() * 10)),
                   "outbox_age"};
  }
  return std::nullopt;
}

std::optional<Edge::Refused> Edge::authorize(const IncomingRequest& head, const Route& route, Call& call) const {
  call.tenant = kDefaultTenant;
  if (route.scope.empty()) return std::nullopt;
  if (!options_.auth_required) {
    // Keys made by everybody would be valid on the day authentication is turned on.
    if (route.scope != "tenants:write") return std::nullopt;
    return Refused{problem(403, "tenants and keys cannot be changed while COURIER_AUTH is off"), nullptr};
  }
  const std::string token = bearer(head);
  if (token.empty()) return Refused{unauthorized("a token is needed: 'Authorization: Bearer <token>', from POST /v1/tokens"), nullptr};
  const auto claims = parts_.tokens.verify(token, parts_.clock.now());
  if (!claims) return Refused{unauthorized(claims.error().message), nullptr};
  if (!claims->may(route.scope)) {
    return Refused{problem(403, "the token does not have the scope '" + std::string(route.scope) + "'"), nullptr};
  }
  call.tenant = claims->tenant;
  return std::nullopt;
}

Handler Edge::enter(Handler inner) {
  return [this, inner = std::move(inner)](IncomingRequest in, ReplyPtr reply) {
    CallPtr call = call_of(in);
    auto permit = call->limit->try_acquire();
    std::string method = in.request.method;
    if (!permit) {
      // Others were faster while the body was read.
      return reply->send(turned_away(too_busy(), *call, method, call->route->pattern));
    }
    inner(std::move(in),
          std::make_unique<EdgeReply>(std::move(reply), parts_.meter, parts_.spans, std::move(method), call, *std::move(permit)));
  };
}

}  // namespace courier
