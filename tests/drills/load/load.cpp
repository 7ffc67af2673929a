#include "tests/drills/load/load.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace courier::drills {
namespace {

constexpr std::size_t kInFlight = 2000;  // beyond it a request counts as failed without being sent

// Of the message in an answer; empty: there is none.
std::string id_of(std::string_view body) {
  const auto text = nlohmann::json::parse(body, nullptr, false);
  const auto id = text.is_object() ? text.find("id") : text.end();
  return id != text.end() && id->is_string() ? id->get<std::string>() : "";
}

}  // namespace

struct Load::Running {
  Turn turn;
  Asked asked;
  Course course;
  std::optional<Port> node;
};

Load::Load(Plan plan, Nodes& nodes, Ledger& ledger, LineFile requests)
    : plan_(std::move(plan)),
      nodes_(nodes),
      ledger_(ledger),
      requests_(std::move(requests)),
      pace_(plan_.rate, plan_.length),
      mix_(plan_) {}

std::optional<Time> Load::due() const {
  const auto at = pace_.due();
  return at ? std::optional(plan_.begin + *at) : std::nullopt;
}

void Load::work(Time now) {
  while (const auto turn = pace_.next(now - plan_.begin)) {
    budget_.first_try(turn->sent);
    behind_.push_back(since(*turn));
    if (running_ >= kInFlight) {
      requests_.add(request_line({.sent = turn->sent, .why = "too many in flight"}));
      continue;
    }
    Asked asked = mix_.next(turn->number);
    const Course course(asked.kind, turn->sent, plan_.tries, plan_.deadline);
    const auto running = std::make_shared<Running>(Running{*turn, std::move(asked), course, nodes_.rotation().next()});
    if (running->asked.kind != Kind::Read) ledger_.invoke(running->asked.key);
    ++running_;
    attempt(running);
  }
}

void Load::attempt(const std::shared_ptr<Running>& running) {
  if (!running->node) return answered(running, {.why = "no node"});
  const Nanoseconds elapsed = since(running->turn);
  const std::string text = wire_text(running->asked, running->course.timeout(elapsed), plan_.token);
  nodes_.ask(*running->node, text, plan_.begin + running->turn.sent + elapsed + running->course.patience(elapsed),
             [this, running](const Answer& answer) { answered(running, answer); });
}

void Load::answered(const std::shared_ptr<Running>& running, const Answer& answer) {
  std::string id;
  Answer seen = answer;
  if (running->asked.kind != Kind::Read && answer.status == 202) {
    id = id_of(answer.body);
    if (id.empty()) seen = {.why = "202 without an id"};
  }
  if (running->course.note(seen) && (!plan_.budgeted || budget_.take(Clock::now() - plan_.begin))) {
    running->course.retry();
    running->node = nodes_.rotation().other(running->node);
    return attempt(running);
  }
  end(*running, id);
}

void Load::end(Running& running, const std::string& id) {
  const Outcome outcome = running.course.end(since(running.turn));
  requests_.add(request_line(outcome));
  --running_;
  if (!id.empty()) {
    mix_.acknowledged(running.asked, id);
    ledger_.ok(running.asked.key, id);
  } else if (running.asked.kind == Kind::Write) {
    if (outcome.open_end) ledger_.info(running.asked.key, outcome.why);
    else ledger_.fail(running.asked.key, outcome.why);
  }
}

Nanoseconds Load::behind() const {
  if (behind_.empty()) return Nanoseconds(0);
  std::vector<Nanoseconds> sorted = behind_;
  const auto place = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() * 99 / 100);
  std::nth_element(sorted.begin(), place, sorted.end());
  return *place;
}

}  // namespace courier::drills
