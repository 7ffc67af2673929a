#include "tests/bench/judge/traffic.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace sluice::bench {

namespace {

constexpr double kBurst = 5;                         // mean size of a clump of failures
constexpr double kNoise = 0.6;                       // sigma of a pod's log rate that wanders
constexpr double kMemory = 0.8;                      // its autocorrelation over a tick
constexpr double kEffect = 0.2;                      // sigma of a pod's log rate that stays
constexpr int kOutage = 8;                           // ticks
constexpr double kOutageShare = 0.1;                 // of all requests
constexpr double kHour = 3600 / Scenario::kSeconds;  // in ticks
constexpr double kMissing = 0.2;                     // share of scrapes
constexpr double kRestart = 1 / kHour;

bool pods_are_alike(Model model) {
  return model == Model::Independent || model == Model::Bursts || model == Model::CommonOutage || model == Model::Diurnal ||
         model == Model::WeightSteps;
}

// A log-normal factor of mean 1.
double factor(double sigma, double z) { return std::exp(sigma * z - sigma * sigma / 2); }

}  // namespace

std::string_view name(Model model) {
  switch (model) {
    case Model::Independent: return "independent";
    case Model::Bursts: return "bursts";
    case Model::PodNoise: return "pod-noise";
    case Model::PodEffects: return "pod-effects";
    case Model::CommonOutage: return "common-outage";
    case Model::Diurnal: return "diurnal";
    case Model::WeightSteps: return "weight-steps";
    case Model::CounterResets: return "counter-resets";
    case Model::MissingScrapes: return "missing-scrapes";
  }
  return "";
}

std::string_view words(Model model) {
  switch (model) {
    case Model::Independent: return "independent requests";
    case Model::Bursts: return "errors in bursts of 5";
    case Model::PodNoise: return "pods that wander, AR(0.8)";
    case Model::PodEffects: return "pods that differ for good";
    case Model::CommonOutage: return "outage in both arms";
    case Model::Diurnal: return "daily drift";
    case Model::WeightSteps: return "weight steps and drift";
    case Model::CounterResets: return "counter resets";
    case Model::MissingScrapes: return "20 % of scrapes missing";
  }
  return "";
}

bool independent(Model model) { return model != Model::Bursts && model != Model::PodNoise && model != Model::PodEffects; }

Traffic::Traffic(const Scenario& scenario, std::uint64_t seed, Grain grain)
    : scenario_(scenario), whole_arms_(grain == Grain::Arms && pods_are_alike(scenario.model)), random_(seed), tick_(-scenario.history) {
  outage_ = static_cast<int>(random_.uniform() * (scenario_.ticks - kOutage));
  phase_requests_ = 2 * std::numbers::pi * random_.uniform();
  phase_errors_ = 2 * std::numbers::pi * random_.uniform();
  for (Pod& pod : pods_) pod.log_rate = random_.normal();
}

double Traffic::weight(int tick) const {
  if (tick < 0) return 0;
  if (scenario_.model != Model::WeightSteps) return scenario_.weight;
  constexpr std::array kSteps{1.0, 2.0, 4.0, 5.0};
  const int step = std::min(3, 4 * tick / scenario_.ticks);
  return std::min(0.9, kSteps[static_cast<std::size_t>(step)] * scenario_.weight);
}

int Traffic::canary_pods() const {
  return std::clamp(static_cast<int>(std::lround(Scenario::kPods * scenario_.weight)), 1, Scenario::kPods - 1);
}

double Traffic::pod_factor(const Pod& pod) const {
  if (scenario_.model == Model::PodNoise) return factor(kNoise, pod.log_rate);
  if (scenario_.model == Model::PodEffects) return factor(kEffect, pod.log_rate);
  return 1;
}

std::vector<judge::PodHalves> Traffic::pods() const {
  std::vector<judge::PodHalves> all;
  for (const Pod& pod : pods_) all.push_back(pod.all);
  return all;
}

// Poisson requests, each bad with `probability`: bad and good ones are then independent Poisson numbers.
judge::Counts Traffic::draw(double requests, double probability) {
  judge::Counts counts;
  const double bad = requests * probability;
  counts.bad = scenario_.model == Model::Bursts ? random_.bursts(random_.poisson(bad / kBurst), kBurst) : random_.poisson(bad);
  counts.total = counts.bad + random_.poisson(requests - bad);
  return counts;
}

