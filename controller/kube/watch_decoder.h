// From the bytes of a watch to events: newline-delimited JSON, torn anywhere by the network.
//
// Pure: no I/O, not thread-safe, one decoder per stream. Hostile bytes end in an Error, never in a crash or in unbounded
// memory: a line longer than the limit is Corrupt as soon as the limit is passed.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "controller/kube/api.h"

namespace sluice::kube {

class WatchDecoder {
 public:
  explicit WatchDecoder(const Resource& resource, std::size_t max_line = 16 * 1024 * 1024) : resource_(resource), max_line_(max_line) {}

  // Hands every event that the chunk completes to on_event. Value false: on_event said false, feed no more.
  // Errors: Expired (an ERROR event with 410), what the Status of another ERROR event says, Corrupt.
  Expected<bool> feed(std::string_view chunk, const OnWatchEvent& on_event);

 private:
  Expected<bool> line(std::string_view text, const OnWatchEvent& on_event) const;

  const Resource resource_;
  const std::size_t max_line_;
  std::string rest_;  // the beginning of a line whose end has not come yet
};

}  // namespace sluice::kube
