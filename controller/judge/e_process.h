// Sequential tests built from the e-variable of each tick.
//
// HarmProcess: evidence that the canary's bad-request probability is above its limit. Whatever the traffic does and
//   however often one looks, P(log_e ever >= ln(1/alpha)) <= alpha while the canary is acceptable (Ville's inequality).
//   It mixes over the size of the effect (10 odds multiples) and over the tick at which the harm begins, so that a
//   regression in minute 30 is not buried under half an hour of health. No tick may supply more than `cap` of
//   log-evidence, so one burst never decides.
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

// Which sizes of effect are bet on, as odds multiples of the limit, evenly spaced in the logarithm.
enum class Effects {
  Failures,  // 1.3 to 100
  Latency,   // 1.15 to 20: slow requests are common, and their share rarely jumps as far
};

struct HarmTest {
  Limit limit;
  int max_ticks = 480;  // starts are spread over this many ticks; afterwards no new start is considered
  double cap = 0;       // most that log_e may grow in one tick; 0: no cap
  Effects effects = Effects::Failures;
};

// One more tick, in place. p0_hat and phi (>= 1, tempering of the tick's log evidence) must have been fixed before the tick was
// seen. A tick without information for this test leaves the process as it is.
void update(HarmProcess& process, const HarmTest& test, const Counts& canary, const Counts& baseline, double p0_hat, double phi);

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

// `limit` is the promotion limit; the rest as above. The odds multiples are spread from max(0.02, 0.7 p0_hat / limit) to
// 0.9 each tick anew, which is allowed because p0_hat is known beforehand.
void update(HealthProcess& process, const Limit& limit, const Counts& canary, const Counts& baseline, double p0_hat, double phi);

inline HealthProcess advance(HealthProcess process, const Limit& limit, const Counts& canary, const Counts& baseline, double p0_hat,
                             double phi) {
  update(process, limit, canary, baseline, p0_hat, phi);
  return process;
}

}  // namespace sluice::judge
