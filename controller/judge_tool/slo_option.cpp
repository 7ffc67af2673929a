#include "controller/judge_tool/slo_option.h"

#include <charconv>

#include "common/core/percent.h"
#include "controller/judge_tool/printable.h"
#include "controller/judge_tool/tick_line.h"

namespace sluice::judge_tool {
namespace {

Expected<void> set(SloOption& slo, const std::string& key, const std::string& value) {
  const auto share = [&](auto store) -> Expected<void> {
    const auto parsed = parse_percent(value);
    if (!parsed) return fail(key, parsed.error());
    store(*parsed);
    return {};
  };
  if (key == "relative") {
    double number = 0;  // more than 100% is allowed here
    const char* end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, number, std::chars_format::fixed);
    if (error != std::errc() || std::string_view(stop, static_cast<std::size_t>(end - stop)) != "%" || !(number >= 0 && number <= 10'000))
      return fail(Error::Kind::Invalid, "relative is \"" + printable(value, 40) + "\": give a percentage of the baseline such as 10%");
    slo.plan.relative = number / 100;
    return {};
  }
  if (key == "absolute") return share([&](double s) { slo.plan.absolute = s; });
  if (key == "objective") return share([&](double s) { slo.plan.objective = s; });
  if (key == "threshold") {
    const auto duration = parse_duration(value);
    if (!duration) return fail("threshold", duration.error());
    if (*duration <= Duration(0))
      return fail(Error::Kind::Invalid, "threshold is " + format_duration(*duration) + ": give a duration such as 250ms");
    slo.threshold = *duration;
    if (!slo.is_distribution()) slo.plan.kind = judge::SloPlan::Kind::Latency;
    slo.plan.limit_text = format_duration(*duration);
    return {};
  }
  if (key == "slowdown") {
    slo.plan.kind = judge::SloPlan::Kind::LatencyDistribution;
    return share([&](double s) { slo.plan.slowdown = s; });
  }
  if (key == "weight") {
    const char* end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, slo.plan.weight, std::chars_format::fixed);
    if (error != std::errc() || stop != end || !(slo.plan.weight >= 0 && slo.plan.weight <= 1e6))
      return fail(Error::Kind::Invalid, "weight is \"" + printable(value, 40) + "\": give 0 (advisory) or more");
    return {};
  }
  return fail(Error::Kind::Invalid,
              "key \"" + printable(key, 40) + "\" is not known: relative, absolute, objective, threshold, slowdown and weight are");
}

}  // namespace

Expected<SloOption> parse_slo_option(std::string_view text) {
  const std::string of = "--slo " + printable(text, 80);
  SloOption slo;
  const std::size_t colon = text.find(':');
  const auto name = checked_name(std::string(text.substr(0, colon)));
  if (!name) return fail(of, name.error());
  slo.plan.name = *name;
  std::string_view rest = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  if (colon != std::string_view::npos && rest.empty())
    return fail(Error::Kind::Invalid, of + ": nothing follows the colon: write NAME:KEY=VALUE");
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    const std::string_view pair = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos)
      return fail(Error::Kind::Invalid, of + ": \"" + printable(pair, 40) + "\" has no value: write KEY=VALUE");
    if (auto ok = set(slo, std::string(pair.substr(0, equals)), std::string(pair.substr(equals + 1))); !ok) return fail(of, ok.error());
  }
  if (slo.is_distribution()) {
    if (slo.threshold || slo.plan.objective)
      return fail(Error::Kind::Invalid, of + ": slowdown goes with neither threshold nor objective: give two SLOs");
    if (!(slo.plan.slowdown > 0 && slo.plan.slowdown < 1))
      return fail(Error::Kind::Invalid,
                  of + ": slowdown is " + format_percent(slo.plan.slowdown) + ": give a percentage above 0, such as 5%");
    return slo;  // checked as a whole once its bounds are known
  }
  judge::TrialPlan alone;
  alone.slos = {slo.plan};
  alone.slos.front().weight = 1;
  if (auto ok = judge::check(alone); !ok) return fail(of, ok.error());
  return slo;
}

}  // namespace sluice::judge_tool
