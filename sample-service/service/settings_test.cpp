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
}

TEST(Settings, VariablesReplaceTheDefaults) {
  const auto settings = read({{"COURIER_VERSION", "v2"}, {"POD_NAME", "courier-1"}, {"COURIER_HTTP_PORT", "18080"}, {"COURIER_DRAIN", "250ms"},
                              {"COURIER_ENDPOINTS_ALLOWED", "http://a:8080/,https://b"}, {"COURIER_ENDPOINT", "http://sink/x"}});
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->identity.version, "v2");
  EXPECT_EQ(settings->identity.pod, "courier-1");
  EXPECT_EQ(settings->port, 18080);
  EXPECT_EQ(settings->lame_duck, Duration(250));
  EXPECT_EQ(settings->endpoints.allowed, (std::vector<std::string>{"http://a:8080", "https://b"}));
}

TEST(Settings, AWrongValueIsNamedWithItsVariable) {
  for (const auto& [name, value] : std::map<std::string, std::string>{{"COURIER_HTTP_PORT", "70000"}, {"COURIER_DRAIN", "5"},
                                                                      {"COURIER_QUEUE", "0"}, {"COURIER_THREADS", "two"},
                                                                      {"COURIER_ENDPOINT", "sink"}, {"COURIER_ENDPOINTS_ALLOWED", "a"}}) {
    const auto settings = read({{name, value}});
    ASSERT_FALSE(settings) << name;
    EXPECT_NE(settings.error().message.find(name), std::string::npos) << settings.error().message;
    EXPECT_NE(settings.error().message.find(value), std::string::npos) << settings.error().message;
  }
}

}  // namespace
}  // namespace courier
