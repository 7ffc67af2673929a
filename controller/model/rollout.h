// The Rollout as the engine sees it: its spec with every default filled in, and its identity. Its status is rollout_status.h.
//
// parse_rollout() never fails: what is wrong with a spec is told in Rollout::invalid, in words that name the field and the
// cure, and the rest of the program treats such an object as one that must not be acted upon. The CRD's schema and CEL rules
// stop most of it at apply time; this is for what no schema stopped.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/core/time.h"
#include "controller/kube/json.h"
#include "controller/kube/object.h"
#include "controller/model/rollout_status.h"

namespace sluice::model {

using kube::Json;
using kube::ObjectMeta;

struct Step {
  int weight = 0;          // percent of the Service's traffic
  Duration hold{120'000};  // from the moment the weight was observed
  std::string replicas;    // "3", "25%"; "": ceil(weight%) of the target's
  bool operator==(const Step&) const = default;
};

enum class OnNoData { Hold, Rollback };
enum class OnInconclusive { Pause, Promote, Rollback };
enum class OnShareMismatch { Hold, Report };

struct Slo {
  enum class Kind { ErrorRate, Latency };
  std::string name;
  Kind kind = Kind::ErrorRate;
  std::string total;  // error rate: selectors of counters
  std::string errors;
  double relative = 0.10;  // tolerated: baseline * (1 + relative) + absolute
  double absolute = 1e-4;
  std::string histogram;  // latency
  Duration threshold{0};
  std::optional<double> objective;  // 0.999; burning its budget also fails
  bool operator==(const Slo&) const = default;
};

struct Analysis {
  std::string address;  // "": the operator's --prometheus
  std::string selector;
  Duration interval{15'000};
  Duration warmup{30'000};
  double false_rollback = 0.01;
  double false_promotion = 0.05;
  double min_requests = 200;
  Duration min_bake{600'000};
  double margin = 0.5;
  double burn = 10;
  OnNoData on_no_data = OnNoData::Hold;
  Duration no_data_timeout{600'000};
  OnInconclusive on_inconclusive = OnInconclusive::Pause;
  OnShareMismatch on_share_mismatch = OnShareMismatch::Hold;
  Duration max_duration{7'200'000};
  std::vector<Slo> slos;
  int max_restarts = 2;             // pods: of one canary pod
  std::string max_unready = "50%";  // pods: share of the canary that may be not ready once it was available
  bool operator==(const Analysis&) const = default;
};

struct Rollout {
  ObjectMeta meta;
  std::string target;  // Deployment
  bool paused = false;
  std::string service;
  std::string route;               // "": replica-ratio mode
  std::vector<std::string> rules;  // names of rules; empty: every rule that names the Service
  std::vector<Step> steps;
  Analysis analysis;
  bool rolling_capacity = false;  // promotion.capacity: Rolling
  Duration progress_deadline{600'000};
  Duration settle{5'000};
  int history_limit = 10;

  std::string invalid;      // "": the spec is good
  std::string plan_digest;  // of what may not change in mid-run: traffic, steps, analysis
  RolloutStatus status;

  bool ratio_mode() const { return route.empty(); }
  bool deleting() const { return meta.deletion_time.has_value(); }
  bool has_finalizer() const;
};

Rollout parse_rollout(const Json& object);

}  // namespace sluice::model
