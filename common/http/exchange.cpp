#include "common/http/exchange.h"

#include <utility>

namespace sluice::http {

void Exchange::head(Response head) {
  {
    const std::lock_guard lock(mutex_);
    head_ = std::move(head);
  }
  changed_.notify_all();
}

bool Exchange::push(std::string_view piece, Resume resume) {
  bool free = true;
  {
    const std::lock_guard lock(mutex_);
    if (abandoned_) return true;
    pieces_.emplace_back(piece);
    unread_ += piece.size();
    if (unread_ > read_ahead_) {
      resume_ = std::move(resume);
      free = false;
    }
  }
  changed_.notify_all();
  return free;
}

void Exchange::end(std::optional<Error> error) {
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    ended_ = true;
    error_ = std::move(error);
  }
  changed_.notify_all();
}

Exchange::Event Exchange::next(std::optional<Instant> deadline, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const auto is_ready = [this] { return ready(); };
  if (stop.stop_requested()) return Event::Stopped;
  const bool met = deadline ? changed_.wait_until(lock, stop, *deadline, is_ready) : changed_.wait(lock, stop, is_ready);
  if (stop.stop_requested()) return Event::Stopped;
  // Bytes that keep dribbling in must not keep a request alive beyond its deadline.
  if (!met || (deadline && std::chrono::steady_clock::now() >= *deadline)) return Event::Late;
  if (head_ && !head_taken_) return Event::Head;
  if (head_ && !pieces_.empty()) return Event::Piece;
  return Event::End;
}

Response Exchange::take_head() {
  const std::lock_guard lock(mutex_);
  head_taken_ = true;
  return *head_;
}

std::string Exchange::take_piece() {
  std::string piece;
  Resume resume;
  {
    const std::lock_guard lock(mutex_);
    piece = std::move(pieces_.front());
    pieces_.pop_front();
    unread_ -= piece.size();
    if (resume_ && unread_ <= read_ahead_ / 2) resume = std::exchange(resume_, nullptr);
  }
  if (resume) resume();
  return piece;
}

void Exchange::abandon() {
  Resume resume;
  {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
    pieces_.clear();
    unread_ = 0;
    resume = std::exchange(resume_, nullptr);
  }
  if (resume) resume();
}

}  // namespace sluice::http
