// How many bytes of request bodies may be in memory at once, over all connections: ten thousand of them with a megabyte each
// would be more than a pod has. A request's share is taken when its head is seen and given back when it is answered.
// Thread-safe, without a lock; the budget must outlive its shares.
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <utility>

namespace courier {

class ByteBudget {
 public:
  class Share {
   public:
    Share(ByteBudget& of, std::size_t bytes) : of_(&of), bytes_(bytes) {}
    Share(Share&& other) noexcept : of_(std::exchange(other.of_, nullptr)), bytes_(other.bytes_) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(of_, other.of_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    ~Share() {
      if (of_) of_->used_.fetch_sub(bytes_);
    }

   private:
    ByteBudget* of_;
    std::size_t bytes_;
  };

  explicit ByteBudget(std::size_t bytes) : bytes_(bytes) {}

  std::optional<Share> try_take(std::size_t bytes) {
    std::size_t used = used_.load();
    do {
      if (bytes > bytes_ - used) return std::nullopt;
    } while (!used_.compare_exchange_weak(used, used + bytes));
    return Share(*this, bytes);
  }
  std::size_t used() const { return used_.load(); }

 private:
  const std::size_t bytes_;
  std::atomic<std::size_t> used_{0};
};

}  // namespace courier
