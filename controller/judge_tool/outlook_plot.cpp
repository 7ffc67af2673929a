#include "controller/judge_tool/outlook_plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "common/core/percent.h"
#include "controller/judge_tool/printable.h"

namespace sluice::judge_tool {
namespace {

constexpr double kWidth = 760, kHeight = 460, kLeft = 72, kRight = 96, kTop = 64, kBottom = 56;
constexpr double kSmallest = 1.2, kLargest = 50;
// Colours that differ in lightness, too (after Okabe and Ito); lines are named at their ends as well.
constexpr std::array<const char*, 8> kColours{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#b8860b", "#555555", "#000000"};

std::string at(double value) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}

struct Axes {
  double low = 10, high = 86'400;  // seconds

  double x(double ratio) const { return kLeft + (kWidth - kLeft - kRight) * std::log(ratio / kSmallest) / std::log(kLargest / kSmallest); }
  double y(double seconds) const { return kHeight - kBottom - (kHeight - kTop - kBottom) * std::log(seconds / low) / std::log(high / low); }
};

std::string text_at(double x, double y, const std::string& anchor, const std::string& words, const std::string& more = "") {
  return "<text x=\"" + at(x) + "\" y=\"" + at(y) + "\" text-anchor=\"" + anchor + "\"" + more + ">" + words + "</text>\n";
}

std::string line(double x1, double y1, double x2, double y2, const std::string& style) {
  return "<line x1=\"" + at(x1) + "\" y1=\"" + at(y1) + "\" x2=\"" + at(x2) + "\" y2=\"" + at(y2) + "\" " + style + "/>\n";
}

std::string grid(const Axes& axes) {
  std::string out;
  const std::string style = "stroke=\"#e3e3e3\"";
  for (const auto& [seconds, name] : {std::pair{15.0, "15 s"},
                                      {60.0, "1 min"},
                                      {300.0, "5 min"},
                                      {1'800.0, "30 min"},
                                      {7'200.0, "2 h"},
                                      {43'200.0, "12 h"},
                                      {172'800.0, "2 d"},
                                      {1'209'600.0, "2 weeks"}}) {
    if (seconds < axes.low || seconds > axes.high) continue;
    out += line(kLeft, axes.y(seconds), kWidth - kRight, axes.y(seconds), style) + text_at(kLeft - 8, axes.y(seconds) + 4, "end", name);
  }
  for (const double ratio : {1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0})
    out += line(axes.x(ratio), kTop, axes.x(ratio), kHeight - kBottom, style) +
           text_at(axes.x(ratio), kHeight - kBottom + 18, "middle", number(ratio) + "x");
  return out;
}

}  // namespace

std::string plot(const Situation& s, const std::vector<double>& weights) {
  constexpr int kSteps = 160;
  Axes axes;
  axes.low = std::max(1.0, s.tick_seconds * 0.8);
  axes.high = std::max(s.max_seconds * 12, 4 * axes.low);
  struct Label {
    double y;
    std::size_t weight;
  };
  std::string curves;
  std::vector<Label> labels;
  for (std::size_t w = 0; w < std::min(weights.size(), kColours.size()); ++w) {
    std::string points;
    double last = 0;
    for (int i = 0; i <= kSteps; ++i) {
      const double ratio = kSmallest * std::pow(kLargest / kSmallest, static_cast<double>(i) / kSteps);
      const auto seconds = seconds_to_fail(s, weights[w], ratio);
      if (!seconds || *seconds > axes.high) continue;
      points += (points.empty() ? "" : " ") + at(axes.x(ratio)) + "," + at(axes.y(*seconds));
      last = axes.y(*seconds);
    }
    if (points.empty()) continue;
    curves += "<polyline points=\"" + points + "\" fill=\"none\" stroke=\"" + kColours[w] + "\" stroke-width=\"2\"/>\n";
    labels.push_back({last, w});
  }
  // Names at the lines' ends, pushed apart where lines meet.
  std::stable_sort(labels.begin(), labels.end(), [](const Label& a, const Label& b) { return a.y < b.y; });
  std::string names;
  double lowest = kHeight - kBottom + 4;
  for (auto label = labels.rbegin(); label != labels.rend(); ++label) {
    const double y = std::min(label->y + 4, lowest);
    lowest = y - 15;
    names += text_at(kWidth - kRight + 8, y, "start", format_percent(weights[label->weight]) + " weight",
                     std::string(" fill=\"") + kColours[label->weight] + "\"");
  }
  const double limit = axes.y(s.max_seconds);
  std::string out =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + at(kWidth) + "\" height=\"" + at(kHeight) + "\" viewBox=\"0 0 " + at(kWidth) +
      " " + at(kHeight) + "\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#333\">\n" +
      "<title>Time until a regression is proven</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n" +
      text_at(kLeft, 26, "start", "Time until a regression is proven", " font-size=\"16\" font-weight=\"bold\"") +
      text_at(kLeft, 46, "start",
              number(s.rate) + " requests/s, " +
                  (s.latency ? "a slow-down of " + format_percent(s.plan.slos.front().slowdown) + " tolerated"
                             : format_percent(s.base, 4) + " bad in the baseline") +
                  ", falseRollback " + format_percent(s.plan.alpha) + (s.phi ? ", calibrated phi " + number(*s.phi) : ", not calibrated"));
  out += "<rect x=\"" + at(kLeft) + "\" y=\"" + at(kTop) + "\" width=\"" + at(kWidth - kLeft - kRight) + "\" height=\"" + at(limit - kTop) +
         "\" fill=\"#f6ecec\"/>\n";
  out += grid(axes) + line(kLeft, limit, kWidth - kRight, limit, "stroke=\"#a00\" stroke-dasharray=\"6 4\"") +
         text_at(kWidth - kRight - 6, limit - 6, "end", "beyond maxDuration, " + about(s.max_seconds), " fill=\"#a00\"");
  out += curves + names +
         text_at(
             kLeft + (kWidth - kLeft - kRight) / 2, kHeight - 14, "middle",
             s.latency ? "how many times as long as in the baseline requests take" : "how many times as many bad requests as the baseline");
  return out + "</svg>\n";
}

}  // namespace sluice::judge_tool
