// How courier is configured: by its environment only. README.md has the table for people.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "sample-service/api/api.h"
#include "sample-service/api/edge.h"
#include "sample-service/domain/message.h"
#include "sample-service/trust/receivers.h"
#include "sample-service/worker/worker.h"

namespace courier {

// What a process does. Api and Worker share a PostgreSQL database; All is whole by itself.
enum class Role { Api, Worker, All };
std::string_view name(Role role);

struct Settings {
  Identity identity{};
  Role role = Role::All;
  std::string revision = "unknown";
  std::string address = "0.0.0.0";
  std::uint16_t port = 8080;
  std::uint16_t admin_port = 9090;
  std::size_t threads = 1;              // of the data port
  std::string database = "courier.db";  // StoreOptions::database
  std::size_t connections = 4;          // to PostgreSQL
  std::string broker{};                 // RedisOptions::uri; empty: wake-ups within the process, and polling
  bool database_is_hard = false;        // unready while it does not answer
  std::size_t queue = 256;              // requests that may wait for the database
  EdgeOptions edge{};
  Duration limit_wait{0};                   // AdaptiveShare's target; 0: limits are what they are set to
  std::size_t cache_bytes = 16 << 20;       // of copies in this process; 0: none
  Duration cache_ttl = CacheOptions{}.ttl;  // of copies of endpoints
  std::string redis_cache{};                // redis_for_cache(); empty: none
  std::string token_keys{};                 // TokenRing::parse(); empty: a key of this process alone
  std::string admin_key{};
  EndpointPolicy endpoints{};
  ReceiverPolicy receivers{};  // beside what follows from `endpoints`
  WorkerOptions worker{};
  std::string collector{};  // of traces: ExporterOptions::endpoint; empty: none are made. Their share is edge.trace_ratio

  // Drain: unready but serving, then closing connections after each answer, then the rest of the running requests.
  Duration lame_duck{5'000};
  Duration closing{2'000};
  Duration finish{10'000};
};

using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment process_environment();

// Invalid names the variable, its value (of a secret: not) and what it should be.
Expected<Settings> read_settings(const Environment& environment);

}  // namespace courier
