// What is scraped as one: the labels job, instance, pod, container, endpoint. All series of a target have their samples at
// the same instants, begin with its first scrape and end with its last.
#pragma once

#include <string>

#include "controller/prometheus/client.h"

namespace sluice::prometheus {

inline std::string label(const Labels& labels, const char* name) {
  const auto found = labels.find(name);
  return found == labels.end() ? std::string() : found->second;
}

inline std::string target_of(const Labels& labels) {
  std::string key;
  for (const char* name : {"job", "instance", "pod", "container", "endpoint"}) key += label(labels, name) + '\n';
  return key;
}

// What the buckets and the count of one classic histogram have in common.
inline std::string labels_without_le(const Labels& labels) {
  std::string key;
  for (const auto& [name, value] : labels)
    if (name != "le") key += name + '\n' + value + '\n';
  return key;
}

}  // namespace sluice::prometheus
