// A bounded pool of sessions. A session that lost its connection is replaced when it is asked for next, so a restarted
// database heals without a failed operation where nothing was on its way.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "sample-service/store/observer.h"
#include "sample-service/store/session.h"

namespace courier {

class Pool {
 public:
  using Connect = std::function<Expected<std::unique_ptr<Session>>()>;

  // connect is called from the threads that ask for sessions.
  Pool(std::size_t size, Connect connect, Observer& observer);

  // A session of one's own, until it goes out of scope.
  class Lease {
   public:
    Lease(Pool& pool, std::unique_ptr<Session> session) : pool_(&pool), session_(std::move(session)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (session_) pool_->put(std::move(session_));
    }
    Session* operator->() const { return session_.get(); }
    Session& operator*() const { return *session_; }

   private:
    Pool* pool_;
    std::unique_ptr<Session> session_;
  };

  // Unavailable: none became free in 5 s, or it cannot be connected. After a failed connect callers are told the same for
  // 300 ms without another try, so that an absent database costs each of them nothing.
  Expected<Lease> take();
  std::size_t size() const { return size_; }

 private:
  void put(std::unique_ptr<Session> session);
  void tell() const;  // with mutex_ held

  const std::size_t size_;
  const Connect connect_;
  Observer& observer_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<Session>> idle_;
  std::size_t in_use_ = 0;
  sluice::Error last_failure_{};
  std::chrono::steady_clock::time_point no_try_before_{};
};

}  // namespace courier
