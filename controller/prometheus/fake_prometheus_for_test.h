// A Prometheus in memory behind http::Transport: answers /api/v1/query for `selector[window]` and
// `count by (label) (selector)` from samples that a test put in, and fails on demand.
#pragma once

#include <array>
#include <ctime>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <regex>

#include "common/http/transport.h"
#include "controller/prometheus/client.h"

namespace sluice::prometheus {

class FakePrometheus : public http::Transport {
 public:
  using Script = std::function<Expected<http::Response>(const http::Request&, const std::string& query)>;

  // Appends a sample; labels without __name__.
  void add(const std::string& metric, const Labels& labels, Time at, double value) { data_[metric][labels].push_back({at, value}); }
  void add_native(const std::string& metric, const Labels& labels, NativeSample sample) {
    native_[metric][labels].push_back(std::move(sample));
  }
  // The Date that answers carry; unset: noon of a day in 2026.
  std::function<Time(const http::Request&)> date;

  // While set, answers instead of the data; an error or an answer of any kind.
  void script(Script script) { script_ = std::move(script); }

  std::vector<std::string> queries;
  std::vector<http::Request> requests;
  nlohmann::json warnings;

  Expected<http::Response> send(const http::Request& request, std::stop_token stop) override {
    if (stop.stop_requested()) return fail(Error::Kind::Cancelled, "stopped");
    requests.push_back(request);
    const std::string query = field(request.body, "query");
    queries.push_back(query);
    if (script_) return script_(request, query);
    return http::Response{200,
                          {{"Date", date ? http_date(date(request)) : "Mon, 23 Nov 2026 12:00:00 GMT"}},
                          answer(query, std::stod(field(request.body, "time"))).dump()};
  }
  Expected<bool> stream(const http::Request&, const http::OnHead&, const http::OnChunk&, std::stop_token) override {
    return fail(Error::Kind::Internal, "not used");
  }

 private:
  static std::string field(const std::string& body, const std::string& name) {
    const std::size_t begin = body.find(name + "=") + name.size() + 1;
    std::string out;
    for (std::size_t i = begin; i < body.size() && body[i] != '&'; ++i) {
      if (body[i] == '%') {
        out += static_cast<char>(std::stoi(body.substr(i + 1, 2), nullptr, 16));
        i += 2;
      } else {
        out += body[i];
      }
    }
    return out;
  }

  static std::string http_date(Time at) {
    const std::time_t seconds = std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 40> text;
    std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return text.data();
  }

  static bool matches(const Selector& selector, const Labels& labels) {
    for (const Matcher& m : selector.matchers) {
      const auto found = labels.find(m.label);
      const std::string value = found == labels.end() ? "" : found->second;
      const bool same = m.is_regex() ? std::regex_match(value, std::regex(m.value)) : value == m.value;
      if (same != (m.op == Matcher::Op::Equal || m.op == Matcher::Op::Match)) return false;
    }
    return true;
  }

  nlohmann::json answer(const std::string& query, double time) const {
    nlohmann::json result = nlohmann::json::array();
    const bool by = query.rfind("count by (", 0) == 0;
    const std::size_t open = by ? query.find(") (") : query.rfind('[');
    const std::string label = by ? query.substr(10, open - 10) : "";
    const std::string text = by ? query.substr(open + 3, query.size() - open - 4) : query.substr(0, open);
    const double window = by ? 300 : std::stod(query.substr(open + 1)) / 1000;
    const Selector selector = *parse_selector(text);
    if (const auto metric = data_.find(selector.metric); metric != data_.end()) {
      for (const auto& [labels, points] : metric->second) {
        if (!matches(selector, labels)) continue;
        nlohmann::json values = nlohmann::json::array();
        for (const Point& p : points) {
          const double at = unix_seconds(p.at);
          if (at < time - window - 1e-6 || at > time + 1e-6) continue;
          values.push_back({at, std::isnan(p.value) ? "NaN" : nlohmann::json(p.value).dump()});
        }
        if (values.empty()) continue;
        nlohmann::json shown = labels;
        shown["__name__"] = selector.metric;
        if (by) result.push_back({{"metric", {{label, labels.at(label)}}}, {"value", {time, "1"}}});
        else result.push_back({{"metric", shown}, {"values", values}});
      }
    }
    if (const auto metric = native_.find(selector.metric); metric != native_.end() && !by) {
      for (const auto& [labels, samples] : metric->second) {
        if (!matches(selector, labels)) continue;
        nlohmann::json histograms = nlohmann::json::array();
        for (const NativeSample& sample : samples) {
          const double at = unix_seconds(sample.at);
          if (at < time - window - 1e-6 || at > time + 1e-6) continue;
          nlohmann::json buckets = nlohmann::json::array();
          for (const NativeBucket& b : sample.buckets)
            buckets.push_back({0, nlohmann::json(b.left).dump(), nlohmann::json(b.right).dump(), nlohmann::json(b.count).dump()});
          histograms.push_back({at, {{"count", nlohmann::json(sample.count).dump()}, {"sum", "1"}, {"buckets", buckets}}});
        }
        if (!histograms.empty()) result.push_back({{"metric", labels}, {"histograms", histograms}});
      }
    }
    nlohmann::json root{{"status", "success"}, {"data", {{"resultType", by ? "vector" : "matrix"}, {"result", result}}}};
    if (!warnings.is_null()) root["warnings"] = warnings;
    return root;
  }

  std::map<std::string, std::map<Labels, std::vector<Point>>> data_;
  std::map<std::string, std::map<Labels, std::vector<NativeSample>>> native_;
  Script script_;
};

}  // namespace sluice::prometheus
