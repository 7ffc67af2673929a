#include "tests/bench/courier/answer_reader.h"

#include <charconv>
#include <string>

#include "common/http/transport.h"

namespace courier::bench {
namespace {

bool same(std::string_view a, std::string_view b) {
  const sluice::http::CaseInsensitiveLess less;
  return a.size() == b.size() && !less(a, b) && !less(b, a);
}

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
  std::optional<std::size_t> length;
  if (answer.status == 204 || answer.status == 304) length = 0;
  for (std::size_t begin = head.find("\r\n") + 2; begin < head.size();) {
    const std::size_t stop = head.find("\r\n", begin);
    const std::string_view line = head.substr(begin, stop - begin);
    const std::size_t colon = std::min(line.find(':'), line.size());
    const std::string_view name = line.substr(0, colon);
    std::string_view value = line.substr(std::min(colon + 1, line.size()));
    while (value.starts_with(' ')) value.remove_prefix(1);
    if (same(name, "Content-Length")) {
      std::size_t bytes = 0;
      if (std::from_chars(value.data(), value.data() + value.size(), bytes).ptr != value.data() + value.size()) return corrupt(head);
      if (!length) length = bytes;
    }
    if (same(name, "Connection")) answer.closes = same(value, "close");
    begin = stop + 2;
  }
  if (!length) return corrupt(head);
  answer.bytes = end + 4 + *length;
  if (arrived.size() < answer.bytes) return std::nullopt;
  return answer;
}

}  // namespace courier::bench
