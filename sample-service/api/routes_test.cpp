#include "sample-service/api/routes.h"

#include <gtest/gtest.h>

namespace courier {
namespace {

TEST(Routes, APathIsMatchedWithItsIds) {
  const Matched message = match("GET", "/v1/messages/019a-B");
  ASSERT_TRUE(message.route);
  EXPECT_EQ(message.route->operation, Operation::GetMessage);
  EXPECT_EQ(message.pattern, "/v1/messages/{id}");
  EXPECT_EQ(message.ids[0], "019a-B");
  const Matched key = match("DELETE", "/v1/tenants/acme/keys/k1");
  ASSERT_TRUE(key.route);
  EXPECT_EQ(key.ids, (std::array<std::string, 2>{"acme", "k1"}));
  EXPECT_EQ(match("GET", "/").route->operation, Operation::Index);
}

TEST(Routes, HeadIsWhatGetIs) {
  EXPECT_EQ(match("HEAD", "/v1/endpoints").route->operation, Operation::ListEndpoints);
  EXPECT_FALSE(match("HEAD", "/echo").route);
}

TEST(Routes, AMethodThatARouteDoesNotHaveIsToldWhichItHas) {
  const Matched matched = match("DELETE", "/v1/messages");
  EXPECT_FALSE(matched.route);
  EXPECT_EQ(matched.pattern, "/v1/messages");
  EXPECT_EQ(matched.allowed, "GET, HEAD, POST");
}

TEST(Routes, WhatIsNotThereHasNoPattern) {
  for (const char* path : {"", "//", "/v1", "/v1/", "/v1/messages/", "/v1/messages/a/", "/v1/messages/a_b", "/v1/messages/..",
                           "/v1/messages/a/b", "/V1/messages", "/version/"}) {
    const Matched matched = match("GET", path);
    EXPECT_FALSE(matched.route) << path;
    EXPECT_EQ(matched.pattern, "unmatched") << path;
    EXPECT_TRUE(matched.allowed.empty()) << path;
  }
  EXPECT_FALSE(match("GET", "/v1/messages/" + std::string(65, 'a')).route);
}

TEST(Routes, EverythingOfATenantNeedsAScope) {
  for (const Route& route : routes()) {
    const bool open = !route.pattern.starts_with("/v1/") || route.pattern == "/v1/tokens";
    EXPECT_EQ(route.scope.empty(), open) << route.method << " " << route.pattern;
  }
}

}  // namespace
}  // namespace courier
