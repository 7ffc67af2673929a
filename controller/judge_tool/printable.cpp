#include "controller/judge_tool/printable.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace sluice::judge_tool {

std::string printable(std::string_view text, std::size_t most) {
  std::string out;
  for (const char c : text.substr(0, most)) out += c >= 0x20 && c < 0x7f ? c : '?';
  if (text.size() > most) out += "...";
  return out;
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent, std::string_view bullet) {
  std::string out, line;
  const auto end_line = [&] {
    if (!line.empty())
      out += std::string(indent, ' ') + (out.empty() ? std::string(bullet) : std::string(bullet.size(), ' ')) + line + '\n';
    line.clear();
  };
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t begin = text.find_first_not_of(' ', at);
    if (begin == std::string_view::npos) break;
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    if (!line.empty() && indent + bullet.size() + line.size() + 1 + word.size() > width) end_line();
    if (!line.empty()) line += ' ';
    line += word;
    at = end;
  }
  end_line();
  return out;
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < rows[r].size(); ++i) {
      const std::string& cell = rows[r][i];
      const std::string padding(widths[i] - cell.size(), ' ');
      line += (i > 0 ? "  " : "") + (i == 0 ? cell + padding : padding + cell);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
    if (r == 0) {
      std::size_t total = 0;
      for (const std::size_t w : widths) total += w + 2;
      out += std::string(total > 2 ? total - 2 : 0, '-') + '\n';
    }
  }
  return out;
}

std::string about(double seconds) {
  std::array<char, 40> text;
  const auto whole = std::llround(std::clamp(seconds, 1.0, 1e15));
  if (whole < 60) std::snprintf(text.data(), text.size(), "%llds", whole);
  else if (whole < 600 && whole % 60 != 0) std::snprintf(text.data(), text.size(), "%lldm%02llds", whole / 60, whole % 60);
  else if (whole < 3'600) std::snprintf(text.data(), text.size(), "%lldm", (whole + 30) / 60);
  else if (whole < 36'000 && whole % 3600 < 60) std::snprintf(text.data(), text.size(), "%lldh", whole / 3600);
  else if (whole < 36'000) std::snprintf(text.data(), text.size(), "%lldh%02lldm", whole / 3600, whole % 3600 / 60);
  else if (whole < 172'800) std::snprintf(text.data(), text.size(), "%lldh", (whole + 1800) / 3600);
  else if (whole < 86'400'000) std::snprintf(text.data(), text.size(), "%lldd", (whole + 43'200) / 86'400);
  else return "years";
  return text.data();
}

std::string number(double value) {
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), std::abs(value) >= 1000 && std::abs(value) < 1e9 ? "%.0f" : "%.3g", value);
  return text.data();
}

}  // namespace sluice::judge_tool
