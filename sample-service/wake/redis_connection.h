// One connection to Redis that comes back by itself: a command on a lost connection connects first.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "common/core/error.h"

namespace courier {

using sluice::Expected;

struct RedisAddress {
  std::string host{};
  int port = 6379;
  std::string user{};
  std::string password{};
  int database = 0;
};
// Invalid says what the URI lacks, and never its password.
Expected<RedisAddress> parse_redis_uri(const std::string& uri);

// What Redis answered: a text, a number or a list.
struct RedisAnswer {
  std::string text{};  // status, string, or error
  long long number = 0;
  bool is_error = false;
  std::vector<RedisAnswer> items{};
};

// The longest that a call takes, for each of both.
struct RedisTimeouts {
  std::chrono::milliseconds connect{1'000};
  std::chrono::milliseconds answer{2'000};
};

// Blocking; used by one thread at a time.
class RedisConnection {
 public:
  explicit RedisConnection(RedisAddress address, RedisTimeouts timeouts = {});
  ~RedisConnection();
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  using Command = std::vector<std::string>;
  // All commands in one round trip. Unavailable: there is no connection, or it was lost. Answers may be errors.
  Expected<std::vector<RedisAnswer>> run_all(const std::vector<Command>& commands);
  // One command; an answer that is an error is Unavailable too.
  Expected<RedisAnswer> run(const Command& command);

 private:
  struct Context;
  Expected<void> connect();
  Expected<std::vector<RedisAnswer>> exchange(const std::vector<Command>& commands);
  sluice::Unexpected lost(const std::string& step);

  const RedisAddress address_;
  const RedisTimeouts timeouts_;
  std::unique_ptr<Context> context_;
};

}  // namespace courier
