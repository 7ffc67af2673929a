// What each request of a load asks for: reads of what was acknowledged, new messages, and repeats of old ones. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/drills/load/pace.h"
#include "tests/drills/load/plan.h"

namespace courier::drills {

enum class Kind { Read, Write, Repeat };  // Repeat: key and body of a write that was acknowledged

struct Asked {
  Kind kind = Kind::Read;
  std::string target{};  // of a read
  std::string key{};     // of the others
  std::string body{};
};

class Mix {
 public:
  explicit Mix(const Plan& plan) : plan_(plan) {}

  Asked next(std::uint64_t number);
  void acknowledged(const Asked& write, std::string id);

 private:
  Asked write(std::uint64_t number);

  const Plan& plan_;
  std::uint64_t writes_ = 0;
  std::vector<std::string> ids_;
  std::vector<std::pair<std::string, std::string>> written_;  // key, body
};

// The bytes of the request. timeout: what the server is told, at least a millisecond.
std::string wire_text(const Asked& asked, Nanoseconds timeout, const std::string& token);

}  // namespace courier::drills
