// The API's way to the store: off the loops, in a bounded line, and never past the deadline of the request.
//  - the line is full: 503, at once;
//  - the request stood in it for more than half of its time: 503, so that what is fresh is done in time instead;
//  - its deadline comes while it waits or while the store works: 504. The work may still be done; a client that does not
//    know repeats it under the same idempotency key.
// Reads that are asked for often go through a cache (cache/read_cache.h) first, and give its stale copy rather than a 503 or
// 504, after half of their time when the store hangs.
// Thread-safe.
#pragma once

#include <functional>
#include <string>

#include "common/core/clock.h"
#include "common/http/server.h"
#include "sample-service/api/call.h"
#include "sample-service/api/deadline_watch.h"
#include "sample-service/api/meter.h"
#include "sample-service/api/once_reply.h"
#include "sample-service/cache/read_cache.h"
#include "sample-service/store/executor.h"

namespace courier {

class StoreCalls {
 public:
  // on_begin: told how long each call has waited in the line, on the executor's threads; may be null.
  StoreCalls(Executor& executor, const sluice::Clock& clock, Meter& meter, sluice::metrics::Registry& metrics,
             std::function<void(Duration waited)> on_begin = nullptr);

  // work: blocks; its answer is sent. It is not called when the deadline has passed.
  void run(const CallPtr& call, sluice::http::ReplyPtr reply, std::function<sluice::http::Response()> work);

  struct CachedRead {
    ReadCache& cache;
    std::string key{};
    std::function<Expected<Read>()> load{};                                 // as work above; what several requests are answered from
    std::function<sluice::http::Response(const Expected<Read>&)> answer{};  // of this request; must not block
  };
  void read(const CallPtr& call, sluice::http::ReplyPtr reply, CachedRead what);

 private:
  struct Reading;
  void begun(Duration waited);
  void ask(const std::shared_ptr<Reading>& reading);
  void load(const std::shared_ptr<Reading>& reading, const ReadCache::FlightPtr& flight);
  bool answer_instead(Reading& reading);
  void refuse_late(OnceReply& reply, const Route& route, Duration timeout);
  void refuse(OnceReply& reply, const Route& route, int status, const char* reason, const std::string& why);

  Executor& executor_;
  const sluice::Clock& clock_;
  Meter& meter_;
  sluice::metrics::Histogram waited_;
  const std::function<void(Duration waited)> on_begin_;
  DeadlineWatch watch_;
};

}  // namespace courier
