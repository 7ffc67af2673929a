#include "controller/engine/effect.h"

namespace sluice::engine {

namespace {

struct Describe {
  std::string operator()(const WriteStatus& e) const {
    return std::string("WriteStatus ") + model::text(e.status.phase) +
           (e.status.run ? std::string(" ") + model::text(e.status.run->stage) + "/" + std::to_string(e.status.run->part) : "");
  }
  std::string operator()(const AddFinalizer&) const { return "AddFinalizer"; }
  std::string operator()(const RemoveFinalizer&) const { return "RemoveFinalizer"; }
  std::string operator()(const PatchDeployment& e) const {
    std::string text = "PatchDeployment";
    for (const auto& [key, value] : e.annotations) text += " " + key + "=" + value.value_or("(removed)");
    if (e.paused) text += *e.paused ? " paused" : " unpaused";
    return text;
  }
  std::string operator()(const PinService& e) const {
    return e.hash.empty() ? "UnpinService " + e.service : "PinService " + e.service + " to " + e.hash;
  }
  std::string operator()(const CreateCanary& e) const { return "CreateCanary " + e.name + " with " + std::to_string(e.replicas); }
  std::string operator()(const BorrowReplicaSet& e) const { return "BorrowReplicaSet " + e.name + " with " + std::to_string(e.replicas); }
  std::string operator()(const ReturnReplicaSet& e) const { return "ReturnReplicaSet " + e.name; }
  std::string operator()(const ScaleReplicaSet& e) const { return "ScaleReplicaSet " + e.name + " to " + std::to_string(e.replicas); }
  std::string operator()(const DeleteReplicaSet& e) const { return "DeleteReplicaSet " + e.name; }
  std::string operator()(const AnnotateReplicaSet& e) const { return "AnnotateReplicaSet " + e.name; }
  std::string operator()(const MoveToDeployment& e) const { return "MoveToDeployment " + e.name; }
  std::string operator()(const PutCanaryService& e) const { return "PutCanaryService " + e.name + " on " + e.hash; }
  std::string operator()(const DeleteCanaryService& e) const { return "DeleteCanaryService " + e.name; }
  std::string operator()(const PatchRoute& e) const {
    return "PatchRoute " + e.route + ": " + std::to_string(e.canary_percent) + "% to the canary";
  }
  std::string operator()(const AnswerAction& e) const { return "AnswerAction " + e.name + (e.applied ? ": applied" : ": refused"); }
  std::string operator()(const DeleteAction& e) const { return "DeleteAction " + e.name; }
  std::string operator()(const Emit& e) const { return "Emit " + e.reason; }
};

}  // namespace

std::string describe(const Effect& effect) { return std::visit(Describe{}, effect); }

}  // namespace sluice::engine
