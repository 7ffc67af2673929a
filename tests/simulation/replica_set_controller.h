// The ReplicaSet controller: creates and deletes pods, adopts ownerless pods that match, reports status and ReplicaFailure.
#pragma once

#include "tests/simulation/context.h"
#include "tests/simulation/kubelet.h"

namespace sluice::simulation {

class ReplicaSetController {
 public:
  ReplicaSetController(Context& context, const Kubelet& kubelet);
  void on_change(const Change& change);

 private:
  void sync(const Name& name);
  std::vector<JsonPtr> claim(const Json& set, const Name& name);
  // "" or the server's words why pods could not be created.
  std::string create_pods(const Json& set, const Name& name, int count);
  void delete_pods(const std::vector<JsonPtr>& pods, const Json& set, std::size_t count);
  void write_status(const JsonPtr& set, const Name& name, const std::vector<JsonPtr>& pods, const std::string& failure);

  Context& context_;
  const Kubelet& kubelet_;
  Worker worker_;
};

}  // namespace sluice::simulation
