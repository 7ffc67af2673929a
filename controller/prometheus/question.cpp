#include "controller/prometheus/question.h"

namespace sluice::prometheus {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

}  // namespace

Expected<Questions> questions_of(const SloQuery& slo) {
  return std::visit(
      Overloaded{
          [](const ErrorRateQuery& q) -> Expected<Questions> {
            auto total = parse_selector(q.total);
            if (!total) return fail("total", total.error());
            auto errors = parse_selector(q.errors);
            if (!errors) return fail("errors", errors.error());
            return Questions{*total, *errors, Part::Bad};
          },
          [](const LatencyQuery& q) -> Expected<Questions> {
            auto histogram = parse_selector(q.histogram);
            if (!histogram) return fail("histogram", histogram.error());
            if (q.threshold <= Duration::zero())
              return fail(Error::Kind::Invalid, "threshold is " + format_duration(q.threshold) + ": give a duration such as 250ms");
            for (const Matcher& matcher : histogram->matchers)
              if (matcher.label == "le")
                return fail(Error::Kind::Invalid, "histogram: the bound (le) is chosen by the threshold: remove the matcher " + to_string(matcher));
            if (histogram->metric.ends_with(kBucket)) histogram->metric.resize(histogram->metric.size() - kBucket.size());
            Questions questions{*histogram, *histogram, Part::Good};
            questions.total.metric += "_count";
            questions.part.metric += kBucket;
            return questions;
          }},
      slo.query);
}

Expected<Selector> asked_of(Selector selector, const Arm& arm) {
  auto filled = fill_in(std::move(selector.matchers), arm.placeholders);
  if (!filled) return Unexpected(filled.error());
  selector.matchers = *std::move(filled);
  return confined(std::move(selector), arm.matchers, arm.placeholders.ns);
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
