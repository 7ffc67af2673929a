#include "sample-service/service/settings.h"

#include <map>

#include <gtest/gtest.h>

namespace courier {
namespace {

Expected<Settings> read(std::map<std::string, std::string> variables) {
  return read_settings([variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

TEST(Settings, AnEmptyEnvironmentIsEnough) {
  const auto settings = read({});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->port, 8080);
  EXPECT_EQ(settings->admin_port, 9090);
  EXPECT_EQ(settings->lame_duck, Duration(5'000));
  EXPECT_FALSE(settings->identity.version.empty());
  EXPECT_EQ(settings->collector, "") << "nothing is traced";
}

TEST(Settings, VariablesReplaceTheDefaults) {
  const auto settings = read({{"COURIER_VERSION", "v2"},
                              {"POD_NAME", "courier-1"},
                              {"COURIER_HTTP_PORT", "18080"},
                              {"COURIER_DRAIN", "250ms"},
                              {"COURIER_CACHE_BYTES", "0"},
                              {"COURIER_CACHE_TTL", "1s"},
                              {"COURIER_REDIS_CACHE", "redis://cache"},
                              {"COURIER_ENDPOINTS_ALLOWED", "http://a:8080/,https://b"},
                              {"COURIER_ENDPOINT", "http://sink/x"},
                              {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"},
                              {"OTEL_TRACES_SAMPLER_ARG", "0.25"}});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->identity.version, "v2");
  EXPECT_EQ(settings->identity.pod, "courier-1");
  EXPECT_EQ(settings->port, 18080);
  EXPECT_EQ(settings->lame_duck, Duration(250));
  EXPECT_EQ(settings->cache_bytes, 0U);
  EXPECT_EQ(settings->cache_ttl, Duration(1'000));
  EXPECT_EQ(settings->redis_cache, "redis://cache");
  EXPECT_EQ(settings->collector, "http://collector:4318");
  EXPECT_EQ(settings->edge.trace_ratio, 0.25);
  EXPECT_EQ(settings->endpoints.allowed, (std::vector<std::string>{"http://a:8080", "https://b"}));
}

TEST(Settings, AWrongValueIsNamedWithItsVariable) {
  for (const auto& [name, value] : std::map<std::string, std::string>{{"COURIER_HTTP_PORT", "70000"},
                                                                      {"COURIER_DRAIN", "5"},
                                                                      {"COURIER_QUEUE", "0"},
                                                                      {"COURIER_THREADS", "two"},
                                                                      {"COURIER_ENDPOINT", "sink"},
                                                                      {"COURIER_ENDPOINTS_ALLOWED", "a"},
                                                                      {"COURIER_AUTH", "maybe"},
                                                                      {"OTEL_EXPORTER_OTLP_ENDPOINT", "collector"},
                                                                      {"OTEL_TRACES_SAMPLER_ARG", "1.5"},
                                                                      {"COURIER_LIMIT_INTAKE", "-1"},
                                                                      {"COURIER_ADDRESSES_ALLOWED", "10.0.0.0/40"},
                                                                      {"COURIER_READY_NEEDS_DATABASE", "1"}}) {
    const auto settings = read({{name, value}});
    ASSERT_FALSE(settings) << name;
    EXPECT_NE(settings.error().message.find(name), std::string::npos) << settings.error().message;
    EXPECT_NE(settings.error().message.find(value), std::string::npos) << settings.error().message;
  }
}

TEST(Settings, AuthenticationNeedsKeysThatAllNodesShareAndSecretsAreNotRepeated) {
  const auto alone = read({{"COURIER_AUTH", "required"}});
  ASSERT_FALSE(alone);
  EXPECT_NE(alone.error().message.find("COURIER_TOKEN_KEYS"), std::string::npos) << alone.error().message;
  const auto wrong = read({{"COURIER_TOKEN_KEYS", "k:hunter2="}});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message.find("hunter2"), std::string::npos) << wrong.error().message;
  EXPECT_FALSE(read({{"COURIER_ADMIN_KEY", "hunter2"}}));
  const auto right = read({{"COURIER_AUTH", "required"}, {"COURIER_TOKEN_KEYS", "k:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="}});
  ASSERT_TRUE(right) << right.error().message;
  EXPECT_TRUE(right->edge.auth_required);
}

TEST(Settings, OpenIsTheDefaultAndLimitsAreThere) {
  const auto settings = read({{"COURIER_QUOTA", "50"}, {"COURIER_ADDRESSES_ALLOWED", "10.0.0.0/8,127.0.0.1"}});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_FALSE(settings->edge.auth_required);
  EXPECT_EQ(settings->edge.intake_limit, 64U);
  EXPECT_EQ(settings->edge.quota.burst, 50);
  EXPECT_EQ(settings->receivers.addresses.allowed.size(), 2U);
}

TEST(Settings, RolesThatShareADatabaseNeedOneThatCanBeShared) {
  const auto worker =
      read({{"COURIER_ROLE", "worker"}, {"COURIER_DATABASE", "postgres://db/courier"}, {"COURIER_BROKER", "redis://cache"}});
  ASSERT_TRUE(worker) << worker.error().message;
  EXPECT_EQ(worker->role, Role::Worker);
  EXPECT_EQ(worker->broker, "redis://cache");
  const auto alone = read({{"COURIER_ROLE", "api"}, {"COURIER_DATABASE", "courier.db"}});
  ASSERT_FALSE(alone);
  EXPECT_NE(alone.error().message.find("COURIER_DATABASE must be a postgres:// URI"), std::string::npos) << alone.error().message;
  const auto unknown = read({{"COURIER_ROLE", "boss"}});
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("'boss'"), std::string::npos) << unknown.error().message;
}

}  // namespace
}  // namespace courier
