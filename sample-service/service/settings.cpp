#include "sample-service/service/settings.h"

#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>

#include "common/http/url.h"
#include "sample-service/store/open.h"

namespace courier {
namespace {

using sluice::Error;
using sluice::fail;

constexpr double kTraceRatio = 0.1;

// Reads variables one after the other and keeps the first error.
class Reader {
 public:
  explicit Reader(const Environment& environment) : environment_(environment) {}

  void text(const std::string& name, std::string& into) {
    if (const auto value = environment_(name); value && !value->empty()) into = *value;
  }
  template <typename Number>
  void number(const std::string& name, Number& into, Number low, Number high) {
    const auto value = environment_(name);
    if (!value || value->empty()) return;
    Number parsed{};
    const auto result = std::from_chars(value->data(), value->data() + value->size(), parsed);
    if (result.ec != std::errc() || result.ptr != value->data() + value->size() || parsed < low || parsed > high) {
      return keep(fail(Error::Kind::Invalid,
                       name + ": '" + *value + "' is not a number from " + std::to_string(low) + " to " + std::to_string(high))
                      .value());
    }
    into = parsed;
  }
  void duration(const std::string& name, Duration& into) {
    const auto value = environment_(name);
    if (!value || value->empty()) return;
    const auto parsed = sluice::parse_duration(*value);
    if (!parsed) return keep(fail(name, parsed.error()).value());
    into = *parsed;
  }
  // One of the words; the first is the default.
  bool second_of(const std::string& name, const std::string& first, const std::string& second) {
    const std::string value = environment_(name).value_or(first);
    if (!value.empty() && value != first && value != second) {
      keep(fail(Error::Kind::Invalid, name + ": '" + value + "' is neither '" + first + "' nor '" + second + "'").value());
    }
    return value == second;
  }
  void keep(Error error) {
    if (!error_) error_ = std::move(error);
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  const Environment& environment_;
  std::optional<Error> error_;
};

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= list.size();) {
    const auto end = std::min(list.find(',', begin), list.size());
    if (end > begin) parts.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

void read_traces(Reader& read, Settings& settings) {
  read.text("OTEL_EXPORTER_OTLP_ENDPOINT", settings.collector);
  if (!settings.collector.empty()) {
    const auto url = sluice::http::parse_url(settings.collector);
    if (!url) read.keep(fail("OTEL_EXPORTER_OTLP_ENDPOINT", url.error()).value());
  }
  settings.edge.trace_ratio = kTraceRatio;
  read.number<double>("OTEL_TRACES_SAMPLER_ARG", settings.edge.trace_ratio, 0, 1);
}

void read_role(Reader& read, Settings& settings) {
  std::string role(name(settings.role));
  read.text("COURIER_ROLE", role);
  if (role == "api") settings.role = Role::Api;
  else if (role == "worker") settings.role = Role::Worker;
  else if (role != "all") read.keep(fail(Error::Kind::Invalid, "COURIER_ROLE: '" + role + "' is not one of api, worker, all").value());
  read.text("COURIER_DATABASE", settings.database);
  read.number<std::size_t>("COURIER_DATABASE_CONNECTIONS", settings.connections, 1, 64);
  read.text("COURIER_BROKER", settings.broker);
  if (is_postgres_uri(settings.database)) return;
  if (settings.role != Role::All) {
    read.keep(fail(Error::Kind::Invalid, "COURIER_ROLE: '" + role +
                                             "' shares its database with others, so COURIER_DATABASE must be a postgres:// URI; "
                                             "an SQLite file belongs to one process, of role 'all'")
                  .value());
  }
}

void read_edge(Reader& read, Settings& settings) {
  EdgeOptions& edge = settings.edge;
  edge.auth_required = read.second_of("COURIER_AUTH", "off", "required");
  read.text("COURIER_TOKEN_KEYS", settings.token_keys);
  read.text("COURIER_ADMIN_KEY", settings.admin_key);
  read.duration("COURIER_DEADLINE", edge.deadline.standard);
  read.duration("COURIER_DEADLINE_LONGEST", edge.deadline.longest);
  read.number<std::size_t>("COURIER_LIMIT_INTAKE", edge.intake_limit, 0, 100'000);
  read.number<std::size_t>("COURIER_LIMIT_READ", edge.read_limit, 0, 100'000);
  read.number<std::size_t>("COURIER_LIMIT_CHANGE", edge.change_limit, 0, 100'000);
  read.duration("COURIER_LIMIT_WAIT", settings.limit_wait);
  std::size_t quota = 0;
  read.number<std::size_t>("COURIER_QUOTA", quota, 0, 1'000'000);
  std::size_t burst = quota;
  read.number<std::size_t>("COURIER_QUOTA_BURST", burst, 0, 1'000'000);
  edge.quota = {static_cast<double>(quota), static_cast<double>(burst)};

  if (edge.deadline.standard.count() < 1) read.keep(fail(Error::Kind::Invalid, "COURIER_DEADLINE: must be longer than 0s").value());
  if (edge.deadline.longest < edge.deadline.standard) {
    read.keep(fail(Error::Kind::Invalid, "COURIER_DEADLINE_LONGEST: must not be shorter than COURIER_DEADLINE").value());
  }
  if (!settings.token_keys.empty()) {
    if (const auto ring = TokenRing::parse(settings.token_keys); !ring) read.keep(fail("COURIER_TOKEN_KEYS", ring.error()).value());
  } else if (edge.auth_required) {
    read.keep(fail(Error::Kind::Invalid,
                   "COURIER_TOKEN_KEYS: is needed where COURIER_AUTH is 'required', the same on every node; "
                   "make one with: echo key-1:$(openssl rand -base64 32)")
                  .value());
  }
  if (!settings.admin_key.empty() && settings.admin_key.size() < 32) {
    read.keep(fail(Error::Kind::Invalid, "COURIER_ADMIN_KEY: must be at least 32 characters; make one with: openssl rand -hex 32").value());
  }
  std::string networks;
  read.text("COURIER_ADDRESSES_ALLOWED", networks);
  for (const std::string& text : split(networks)) {
    const auto network = parse_network(text);
    if (network) settings.receivers.addresses.allowed.push_back(*network);
    else read.keep(fail("COURIER_ADDRESSES_ALLOWED", network.error()).value());
  }
}

}  // namespace

std::string_view name(Role role) {
  switch (role) {
    case Role::Api: return "api";
    case Role::Worker: return "worker";
    case Role::All: return "all";
  }
  return "all";
}

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  };
}

Expected<Settings> read_settings(const Environment& environment) {
  Settings settings;
  settings.identity.version = COURIER_BUILD_VERSION;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0) settings.identity.pod = host.data();

  Reader read(environment);
  read.text("COURIER_VERSION", settings.identity.version);
  read.text("COURIER_REVISION", settings.revision);
  read.text("POD_NAME", settings.identity.pod);
  read.text("COURIER_ADDRESS", settings.address);
  read.number<std::uint16_t>("COURIER_HTTP_PORT", settings.port, 0, 65535);
  read.number<std::uint16_t>("COURIER_ADMIN_PORT", settings.admin_port, 0, 65535);
  read.number<std::size_t>("COURIER_THREADS", settings.threads, 1, 64);
  read_role(read, settings);
  settings.database_is_hard = read.second_of("COURIER_READY_NEEDS_DATABASE", "no", "yes");
  read.number<std::size_t>("COURIER_QUEUE", settings.queue, 1, 100'000);
  read_edge(read, settings);
  read.number<std::size_t>("COURIER_CACHE_BYTES", settings.cache_bytes, 0, std::size_t{1} << 32);
  read.duration("COURIER_CACHE_TTL", settings.cache_ttl);
  if (settings.cache_ttl.count() < 1) {
    read.keep(fail(Error::Kind::Invalid, "COURIER_CACHE_TTL: must be longer than 0s; COURIER_CACHE_BYTES=0 turns the cache off").value());
  }
  read.text("COURIER_REDIS_CACHE", settings.redis_cache);
  read_traces(read, settings);
  read.text("COURIER_ENDPOINT", settings.endpoints.default_endpoint);
  read.number<std::size_t>("COURIER_WORKERS", settings.worker.threads, 0, 64);
  read.duration("COURIER_DRAIN", settings.lame_duck);
  read.duration("COURIER_DRAIN_CLOSE", settings.closing);
  read.duration("COURIER_DRAIN_FINISH", settings.finish);

  if (!settings.endpoints.default_endpoint.empty()) {
    const auto url = sluice::http::parse_url(settings.endpoints.default_endpoint);
    if (!url) read.keep(fail("COURIER_ENDPOINT", url.error()).value());
  }
  std::string allowed;
  read.text("COURIER_ENDPOINTS_ALLOWED", allowed);
  for (const std::string& origin : split(allowed)) {
    const auto url = origin == "*" ? Expected<sluice::http::Url>() : sluice::http::parse_url(origin);
    if (!url) read.keep(fail("COURIER_ENDPOINTS_ALLOWED", url.error()).value());
    settings.endpoints.allowed.push_back(origin == "*" || !url ? origin : to_string(*url));
  }
  if (read.error()) return tl::make_unexpected(*read.error());
  return settings;
}

}  // namespace courier
