#include "tests/bench/judge/campaign.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "tests/bench/judge/runner.h"

namespace sluice::bench {

namespace {

struct Job {
  const Cell* cell;
  long chunk;  // -1: the replays of its traffic
};

// Replays first: chunks of a cell need them.
std::vector<std::vector<Job>> rounds(const Campaign& campaign, const std::vector<Cell>& cells, const Results& results) {
  std::vector<std::vector<Job>> all(1);
  std::set<std::string> traffics;
  for (const Cell& cell : cells)
    if (traffics.insert(cell.traffic()).second && !results.replays(cell.traffic())) all[0].push_back({&cell, -1});
  long most = 0;
  for (const Cell& cell : cells) most = std::max(most, campaign.runs(cell));
  for (long chunk = 0; chunk * campaign.chunk < most; ++chunk) {
    all.emplace_back();
    for (const Cell& cell : cells)
      if (chunk * campaign.chunk < campaign.runs(cell) && !results.has(cell.name(), chunk)) all.back().push_back({&cell, chunk});
  }
  return all;
}

Expected<void> work(const Campaign& campaign, const Job& job, Results& results) {
  const auto replays = replays_for(campaign, *job.cell, results);
  if (!replays) return Unexpected(replays.error());
  if (job.chunk < 0) return {};
  const long from = job.chunk * campaign.chunk;
  const long to = std::min(from + campaign.chunk, campaign.runs(*job.cell));
  return results.add(job.cell->name(), job.chunk, run(*job.cell, campaign.seed, from, to, *replays));
}

}  // namespace

long Campaign::runs(const Cell& cell) const {
  switch (cell.question) {
    case Cell::Question::FalseRollback: return false_rollbacks;
    case Cell::Question::Detection: return detections;
    case Cell::Question::FalsePromotion: return false_promotions;
  }
  return 0;
}

Expected<Replays> replays_for(const Campaign& campaign, const Cell& cell, Results& results) {
  if (auto known = results.replays(cell.traffic())) return *known;
  Replays drawn = replay(cell, campaign.seed, campaign.replays);
  if (auto kept = results.add(cell.traffic(), drawn); !kept) return Unexpected(kept.error());
  return drawn;
}

Expected<void> run(const Campaign& campaign, const std::vector<Cell>& cells, Results& results, std::stop_token stop,
                   const std::function<void(long done, long all)>& progress) {
  const auto todo = rounds(campaign, cells, results);
  long all = 0;
  for (const auto& round : todo) all += static_cast<long>(round.size());
  std::mutex mutex;
  long done = 0;
  std::optional<Error> wrong;
  for (const auto& round : todo) {
    std::atomic<std::size_t> next{0};
    std::vector<std::jthread> threads;
    for (int i = 0; i < campaign.threads; ++i)
      threads.emplace_back([&] {
        for (std::size_t job = next++; job < round.size() && !stop.stop_requested(); job = next++) {
          const auto worked = work(campaign, round[job], results);
          const std::lock_guard lock(mutex);
          if (!worked) {
            wrong = worked.error();
            return;
          }
          progress(++done, all);
        }
      });
    threads.clear();  // joins
    if (wrong) return Unexpected(*wrong);
    if (stop.stop_requested()) break;
  }
  return {};
}

}  // namespace sluice::bench
