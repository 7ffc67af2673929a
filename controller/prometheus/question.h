// The questions that a tick asks: an SLO's two counters, confined to one arm's pods.
#pragma once

#include <string>
#include <vector>

#include "controller/prometheus/sampler.h"

namespace sluice::prometheus {

inline constexpr std::string_view kBucket = "_bucket";

// One arm, ready to be asked for.
struct Arm {
  const char* name;
  bool asked = false;
  std::vector<Matcher> matchers;
  Placeholders placeholders;
  Pods pods;
};

// The queries of an SLO before they are confined to an arm. Of a distribution both are its buckets, of a gauge itself, of an
// expression nothing.
struct Questions {
  Selector total{}, part{};
  Part kind = Part::Bad;
};

// Invalid: a selector that cannot be read, a threshold that is no length of time, a histogram with a bound (le) chosen.
Expected<Questions> questions_of(const SloQuery& slo);
// Invalid: placeholders that cannot be filled in.
Expected<Arm> arm_of(const char* name, const ArmQuery& query, const std::vector<Matcher>& matchers, const std::string& ns);
// The selector with its placeholders filled in, confined to the arm and its namespace.
Expected<Selector> asked_of(Selector selector, const Arm& arm);

// An expression with its placeholders filled in. Invalid: no name that Kubernetes gives, or an unknown placeholder.
Expected<std::string> asked_of(const ExpressionQuery& query, const Arm& arm);

}  // namespace sluice::prometheus
