// How many processes do the same as this one just now, told through Redis: what all of them grant together, each grants a part of.
// Each says once a second that it is there, by Redis' clock; who has not said so for five seconds counts no more.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "common/core/error.h"

namespace courier {

using sluice::Expected;

struct PeersOptions {
  std::string uri{};                // as RedisOptions has it
  std::string self{};               // this process, unlike all others
  std::string key = "courier:api";  // a sorted set: process -> the second in which it was last there
  std::chrono::milliseconds every{1'000};
};

class Peers {
 public:
  virtual ~Peers() = default;  // says that this process is gone; blocks for at most a second or two
};

// `told` hears of each count that was made, 1 or more, on a thread of its own. While Redis is away it hears nothing, so what was
// counted last goes on to hold. Invalid: a URI that cannot be used, without its password.
Expected<std::unique_ptr<Peers>> count_peers(PeersOptions options, std::function<void(std::size_t)> told);

}  // namespace courier