// A pod's counters are read at the end of the tick. One that restarts in it loses what it had counted since the scrape before.
judge::Counts Traffic::restarted(Pod& pod, double requests, double probability) {
  const bool restarts = random_.uniform() < kRestart;
  judge::Counts now = draw(restarts ? random_.uniform() * requests : requests, probability);
  if (!restarts) now += pod.scraped;
  judge::Counts read{increase(pod.scraped.total, now.total), increase(pod.scraped.bad, now.bad)};
  read.bad = std::min(read.bad, read.total);  // a reset that only one of the two counters shows
  pod.scraped = now;
  return read;
}

Traffic::Drawn Traffic::draw(const Arm& arm, double outage, judge::Counts& counts) {
  if (whole_arms_) {
    const double probability = 1 - (1 - std::min(1.0, arm.probability)) * (1 - outage);
    counts += draw(arm.requests, probability);
    return {probability, true};
  }
  Drawn drawn;
  const double share = 1.0 / (arm.last - arm.first);
  for (int i = arm.first; i < arm.last; ++i) {
    Pod& pod = pods_[static_cast<std::size_t>(i)];
    const double own = std::min(1.0, arm.probability * pod_factor(pod));
    const double probability = 1 - (1 - own) * (1 - outage);
    drawn.probability += share * probability;
    judge::Counts read = scenario_.model == Model::CounterResets ? restarted(pod, share * arm.requests, probability)
                                                                 : draw(share * arm.requests, probability);
    (tick_ <= middle_ ? pod.all.first : pod.all.second) += read;
    if (scenario_.model == Model::MissingScrapes) {
      pod.late += read;
      if (random_.uniform() < kMissing) continue;
      read = pod.late;
      pod.late = {};
    }
    drawn.scraped = true;
    counts += read;
  }
  return drawn;
}

Tick Traffic::next() {
  const int t = tick_++;
  const Model model = scenario_.model;
  Tick tick;
  const double w = weight(t);
  tick.new_weight = t == 0 || (t > 0 && w != weight(t - 1));

  double requests = scenario_.rps * Scenario::kSeconds;
  double base = scenario_.base;
  double outage = 0;
  if (model == Model::Diurnal) {
    requests *= 1 + 0.6 * std::sin(2 * std::numbers::pi * t / (8 * kHour) + phase_requests_);
    base *= 1 + 0.7 * std::sin(2 * std::numbers::pi * t / (3 * kHour) + phase_errors_);
  } else if (model == Model::WeightSteps) {
    base *= 1 + 2.0 * std::clamp(t, 0, scenario_.ticks) / scenario_.ticks;
  } else if (model == Model::CommonOutage && t >= outage_ && t < outage_ + kOutage) {
    outage = kOutageShare;
  } else if (model == Model::PodNoise) {
    for (Pod& pod : pods_) pod.log_rate = kMemory * pod.log_rate + std::sqrt(1 - kMemory * kMemory) * random_.normal();
  }

  const int canaries = canary_pods();
  Arm canary{requests * w, t >= scenario_.onset ? scenario_.canary.at(base) : base, 0, canaries};
  Arm baseline{requests * (1 - w), base, w > 0 ? canaries : 0, Scenario::kPods};
  if (tick.new_weight) {
    for (Pod& pod : pods_) pod.all = {};
    middle_ = t + scenario_.ticks / (model == Model::WeightSteps ? 8 : 2);
  }
  if (t == 0) {  // the canary's pods are new, and its first tick begins with a scrape
    for (Pod& pod : pods_) pod.late = {};
    late_ = {};
    silent_ = 0;
  }

  judge::SloTick& counts = tick.counts;
  const bool may_be_late = model == Model::MissingScrapes;
  judge::SloTick& scraped = may_be_late ? late_ : counts;
  const Drawn drawn1 = w > 0 ? draw(canary, outage, scraped.canary) : Drawn{0, true};
  const Drawn drawn0 = draw(baseline, outage, scraped.baseline);
  tick.truth = {canary.requests, drawn1.probability, baseline.requests, drawn0.probability};
  if (may_be_late) {
    counts.present = drawn1.scraped && drawn0.scraped;
    if (counts.present) {
      counts = std::exchange(late_, {});
      counts.bridges = std::exchange(silent_, 0);
    } else {
      ++silent_;
    }
  }
  counts.canary_pods = w > 0 ? canaries : 0;
  counts.baseline_pods = Scenario::kPods - counts.canary_pods;
  return tick;
}

}  // namespace sluice::bench
