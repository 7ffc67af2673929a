// The guess of the baseline's bad-request rate that the next tick is bet with. It is made of past ticks only; a wrong guess costs
// power, never validity. Requests are raw increments, rates lie in (0, 1).
//
// The usual rate is a mean that forgets slowly (0.5 % per tick). A tick far above it (by more than three standard deviations and one
// and a half requests) is set aside: most are outages that pass, and one of two minutes would raise a low guess a hundredfold for an hour.
// While they last, the guess is their rate; a tick that the usual rate explains better ends them, and they are forgotten. After kNews such
// ticks in a row they are the usual.
#pragma once

#include <algorithm>
#include <cmath>

#include "controller/judge/counts.h"

namespace sluice::judge {

struct BaselineRate {
  static constexpr int kNews = 40;  // ticks

  double total = 0;
  double bad = 0;
  double aside_total = 0;  // of the unusual ticks since the last usual one
  double aside_bad = 0;
  int aside = 0;  // ticks

  // False until a first tick was learned: without it a bet would only burn wealth.
  bool known() const { return total > 0; }
  double usual() const { return rate(total, bad); }
  // For the next tick.
  double guess() const { return aside > 0 ? rate(aside_total, aside_bad) : usual(); }

  // `phi` >= 1: how many times more than those of independent requests the counts of a tick vary.
  void learn(const Counts& baseline, double phi) {
    if (baseline.total <= 0) return;
    if (known() && (aside > 0 ? not_over(baseline) : above_usual(baseline, phi))) {
      aside_total += baseline.total;
      aside_bad += baseline.bad;
      if (++aside < kNews) return;
      total = aside_total;
      bad = aside_bad;
    } else {
      constexpr double kKept = 0.995;
      total = kKept * total + baseline.total;
      bad = kKept * bad + baseline.bad;
    }
    aside_total = aside_bad = 0;
    aside = 0;
  }
  friend bool operator==(const BaselineRate&, const BaselineRate&) = default;

 private:
  // Whether a tick is likelier at the rate of the unusual ticks than at the usual one. (Of few requests in an outage hardly any may fail.)
  bool not_over(const Counts& baseline) const { return baseline.bad * std::log(guess() / usual()) > baseline.total * (guess() - usual()); }

  static double rate(double total, double bad) { return std::clamp((bad + 0.5) / (total + 1), 1e-7, 0.99); }

  bool above_usual(const Counts& baseline, double phi) const {
    const double expected = usual() * baseline.total;
    const double variance = phi * expected * (1 + baseline.total / total);  // the second part is that of the guess
    return baseline.bad > expected + 3 * std::sqrt(variance) + 1.5 * phi;
  }
};

}  // namespace sluice::judge
