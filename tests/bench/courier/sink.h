// A receiver of courier's deliveries that counts effects by webhook-id: what came twice is one effect, and a repetition.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "common/http/server.h"

namespace courier::bench {

class Sink {
 public:
  // POST: takes a delivery (204; 400 without webhook-id). GET: {"deliveries", "effects", "repeated"} so far. Thread-safe.
  sluice::http::Response answer(const sluice::http::IncomingRequest& in);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::uint64_t> seen_;
  std::uint64_t deliveries_ = 0;
};

}  // namespace courier::bench
