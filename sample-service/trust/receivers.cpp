#include "sample-service/trust/receivers.h"

#include <algorithm>

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;
using sluice::http::Endpoint;
using sluice::http::Request;
using sluice::http::Response;
using sluice::http::Transport;

// When more are known than this, those whose circuit is closed are forgotten: they say nothing.
constexpr std::size_t kReceivers = 4096;
constexpr Duration kPause{20};  // before the second try, and up to so much more
constexpr Duration kPauseSpread{80};

std::string host_header(const sluice::http::Url& url) {
  std::string origin = to_string(url);
  return origin.substr(origin.find("://") + 3);
}

}  // namespace

struct Receivers::Receiver {
  Receiver(sluice::http::Url origin, bool listed, CircuitPolicy policy) : url(std::move(origin)), trusted(listed), circuit(policy) {}

  const sluice::http::Url url;
  const bool trusted;

  std::mutex mutex;
  Circuit circuit;
  Silence silence{};
  std::shared_ptr<Transport> connection{};
  std::string address{};  // that connection goes to
  Duration resolve_after{0};
};

class Receivers::Guarded final : public Transport {
 public:
  Guarded(Receivers& of, std::shared_ptr<Receiver> receiver) : of_(of), receiver_(std::move(receiver)) {}

  Expected<Response> send(const Request& request, std::stop_token stop) override {
    Duration closed_for(0);
    if (!of_.allow(*receiver_, closed_for)) {
      Error error{Error::Kind::Unavailable,
                  "the circuit of " + to_string(receiver_->url) + " is open: it failed, or said nothing; it was not called", 0, closed_for};
      return tl::make_unexpected(std::move(error));
    }
    const Duration begin = of_.parts_.clock.monotonic();
    of_.budget_.first_try(begin);
    auto answer = call(request, stop);
    const Duration left = request.deadline - (of_.parts_.clock.monotonic() - begin);
    if (!of_.try_again(*receiver_, answer, left, request)) return answer;
    const Duration pause = kPause + Duration(static_cast<long long>(of_.parts_.random() * static_cast<double>(kPauseSpread.count())));
    if (!of_.parts_.pause(pause, stop)) return fail(Error::Kind::Cancelled, "stopped");
    Request second = request;
    second.deadline = left - pause;
    return call(second, stop);
  }

  Expected<bool> stream(const Request&, const sluice::http::OnHead&, const sluice::http::OnChunk&, std::stop_token) override {
    return fail(Error::Kind::Internal, "receivers are not streamed from");
  }

 private:
  Expected<Response> call(const Request& request, const std::stop_token& stop) {
    const Duration begin = of_.parts_.clock.monotonic();
    of_.begun(*receiver_, begin);
    auto answer = reach(request, stop);
    of_.report(*receiver_, answer, begin);
    return answer;
  }

  Expected<Response> reach(const Request& request, const std::stop_token& stop) {
    const auto connection = of_.connection(*receiver_);
    if (!connection) return tl::make_unexpected(connection.error());
    if (receiver_->trusted) return (*connection)->send(request, stop);
    Request named = request;
    named.headers["Host"] = host_header(receiver_->url);
    return (*connection)->send(named, stop);
  }

  Receivers& of_;
  const std::shared_ptr<Receiver> receiver_;
};

Receivers::Receivers(ReceiverPolicy policy, Parts parts) : policy_(std::move(policy)), parts_(std::move(parts)), budget_(policy_.retries) {
  for (const auto state : {Circuit::State::Closed, Circuit::State::HalfOpen, Circuit::State::Open}) moved(state, state);
  exhausted().add(0);  // there from the start
}

sluice::metrics::Counter Receivers::exhausted() const {
  return parts_.metrics.counter("retry_budget_exhausted_total", "Calls that were not tried again at once because too many were already.",
                                {{"dependency", "receiver"}});
}

Receivers::~Receivers() = default;

Expected<std::shared_ptr<Transport>> Receivers::to(const std::string& origin) {
  auto url = sluice::http::parse_url(origin);
  if (!url) return tl::make_unexpected(url.error());
  url->path.clear();
  url->query.clear();
  const std::string key = to_string(*url);
  const std::lock_guard lock(mutex_);
  auto found = receivers_.find(key);
  if (found == receivers_.end()) {
    if (receivers_.size() >= kReceivers) {
      std::erase_if(receivers_, [](const auto& entry) {
        const std::lock_guard inner(entry.second->mutex);
        return entry.second->circuit.state() == Circuit::State::Closed;
      });
    }
    const bool trusted = std::find(policy_.trusted.begin(), policy_.trusted.end(), key) != policy_.trusted.end();
    found = receivers_.emplace(key, std::make_shared<Receiver>(*std::move(url), trusted, policy_.circuit)).first;
  }
  return std::make_shared<Guarded>(*this, found->second);
}

