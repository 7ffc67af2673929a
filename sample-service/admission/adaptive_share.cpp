#include "sample-service/admission/adaptive_share.h"

#include <algorithm>
#include <cmath>

namespace courier {

std::optional<double> AdaptiveShare::observe(Duration now, Duration waited) {
  const std::lock_guard lock(mutex_);
  if (!begin_) begin_ = now;
  least_ = std::min(least_, waited);
  const auto intervals = (now - *begin_) / kInterval;
  if (intervals < 1) return std::nullopt;
  const double before = share_;
  if (least_ > target_) share_ = std::max(kLeast, share_ * kCut);
  else share_ = std::min(1.0, share_ * std::pow(kGrow, intervals));
  begin_ = now;
  least_ = Duration::max();
  return share_ == before ? std::nullopt : std::optional(share_);
}

}  // namespace courier
