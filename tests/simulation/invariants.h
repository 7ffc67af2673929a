// The invariants that can be seen from the outside (docs/architecture.md): I2, I3, I9, I12, and no request lost but by what a
// cluster without Sluice would have lost too. Checked at every change; violations are collected, each once.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/context.h"

namespace sluice::simulation {

class Invariants {
 public:
  explicit Invariants(Context& context) : context_(context) {}
  void on_change(const Change& change);
  void violation(const std::string& what);
  // "12:00:03.250 I2: ..." in order of time.
  const std::vector<std::string>& violated() const { return violated_; }

 private:
  void check_route(const Change& change);         // I2
  void check_touch(const Change& change);         // I3
  void check_pins(const std::string& ns);         // I12
  void check_nothing_left(const Change& change);  // I9

  Context& context_;
  std::set<std::string> seen_;
  std::set<std::string> taken_away_;  // hashes of ReplicaSets that people deleted: no pin on them is ours to answer for
  std::map<Name, Time> small_since_;  // pinned Services whose set is smaller than its Deployment
  std::vector<std::string> violated_;
};

}  // namespace sluice::simulation
