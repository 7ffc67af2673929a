#include "tests/drills/load/mix.h"

#include <algorithm>

#include "tests/drills/load/share.h"

namespace courier::drills {

Asked Mix::next(std::uint64_t number) {
  if (every(number, plan_.writes)) return write(number);
  if (!plan_.reads_messages || ids_.empty()) return {.target = "/version"};
  return {.target = "/v1/messages/" + ids_[number % ids_.size()]};
}

Asked Mix::write(std::uint64_t number) {
  ++writes_;
  if (!written_.empty() && every(writes_, plan_.repeats)) {
    const auto& [key, body] = written_[number % written_.size()];
    return {.kind = Kind::Repeat, .key = key, .body = body};
  }
  const bool far = every(writes_, plan_.elsewhere);
  Asked asked{.kind = Kind::Write, .key = (far ? "far" : plan_.name) + "-" + std::to_string(number)};
  nlohmann::json body{{"payload", asked.key}};
  if (far) body["endpoint"] = plan_.elsewhere_url;
  asked.body = body.dump();
  return asked;
}

void Mix::acknowledged(const Asked& write, std::string id) {
  if (write.kind != Kind::Write) return;
  ids_.push_back(std::move(id));
  if (plan_.repeats > 0) written_.emplace_back(write.key, write.body);
}

std::string wire_text(const Asked& asked, Nanoseconds timeout, const std::string& token) {
  const auto ms = std::max<Nanoseconds::rep>(1, timeout.count() / 1'000'000);
  std::string text = asked.kind == Kind::Read ? "GET " + asked.target : "POST /v1/messages";
  text += " HTTP/1.1\r\nHost: courier\r\nX-Request-Timeout-Ms: " + std::to_string(ms) + "\r\n";
  if (!token.empty()) text += "Authorization: Bearer " + token + "\r\n";
  if (asked.kind != Kind::Read) {
    text += "Idempotency-Key: " + asked.key + "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(asked.body.size()) +
            "\r\n";
  }
  return text + "\r\n" + asked.body;
}

}  // namespace courier::drills
