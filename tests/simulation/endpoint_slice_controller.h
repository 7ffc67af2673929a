// The EndpointSlice controller: for every Service with a selector, slices of its pods, a moment later than the change.
// A Service that selects nothing has one empty slice; a pod on its way out is listed as terminating and not ready.
#pragma once

#include "tests/simulation/context.h"

namespace sluice::simulation {

class EndpointSliceController {
 public:
  explicit EndpointSliceController(Context& context);
  void on_change(const Change& change);

 private:
  void sync(const Name& service);

  Context& context_;
  Worker worker_;
};

}  // namespace sluice::simulation
