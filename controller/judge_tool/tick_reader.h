// Recorded ticks, from lines to what the judge takes: lines of one time are one tick.
//
// Lines must be in order of time; a tick is given out once a later line or the end shows that it is complete, so a pipe that
// is still being written is judged as it goes. SLOs are those of --slo, or without it those of the first tick. An arm without a
// line, or with null, is no data: that SLO's tick is marked as not present. Bounds of a latency distribution are chosen from the
// baseline of the first ticks, which are not given out. Errors name source, line, field, value and cure.
#pragma once

#include <istream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controller/judge/counts.h"
#include "controller/judge/latency_bounds.h"
#include "controller/judge_tool/line_reader.h"
#include "controller/judge_tool/slo_option.h"
#include "controller/judge_tool/tick_line.h"

namespace sluice::judge_tool {

struct Tick {
  Time at;
  std::vector<judge::SloTick> slos;  // as TickReader::slos()
};

class TickReader {
 public:
  // `slos` may be empty.
  TickReader(std::istream& in, std::string name, std::vector<SloOption> slos)
      : lines_(in, std::move(name)), slos_(std::move(slos)), declared_(!slos_.empty()) {}

  // The next tick; empty at the end.
  Expected<std::optional<Tick>> next();
  // Complete once the first tick was given.
  const std::vector<SloOption>& slos() const { return slos_; }
  // What should be said about the data: bounds that are not the threshold.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Placed {
    TickLine line;
    int number = 0;
  };
  Expected<std::optional<Placed>> next_line();
  Expected<Tick> made(const std::vector<Placed>& lines);
  Expected<judge::Counts> counts_of(const SloOption& slo, const Placed& placed);
  Expected<void> count_above(const SloOption& slo, const Placed& placed, judge::Counts& counts, judge::Above& above) const;
  Expected<std::optional<std::vector<Placed>>> next_lines();
  bool learn(const std::vector<Placed>& lines);  // false: the tick is used up by it
  Unexpected at_line(const Placed& placed, Error error) const;

  LineReader lines_;
  std::vector<SloOption> slos_;
  const bool declared_;
  bool begun_ = false;
  std::optional<Placed> ahead_;           // the first line of the next tick
  std::map<std::string, double> bounds_;  // SLO -> the bucket bound that stands for its threshold
  std::map<std::string, judge::LatencyHistory> learning_;
  int learned_ticks_ = 0;
  std::string why_not_;  // why bounds could not be chosen yet
  std::vector<std::string> notes_;
};

}  // namespace sluice::judge_tool
