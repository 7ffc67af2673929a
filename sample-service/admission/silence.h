// How long somebody who is being called has said nothing: the time since the last answer, or since the first of the calls that are under
// way began, whichever is later. Any answer ends a silence, a refusal too; a call that ends without one does not. While nobody calls
// there is no silence. It tells of a black hole long before the first of its calls has run out of time, and however few calls it is given.
// Not thread-safe; instants are of a monotonic clock.
#pragma once

#include "common/core/time.h"

namespace courier {

using sluice::Duration;

class Silence {
 public:
  // Each call that begins ends once.
  void begun(Duration now) {
    if (calls_++ == 0) since_ = now;
  }
  void ended(Duration now, bool answered) {
    --calls_;
    if (answered) since_ = now;
  }

  Duration lasts(Duration now) const { return calls_ > 0 ? now - since_ : Duration(0); }

 private:
  int calls_ = 0;  // under way
  Duration since_{0};
};

}  // namespace courier
