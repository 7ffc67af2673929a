#include "controller/model/rollout_action.h"

#include "controller/model/read.h"

namespace sluice::model {

RolloutAction parse_rollout_action(const kube::Json& object) {
  RolloutAction a;
  a.meta = kube::parse_meta(object);
  a.rollout = read::text(object, {"spec", "rollout"});
  a.action = read::text(object, {"spec", "action"});
  a.kind = a.action == "Abort"     ? RolloutAction::Kind::Abort
           : a.action == "Retry"   ? RolloutAction::Kind::Retry
           : a.action == "Promote" ? RolloutAction::Kind::Promote
                                   : RolloutAction::Kind::Unknown;
  a.revision = read::integer(object, {"spec", "revision"});
  a.reason = read::text(object, {"spec", "reason"});
  a.requested_by = read::text(object, {"spec", "requestedBy"});
  a.phase = read::text(object, {"status", "phase"});
  if (const auto at = parse_time(read::text(object, {"status", "at"}))) a.answered_at = *at;
  return a;
}

}  // namespace sluice::model
