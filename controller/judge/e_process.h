// Sequential tests built from the e-variable of each tick.
//
// HarmProcess: evidence that the canary's bad-request probability is above its limit. Whatever the traffic does and
//   however often one looks, P(log_e ever >= ln(1/alpha)) <= alpha while the canary is acceptable (Ville's inequality).
//   It mixes over the size of the effect (10 odds multiples) and over the tick at which the harm begins (Prior), so that a
//   regression in minute 30 is not buried under half an hour of health. No tick may supply more than `cap` of
//   log-evidence, so one burst never decides. A tick with far more failures than an effect explains (an outage of both arms begins)
//   says nothing of that effect: the bet pays nine tenths, whatever it would have paid
//   (docs/decisions/0023-judge-what-an-effect-does-not-explain.md says why that is fair).
// HealthProcess: evidence that it lies below the (looser) promotion limit; 6 odds multiples below 1, one start.
//
// Values of fixed size (96 and 56 bytes), copyable, no allocation; not thread-safe. All logarithms are natural.
// Source: mixtures of e-processes and scaling down keep the property (Ramdas, Gruenwald, Vovk, Shafer,
// "Game-theoretic statistics and safe anytime-valid inference", 2023); the start-time mixture is a Shiryaev-Roberts
// type recursion with a proper prior (Shin, Ramdas, Rinaldo, "E-detectors", 2022).
#pragma once

#include <array>

#include "controller/judge/e_variable.h"
#include "controller/judge/log_math.h"

namespace sluice::judge {

struct HarmProcess {
  static constexpr int kEffects = 10;

  std::array<double, kEffects> log_a = filled();  // started wealth per effect: ln sum over past starts
  int ticks = 0;                                  // informative ticks so far
  double log_e = 0;                               // evidence now

  friend bool operator==(const HarmProcess&, const HarmProcess&) = default;

 private:
  static constexpr std::array<double, kEffects> filled() {
    std::array<double, kEffects> a{};
    for (double& x : a) x = kLogZero;
    return a;
  }
};

// What is bet on, before anything was seen: which sizes of harm, as odds multiples c of the limit, evenly spaced in the logarithm,
// with weights proportional to c^-decay, and with `first_start` that it is there from the first tick on. Any prior is valid; these
// were chosen by measurement (docs/decisions/0013-judge-prior-and-cap.md, 0016-judge-outages-set-aside.md). A state means nothing under
// another prior than its own: raise the version of trial_json.cpp and sample_ratio_json.cpp with any change.
struct Prior {
  double lowest = 0, highest = 0;
  double decay = 0;
  double first_start = 0;  // the rest of 1 is spread evenly over the ticks after the first
  double stake = 1;        // share of the wealth that is bet on a tick; the rest is kept, whatever happens in it
};
enum class Effects {
  Failures,
  Latency,  // slow requests are common, and their share rarely jumps as far
  Design,   // of the first design, which the golden values are of; no trial uses it
};
constexpr Prior prior(Effects effects) {
  switch (effects) {
    case Effects::Failures: return {1.3, 30, 0.75, 0.85, 0.97};
    case Effects::Latency: return {1.15, 20, 0.25, 0.8, 0.97};
    case Effects::Design: break;
  }
  return {1.3, 100, 0.25, 0.6, 1};
}

struct HarmTest {
  Limit limit;
  int max_ticks = 480;  // starts are spread over this many ticks; afterwards no new start is considered
  double cap = 0;       // most that log_e may grow in one tick; 0: no cap
  Effects effects = Effects::Failures;
};

// One more tick, in place. p0_hat and phi (>= 1, tempering of the tick's log evidence) must have been fixed before the tick was
// seen. A tick without information for this test leaves the process as it is.
// `usual` < p0_hat says that p0_hat is the rate of an outage: what fails for another reason than the canary's does so besides, so the
// harm bet on is then as many percentage points beyond the limit as it is at the usual rate, and no multiple.
void update(HarmProcess& process, const HarmTest& test, const Counts& canary, const Counts& baseline, double p0_hat, double phi,
            double usual = 1);

// The process after one more tick.
inline HarmProcess advance(HarmProcess process, const HarmTest& test, const Counts& canary, const Counts& baseline, double p0_hat,
                           double phi) {
  update(process, test, canary, baseline, p0_hat, phi);
  return process;
}

struct HealthProcess {
  static constexpr int kEffects = 6;

  std::array<double, kEffects> log_a{};
  double log_e = 0;

  friend bool operator==(const HealthProcess&, const HealthProcess&) = default;
};

// Whether the baseline fails more in this tick than chance lets it while its rate is within the promotion limit at the guess p0_hat:
// more than m + 3 sqrt(m) + 3 bad requests where m = limit(p0_hat) * requests. False without a baseline.
bool unusual(const Limit& limit, const Counts& baseline, double p0_hat);

// `limit` is the promotion limit; the rest as above. In an unusual tick the evidence may fall but not rise: while everything fails,
// 1.5 times the baseline is far above any canary, and that proves nothing about the days to come. (Valid: what replaces the new
// value is never more than it.) The odds multiples are spread from max(0.02, 0.7 p0_hat / limit) to
// 0.9 each tick anew, which is allowed because p0_hat is known beforehand.
void update(HealthProcess& process, const Limit& limit, const Counts& canary, const Counts& baseline, double p0_hat, double phi);

inline HealthProcess advance(HealthProcess process, const Limit& limit, const Counts& canary, const Counts& baseline, double p0_hat,
                             double phi) {
  update(process, limit, canary, baseline, p0_hat, phi);
  return process;
}

}  // namespace sluice::judge
