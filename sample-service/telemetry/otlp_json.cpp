#include "sample-service/telemetry/otlp_json.h"

#include <charconv>

#include <nlohmann/json.hpp>

namespace courier {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFailed = 2;  // STATUS_CODE_ERROR

Json json_of(const std::string& key, const SpanValue& value) {
  Json typed;
  if (const auto* text = std::get_if<std::string>(&value)) typed["stringValue"] = *text;
  else typed["intValue"] = std::to_string(std::get<long long>(value));
  return {{"key", key}, {"value", std::move(typed)}};
}

Json json_of(const Span& span) {
  Json json{{"traceId", span.context.trace_id}, {"spanId", span.context.span_id}};
  if (!span.parent.empty()) json["parentSpanId"] = span.parent;
  json["name"] = span.name;
  json["kind"] = static_cast<int>(span.kind);
  json["startTimeUnixNano"] = std::to_string(span.start);
  json["endTimeUnixNano"] = std::to_string(span.end);
  Json attributes = Json::array();
  for (const auto& [key, value] : span.attributes) attributes.push_back(json_of(key, value));
  json["attributes"] = std::move(attributes);
  if (!span.error.empty()) json["status"] = Json{{"code", kFailed}, {"message", span.error}};
  return json;
}

}  // namespace

std::string to_otlp_json(const SpanResource& resource, std::span<const Span> spans) {
  Json attributes = Json::array({json_of("service.name", resource.service), json_of("service.version", resource.version),
                                 json_of("service.instance.id", resource.instance)});
  Json list = Json::array();
  for (const Span& span : spans) list.push_back(json_of(span));
  Json scope{{"scope", {{"name", "courier"}}}, {"spans", std::move(list)}};
  Json of_resource{{"resource", {{"attributes", std::move(attributes)}}}, {"scopeSpans", Json::array({std::move(scope)})}};
  const Json request{{"resourceSpans", Json::array({std::move(of_resource)})}};
  return request.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::size_t rejected_spans(std::string_view answer) {
  const Json json = Json::parse(answer, nullptr, false);
  if (!json.is_object() || !json.contains("partialSuccess") || !json["partialSuccess"].is_object()) return 0;
  const Json count = json["partialSuccess"].value("rejectedSpans", Json());
  if (count.is_number_unsigned()) return count.get<std::size_t>();
  std::size_t number = 0;
  if (const auto* text = count.get_ptr<const std::string*>()) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

}  // namespace courier
