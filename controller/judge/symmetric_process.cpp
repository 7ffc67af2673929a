#include "controller/judge/symmetric_process.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sluice::judge {
namespace {

// x^2/2 + ln(2 Phi(x)): far below zero both parts are huge and nearly cancel.
double half_square_plus_log_tail(double x) {
  if (x > -10) return 0.5 * x * x + std::log(std::erfc(-x / std::numbers::sqrt2));
  const double square = x * x;
  return 0.5 * std::log(2 / std::numbers::pi) - std::log(-x) + std::log1p(-1 / square + 3 / (square * square));
}

}  // namespace

void update(SymmetricProcess& process, double x, double alpha, double phi) {
  constexpr double kFurthest = 1000;
  constexpr double kTunedFor = 8;  // sum of squares at which the test is sharpest: eight blocks of usual spread
  if (std::isnan(x)) return;
  x = std::clamp(x, -kFurthest, kFurthest);
  process.sum += x;
  process.squares += x * x;
  const double needed = 2 * std::log(1 / (2 * alpha));
  const double r = kTunedFor / (needed + std::log1p(needed));
  const double spread = process.squares + r;
  process.log_e = (0.5 * std::log(r / spread) + half_square_plus_log_tail(process.sum / std::sqrt(spread))) / phi;
}

}  // namespace sluice::judge
