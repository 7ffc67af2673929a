// Spans as the body of OTLP/HTTP's JSON encoding. Pure.
// Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding (ids in hexadecimal, 64-bit integers as texts,
// enumerations as numbers).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "sample-service/telemetry/span.h"

namespace courier {

// Who tells of the spans: the attributes service.name, service.version and service.instance.id.
struct SpanResource {
  std::string service = "courier";
  std::string version{};
  std::string instance{};
};

// An ExportTraceServiceRequest. Bytes that are not UTF-8 are replaced.
std::string to_otlp_json(const SpanResource& resource, std::span<const Span> spans);

// How many spans the collector says it did not take, in the body of an answer of 200; 0 of what cannot be read.
std::size_t rejected_spans(std::string_view answer);

}  // namespace courier
