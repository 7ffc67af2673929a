// A reply that several may want to give: the first one is sent, the others are dropped. Thread-safe.
#pragma once

#include <mutex>
#include <utility>

#include "common/http/server.h"

namespace courier {

class OnceReply {
 public:
  explicit OnceReply(sluice::http::ReplyPtr inner) : inner_(std::move(inner)) {}

  // The reply, for the first who asks; null for the others.
  sluice::http::ReplyPtr take() {
    const std::lock_guard lock(mutex_);
    return std::move(inner_);
  }
  bool taken() const {
    const std::lock_guard lock(mutex_);
    return inner_ == nullptr;
  }
  void send(sluice::http::Response response) {
    if (const auto first = take()) first->send(std::move(response));
  }

 private:
  mutable std::mutex mutex_;
  sluice::http::ReplyPtr inner_;
};

}  // namespace courier
