#include "sample-service/cache/l2.h"

#include "common/telemetry/log.h"

namespace courier {
namespace {

constexpr CircuitPolicy kOffFor{.failures = 1, .first_break = Duration(1'000), .longest_break = Duration(15'000)};
constexpr RedisTimeouts kSoon{.connect = std::chrono::milliseconds(100), .answer = std::chrono::milliseconds(50)};

}  // namespace

std::string_view name(L2::Result result) {
  switch (result) {
    case L2::Result::Hit: return "hit";
    case L2::Result::Miss: return "miss";
    case L2::Result::Error: return "error";
    case L2::Result::Off: return "off";
  }
  return "off";
}

L2::L2(std::string prefix, Run run, Parts parts)
    : prefix_(std::move(prefix)), run_(std::move(run)), parts_(std::move(parts)), circuit_(kOffFor), executor_(kQueue) {}

L2::~L2() { end(); }

void L2::get(const std::string& key, std::function<void(const Found&)> found) {
  const auto shared = std::make_shared<std::function<void(const Found&)>>(std::move(found));
  if (!post([this, key, shared] { (*shared)(ask(key)); })) (*shared)({});
}

void L2::put(const std::string& key, const std::string& value) {
  (void)post([this, key, value] { (void)run("put", {"SET", name_of(key), value, "EX", std::to_string(kLife.count())}); });
}

bool L2::post(Executor::Job job) {
  const std::lock_guard lock(mutex_);
  // An open circuit is asked again on the thread; here only what is sure to be refused is spared the way.
  return !ended_ && circuit_.closed_for(parts_.clock.monotonic()) <= Duration(0) && executor_.try_post(std::move(job));
}

L2::Found L2::ask(const std::string& key) {
  const auto answer = run("get", {"GET", name_of(key)});
  if (!answer) return {answer.error().is(sluice::Error::Kind::Cancelled) ? Result::Off : Result::Error, {}};
  return answer->text.empty() ? Found{Result::Miss, {}} : Found{Result::Hit, answer->text};
}

Expected<RedisAnswer> L2::run(const char* operation, const RedisConnection::Command& command) {
  const Duration begin = parts_.clock.monotonic();
  {
    const std::lock_guard lock(mutex_);
    if (ended_ || !circuit_.allow(begin)) return sluice::fail(sluice::Error::Kind::Cancelled, "the cache in Redis is off for a while");
  }
  auto answer = run_(command);
  const Duration end = parts_.clock.monotonic();
  parts_.metrics
      .histogram("dependency_request_duration_seconds", "How long operations of what courier depends on took.",
                 sluice::metrics::dependency_duration_bounds(),
                 {{"dependency", "cache"}, {"op", operation}, {"outcome", answer ? "ok" : "error"}})
      .observe(sluice::seconds(end - begin));
  const std::lock_guard lock(mutex_);
  if (answer) {
    circuit_.succeeded();
  } else {
    const bool was_open = circuit_.state() != Circuit::State::Closed;
    circuit_.failed(begin, end, parts_.random());
    if (!was_open && circuit_.state() == Circuit::State::Open)
      sluice::log::warn("the cache in Redis is off for a while; reads go to the database", {{"error", to_string(answer.error())}});
  }
  return answer;
}

void L2::end() {
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    ended_ = true;
  }
  // One thread, first come, first served: what was taken in before is done.
  executor_.call([] { return true; });
}

std::string L2::name_of(const std::string& key) const { return prefix_ + ":" + std::to_string(kLayout) + ":" + key; }

Expected<L2::Run> redis_for_cache(const std::string& uri) {
  const auto address = parse_redis_uri(uri);
  if (!address) return tl::make_unexpected(address.error());
  auto connection = std::make_shared<RedisConnection>(*address, kSoon);
  return [connection](const RedisConnection::Command& command) {
    auto answer = connection->run(command);
    // A connection that was closed while nobody used it is seen only now; the second try makes another one.
    return answer ? answer : connection->run(command);
  };
}

}  // namespace courier