Expected<std::shared_ptr<Transport>> Receivers::connection(Receiver& receiver) {
  const Duration now = parts_.clock.monotonic();
  {
    const std::lock_guard lock(receiver.mutex);
    if (receiver.connection && (receiver.trusted || now < receiver.resolve_after)) return receiver.connection;
  }
  const std::string origin = to_string(receiver.url);
  Endpoint endpoint{.url = origin};
  std::string address;
  if (!receiver.trusted) {
    // Without the lock: resolving may take seconds.
    const auto addresses = parts_.resolve(receiver.url.host);
    if (!addresses) return tl::make_unexpected(addresses.error());
    // The transport cannot connect to IPv6 addresses.
    const auto usable =
        std::find_if(addresses->begin(), addresses->end(), [&](const Address& one) { return one.v4 && policy_.addresses.allows(one); });
    if (usable == addresses->end()) {
      const std::string first = addresses->empty() ? "none" : to_string(addresses->front());
      return fail(Error::Kind::Forbidden, origin + " has no address that may be called (it has " + first +
                                              "): receivers need a public IPv4 address, or one in COURIER_ADDRESSES_ALLOWED");
    }
    address = to_string(*usable);
    sluice::http::Url pinned = receiver.url;
    pinned.host = address;
    pinned.ipv6_literal = false;
    endpoint.url = to_string(pinned);
    endpoint.tls.server_name = receiver.url.host;
  }
  const std::lock_guard lock(receiver.mutex);
  receiver.resolve_after = now + policy_.resolved_for;
  if (receiver.connection && receiver.address == address) return receiver.connection;
  auto made = parts_.connect(endpoint);
  if (!made) return made;
  receiver.connection = *made;
  receiver.address = address;
  return receiver.connection;
}

void Receivers::look() {
  const Duration now = parts_.clock.monotonic();
  const std::lock_guard lock(mutex_);
  for (const auto& [origin, receiver] : receivers_) {
    const std::lock_guard inner(receiver->mutex);
    trip_if_silent(*receiver, now);
  }
}

void Receivers::trip_if_silent(Receiver& receiver, Duration now) {
  if (receiver.silence.lasts(now) < policy_.silence) return;
  const auto before = receiver.circuit.state();
  receiver.circuit.trip(now, parts_.random());
  moved(before, receiver.circuit.state());
}

void Receivers::begun(Receiver& receiver, Duration now) {
  const std::lock_guard lock(receiver.mutex);
  receiver.silence.begun(now);
}

bool Receivers::allow(Receiver& receiver, Duration& closed_for) {
  const Duration now = parts_.clock.monotonic();
  const std::lock_guard lock(receiver.mutex);
  trip_if_silent(receiver, now);
  const auto before = receiver.circuit.state();
  const bool allowed = receiver.circuit.allow(now);
  if (!allowed) closed_for = receiver.circuit.closed_for(now);
  moved(before, receiver.circuit.state());
  return allowed;
}

bool Receivers::try_again(Receiver& receiver, const Expected<Response>& answer, Duration left, const Request& request) {
  const bool no_connection = !answer && answer.error().is(Error::Kind::Unavailable);
  if (!no_connection || left * 2 < request.deadline) return false;
  {
    // A probe that failed has opened the circuit again.
    const std::lock_guard lock(receiver.mutex);
    if (receiver.circuit.state() != Circuit::State::Closed) return false;
  }
  if (budget_.try_retry(parts_.clock.monotonic())) return true;
  exhausted().add();
  return false;
}

void Receivers::report(Receiver& receiver, const Expected<Response>& answer, Duration begun) {
  const bool cut = !answer && answer.error().is(Error::Kind::Cancelled);
  const bool refused = !answer && answer.error().is(Error::Kind::Forbidden);
  // 4xx is the receiver's considered answer to this message; it works.
  const bool works = answer && answer->status < 500 && answer->status != 429;
  const Duration now = parts_.clock.monotonic();
  const char* outcome = cut ? "cut" : refused ? "refused" : !answer ? "unreachable" : works ? "answered" : "failed";
  parts_.metrics
      .histogram("dependency_request_duration_seconds", "How long calls to what courier depends on took.",
                 sluice::metrics::dependency_duration_bounds(), {{"dependency", "receiver"}, {"op", "deliver"}, {"outcome", outcome}})
      .observe(sluice::seconds(now - begun));
  const std::lock_guard lock(receiver.mutex);
  if (!answer && !cut && !refused) trip_if_silent(receiver, now);
  receiver.silence.ended(now, answer.has_value());
  const auto before = receiver.circuit.state();
  if (cut || refused) receiver.circuit.abandoned(now);
  else if (works) receiver.circuit.succeeded();
  else receiver.circuit.failed(begun, now, parts_.random());
  moved(before, receiver.circuit.state());
}

void Receivers::moved(Circuit::State from, Circuit::State to) {
  const auto gauge = [this](Circuit::State state) {
    return parts_.metrics.gauge("circuit_state", "Receivers whose circuit is in this state; closed ones are not counted.",
                                {{"dependency", "receiver"}, {"state", std::string(name(state))}});
  };
  if (from == to) {
    if (to != Circuit::State::Closed) gauge(to).add(0);
    return;
  }
  if (from != Circuit::State::Closed) gauge(from).add(-1);
  if (to != Circuit::State::Closed) gauge(to).add(1);
}

}  // namespace courier
