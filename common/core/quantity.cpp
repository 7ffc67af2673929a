#include "common/core/quantity.h"

#include <array>
#include <charconv>
#include <cmath>

namespace sluice {

Expected<double> parse_quantity(std::string_view text) {
  struct Suffix {
    std::string_view text;
    double factor;
  };
  constexpr std::array<Suffix, 17> kSuffixes{{{"Ki", 0x1p10},
                                              {"Mi", 0x1p20},
                                              {"Gi", 0x1p30},
                                              {"Ti", 0x1p40},
                                              {"Pi", 0x1p50},
                                              {"Ei", 0x1p60},
                                              {"n", 1e-9},
                                              {"u", 1e-6},
                                              {"m", 1e-3},
                                              {"k", 1e3},
                                              {"M", 1e6},
                                              {"G", 1e9},
                                              {"T", 1e12},
                                              {"P", 1e15},
                                              {"E", 1e18},
                                              {"", 1},
                                              {"", 1}}};
  const auto bad = [&] {
    return fail(Error::Kind::Invalid,
                "\"" + std::string(text.substr(0, 64)) + "\" is not a quantity: write a number and a suffix, such as 250m or 1Gi");
  };
  std::string_view rest = text;
  if (!rest.empty() && rest.front() == '+') rest.remove_prefix(1);
  double value = 0;
  const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value, std::chars_format::general);
  if (error != std::errc() || !std::isfinite(value)) return bad();
  const std::string_view suffix(stop, static_cast<std::size_t>(rest.data() + rest.size() - stop));
  for (const Suffix& known : kSuffixes)
    if (known.text == suffix) return value * known.factor;
  return bad();
}

}  // namespace sluice
