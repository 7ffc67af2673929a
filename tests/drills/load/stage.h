// The clients and the receiver of a drill, as the runner tells them to behave: a JSON object a line, "do" says what.
//
//   {"do": "add", "port": 8080}        a node that clients know from now on; "remove": they do not any more
//   {"do": "load", "name": "key", ...} begins a load, see plan.h; {"over": "key", ...} is said when all of its requests have ended
//   {"do": "pace", "load": "key", "factor": 5}             so many times its rate from now on
//   {"do": "receiver", "conduct": "errors", "share": 0.3}  see conduct.h; 1 unless it is told
//   {"do": "tell"}                     is answered {"calls": deliveries that came, "undelivered": messages that were
//                                      acknowledged and did not, "delivered": id of one that did, or "", "cpu_seconds": of this process};
//                                      the history is written by then
#pragma once

#include <functional>
#include <list>
#include <nlohmann/json.hpp>

#include "tests/drills/load/load.h"
#include "tests/drills/load/receiver.h"

namespace courier::drills {

class Stage {
 public:
  using Say = std::function<void(const nlohmann::json&)>;

  // All must outlive it.
  Stage(Loop& loop, Ledger& ledger, Receiver& receiver, Say say)
      : ledger_(ledger), receiver_(receiver), nodes_(loop), say_(std::move(say)) {}

  // Does what a line says. Invalid, Unavailable: it cannot; the drill is worth nothing then.
  sluice::Expected<void> told(const std::string& line);

  // Sends what should have been sent by now, gives up what has waited for too long, and says which loads are over.
  void work(Time now);
  // When work() has something to do, at the latest.
  Time due(Time now) const;

 private:
  sluice::Expected<void> begin(const nlohmann::json& what);
  sluice::Expected<void> pace(const std::string& load, double factor);
  sluice::Expected<void> behave(const std::string& conduct, double share);
  void tell();

  Ledger& ledger_;
  Receiver& receiver_;
  Nodes nodes_;
  const Say say_;
  std::list<Load> loads_;
};

}  // namespace courier::drills
