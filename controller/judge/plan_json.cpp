#include "controller/judge/plan_json.h"

#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

namespace sluice::judge {
namespace {

using nlohmann::json;
using Kind = SloPlan::Kind;

constexpr std::array<std::pair<Kind, const char*>, 5> kKinds{{{Kind::ErrorRate, "ErrorRate"},
                                                              {Kind::Latency, "Latency"},
                                                              {Kind::LatencyDistribution, "LatencyDistribution"},
                                                              {Kind::Gauge, "Gauge"},
                                                              {Kind::GaugeComparison, "GaugeComparison"}}};
constexpr std::array<std::pair<BaselineArm, const char*>, 2> kArms{{{BaselineArm::Stable, "Stable"}, {BaselineArm::Fresh, "Fresh"}}};

// One walk over the fields of each type serves writing and reading: `visit` is a Writer or a Reader.
template <typename V, typename B>
void fields(V& visit, B& bound, const LatencyBound*) {
  visit("seconds", bound.seconds);
  visit("share", bound.share);
  visit("theta", bound.theta);
  visit("healthTheta", bound.health_theta);
}

template <typename V, typename S>
void fields(V& visit, S& slo, const SloPlan*) {
  visit("name", slo.name);
  visit.choice("kind", slo.kind, kKinds);
  visit("relative", slo.relative);
  visit("absolute", slo.absolute);
  visit("objective", slo.objective);
  visit("limitText", slo.limit_text);
  visit("weight", slo.weight);
  visit.list("bounds", slo.bounds);
  visit("slowdown", slo.slowdown);
  visit("lowerIsWorse", slo.lower_is_worse);
  visit("threshold", slo.threshold);
  visit("breachShare", slo.breach_share);
  visit("scale", slo.scale);
}

template <typename V, typename S>
void fields(V& visit, S& slo, const SloCalibration*) {
  visit("phi", slo.phi);
  visit("usable", slo.usable);
  visit("podSpread", slo.pod_spread);
}

template <typename V, typename C>
void fields(V& visit, C& calibration, const Calibration*) {
  visit("windows", calibration.windows);
  visit("kappa", calibration.kappa);
  visit.list("slos", calibration.slos);
  visit("taken", calibration.taken);
}

template <typename V, typename P>
void fields(V& visit, P& plan, const TrialPlan*) {
  visit("alpha", plan.alpha);
  visit("beta", plan.beta);
  visit("margin", plan.margin);
  visit("burn", plan.burn);
  visit("maxTicks", plan.max_ticks);
  visit("minRequests", plan.min_requests);
  visit("minTicks", plan.min_ticks);
  visit.list("slos", plan.slos);
  visit.part("calibration", plan.calibration);
  visit.choice("baseline", plan.baseline, kArms);
  visit("failTicks", plan.fail_ticks);
  visit("tickSeconds", plan.tick_seconds);
}

struct Writer {
  json out = json::object();

  template <typename T>
  void operator()(const char* key, const T& value) {
    out[key] = value;
  }
  void operator()(const char* key, const std::optional<double>& value) {
    if (value) out[key] = *value;
  }
  template <typename E, typename N>
  void choice(const char* key, const E& value, const N& names) {
    for (const auto& [named, name] : names)
      if (named == value) out[key] = name;
  }
  template <typename T>
  void part(const char* key, const T& value) {
    Writer inner;
    fields(inner, value, &value);
    out[key] = std::move(inner.out);
  }
  template <typename T>
  void list(const char* key, const std::vector<T>& values) {
    json all = json::array();
    for (const T& value : values) {
      Writer inner;
      fields(inner, value, &value);
      all.push_back(std::move(inner.out));
    }
    out[key] = std::move(all);
  }
};

struct Reader {
  const json& from;
  std::string where;
  std::string wrong{};  // the first field that cannot be read, and why
  std::set<std::string> known{};

  // Null if the field is not there.
  const json* field(const char* key) {
    known.insert(key);
    const auto at = from.find(key);
    return at == from.end() ? nullptr : &*at;
  }
  void refuse(const std::string& key, const std::string& cure) {
    if (wrong.empty()) wrong = where + key + ": " + cure;
  }
  void operator()(const char* key, double& value) {
    if (const json* f = field(key)) f->is_number() ? void(value = f->get<double>()) : refuse(key, "give a number");
  }
  void operator()(const char* key, std::optional<double>& value) {
    double given = 0;
    if (!field(key)) return;
    (*this)(key, given);
    value = given;
  }
  void operator()(const char* key, int& value) {
    const json* f = field(key);
    if (f == nullptr) return;
    if (!f->is_number_integer() || f->get<double>() < 0 || f->get<double>() > 2e9)
      refuse(key, "give a whole number from 0 to 2,000,000,000");
    else value = f->get<int>();
  }
  void operator()(const char* key, bool& value) {
    if (const json* f = field(key)) f->is_boolean() ? void(value = f->get<bool>()) : refuse(key, "give true or false");
  }
  void operator()(const char* key, std::string& value) {
    if (const json* f = field(key)) f->is_string() ? void(value = f->get<std::string>()) : refuse(key, "give a text");
  }
  template <typename E, typename N>
  void choice(const char* key, E& value, const N& names) {
    const json* f = field(key);
    if (f == nullptr) return;
    std::string all;
    for (const auto& [named, name] : names) {
      if (*f == name) return void(value = named);
      all += (all.empty() ? "" : ", ") + std::string(name);
    }
    refuse(key, "give one of " + all);
  }
  template <typename T>
  void read(const json& part, const std::string& path, T& value) {
    if (!part.is_object()) return refuse(path, "give an object");
    Reader inner{part, where + path + "."};
    fields(inner, value, &value);
    for (const auto& item : part.items())
      if (!inner.known.contains(item.key())) inner.refuse(item.key(), "is not known; leave it out or correct its name");
    if (wrong.empty()) wrong = inner.wrong;
  }
  template <typename T>
  void part(const char* key, T& value) {
    if (const json* f = field(key)) read(*f, key, value);
  }
  template <typename T>
  void list(const char* key, std::vector<T>& values) {
    const json* f = field(key);
    if (f == nullptr) return;
    if (!f->is_array()) return refuse(key, "give a list");
    values.assign(f->size(), T{});
    for (std::size_t i = 0; i < f->size(); ++i) read((*f)[i], std::string(key) + '[' + std::to_string(i) + ']', values[i]);
  }
};

}  // namespace

std::string to_json(const TrialPlan& plan) {
  Writer writer;
  fields(writer, plan, &plan);
  return writer.out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Expected<TrialPlan> plan_from_json(std::string_view text) {
  const json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) return fail(Error::Kind::Invalid, "plan: it is not a JSON object: give {\"slos\": [{\"name\": \"errors\"}]}");
  TrialPlan plan;
  const json document{{"plan", root}};
  Reader reader{document, ""};
  reader.part("plan", plan);
  if (!reader.wrong.empty()) return fail(Error::Kind::Invalid, reader.wrong);
  if (auto ok = check(plan); !ok) return Unexpected(ok.error());
  return plan;
}

}  // namespace sluice::judge
