#include "sample-service/api/store_calls.h"

#include "sample-service/domain/problem.h"

namespace courier {

using sluice::http::Response;

StoreCalls::StoreCalls(Executor& executor, const sluice::Clock& clock, Meter& meter, sluice::metrics::Registry& metrics,
                       std::function<void(Duration waited)> on_begin)
    : executor_(executor),
      clock_(clock),
      meter_(meter),
      waited_(metrics.histogram("admission_queue_seconds", "How long requests waited for the store.",
                                sluice::metrics::request_duration_bounds())),
      on_begin_(std::move(on_begin)) {}

void StoreCalls::begun(Duration waited) {
  waited_.observe(sluice::seconds(waited));
  if (on_begin_) on_begin_(waited);
}

void StoreCalls::run(const CallPtr& call, sluice::http::ReplyPtr reply, std::function<Response()> work) {
  const auto once = std::make_shared<OnceReply>(std::move(reply));
  const Duration posted = clock_.monotonic();
  const bool taken = executor_.try_post([this, call, once, posted, work = std::move(work)] {
    const Duration now = clock_.monotonic();
    begun(now - posted);
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

struct StoreCalls::Reading {
  Reading(CallPtr of, sluice::http::ReplyPtr reply, CachedRead read, Duration at)
      : call(std::move(of)), once(std::move(reply)), what(std::move(read)), posted(at) {}
  const CallPtr call;
  OnceReply once;
  const CachedRead what;
  const Duration posted;
};

void StoreCalls::read(const CallPtr& call, sluice::http::ReplyPtr reply, CachedRead what) {
  if (!what.cache.on()) {
    return run(call, std::move(reply), [load = std::move(what.load), answer = std::move(what.answer)] { return answer(load()); });
  }
  const auto reading = std::make_shared<Reading>(call, std::move(reply), std::move(what), clock_.monotonic());
  ask(reading);
  if (reading->once.taken()) return;
  const Duration left = call->deadline.left(reading->posted);
  const std::weak_ptr waiting = reading;
  if (reading->what.cache.has(reading->what.key)) {
    watch_.after(left / 2, [this, waiting] {
      if (const auto late = waiting.lock()) answer_instead(*late);
    });
  }
  watch_.after(left, [this, waiting] {
    const auto late = waiting.lock();
    if (late && !answer_instead(*late)) refuse_late(late->once, *late->call->route, late->call->deadline.timeout);
  });
}

void StoreCalls::ask(const std::shared_ptr<Reading>& reading) {
  const CachedRead& what = reading->what;
  what.cache.read(
      what.key,
      [this, reading](const Expected<Read>& found) {
        if (reading->once.taken()) return;
        // Whoever was to load for all had less time than this one may have.
        if (!found && found.error().is(sluice::Error::Kind::Cancelled)) return ask(reading);
        reading->once.send(reading->what.answer(found));
      },
      [this, reading](const ReadCache::FlightPtr& flight) { load(reading, flight); });
}

void StoreCalls::load(const std::shared_ptr<Reading>& reading, const ReadCache::FlightPtr& flight) {
  // Its own request is answered before the load is given up: only the others are to ask again.
  const bool taken = executor_.try_post([this, reading, flight] {
    const Duration now = clock_.monotonic();
    const RequestDeadline& deadline = reading->call->deadline;
    begun(now - reading->posted);
    const bool late = deadline.expired(now);
    if (!late && !deadline.waited_too_long(reading->posted, now)) return flight->finish(reading->what.load());
    if (!answer_instead(*reading)) {
      if (late) refuse_late(reading->once, *reading->call->route, deadline.timeout);
      else refuse(reading->once, *reading->call->route, 503, "queue_age", "the request waited too long for the database; try again");
    }
    flight->abandon();
  });
  if (taken) return;
  if (!answer_instead(*reading)) {
    refuse(reading->once, *reading->call->route, 503, "queue_full", "too many requests wait for the database; try again");
  }
  flight->abandon();
}

bool StoreCalls::answer_instead(Reading& reading) {
  if (reading.once.taken()) return true;
  const auto copy = reading.what.cache.instead(reading.what.key);
  if (!copy) return false;
  reading.once.send(reading.what.answer(*copy));
  return true;
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
