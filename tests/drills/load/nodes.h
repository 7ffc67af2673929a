// Calls to courier's nodes over kept connections, as many at a time as are asked for. Never repeats anything by itself.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "tests/drills/load/course.h"
#include "tests/drills/load/rotation.h"
#include "tests/drills/load/stream.h"

namespace courier::drills {

class Nodes {
 public:
  // The answer is valid during the call; status 0: none came until the time given. It may be called before ask() returns.
  using Done = std::function<void(const Answer&)>;

  explicit Nodes(Loop& loop);
  ~Nodes();

  void add(Port node) { rotation_.add(node); }
  // Its connections are closed: those that are busy when they have their answer.
  void remove(Port node);
  Rotation& rotation() { return rotation_; }

  void ask(Port node, const std::string& request, Time until, Done done);
  // Gives up what has waited for too long.
  void work(Time now);
  // When work() has something to do; none: nothing waits.
  std::optional<Time> due() const;

 private:
  class Connection;
  void over(Connection& connection, const Answer& answer, bool keep);
  void drop(Connection& connection);

  Loop& loop_;
  Rotation rotation_;
  std::list<std::shared_ptr<Connection>> connections_;
  std::map<Port, std::vector<Connection*>> idle_;
  std::multimap<Time, Connection*> waiting_;
};

}  // namespace courier::drills
