// What the service's own past says about how often the judge would have been wrong: the value that calibrate() returns
// (replay.h) and that a plan carries.
//
// H past windows in which some baseline pods played the canary are judged again. Nothing was wrong with any of them, so every
// alarm is a false one. phi of an SLO is the smallest number that log-evidence must be divided by so that no window alarms. If
// today is like those days (exchangeable with them), a false rollback then has probability <= 1/(H+1), whatever the requests
// depend on: bursts, pods, caches. No model is needed for that.
// Values; part of the plan's digest, as anything else that the judgement depends on.
#pragma once

#include <string>
#include <vector>

namespace sluice::judge {

struct SloCalibration {
  double phi = 1;         // >= 1: log-evidence is divided by it (times Calibration::kappa)
  bool usable = true;     // false: some window alarms whatever phi is; the SLO may then only hold the weight, never fail
  double pod_spread = 0;  // tau: standard deviation of the logarithm of the pods' own rates; 0: none was seen
  friend bool operator==(const SloCalibration&, const SloCalibration&) = default;
};

struct Calibration {
  int windows = 0;                   // H; 0: not calibrated, phi is then estimated while judging (overdispersion.h)
  double kappa = 1;                  // >= 1: what several SLOs together need on top of their own phi
  std::vector<SloCalibration> slos;  // as in the plan; empty if windows == 0
  std::string taken;                 // when the windows were recorded, as people write it; for sentences only

  bool done() const { return windows > 0; }
  // Highest probability of a false rollback that the replays vouch for; 1 without any.
  double bound() const { return 1.0 / (windows + 1); }
  friend bool operator==(const Calibration&, const Calibration&) = default;
};

}  // namespace sluice::judge
