// The history of a drill, and what of it is not delivered yet. Not thread-safe.
#pragma once

#include <string>
#include <unordered_set>

#include "tests/drills/load/lines.h"

namespace courier::drills {

class Ledger {
 public:
  Ledger(LineFile file, Time start) : file_(std::move(file)), start_(start) {}

  void invoke(std::string_view key) { note("invoke", key); }
  void ok(std::string_view key, const std::string& id);
  void fail(std::string_view key, std::string_view why) { note("fail", key, "why", why); }
  void info(std::string_view key, std::string_view why) { note("info", key, "why", why); }
  void effect(std::string_view key, const std::string& id);

  // Messages that were acknowledged and have not reached the receiver.
  std::size_t undelivered() const { return undelivered_.size(); }
  bool delivered(const std::string& id) const { return delivered_.contains(id); }
  // The last message that became both; empty: none did.
  const std::string& last() const { return last_; }
  void flush() { file_.flush(); }

 private:
  void note(std::string_view type, std::string_view key, std::string_view more = {}, std::string_view text = {}) {
    file_.add(history_line(Clock::now() - start_, type, key, more, text));
  }

  LineFile file_;
  const Time start_;
  std::unordered_set<std::string> undelivered_;
  std::unordered_set<std::string> delivered_;
  std::string last_;
};

inline void Ledger::ok(std::string_view key, const std::string& id) {
  note("ok", key, "id", id);
  if (delivered_.contains(id)) last_ = id;  // the receiver was quicker
  else undelivered_.insert(id);
}

inline void Ledger::effect(std::string_view key, const std::string& id) {
  note("effect", key, "id", id);
  delivered_.insert(id);
  if (undelivered_.erase(id) != 0) last_ = id;
}

}  // namespace courier::drills
