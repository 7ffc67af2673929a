// Finds the end of an HTTP/1.1 answer in what has arrived so far. Only what courier and the servers beside it send: a body is
// framed by Content-Length. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "common/core/error.h"

namespace courier::wire {

struct AnswerHead {
  int status = 0;
  std::size_t bytes = 0;       // of head and body together
  std::size_t body_bytes = 0;  // the last ones of them
  bool closes = false;         // "Connection: close"
};

// None: more must arrive. Corrupt: not an answer, or one without a length.
sluice::Expected<std::optional<AnswerHead>> read_answer(std::string_view arrived);

}  // namespace courier::wire
