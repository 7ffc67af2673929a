// Waits for many descriptors on one thread: epoll and nothing else, so that it takes little of the machine it shares with what is drilled.
#pragma once

#include <sys/epoll.h>

#include <memory>
#include <vector>

#include "tests/drills/load/times.h"
#include "tests/wire/descriptor.h"

namespace courier::drills {

class Loop {
 public:
  class Handler {
   public:
    // events: of epoll
    virtual void ready(std::uint32_t events) = 0;

   protected:
    ~Handler() = default;
  };

  // Adds the descriptor, or changes what is waited for. The handler must live until forget() and the end of that round.
  void watch(int fd, std::uint32_t events, Handler& handler);
  void forget(int fd);
  // Keeps something until the end of the round: an event of it may be about it, or it may be calling.
  void bury(std::shared_ptr<void> what) { buried_.push_back(std::move(what)); }

  // Waits for so long at most and hands out what came: a round.
  void wait(Nanoseconds longest);

 private:
  wire::Descriptor epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  std::vector<std::shared_ptr<void>> buried_;
};

}  // namespace courier::drills
