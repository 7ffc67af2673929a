// One request from its first try to what the client knows in the end. A try that failed may be followed by one on another node; the first
// of two gets half of the deadline, because a hung node answers nothing. Pure.
#pragma once

#include <string>
#include <string_view>

#include "tests/drills/load/mix.h"

namespace courier::drills {

struct Answer {
  int status = 0;  // 0: none came
  std::string_view body{};
  std::string_view why{};  // none came
};

struct Outcome {
  Kind kind = Kind::Read;
  Nanoseconds sent{0};  // intended, since the load's begin
  Nanoseconds took{0};  // from then until the client knew
  bool ok = false;
  std::string why{};  // what came of the last try
  bool retried = false;
  bool late = false;          // an answer came, after its deadline
  bool shed = false;          // a try was answered 429 or 503
  bool conflict = false;      // the answer is 409: somebody holds the key
  bool unauthorized = false;  // a try was answered 401 or 403
  bool open_end = false;      // a try may have worked though nobody said so: no answer, or 504
};

class Course {
 public:
  Course(Kind kind, Nanoseconds sent, unsigned tries, Nanoseconds deadline)
      : tries_(tries), left_(tries), deadline_(deadline), outcome_{.kind = kind, .sent = sent} {}

  // What the next try is told to keep, `elapsed` after the request should have been sent.
  Nanoseconds timeout(Nanoseconds elapsed) const { return (deadline_ - elapsed) / left_; }
  // For how long it is waited for: past the deadline where no other node can be asked, because whether courier keeps it is for courier
  // to show.
  Nanoseconds patience(Nanoseconds elapsed) const;

  // Notes what came of a try. Whether there may be one more.
  bool note(const Answer& answer);
  // There is one more.
  void retry();
  Outcome end(Nanoseconds elapsed);

 private:
  const unsigned tries_;
  unsigned left_;
  const Nanoseconds deadline_;
  int status_ = 0;
  Outcome outcome_;
};

}  // namespace courier::drills
