#include "controller/prometheus/question.h"

#include <algorithm>

namespace sluice::prometheus {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

// The histogram's own name, without _bucket.
Expected<Selector> histogram_of(const std::string& text) {
  auto histogram = parse_selector(text);
  if (!histogram) return fail("histogram", histogram.error());
  for (const Matcher& matcher : histogram->matchers)
    if (matcher.label == "le")
      return fail(Error::Kind::Invalid, "histogram: the bound (le) is chosen by the threshold: remove the matcher " + to_string(matcher));
  if (histogram->metric.ends_with(kBucket)) histogram->metric.resize(histogram->metric.size() - kBucket.size());
  return histogram;
}

}  // namespace

Expected<Questions> questions_of(const SloQuery& slo) {
  return std::visit(
      Overloaded{[](const ErrorRateQuery& q) -> Expected<Questions> {
                   auto total = parse_selector(q.total);
                   if (!total) return fail("total", total.error());
                   auto errors = parse_selector(q.errors);
                   if (!errors) return fail("errors", errors.error());
                   return Questions{*total, *errors, Part::Bad};
                 },
                 [](const LatencyQuery& q) -> Expected<Questions> {
                   auto histogram = histogram_of(q.histogram);
                   if (!histogram) return Unexpected(histogram.error());
                   if (q.threshold <= Duration::zero())
                     return fail(Error::Kind::Invalid, "threshold is " + format_duration(q.threshold) + ": give a duration such as 250ms");
                   Questions questions{*histogram, *histogram, Part::Good};
                   questions.total.metric += "_count";
                   questions.part.metric += kBucket;
                   return questions;
                 },
                 [](const DistributionQuery& q) -> Expected<Questions> {
                   auto histogram = histogram_of(q.histogram);
                   if (!histogram) return Unexpected(histogram.error());
                   if (q.bounds.empty() || q.bounds.size() > judge::kMaxBounds || !std::is_sorted(q.bounds.begin(), q.bounds.end()))
                     return fail(Error::Kind::Invalid, std::to_string(q.bounds.size()) + " latency bounds: 1 to " +
                                                           std::to_string(judge::kMaxBounds) + " in ascending order are judged");
                   histogram->metric += kBucket;
                   return Questions{*histogram, *histogram, Part::Good};
                 },
                 [](const GaugeQuery& q) -> Expected<Questions> {
                   auto gauge = parse_selector(q.selector);
                   if (!gauge) return fail("gauge", gauge.error());
                   return Questions{*gauge, *gauge, Part::Bad};
                 },
                 [](const ExpressionQuery& q) -> Expected<Questions> {
                   constexpr std::size_t kLongest = 4096;
                   if (q.promql.find_first_not_of(" \t\n") == std::string::npos || q.promql.size() > kLongest)
                     return fail(Error::Kind::Invalid,
                                 "a PromQL expression of " + std::to_string(q.promql.size()) + " characters: 1 to 4096 are accepted");
                   return Questions{};
                 }},
      slo.query);
}

Expected<Selector> asked_of(Selector selector, const Arm& arm) {
  auto filled = fill_in(std::move(selector.matchers), arm.placeholders);
  if (!filled) return Unexpected(filled.error());
  selector.matchers = *std::move(filled);
  return confined(std::move(selector), arm.matchers, arm.placeholders.ns);
}

Expected<std::string> asked_of(const ExpressionQuery& query, const Arm& arm) {
  // Filled in as into a matcher of a regular expression, whose text is then taken out again.
  auto filled = fill_in({{"promql", Matcher::Op::Match, query.promql}}, arm.placeholders);
  if (!filled) return Unexpected(filled.error());
  const auto plain = [](const std::string& name) {
    return !name.empty() &&
           std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  };
  // A dot would be escaped with a backslash, which a PromQL string takes for its own.
  for (const std::string& name : arm.placeholders.replica_sets)
    if (!plain(name)) return fail(Error::Kind::Invalid, "ReplicaSet " + name + " cannot be named in an expression: use a selector");
  if (!plain(arm.placeholders.ns))
    return fail(Error::Kind::Invalid, "namespace " + arm.placeholders.ns + " cannot be named in an expression: use a selector");
  return filled->front().value;
}

Expected<Arm> arm_of(const char* name, const ArmQuery& query, const std::vector<Matcher>& matchers, const std::string& ns) {
  Arm arm{name, !query.replica_sets.empty(), {}, {ns, query.replica_sets}, query.pods};
  if (!arm.asked) return arm;
  auto filled = fill_in(matchers, arm.placeholders);
  if (!filled) return fail("arm selector", filled.error());
  arm.matchers = *std::move(filled);
  return arm;
}

}  // namespace sluice::prometheus
