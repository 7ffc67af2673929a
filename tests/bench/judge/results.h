// The file of results: one line of JSON per chunk of runs and per set of replays, appended as they are done. A run that was
// interrupted goes on where it stopped; a line cut short is done again.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "common/core/error.h"
#include "tests/bench/judge/cell.h"
#include "tests/bench/judge/sluice_judge.h"
#include "tests/bench/judge/tally.h"

namespace sluice::bench {

// Thread-safe, but for the maps that are read after everything is done.
class Results {
 public:
  // Reads what is there for `seed` and appends to it; an empty path keeps everything in memory. Unavailable: the file cannot be written.
  static Expected<std::unique_ptr<Results>> open(const std::string& path, std::uint64_t seed);

  bool has(const std::string& cell, long chunk) const;
  Expected<void> add(const std::string& cell, long chunk, const Tally& tally);
  std::optional<Replays> replays(const std::string& traffic) const;
  Expected<void> add(const std::string& traffic, const Replays& replays);

  // What all chunks of a cell came to; empty if there are none.
  Tally tally(const std::string& cell) const;

 private:
  void read(const std::string& line);
  Expected<void> append(const nlohmann::json& line);

  std::string path_;
  std::uint64_t seed_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, std::map<long, Tally>> chunks_;
  std::map<std::string, Replays> replays_;
};

}  // namespace sluice::bench
