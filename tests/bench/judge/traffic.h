// Simulated traffic of a canary and its baseline: scenario and seed -> what the judge is given, tick by tick, and the truth beside it.
//
// Pure: the same scenario and seed give the same ticks on every machine. A tick is 15 s; a service has ten pods. The canary's
// probability of a bad request is canary.theta * p0 + canary.delta wherever the baseline's is p0, before pods and outages come in.
// The models are what a judge meets (docs/benchmarks.md says it in words):
//   Independent     every request fails or not for itself
//   Bursts          failures come in clumps of a geometric size, five on average, each clump in one arm
//   PodNoise        each pod's error rate wanders: log-normal, sigma 0.6, autocorrelation 0.8 from tick to tick
//   PodEffects      each pod has an error rate of its own that stays: log-normal, sigma 0.2
//   CommonOutage    two minutes, at any time, in which 10 % of all requests fail besides
//   Diurnal         the traffic and the error rate of both arms swing by 60 % and 70 %, within hours
//   WeightSteps     the weight is 1, 2, 4 and 5 times that of the scenario (at most 90 %), half an hour each, and the error rate triples
//   CounterResets   every pod restarts once an hour; counters are read and subtracted as controller/prometheus does
//   MissingScrapes  one scrape of a pod in five fails; what it counted comes with its next one
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "controller/judge/counts.h"
#include "controller/judge/e_variable.h"
#include "controller/judge/pod_spread.h"
#include "tests/bench/judge/random.h"

namespace sluice::bench {

enum class Model { Independent, Bursts, PodNoise, PodEffects, CommonOutage, Diurnal, WeightSteps, CounterResets, MissingScrapes };

inline constexpr std::array kModels{Model::Independent, Model::Bursts,      Model::PodNoise,      Model::PodEffects,    Model::CommonOutage,
                                    Model::Diurnal,     Model::WeightSteps, Model::CounterResets, Model::MissingScrapes};

std::string_view name(Model model);   // "independent", "pod-noise" ...
std::string_view words(Model model);  // for tables

// Requests fail independently, given what both arms have in common: the judge's promise holds without calibration.
bool independent(Model model);

struct Scenario {
  Model model = Model::Independent;
  double rps = 50;            // of the service, both arms
  double base = 0.001;        // the baseline's probability of a bad request
  double weight = 0.1;        // the canary's share of the requests
  judge::Limit canary{1, 0};  // the canary's probability, given the baseline's
  int ticks = 480;            // two hours
  int onset = 0;              // tick at which the canary becomes what `canary` says; as good as the baseline before
  int history = 40;           // ticks of the baseline alone before the canary comes

  static constexpr double kSeconds = 15;
  static constexpr int kPods = 10;
};

// What was drawn from in a tick, known to the simulator alone: expected requests and probabilities.
struct Truth {
  double n1 = 0, p1 = 0;  // canary
  double n0 = 0, p0 = 0;  // baseline
};

struct Tick {
  judge::SloTick counts;
  Truth truth;
  bool new_weight = false;  // the weight changed before this tick
};

class Traffic {
 public:
  // Arms: where all pods of an arm are alike, their sum is drawn at once (sums of Poisson numbers are Poisson numbers). Other ticks than
  // those of Pods, of the same distribution, in a third of the time; pods() knows nothing then.
  enum class Grain { Pods, Arms };
  Traffic(const Scenario& scenario, std::uint64_t seed, Grain grain = Grain::Pods);

  // The next tick: `history` ticks without a canary come first, then `ticks` with one (it does not end there).
  Tick next();
  // Requests of each pod since the weight last changed (pods whose shares of a drifting day differ cannot be compared), in the two
  // halves of the stretch that ends with the next change or with the scenario; the canary's pods first.
  std::vector<judge::PodHalves> pods() const;

 private:
  struct Pod {
    double log_rate = 0;    // in standard deviations
    judge::PodHalves all;   // since the weight last changed
    judge::Counts scraped;  // CounterResets: the counters at the last scrape
    judge::Counts late;     // MissingScrapes: counted since the last scrape
  };
  struct Arm {
    double requests = 0;      // expected in this tick
    double probability = 0;   // of a bad one, before pods differ
    int first = 0, last = 0;  // its pods
  };

  double weight(int tick) const;
  int canary_pods() const;
  double pod_factor(const Pod& pod) const;
  judge::Counts draw(double requests, double probability);
  judge::Counts restarted(Pod& pod, double requests, double probability);
  // Draws for each pod of the arm and adds what its scrape brings; returns the arm's mean probability and whether a pod was scraped.
  struct Drawn {
    double probability = 0;
    bool scraped = false;
  };
  Drawn draw(const Arm& arm, double outage, judge::Counts& counts);

  Scenario scenario_;
  bool whole_arms_;
  Random random_;
  int tick_;
  int middle_ = 0;  // tick from which pods are counted as of the second half
  int outage_ = 0;
  double phase_requests_ = 0, phase_errors_ = 0;
  std::array<Pod, Scenario::kPods> pods_;
  judge::SloTick late_;  // MissingScrapes: scraped in ticks that could not be judged
  int silent_ = 0;
};

// The increase of a counter between two scrapes as controller/prometheus reads it: a smaller value is a new beginning.
inline double increase(double before, double after) { return after < before ? after : after - before; }

}  // namespace sluice::bench
