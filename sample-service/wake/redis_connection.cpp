// The only file that includes hiredis.
#include "sample-service/wake/redis_connection.h"

#include <hiredis/hiredis.h>

#include <charconv>

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;

timeval timeval_of(std::chrono::milliseconds length) { return {length.count() / 1'000, (length.count() % 1'000) * 1'000}; }

RedisAnswer answer_of(const redisReply& reply) {
  RedisAnswer answer;
  if (reply.str) answer.text.assign(reply.str, reply.len);
  answer.number = reply.integer;
  answer.is_error = reply.type == REDIS_REPLY_ERROR;
  for (std::size_t i = 0; reply.type == REDIS_REPLY_ARRAY && i < reply.elements; ++i) answer.items.push_back(answer_of(*reply.element[i]));
  return answer;
}

bool number_of(std::string_view text, int most, int& into) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), into);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && into >= 0 && into <= most;
}

}  // namespace

struct RedisConnection::Context {
  explicit Context(redisContext* opened) : redis(opened) {}
  ~Context() { redisFree(redis); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  redisContext* const redis;
};

Expected<RedisAddress> parse_redis_uri(const std::string& uri) {
  const auto wrong = [](const std::string& what) {
    return fail(Error::Kind::Invalid, "broker: " + what + "; write redis://[user:password@]host[:6379][/database]");
  };
  constexpr std::string_view kScheme = "redis://";
  if (!uri.starts_with(kScheme)) return wrong("the URI does not begin with redis://");
  std::string_view rest = std::string_view(uri).substr(kScheme.size());
  RedisAddress address;
  if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
    const auto colon = rest.find(':');
    if (colon > at) return wrong("there is a user without a password");
    address.user = rest.substr(0, colon);
    address.password = rest.substr(colon + 1, at - colon - 1);
    rest.remove_prefix(at + 1);
  }
  if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
    if (slash + 1 < rest.size() && !number_of(rest.substr(slash + 1), 1'000'000, address.database))
      return wrong("its database is no number");
    rest = rest.substr(0, slash);
  }
  if (const auto colon = rest.rfind(':'); colon != std::string_view::npos) {
    if (!number_of(rest.substr(colon + 1), 65'535, address.port)) return wrong("its port is no number up to 65535");
    rest = rest.substr(0, colon);
  }
  if (rest.empty()) return wrong("it has no host");
  address.host = rest;
  return address;
}

RedisConnection::RedisConnection(RedisAddress address, RedisTimeouts timeouts) : address_(std::move(address)), timeouts_(timeouts) {}
RedisConnection::~RedisConnection() = default;

Expected<void> RedisConnection::connect() {
  context_ = std::make_unique<Context>(redisConnectWithTimeout(address_.host.c_str(), address_.port, timeval_of(timeouts_.connect)));
  if (!context_->redis || context_->redis->err != 0) return lost("connect to " + address_.host + ":" + std::to_string(address_.port));
  redisSetTimeout(context_->redis, timeval_of(timeouts_.answer));
  std::vector<Command> greeting;
  if (!address_.password.empty()) {
    greeting.push_back(address_.user.empty() ? Command{"AUTH", address_.password} : Command{"AUTH", address_.user, address_.password});
  }
  if (address_.database != 0) greeting.push_back({"SELECT", std::to_string(address_.database)});
  if (greeting.empty()) return {};
  const auto answers = exchange(greeting);
  if (!answers) return tl::make_unexpected(answers.error());
  for (const RedisAnswer& answer : *answers) {
    if (!answer.is_error) continue;
    context_.reset();
    return fail(Error::Kind::Unavailable, "broker: " + answer.text);
  }
  return {};
}

Expected<std::vector<RedisAnswer>> RedisConnection::exchange(const std::vector<Command>& commands) {
  for (const Command& command : commands) {
    std::vector<const char*> words;
    std::vector<std::size_t> lengths;
    for (const std::string& word : command) {
      words.push_back(word.data());
      lengths.push_back(word.size());
    }
    if (redisAppendCommandArgv(context_->redis, static_cast<int>(words.size()), words.data(), lengths.data()) != REDIS_OK)
      return lost("send");
  }
  std::vector<RedisAnswer> answers;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    void* reply = nullptr;
    if (redisGetReply(context_->redis, &reply) != REDIS_OK || !reply) return lost("receive");
    answers.push_back(answer_of(*static_cast<redisReply*>(reply)));
    freeReplyObject(reply);
  }
  return answers;
}

Expected<std::vector<RedisAnswer>> RedisConnection::run_all(const std::vector<Command>& commands) {
  if (!context_) {
    if (auto connected = connect(); !connected) return tl::make_unexpected(connected.error());
  }
  return exchange(commands);
}

Expected<RedisAnswer> RedisConnection::run(const Command& command) {
  auto answers = run_all({command});
  if (!answers) return tl::make_unexpected(answers.error());
  if (answers->front().is_error) return fail(Error::Kind::Unavailable, "broker: " + answers->front().text);
  return std::move(answers->front());
}

sluice::Unexpected RedisConnection::lost(const std::string& step) {
  const std::string why = context_ && context_->redis ? context_->redis->errstr : "out of memory";
  context_.reset();
  return fail(Error::Kind::Unavailable, "broker: cannot " + step + ": " + (why.empty() ? "the connection was lost" : why));
}

}  // namespace courier
