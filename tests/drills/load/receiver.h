// Takes courier's deliveries and notes each as an effect, or behaves otherwise as a drill wants.
#pragma once

#include <list>
#include <memory>

#include "tests/drills/load/conduct.h"
#include "tests/drills/load/ledger.h"
#include "tests/drills/load/stream.h"

namespace courier::drills {

class Receiver final : private Loop::Handler {
 public:
  // loop and ledger must outlive it. Unavailable: no port of loopback can be had.
  static sluice::Expected<std::unique_ptr<Receiver>> open(Loop& loop, Ledger& ledger);
  ~Receiver();

  std::uint16_t port() const { return port_; }
  void behave(Conduct conduct, double share) {
    conduct_ = conduct;
    share_ = share;
  }
  std::uint64_t calls() const { return calls_; }

 private:
  class Caller;
  Receiver(Loop& loop, Ledger& ledger, wire::Descriptor socket, std::uint16_t port);
  void ready(std::uint32_t events) override;
  void drop(Caller& caller);

  Loop& loop_;
  Ledger& ledger_;
  const wire::Descriptor socket_;
  const std::uint16_t port_;
  Conduct conduct_ = Conduct::Ok;
  double share_ = 1;
  std::uint64_t calls_ = 0;
  std::list<std::shared_ptr<Caller>> callers_;
};

}  // namespace courier::drills
