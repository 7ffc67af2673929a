#include "tests/simulation/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/core/percent.h"

namespace sluice::simulation {

namespace {

std::uint64_t hash(const std::string& text, std::uint64_t start) {  // FNV-1a
  std::uint64_t h = 14695981039346656037ULL ^ start;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return h;
}

double normal(Random& random) { return std::sqrt(-2 * std::log(1 - random.unit())) * std::cos(2 * 3.14159265358979323846 * random.unit()); }

double poisson(Random& random, double mean) {
  if (mean <= 0) return 0;
  if (mean > 50) return std::max(0.0, std::round(mean + std::sqrt(mean) * normal(random)));
  double product = random.unit(), count = 0;
  for (const double limit = std::exp(-mean); product > limit; product *= random.unit()) ++count;
  return count;
}

// By the lengths of the gaps between successes, so that small shares cost few draws.
double binomial(Random& random, double n, double p) {
  if (p <= 0 || n <= 0) return 0;
  if (p >= 1) return n;
  if (p > 0.5) return n - binomial(random, n, 1 - p);
  double successes = 0;
  const double log_miss = std::log1p(-p);
  for (double at = std::floor(std::log(1 - random.unit()) / log_miss); at < n;
       at += 1 + std::floor(std::log(1 - random.unit()) / log_miss)) {
    ++successes;
  }
  return successes;
}

double percent_or_zero(const std::string& text) {
  const auto share = parse_percent(text);
  return share ? *share : 0.0;
}

}  // namespace

void Metrics::on_change(const Change& change) {
  if (*change.resource != kube::resources::kReplicaSets || change.type != kube::WatchEvent::Type::Added) return;
  const Json& annotations = at(*change.object, {"spec", "template", "metadata", "annotations"});
  behaviours_[change.name].push_back(
      {change.at, percent_or_zero(text(annotations, {"sim/errors"})), percent_or_zero(text(annotations, {"sim/slow"}))});
}

void Metrics::behave(const std::string& ns, const std::string& replica_set, double errors, double slow) {
  behaviours_[{ns, replica_set}].push_back({context_.clock.now(), errors, slow});
}

// Expected number of requests in [from, to).
double Metrics::requests(const std::string& ns, const std::string& replica_set, Time from, Time to) const {
  double sum = 0;
  for (const auto& app : traffic_.apps()) {
    if (app.service.ns != ns) continue;
    auto segment =
        std::upper_bound(app.history.begin(), app.history.end(), from, [](Time t, const Traffic::Segment& s) { return t < s.from; });
    if (segment != app.history.begin()) --segment;
    for (; segment != app.history.end() && segment->from < to; ++segment) {
      const auto share = segment->shares.find(replica_set);
      if (share == segment->shares.end()) continue;
      const Time end = std::next(segment) == app.history.end() ? to : std::min(to, std::next(segment)->from);
      const Time start = std::max(from, segment->from);
      if (end > start) sum += app.requests_per_second * share->second * seconds(end - start);
    }
  }
  return sum;
}

Expected<Increments> Metrics::increments(const std::string& ns, const std::string& replica_set, Time from, Time to) const {
  const Time now = context_.clock.now();
  const auto within = [&](const std::vector<Window>& windows) {
    return std::any_of(windows.begin(), windows.end(), [&](const Window& w) { return w.from <= now && now < w.to; });
  };
  if (within(outages_)) { return Unexpected(Error{Error::Kind::Unavailable, "prometheus: connection refused", 0, {}}); }
  Increments result;
  result.present = requests(ns, replica_set, Time(Duration(0)), to) > 0;
  if (within(nan_)) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    return Increments{nan, nan, nan, true};
  }
  const auto known = behaviours_.find({ns, replica_set});
  const auto second = [](Time t) { return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count(); };
  for (auto k = second(from) + 1; k <= second(to); ++k) {
    const Time end{std::chrono::seconds(k)};
    const double mean = requests(ns, replica_set, end - Duration(1000), end);
    if (mean <= 0) continue;
    Behaviour behaviour;
    if (known != behaviours_.end()) {
      for (const auto& b : known->second) {
        if (b.from <= end) behaviour = b;
      }
    }
    Random random(hash(ns + "/" + replica_set + "/" + std::to_string(k), context_.options.seed * 0x9e3779b97f4a7c15ULL));
    random.next();
    const double total = poisson(random, mean);
    result.total += total;
    result.errors += binomial(random, total, behaviour.errors);
    result.slow += binomial(random, total, behaviour.slow);
  }
  return result;
}

}  // namespace sluice::simulation
