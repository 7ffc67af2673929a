// A reply that several may want to give: the first one is sent, the others are dropped. Thread-safe.
#pragma once

#include <mutex>
#include <utility>

#include "common/http/server.h"

namespace courier {

class OnceReply {
 public:
  explicit OnceReply(sluice::http::ReplyPtr inner) : inner_(std::move(inner)) {}

  // True: this was the answer.
  bool send(sluice::http::Response response) {
    sluice::http::ReplyPtr first;
    {
      const std::lock_guard lock(mutex_);
      first = std::move(inner_);
    }
    if (!first) return false;
    first->send(std::move(response));
    return true;
  }

 private:
  std::mutex mutex_;
  sluice::http::ReplyPtr inner_;
};

}  // namespace courier
