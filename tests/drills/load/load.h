// One load: sends each request at its time, tries it again as the plan allows, and writes down what clients know in the end.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "tests/drills/load/ledger.h"
#include "tests/drills/load/nodes.h"
#include "tests/drills/load/retry_budget.h"

namespace courier::drills {

class Load {
 public:
  // nodes and ledger must outlive it, and it the answers that it waits for.
  Load(Plan plan, Nodes& nodes, Ledger& ledger, LineFile requests);
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Sends what should have been sent by now.
  void work(Time now);
  // When work() has something to do; none: it has sent all.
  std::optional<Time> due() const;
  bool over() const { return !pace_.due() && running_ == 0; }

  void set_factor(double factor) { pace_.set_factor(factor); }
  const std::string& name() const { return plan_.name; }
  void flush() { requests_.flush(); }
  // How much later than it should have been all but a hundredth of the requests were sent: the load's own fault.
  Nanoseconds behind() const;

 private:
  struct Running;
  void attempt(const std::shared_ptr<Running>& running);
  void answered(const std::shared_ptr<Running>& running, const Answer& answer);
  void end(Running& running, const std::string& id);
  Nanoseconds since(const Turn& turn) const { return Clock::now() - plan_.begin - turn.sent; }

  const Plan plan_;
  Nodes& nodes_;
  Ledger& ledger_;
  LineFile requests_;
  Pace pace_;
  Mix mix_;
  RetryBudget budget_;
  std::size_t running_ = 0;
  std::vector<Nanoseconds> behind_;
};

}  // namespace courier::drills
