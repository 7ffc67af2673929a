#include "tests/bench/courier/schedule.h"

#include <algorithm>
#include <charconv>

namespace courier::bench {
namespace {

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

Nanoseconds nanoseconds(double seconds) { return Nanoseconds(static_cast<Nanoseconds::rep>(seconds * 1e9)); }

}  // namespace

sluice::Expected<Phase> parse_phase(const std::string& text) {
  const auto colon = std::min(text.find(':'), text.size());
  const bool closed = text.compare(0, colon, "closed") == 0;
  const auto rate = closed ? 0.0 : number(std::string_view(text).substr(0, colon));
  const auto seconds = colon < text.size() ? number(std::string_view(text).substr(colon + 1)) : std::nullopt;
  if (!rate || !seconds || (!closed && (*rate < 1 || *rate > 1e6)) || *seconds <= 0 || *seconds > 600) {
    return sluice::fail(sluice::Error::Kind::Invalid,
                        "phase '" + text + "': write RATE:SECONDS or closed:SECONDS, with 1 to 1000000 per second and up to 600 s");
  }
  return Phase{*rate, nanoseconds(*seconds)};
}

Schedule::Schedule(std::vector<Phase> phases) : phases_(std::move(phases)), begins_{Nanoseconds(0)} {
  for (const Phase& phase : phases_) begins_.push_back(begins_.back() + phase.length);
}

Nanoseconds Schedule::due() const { return begins_[phase_] + nanoseconds(static_cast<double>(taken_) / phases_[phase_].rate); }

void Schedule::skip_ended(Nanoseconds now) {
  while (phase_ < phases_.size()) {
    const Nanoseconds end = begins_[phase_ + 1];
    // A closed loop ends with its time; an open one when all of its requests were taken, late as they may be.
    if (phases_[phase_].rate == 0 ? now < end : due() < end) return;
    ++phase_;
    taken_ = 0;
  }
}

std::optional<Schedule::Turn> Schedule::next(Nanoseconds now) {
  skip_ended(now);
  if (phase_ == phases_.size()) return std::nullopt;
  if (phases_[phase_].rate == 0) return now < begins_[phase_] ? std::nullopt : std::optional(Turn{phase_, now});
  const Nanoseconds intended = due();
  if (intended > now) return std::nullopt;
  ++taken_;
  return Turn{phase_, intended};
}

Nanoseconds Schedule::wait(Nanoseconds now) const {
  if (phase_ == phases_.size()) return Nanoseconds(0);
  const Nanoseconds from = phases_[phase_].rate == 0 ? begins_[phase_] : due();
  return std::max(Nanoseconds(0), from - now);
}

bool Schedule::over(Nanoseconds now) {
  skip_ended(now);
  return phase_ == phases_.size();
}

}  // namespace courier::bench
