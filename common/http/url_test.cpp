#include "common/http/url.h"

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

TEST(Url, APlainAddressGetsThePortOfItsScheme) {
  const auto url = parse_url("https://kubernetes.default.svc");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->host, "kubernetes.default.svc");
  EXPECT_EQ(url->port, 443);
  EXPECT_EQ(to_string(*url), "https://kubernetes.default.svc");
}

TEST(Url, PortPrefixAndQueryAreTakenApart) {
  const auto url = parse_url("http://Prometheus:9090/prom/?a=b");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->host, "prometheus");
  EXPECT_EQ(url->port, 9090);
  EXPECT_EQ(url->path, "/prom");
  EXPECT_EQ(url->query, "a=b");
  EXPECT_EQ(to_string(*url), "http://prometheus:9090/prom");
}

TEST(Url, AnIpv6LiteralIsKnownAsOne) {
  const auto url = parse_url("https://[fd00::1]:6443");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_TRUE(url->ipv6_literal);
  EXPECT_EQ(url->host, "fd00::1");
  EXPECT_EQ(url->port, 6443);
  EXPECT_EQ(to_string(*url), "https://[fd00::1]:6443");
}

TEST(Url, WhatCannotBeUsedIsRefusedByName) {
  for (const char* text : {"", "host:80", "ftp://host", "http://", "http://:80", "http://h:0", "http://h:65536", "http://h:8a",
                           "http://h h", "http://h/#x", "http://[::1", "http://h\r\n", "http://a/b@c d", "http://h:"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_TRUE(url.error().is(Error::Kind::Invalid)) << text;
  }
}

TEST(Url, APasswordIsRefusedWithoutBeingRepeated) {
  const auto url = parse_url("https://admin:secret@host/");
  ASSERT_FALSE(url);
  EXPECT_EQ(url.error().message.find("secret"), std::string::npos) << url.error().message;
  EXPECT_TRUE(parse_url("http://admin:secret@proxy:3128", UserInfo::Allowed));
}

}  // namespace
}  // namespace sluice::http
