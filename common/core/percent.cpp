#include "common/core/percent.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace sluice {

Expected<double> parse_percent(std::string_view text) {
  double value = 0;
  const auto bad = [&] {
    return fail(Error::Kind::Invalid, "\"" + std::string(text.substr(0, 64)) +
                                          "\" is not a percentage: write a number from 0 to 100 and the sign, such as \"5%\"");
  };
  if (text.size() < 2 || text.back() != '%' || text.front() == '-') return bad();
  const char* end = text.data() + text.size() - 1;
  const auto [stop, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (error != std::errc() || stop != end || !std::isfinite(value) || value < 0 || value > 100) return bad();
  return value / 100;
}

std::string format_percent(double share, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, share * 100);
  std::string out = text.data();
  if (out.find('.') != std::string::npos) {
    while (out.back() == '0') out.pop_back();
    if (out.back() == '.') out.pop_back();
  }
  return out + "%";
}

Expected<int> scaled_count(std::string_view text, int of) {
  if (!text.empty() && text.back() == '%') {
    const auto share = parse_percent(text);
    if (!share) return tl::make_unexpected(share.error());
    return static_cast<int>(std::ceil(*share * of - 1e-9));
  }
  int value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size() || value < 0)
    return fail(Error::Kind::Invalid,
                "\"" + std::string(text.substr(0, 64)) + "\" is neither a number of replicas (3) nor a percentage (\"25%\")");
  return value;
}

}  // namespace sluice
