#include "sample-service/wake/wake.h"

namespace courier {
namespace {

class LocalWake final : public Wake {
 public:
  explicit LocalWake(Sleeper sleeper) : sleeper_(std::move(sleeper)) {}
  Expected<void> announce(const std::vector<std::string>& jobs) override {
    if (!jobs.empty() && sleeper_.wake) sleeper_.wake();
    return {};
  }

 private:
  const Sleeper sleeper_;
};

}  // namespace

std::unique_ptr<Wake> local_wake(Sleeper sleeper) { return std::make_unique<LocalWake>(std::move(sleeper)); }

}  // namespace courier
