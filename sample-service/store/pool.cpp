#include "sample-service/store/pool.h"

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kWait{5};
constexpr std::chrono::milliseconds kHold{300};

}  // namespace

Pool::Pool(std::size_t size, Connect connect, Observer& observer) : size_(size), connect_(std::move(connect)), observer_(observer) {
  tell();
}

Expected<Pool::Lease> Pool::take() {
  const auto begin = steady_clock::now();
  std::unique_lock lock(mutex_);
  if (!freed_.wait_for(lock, kWait, [this] { return in_use_ < size_; })) {
    return fail(Error::Kind::Unavailable, "database: all " + std::to_string(size_) + " connections are in use");
  }
  observer_.waited(steady_clock::now() - begin);
  ++in_use_;
  while (!idle_.empty()) {
    auto session = std::move(idle_.back());
    idle_.pop_back();
    tell();
    if (session->alive()) return Lease(*this, std::move(session));
  }
  tell();
  Expected<std::unique_ptr<Session>> made = tl::make_unexpected(last_failure_);
  if (steady_clock::now() >= no_try_before_) {
    lock.unlock();
    made = connect_();
    lock.lock();
    if (!made) {
      last_failure_ = made.error();
      no_try_before_ = steady_clock::now() + kHold;
    }
  }
  if (made) return Lease(*this, std::move(*made));
  --in_use_;
  tell();
  freed_.notify_one();
  return tl::make_unexpected(made.error());
}

void Pool::put(std::unique_ptr<Session> session) {
  const std::lock_guard lock(mutex_);
  --in_use_;
  if (session->alive()) idle_.push_back(std::move(session));
  tell();
  freed_.notify_one();
}

void Pool::tell() const { observer_.pool(in_use_, idle_.size(), size_); }

}  // namespace courier
