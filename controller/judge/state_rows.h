// States as rows of numbers in JSON, bit for bit the same after reading (null = minus infinity). Internal to the *_json.cpp files.
//
// A row is written once, as a function that visits its numbers in order, on const and mutable states alike.
#pragma once

#include <cmath>
#include <initializer_list>
#include <nlohmann/json.hpp>

#include "controller/judge/e_process.h"
#include "controller/judge/overdispersion.h"

namespace sluice::judge::rows {

inline constexpr auto each_of = [](auto&& f, auto&... values) { (f(values), ...); };

template <typename P, typename F>
void harm_row(P& p, F&& f) {
  for (auto& a : p.log_a) f(a);
  each_of(f, p.ticks, p.log_e);
}

template <typename O, typename F>
void spread_row(O& o, F&& f) {
  for (auto& x : o.chi_square) f(x);
  for (auto& x : o.freedom) f(x);
  for (auto& b : o.open) each_of(f, b.bad, b.expected, b.variance);
  f(o.ticks);
}

inline nlohmann::json encoded(double value) { return value == kLogZero ? nlohmann::json(nullptr) : nlohmann::json(value); }
inline nlohmann::json encoded(int value) { return value; }

inline bool decode(const nlohmann::json& from, double& value) {
  if (from.is_null()) {
    value = kLogZero;
    return true;
  }
  if (!from.is_number()) return false;
  value = from.get<double>();
  return std::isfinite(value);
}

inline bool decode(const nlohmann::json& from, int& value) {
  if (!from.is_number_integer() || from.get<double>() < 0 || from.get<double>() > 2147483647.0) return false;
  value = from.get<int>();
  return true;
}

template <typename Visit>
nlohmann::json row_of(Visit&& visit) {
  nlohmann::json row = nlohmann::json::array();
  visit([&](const auto& value) { row.push_back(encoded(value)); });
  return row;
}

template <typename Visit>
bool read_row(const nlohmann::json& row, Visit&& visit) {
  if (!row.is_array()) return false;
  std::size_t at = 0;
  bool ok = true;
  visit([&](auto& value) { ok = ok && at < row.size() && decode(row[at++], value); });
  return ok && at == row.size();
}

inline bool finite(std::initializer_list<double> values) {
  for (double v : values)
    if (!std::isfinite(v)) return false;
  return true;
}

// What every state of ours fulfils; a forged or damaged one must not lead to NaN later.
inline bool sane(const Overdispersion& spread) {
  bool ok = true;
  for (double v : spread.chi_square) ok = ok && v >= 0;
  for (double v : spread.freedom) ok = ok && v >= 0;
  for (const Overdispersion::Block& b : spread.open) ok = ok && finite({b.bad, b.expected}) && b.variance >= 0;
  return ok;
}

}  // namespace sluice::judge::rows
