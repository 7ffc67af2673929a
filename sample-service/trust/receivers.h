// The way to receivers: makes the transports that deliveries go through. Each
//  - guards the address (address_guard.h): the name is resolved here, its addresses are looked at, and the connection goes
//    to one that may be called, whatever the name resolves to a moment later. Origins that the operator of courier listed
//    itself are trusted and called by name;
//  - has a circuit (circuit.h), so that a receiver that only fails or hangs does not hold the workers: it opens after failures in a row,
//    and when the receiver is called and has said nothing for a while (silence.h), which is told long before a call that hangs has
//    failed. A call that it stops is Unavailable with retry_after, at once, without reaching the receiver;
//  - tries once more, after a jittered pause, when no connection could be made, or it ended without an answer, and more than half of the
//    time is left: the receiver has seen nothing, or removes duplicates by webhook-id. A budget bounds these retries to a tenth of the
//    calls;
//  - is measured: dependency_request_duration_seconds{dependency="receiver",op="deliver",outcome}, circuit_state{state},
//    retry_budget_exhausted_total.
// Circuits are kept per origin, however often its transport is made again. Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "common/core/clock.h"
#include "common/core/pause.h"
#include "common/http/transport.h"
#include "common/http/url.h"
#include "common/telemetry/metrics.h"
#include "sample-service/admission/circuit.h"
#include "sample-service/admission/retry_budget.h"
#include "sample-service/admission/silence.h"
#include "sample-service/trust/address_guard.h"

namespace courier {

// Waits; false: asked to stop meanwhile.
using Pause = std::function<bool(Duration length, const std::stop_token& stop)>;

struct ReceiverPolicy {
  AddressPolicy addresses{};
  std::vector<std::string> trusted{};  // origins: "http://127.0.0.1:8080"
  CircuitPolicy circuit{};
  Duration silence{5'000};  // of a receiver that is called, until its circuit opens: half of what a delivery may take
  RetryBudgetPolicy retries{};
  Duration resolved_for{30'000};  // how long an address that was looked at is used
};

class Receivers {
 public:
  struct Parts {
    const sluice::Clock& clock;
    std::function<double()> random;  // [0, 1)
    sluice::metrics::Registry& metrics;
    std::function<Expected<std::shared_ptr<sluice::http::Transport>>(const sluice::http::Endpoint&)> connect;
    ResolveHost resolve = resolve_host;
    Pause pause = sluice::pause;
  };

  Receivers(ReceiverPolicy policy, Parts parts);
  ~Receivers();  // after every transport it made

  // origin: "http://hooks.example:8080". Invalid: not a URL. What is wrong with its address is said by each send.
  Expected<std::shared_ptr<sluice::http::Transport>> to(const std::string& origin);

  // Opens the circuits of those that are silent. A call does it, too; between calls somebody has to, about each second.
  void look();

 private:
  class Guarded;
  struct Receiver;

  // The transport to an address of the receiver that may be called. Forbidden: there is none.
  Expected<std::shared_ptr<sluice::http::Transport>> connection(Receiver& receiver);
  bool allow(Receiver& receiver, Duration& closed_for);
  void begun(Receiver& receiver, Duration now);
  bool try_again(Receiver& receiver, const Expected<sluice::http::Response>& answer, Duration left, const sluice::http::Request& request);
  void report(Receiver& receiver, const Expected<sluice::http::Response>& answer, Duration begun);
  void trip_if_silent(Receiver& receiver, Duration now);  // with its lock held
  void moved(Circuit::State from, Circuit::State to);
  sluice::metrics::Counter exhausted() const;

  const ReceiverPolicy policy_;
  Parts parts_;
  RetryBudget budget_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Receiver>> receivers_;
};

}  // namespace courier
