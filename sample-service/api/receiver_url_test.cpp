#include "sample-service/api/receiver_url.h"

#include <gtest/gtest.h>

namespace courier {
namespace {

TEST(ReceiverUrl, WhatTheOperatorListedIsTrustedAndAStarTrustsNobody) {
  const EndpointPolicy policy{.default_endpoint = "http://127.0.0.1:8080/echo?a=b", .allowed = {"*", "http://a:81"}};
  EXPECT_EQ(trusted_origins(policy), (std::vector<std::string>{"http://a:81", "http://127.0.0.1:8080"}));
  EXPECT_TRUE(trusted_origins({}).empty());
}

TEST(ReceiverUrl, ABareAddressMustBePublicOrListedOrAllowed) {
  const EndpointPolicy policy{.default_endpoint = "http://127.0.0.1:8080/echo", .allowed = {"*", "http://10.0.0.1:81"}};
  const AddressPolicy addresses{{*parse_network("10.2.0.0/16")}};
  for (const char* url :
       {"http://8.8.8.8/", "http://hooks.example/", "http://10.0.0.1:81/a", "http://127.0.0.1:8080/other", "http://10.2.3.4/"}) {
    const auto allowed = check_receiver(url, policy, addresses);
    EXPECT_TRUE(allowed) << url << ": " << allowed.error().message;
  }
  for (const char* url : {"http://10.0.0.1:82/", "http://127.0.0.1/", "http://169.254.169.254/", "http://[::1]/",
                          "http://[::ffff:10.0.0.1]/", "ftp://8.8.8.8/"}) {
    EXPECT_FALSE(check_receiver(url, policy, addresses)) << url;
  }
}

TEST(ReceiverUrl, WithoutAListNobodyNamesAReceiver) { EXPECT_FALSE(check_receiver("http://8.8.8.8/", {}, {})); }

}  // namespace
}  // namespace courier
