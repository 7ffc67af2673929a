// The hand-over of one answer from the HTTP library's pool thread to the thread that asked for it.
//
// The pool thread pushes head, pieces and end and never blocks: when the reader is slow, push() says "held" and the
// library reads no further until `resume` is called. The reader waits with its own deadline and stop_token, so that it
// gets its thread back whatever the library or the server does. Thread-safe for one producer and one reader.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "common/core/error.h"
#include "common/http/transport.h"

namespace sluice::http {

class Exchange {
 public:
  using Resume = std::function<void()>;
  using Instant = std::chrono::steady_clock::time_point;

  // read_ahead: bytes that may lie unread before the producer is held. One piece is always taken whole, as the library
  // holds it in memory anyway.
  explicit Exchange(std::size_t read_ahead) : read_ahead_(read_ahead) {}

  // Producer. After abandon() everything is dropped and nothing is held.
  void head(Response head);
  // False: the caller must push nothing more until `resume` was called (once, possibly on the reader's thread).
  bool push(std::string_view piece, Resume resume);
  void end(std::optional<Error> error);

  // Reader: what comes next, in the order Head, Piece..., End; Late and Stopped leave everything as it is.
  enum class Event { Head, Piece, End, Late, Stopped };
  Event next(std::optional<Instant> deadline, const std::stop_token& stop);
  Response take_head();
  std::string take_piece();                                     // may resume the producer
  const std::optional<Error>& error() const { return error_; }  // after End; empty: the answer is complete

  // The reader goes away.
  void abandon();

 private:
  bool ready() const { return (head_ && !head_taken_) || (head_ && !pieces_.empty()) || ended_; }

  const std::size_t read_ahead_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<Response> head_;
  bool head_taken_ = false;
  std::deque<std::string> pieces_;
  std::size_t unread_ = 0;
  Resume resume_;
  bool ended_ = false;
  bool abandoned_ = false;
  std::optional<Error> error_;
};

}  // namespace sluice::http
