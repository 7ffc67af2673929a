// Label and field selectors as the API server and the controllers understand them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/json_access.h"

namespace sluice::simulation {

// Every entry of the map is among the labels. An empty map selects nothing, as in Services.
bool covers(const Json& selector_map, const Json& labels);

// {matchLabels, matchExpressions}; empty selects nothing, as in Deployments and ReplicaSets.
bool selects(const Json& label_selector, const Json& labels);

// "a=b,c!=d,e in (f,g),h notin (i),j,!k"; the empty text selects everything. Values; thread-safe as values are.
class LabelQuery {
 public:
  static Expected<LabelQuery> parse(std::string_view query);
  bool matches(const Json& object) const;
  bool everything() const { return terms_.empty(); }

 private:
  struct Term {
    std::string key;
    enum class Kind { In, NotIn, Present, Absent } kind = Kind::In;
    std::vector<std::string> values;
  };
  std::vector<Term> terms_;
};

// "metadata.name=x,metadata.namespace!=y": only these two fields; others are an error, as on most kinds.
Expected<bool> field_matches(std::string_view query, const Json& object);

}  // namespace sluice::simulation
