#include "controller/judge_tool/tick_line.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>

#include "controller/judge_tool/printable.h"

namespace sluice::judge_tool {
namespace {

using nlohmann::json;

constexpr double kLatest = 4e9;  // Unix seconds; the year 2096

std::string shown(const json& value) { return printable(value.dump(-1, ' ', true, json::error_handler_t::replace), 60); }

Unexpected wrong(const std::string& field, const json& value, const std::string& cure) {
  return fail(Error::Kind::Invalid, "field " + field + " is " + shown(value) + ": " + cure);
}

Expected<Time> time_of(const json& value) {
  const std::string cure = "give the tick's end as \"2026-11-23T12:00:15Z\" or in Unix seconds";
  if (value.is_number()) {
    const double seconds = value.get<double>();
    if (!(seconds >= 0 && seconds <= kLatest)) return wrong("time", value, cure);
    return from_unix_seconds(seconds);
  }
  if (!value.is_string()) return wrong("time", value, cure);
  const auto time = parse_time(value.get_ref<const std::string&>());
  if (!time) return wrong("time", value, cure);
  return *time;
}

Expected<double> count_of(const std::string& field, const json& value) {
  const std::string cure = "give this tick's count, 0 or more and finite (null for no data)";
  if (!value.is_number()) return wrong(field, value, cure);
  const double count = value.get<double>();
  if (!(count >= 0 && count <= judge::Counts::kMaxCount)) return wrong(field, value, cure);
  return count;
}

Expected<void> read_buckets(const json& value, TickLine& line, bool has_requests) {
  const std::string cure = "give an object of cumulative counts such as {\"0.25\":671,\"+Inf\":675}";
  if (!value.is_object() || value.empty()) return wrong("buckets", value, cure);
  for (const auto& [key, count] : value.items()) {
    const auto requests = count_of("buckets." + printable(key, 20), count);
    if (!requests) return Unexpected(requests.error());
    char* end = nullptr;
    const double bound = std::strtod(key.c_str(), &end);
    if (key.empty() || *end != '\0' || !(bound > 0))
      return fail(Error::Kind::Invalid, "field buckets has the bound \"" + printable(key, 20) + "\": give seconds above 0, or +Inf");
    if (std::isinf(bound)) {
      if (has_requests && *requests != line.requests)
        return wrong("buckets.+Inf", count, "it must be what \"requests\" says, " + number(line.requests));
      line.requests = *requests;
      has_requests = true;
    } else {
      line.buckets[bound] = *requests;
    }
  }
  if (!has_requests) return wrong("buckets", value, "without \"requests\" it needs the bound \"+Inf\"");
  double before = 0;
  for (const auto& [bound, count] : line.buckets) {
    if (count < before || count > line.requests)
      return fail(Error::Kind::Invalid, "field buckets: " + number(count) + " requests of at most " + number(bound) + " s, but " +
                                            (count < before ? number(before) + " of fewer seconds" : number(line.requests) + " in all") +
                                            ": counts are cumulative, each bound's includes the smaller ones'");
    before = count;
  }
  return {};
}

}  // namespace

Expected<std::string> checked_name(const std::string& name) {
  const bool plain = !name.empty() && name.size() <= 63 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
  if (plain) return name;
  return fail(Error::Kind::Invalid, "\"" + printable(name, 63) + "\" is no name of an SLO: use 1 to 63 letters, digits, '-', '_' and '.'");
}

Expected<TickLine> parse_tick_line(std::string_view text) {
  const json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (root.is_discarded()) {
    const bool word = text.find("NaN") != std::string_view::npos || text.find("nan") != std::string_view::npos ||
                      text.find("Inf,") != std::string_view::npos || text.find("Infinity") != std::string_view::npos;
    return fail(Error::Kind::Corrupt,
                "`" + printable(text, 60) + "` is not JSON: " +
                    (word ? "JSON knows no NaN and no infinity, write null for no data" : "give one whole object per line"));
  }
  if (!root.is_object())
    return fail(Error::Kind::Invalid, "`" + printable(text, 60) + "` is not a JSON object: give {\"time\":...,\"arm\":...}");
  for (const auto& [key, value] : root.items())
    if (key != "time" && key != "arm" && key != "slo" && key != "requests" && key != "bad" && key != "buckets")
      return fail(Error::Kind::Invalid,
                  "field " + printable(key, 40) + " is not known: a line has time, arm, slo, requests and bad or buckets");
  for (const char* key : {"time", "arm", "slo"})
    if (!root.contains(key))
      return fail(Error::Kind::Invalid,
                  std::string("field ") + key + " is missing: a line has time, arm, slo, requests and bad or buckets");

  TickLine line;
  const auto time = time_of(root["time"]);
  if (!time) return Unexpected(time.error());
  line.at = *time;
  if (root["arm"] != "canary" && root["arm"] != "baseline") return wrong("arm", root["arm"], "give \"canary\" or \"baseline\"");
  line.canary = root["arm"] == "canary";
  if (!root["slo"].is_string()) return wrong("slo", root["slo"], "give the SLO's name");
  auto name = checked_name(root["slo"].get<std::string>());
  if (!name) return fail("field slo", name.error());
  line.slo = *std::move(name);

  const auto is_null = [&](const char* key) { return root.contains(key) && root[key].is_null(); };
  if (is_null("requests") || is_null("bad") || is_null("buckets")) {
    line.no_data = true;
    return line;
  }
  const bool has_requests = root.contains("requests");
  if (has_requests) {
    const auto requests = count_of("requests", root["requests"]);
    if (!requests) return Unexpected(requests.error());
    line.requests = *requests;
  }
  if (root.contains("bad") == root.contains("buckets"))
    return fail(Error::Kind::Invalid, root.contains("bad")
                                          ? "fields bad and buckets are both there: give one of them"
                                          : "fields bad and buckets are both missing: give one of them, or \"requests\":null for no data");
  if (root.contains("buckets")) {
    if (auto ok = read_buckets(root["buckets"], line, has_requests); !ok) return Unexpected(ok.error());
    return line;
  }
  if (!has_requests) return fail(Error::Kind::Invalid, "field requests is missing: give this tick's count (null for no data)");
  const auto bad = count_of("bad", root["bad"]);
  if (!bad) return Unexpected(bad.error());
  if (*bad > line.requests) return wrong("bad", root["bad"], "it cannot be more than the " + number(line.requests) + " requests");
  line.bad = *bad;
  return line;
}

}  // namespace sluice::judge_tool
