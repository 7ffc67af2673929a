// PromQL vector selectors, `http_requests_total{status=~"5..",route!="/health"}`: parsed, completed and printed again.
//
// What users write into a Rollout ends up in queries with the operator's rights, so nothing of their text is passed on:
// a selector is read into a value, placeholders are filled in with escaping, our own namespace matcher is added, and the
// value is printed. Anything that is not a plain selector (functions, operators, ranges, offset, @, comments) is refused
// with the position and the cure. Pure functions.
// Grammar: https://prometheus.io/docs/prometheus/latest/querying/basics/ (string literals, instant vector selectors).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/core/error.h"

namespace sluice::prometheus {

struct Matcher {
  enum class Op { Equal, NotEqual, Match, NotMatch };  // = != =~ !~

  std::string label;
  Op op = Op::Equal;
  std::string value;  // unescaped

  bool is_regex() const { return op == Op::Match || op == Op::NotMatch; }
  friend bool operator==(const Matcher&, const Matcher&) = default;
};

struct Selector {
  std::string metric;
  std::vector<Matcher> matchers;

  friend bool operator==(const Selector&, const Selector&) = default;
};

// "metric{...}" or "metric". Invalid: position (from 1) and cure. At most 4096 characters.
Expected<Selector> parse_selector(std::string_view text);
// The inside of the braces alone: `namespace="shop",pod=~"web-.*"`; may be empty.
Expected<std::vector<Matcher>> parse_matchers(std::string_view text);

std::string to_string(const Matcher& matcher);
std::string to_string(const Selector& selector);

// What the placeholders {{namespace}} and {{replicaSet}} in matcher values stand for.
struct Placeholders {
  std::string ns;
  std::vector<std::string> replica_sets;  // several need a regular-expression matcher
};

// Fills the placeholders in, escaped for the matcher's kind. Invalid: an unknown placeholder, or several ReplicaSets in
// a matcher that is not a regular expression.
Expected<std::vector<Matcher>> fill_in(std::vector<Matcher> matchers, const Placeholders& values);

// The selector with `more` added and namespace="<ns>" always: Prometheus joins matchers of one label by "and", so a user's
// other namespace finds nothing instead of a neighbour's data.
Selector confined(Selector selector, const std::vector<Matcher>& more, const std::string& ns);

// Escapes text so that it matches itself in an RE2 regular expression.
std::string regex_escape(std::string_view text);

}  // namespace sluice::prometheus
