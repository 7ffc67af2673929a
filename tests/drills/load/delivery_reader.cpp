#include "tests/drills/load/delivery_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/wire/header_lines.h"

namespace courier::drills {

sluice::Expected<std::optional<Delivery>> read_delivery(std::string_view arrived) {
  const auto end = arrived.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view head = arrived.substr(0, end + 2);
  const auto id = wire::find_header(head, "webhook-id");
  const auto length = wire::find_header(head, "Content-Length");
  const auto body_bytes = length ? wire::length_of(*length) : std::nullopt;
  if (!head.starts_with("POST ") || !id || id->empty() || !body_bytes) {
    return sluice::fail(sluice::Error::Kind::Corrupt,
                        "not a POST with webhook-id and Content-Length: '" + std::string(head.substr(0, 200)) + "'");
  }
  const std::size_t bytes = end + 4 + *body_bytes;
  if (arrived.size() < bytes) return std::nullopt;
  const auto payload = nlohmann::json::parse(arrived.substr(end + 4, *body_bytes), nullptr, false);
  if (!payload.is_string()) {
    return sluice::fail(sluice::Error::Kind::Corrupt,
                        "the payload is no text: '" + std::string(arrived.substr(end + 4, std::min<std::size_t>(*body_bytes, 200))) + "'");
  }
  return Delivery{std::string(*id), payload.get<std::string>(), bytes};
}

}  // namespace courier::drills
