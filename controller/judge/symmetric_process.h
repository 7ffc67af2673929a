// Sequential test that a series of numbers is systematically above zero: for gauges, of which only their values are known.
//
// Null: given the past, each number is symmetric about some centre <= 0. Then, whatever their spread is and however it changes,
//   log E = 1/2 ln(r/(V+r)) + S^2/(2(V+r)) + ln(2 Phi(S/sqrt(V+r))),   S = sum, V = sum of squares,
// is the log of an e-process: a mixture over l > 0 (half-normal) of exp(l*x - l^2*x^2/2), each of which has expectation <= 1 for
// a symmetric x. Neither a variance nor a distribution is estimated. It takes for granted that a number says nothing about the next
// one beyond that; neighbouring values of a gauge do, so block means are fed in and evidence is calibrated (replay.h).
// Value of 24 bytes; no allocation.
// Source: de la Pena, "A general class of exponential inequalities for martingales and ratios" (1999); Howard, Ramdas et al.,
// "Time-uniform, nonparametric, nonasymptotic confidence sequences" (2021), one-sided normal mixture, and its tuning r.
#pragma once

namespace sluice::judge {

struct SymmetricProcess {
  double sum = 0;
  double squares = 0;
  double log_e = 0;

  friend bool operator==(const SymmetricProcess&, const SymmetricProcess&) = default;
};

// One more number, in units of its usual spread; numbers beyond +-1000 are drawn in. alpha, for which it is tuned, in (0, 0.5);
// phi >= 1 tempers the evidence.
void update(SymmetricProcess& process, double x, double alpha, double phi);

}  // namespace sluice::judge
