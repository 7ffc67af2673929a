// The bytes of one request after the other: the same, but for a number where the text has "{n}".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace courier::bench {

struct RequestShape {
  std::string method = "GET";
  std::string target = "/";
  std::vector<std::string> headers{};  // "Idempotency-Key: run-{n}"
  std::string body{};
};

// Each number is ten digits, so all requests have the same length. Not thread-safe.
class RequestText {
 public:
  explicit RequestText(const RequestShape& shape);
  // Valid until the next call.
  const std::string& number(std::uint64_t n);

 private:
  std::string text_;
  std::vector<std::size_t> places_;
};

}  // namespace courier::bench
