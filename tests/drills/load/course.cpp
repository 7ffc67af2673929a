#include "tests/drills/load/course.h"

#include <algorithm>

namespace courier::drills {

using namespace std::chrono_literals;

constexpr Nanoseconds kLate = 50ms;  // past the deadline that an answer may take to be read

Nanoseconds Course::patience(Nanoseconds elapsed) const {
  return std::max<Nanoseconds>(10ms, timeout(elapsed) + (tries_ > 1 ? Nanoseconds(0) : Nanoseconds(1s)));
}

bool Course::note(const Answer& answer) {
  status_ = answer.status;
  outcome_.open_end |= status_ == 0 || status_ == 504;
  outcome_.shed |= status_ == 429 || status_ == 503;
  outcome_.unauthorized |= status_ == 401 || status_ == 403;
  outcome_.conflict = status_ == 409;
  outcome_.ok = status_ == 200 || status_ == 202 || (status_ == 409 && outcome_.kind == Kind::Repeat);
  outcome_.why = status_ == 0 ? std::string(answer.why) : std::to_string(status_);
  return !outcome_.ok && left_ > 1;
}

void Course::retry() {
  --left_;
  outcome_.retried = true;
}

Outcome Course::end(Nanoseconds elapsed) {
  outcome_.took = elapsed;
  outcome_.late = status_ != 0 && elapsed > deadline_ + kLate;
  return outcome_;
}

}  // namespace courier::drills
