// The garbage collector and the namespace controller: what nobody owns any more goes, foreground deletions wait for their
// dependents, and a deleted namespace takes its content along.
#pragma once

#include "tests/simulation/context.h"

namespace sluice::simulation {

class GarbageCollector {
 public:
  explicit GarbageCollector(Context& context) : context_(context) {}
  void on_change(const Change& change);

 private:
  void collect(const Resource& resource, const Name& name);
  void orphan(const std::string& uid);
  void finish_foreground(const Resource& resource, const Name& name, const std::string& uid);
  void empty_namespace(const std::string& ns);
  void later(std::function<void()> work);

  Context& context_;
};

}  // namespace sluice::simulation
