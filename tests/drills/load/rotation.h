// The nodes that clients know, by their ports, as a gateway knows endpoints: what is down is still called until it is removed, and that
// is the runner's to say. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace courier::drills {

using Port = std::uint16_t;

class Rotation {
 public:
  void add(Port node) {
    remove(node);
    nodes_.push_back(node);
  }
  void remove(Port node) { std::erase(nodes_, node); }
  bool has(Port node) const { return std::find(nodes_.begin(), nodes_.end(), node) != nodes_.end(); }

  // The node whose turn it is. None: there are no nodes.
  std::optional<Port> next() {
    if (nodes_.empty()) return std::nullopt;
    return nodes_[turn_++ % nodes_.size()];
  }

  // For a second try: one of the others, if there are any. They take turns of their own, so that retries do not shift those of first tries.
  std::optional<Port> other(std::optional<Port> than) {
    std::vector<Port> others = nodes_;
    if (than) std::erase(others, *than);
    if (others.empty()) return next();
    return others[others_turn_++ % others.size()];
  }

 private:
  std::vector<Port> nodes_;
  std::size_t turn_ = 0;
  std::size_t others_turn_ = 0;
};

}  // namespace courier::drills
