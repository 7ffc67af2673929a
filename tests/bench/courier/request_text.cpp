#include "tests/bench/courier/request_text.h"

namespace courier::bench {
namespace {

constexpr std::size_t kDigits = 10;

void append(const std::string& piece, std::string& text, std::vector<std::size_t>& places) {
  for (std::size_t begin = 0; begin < piece.size();) {
    const std::size_t mark = std::min(piece.find("{n}", begin), piece.size());
    text += piece.substr(begin, mark - begin);
    if (mark < piece.size()) {
      places.push_back(text.size());
      text.append(kDigits, '0');
    }
    begin = mark + 3;
  }
}

}  // namespace

RequestText::RequestText(const RequestShape& shape) {
  std::string body;
  std::vector<std::size_t> in_body;
  append(shape.body, body, in_body);
  append(shape.method + " " + shape.target + " HTTP/1.1\r\nHost: courier\r\n", text_, places_);
  for (const std::string& header : shape.headers) append(header + "\r\n", text_, places_);
  if (!body.empty()) text_ += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  text_ += "\r\n";
  for (const std::size_t place : in_body) places_.push_back(text_.size() + place);
  text_ += body;
}

const std::string& RequestText::number(std::uint64_t n) {
  std::string digits(kDigits, '0');
  for (std::size_t i = kDigits; i-- > 0; n /= 10) digits[i] = static_cast<char>('0' + n % 10);
  for (const std::size_t place : places_) text_.replace(place, kDigits, digits);
  return text_;
}

}  // namespace courier::bench
