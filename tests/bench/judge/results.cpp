#include "tests/bench/judge/results.h"

#include <fstream>

namespace sluice::bench {

Expected<std::unique_ptr<Results>> Results::open(const std::string& path, std::uint64_t seed) {
  auto results = std::make_unique<Results>();
  results->path_ = path;
  results->seed_ = seed;
  if (path.empty()) return results;
  bool cut_short = false;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    cut_short = file.eof();  // without an end of line
    results->read(line);
  }
  std::ofstream end(path, std::ios::app);
  if (cut_short) end << '\n';
  if (!end) return fail(Error::Kind::Unavailable, "cannot write to " + path + ": name a file in a folder that exists");
  return results;
}

void Results::read(const std::string& line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object() || json.value("seed", std::uint64_t{0}) != seed_) return;
  try {
    if (json.contains("cell")) {
      chunks_[json.at("cell")][json.at("chunk")] = tally_from_json(json.at("judges"));
    } else {
      Replays replays;
      json.at("windows").get_to(replays.windows);
      json.at("podSpread").get_to(replays.pod_spread);
      for (const auto& phi : json.at("needed")) replays.needed.push_back(phi.is_null() ? std::nullopt : std::optional(phi.get<double>()));
      replays_[json.at("replays")] = replays;
    }
  } catch (const nlohmann::json::exception&) {  // of another version: done again
  }
}

Expected<void> Results::append(const nlohmann::json& line) {
  if (path_.empty()) return {};
  std::ofstream file(path_, std::ios::app);
  file << line.dump() + '\n' << std::flush;
  if (!file) return fail(Error::Kind::Unavailable, "cannot write to " + path_ + ": is the disk full?");
  return {};
}

bool Results::has(const std::string& cell, long chunk) const {
  const std::lock_guard lock(mutex_);
  const auto found = chunks_.find(cell);
  return found != chunks_.end() && found->second.count(chunk) > 0;
}

Expected<void> Results::add(const std::string& cell, long chunk, const Tally& tally) {
  const std::lock_guard lock(mutex_);
  chunks_[cell][chunk] = tally;
  return append({{"cell", cell}, {"chunk", chunk}, {"seed", seed_}, {"judges", to_json(tally)}});
}

std::optional<Replays> Results::replays(const std::string& traffic) const {
  const std::lock_guard lock(mutex_);
  const auto found = replays_.find(traffic);
  if (found == replays_.end()) return std::nullopt;
  return found->second;
}

Expected<void> Results::add(const std::string& traffic, const Replays& replays) {
  const std::lock_guard lock(mutex_);
  replays_[traffic] = replays;
  nlohmann::json needed = nlohmann::json::array();
  for (const auto& phi : replays.needed) needed.push_back(phi ? nlohmann::json(*phi) : nlohmann::json());
  return append(
      {{"replays", traffic}, {"seed", seed_}, {"windows", replays.windows}, {"podSpread", replays.pod_spread}, {"needed", needed}});
}

Tally Results::tally(const std::string& cell) const {
  const std::lock_guard lock(mutex_);
  Tally all;
  if (const auto found = chunks_.find(cell); found != chunks_.end())
    for (const auto& [chunk, tally] : found->second) bench::add(all, tally);
  return all;
}

}  // namespace sluice::bench
