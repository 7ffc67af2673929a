// What is compared: anything that looks at every tick and may roll back.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/bench/judge/traffic.h"

namespace sluice::bench {

class Contender {
 public:
  virtual ~Contender() = default;
  // A tick of the baseline alone, before the canary comes. Most have no use for it.
  virtual void before(const Tick&) {}
  // True: it rolls back now. Not called again after that.
  virtual bool rolls_back(const Tick& tick) = 0;
};

// Rules and tests that others document, as their users would set them up; each is described where it is made (rivals.cpp).
struct Rival {
  std::string name;
  std::unique_ptr<Contender> contender;
};
std::vector<Rival> rivals();

}  // namespace sluice::bench
