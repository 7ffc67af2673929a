#include "tests/simulation/selectors.h"

#include <algorithm>

namespace sluice::simulation {

namespace {

std::string trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return std::string(text);
}

// Splits at commas outside of parentheses.
std::vector<std::string> split_terms(std::string_view query) {
  std::vector<std::string> terms;
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= query.size(); ++i) {
    if (i == query.size() || (query[i] == ',' && depth == 0)) {
      if (auto term = trimmed(query.substr(start, i - start)); !term.empty()) terms.push_back(std::move(term));
      start = i + 1;
    } else if (query[i] == '(') {
      ++depth;
    } else if (query[i] == ')') {
      --depth;
    }
  }
  return terms;
}

std::vector<std::string> values_in(std::string_view list) {
  const auto open = list.find('(');
  const auto close = list.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return {};
  return split_terms(list.substr(open + 1, close - open - 1));
}

bool one_of(const std::vector<std::string>& values, const std::string& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

}  // namespace

bool covers(const Json& selector_map, const Json& labels) {
  if (!selector_map.is_object() || selector_map.empty()) return false;
  for (const auto& [key, value] : selector_map.get_ref<const Json::object_t&>()) {
    if (at(labels, {key}) != value) return false;
  }
  return true;
}

bool selects(const Json& label_selector, const Json& labels) {
  const Json& match = at(label_selector, {"matchLabels"});
  const Json& expressions = at(label_selector, {"matchExpressions"});
  const bool any_match = match.is_object() && !match.empty();
  const bool any_expression = expressions.is_array() && !expressions.empty();
  if (!any_match && !any_expression) return false;
  if (any_match && !covers(match, labels)) return false;
  if (any_expression) {
    for (const auto& e : expressions) {
      const Json& value = at(labels, {text(e, {"key"})});
      const std::string how = text(e, {"operator"});
      bool listed = false;
      if (const Json& values = at(e, {"values"}); values.is_array() && value.is_string()) {
        listed = std::find(values.begin(), values.end(), value) != values.end();
      }
      if (how == "In" && !listed) return false;
      if (how == "NotIn" && listed) return false;
      if (how == "Exists" && !value.is_string()) return false;
      if (how == "DoesNotExist" && value.is_string()) return false;
    }
  }
  return true;
}

Expected<LabelQuery> LabelQuery::parse(std::string_view query) {
  LabelQuery result;
  for (const auto& term : split_terms(query)) {
    Term t;
    if (const auto notin = term.find(" notin "); notin != std::string::npos) {
      t = {trimmed(term.substr(0, notin)), Term::Kind::NotIn, values_in(term)};
    } else if (const auto in = term.find(" in "); in != std::string::npos) {
      t = {trimmed(term.substr(0, in)), Term::Kind::In, values_in(term)};
    } else if (const auto ne = term.find("!="); ne != std::string::npos) {
      t = {trimmed(term.substr(0, ne)), Term::Kind::NotIn, {trimmed(term.substr(ne + 2))}};
    } else if (const auto eq = term.find('='); eq != std::string::npos) {
      const auto value = eq + 1 < term.size() && term[eq + 1] == '=' ? eq + 2 : eq + 1;
      t = {trimmed(term.substr(0, eq)), Term::Kind::In, {trimmed(term.substr(value))}};
    } else if (term.front() == '!') {
      t = {trimmed(term.substr(1)), Term::Kind::Absent, {}};
    } else {
      t = {term, Term::Kind::Present, {}};
    }
    if (t.key.empty() || t.key.find(' ') != std::string::npos) {
      return fail(Error::Kind::Invalid, "label selector '" + std::string(query) + "': cannot read '" + term + "'");
    }
    result.terms_.push_back(std::move(t));
  }
  return result;
}

bool LabelQuery::matches(const Json& object) const {
  for (const auto& term : terms_) {
    const Json& value = at(object, {"metadata", "labels", term.key});
    const bool listed = value.is_string() && one_of(term.values, value.get_ref<const std::string&>());
    switch (term.kind) {
      case Term::Kind::In:
        if (!listed) return false;
        break;
      case Term::Kind::NotIn:
        if (listed) return false;
        break;
      case Term::Kind::Present:
        if (!value.is_string()) return false;
        break;
      case Term::Kind::Absent:
        if (value.is_string()) return false;
        break;
    }
  }
  return true;
}

Expected<bool> field_matches(std::string_view query, const Json& object) {
  for (const auto& term : split_terms(query)) {
    const auto eq = term.find('=');
    if (eq == std::string::npos || eq == 0) {
      return fail(Error::Kind::Invalid, "field selector '" + std::string(query) + "': cannot read '" + term + "'");
    }
    const bool negated = term[eq - 1] == '!';
    const std::string field = trimmed(std::string_view(term).substr(0, negated ? eq - 1 : eq));
    const auto start = eq + 1 < term.size() && term[eq + 1] == '=' ? eq + 2 : eq + 1;
    const std::string wanted = trimmed(std::string_view(term).substr(start));
    std::string value;
    if (field == "metadata.name") {
      value = text(object, {"metadata", "name"});
    } else if (field == "metadata.namespace") {
      value = text(object, {"metadata", "namespace"});
    } else {
      return fail(Error::Kind::Invalid, "field label not supported: " + field);
    }
    if ((value == wanted) == negated) return false;
  }
  return true;
}

}  // namespace sluice::simulation
