#include "sample-service/api/store_calls.h"

#include "sample-service/domain/problem.h"

namespace courier {

using sluice::http::Response;

StoreCalls::StoreCalls(Executor& executor, const sluice::Clock& clock, Meter& meter, sluice::metrics::Registry& metrics)
    : executor_(executor),
      clock_(clock),
      meter_(meter),
      waited_(metrics.histogram("admission_queue_seconds", "How long requests waited for the store.",
                                sluice::metrics::request_duration_bounds())) {}

void StoreCalls::run(const CallPtr& call, sluice::http::ReplyPtr reply, std::function<Response()> work) {
  const auto once = std::make_shared<OnceReply>(std::move(reply));
  const Duration posted = clock_.monotonic();
  const bool taken = executor_.try_post([this, call, once, posted, work = std::move(work)] {
    const Duration now = clock_.monotonic();
    waited_.observe(sluice::seconds(now - posted));
    if (call->deadline.expired(now)) return refuse_late(*once, *call->route, call->deadline.timeout);
    if (call->deadline.waited_too_long(posted, now)) {
      return refuse(*once, *call->route, 503, "queue_age", "the request waited too long for the database; try again");
    }
    once->send(work());
  });
  if (!taken) return refuse(*once, *call->route, 503, "queue_full", "too many requests wait for the database; try again");
  // Weak: what was answered is not kept until its deadline.
  watch_.after(call->deadline.left(posted), [this, waiting = std::weak_ptr(once), &route = *call->route, timeout = call->deadline.timeout] {
    const auto late = waiting.lock();
    if (!late) return;
    refuse_late(*late, route, timeout);
  });
}

void StoreCalls::refuse_late(OnceReply& reply, const Route& route, Duration timeout) {
  refuse(reply, route, 504, "deadline",
         "not done within the " + sluice::format_duration(timeout) + " that the request allows (X-Request-Timeout-Ms)");
}

void StoreCalls::refuse(OnceReply& reply, const Route& route, int status, const char* reason, const std::string& why) {
  const auto first = reply.take();
  if (!first) return;
  meter_.rejected(route.pattern, reason);
  first->send(problem(status, why, status == 503 ? 1 : 0));
}

}  // namespace courier
