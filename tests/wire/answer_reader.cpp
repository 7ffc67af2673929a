#include "tests/wire/answer_reader.h"

#include <charconv>
#include <string>

#include "tests/wire/header_lines.h"

namespace courier::wire {
namespace {

sluice::Unexpected corrupt(std::string_view head) {
  return sluice::fail(sluice::Error::Kind::Corrupt, "not an answer of known length: '" + std::string(head.substr(0, 200)) + "'");
}

}  // namespace

sluice::Expected<std::optional<AnswerHead>> read_answer(std::string_view arrived) {
  const auto end = arrived.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view head = arrived.substr(0, end + 2);
  AnswerHead answer;
  const char* status = head.data() + 9;
  if (!head.starts_with("HTTP/1.") || head.size() < 14 || std::from_chars(status, status + 3, answer.status).ptr != status + 3) {
    return corrupt(head);
  }
  const bool bodiless = answer.status == 204 || answer.status == 304;
  const auto told = find_header(head, "Content-Length");
  const auto length = told ? length_of(*told) : std::nullopt;
  if (told ? !length : !bodiless) return corrupt(head);
  answer.closes = same(find_header(head, "Connection").value_or(""), "close");
  answer.body_bytes = bodiless ? 0 : *length;
  answer.bytes = end + 4 + answer.body_bytes;
  if (arrived.size() < answer.bytes) return std::nullopt;
  return answer;
}

}  // namespace courier::wire
