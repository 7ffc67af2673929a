#include "sample-service/trust/address_guard.h"

#include <gtest/gtest.h>

namespace courier {
namespace {

Address at(const char* text) { return *parse_address(text); }

TEST(AddressGuard, TheInternetIsPublic) {
  for (const char* text : {"8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "192.169.0.1",
                           "198.20.0.1", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "::ffff:8.8.8.8"}) {
    EXPECT_TRUE(is_public(at(text))) << text;
  }
}

TEST(AddressGuard, NeighboursTheNodeAndTheCloudsMetadataAreNot) {
  for (const char* text : {"127.0.0.1",
                           "127.255.0.1",
                           "10.96.0.1",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.1.1",
                           "169.254.169.254",
                           "100.64.0.1",
                           "0.0.0.0",
                           "224.0.0.1",
                           "255.255.255.255",
                           "198.18.0.1",
                           "192.0.2.1",
                           "::1",
                           "::",
                           "fe80::1",
                           "fc00::1",
                           "fd12::1",
                           "ff02::1",
                           "2001:db8::1",
                           "::ffff:127.0.0.1",
                           "::ffff:169.254.169.254",
                           "64:ff9b::a00:1",
                           "2002:7f00:1::",
                           "::127.0.0.1"}) {
    EXPECT_FALSE(is_public(at(text))) << text;
  }
}

TEST(AddressGuard, NetworksMayBeAllowedBesideThePublicOnes) {
  const AddressPolicy policy{{*parse_network("10.1.0.0/16"), *parse_network("127.0.0.1")}};
  EXPECT_TRUE(policy.allows(at("10.1.255.255")));
  EXPECT_TRUE(policy.allows(at("127.0.0.1")));
  EXPECT_TRUE(policy.allows(at("::ffff:10.1.0.1")));
  EXPECT_TRUE(policy.allows(at("8.8.8.8")));
  EXPECT_FALSE(policy.allows(at("10.2.0.0")));
  EXPECT_FALSE(policy.allows(at("127.0.0.2")));
}

TEST(AddressGuard, NetworksAreParsedOrNamed) {
  EXPECT_TRUE(parse_network("0.0.0.0/0")->contains(at("9.9.9.9")));
  EXPECT_TRUE(parse_network("fd00::/8")->contains(at("fd00::5")));
  for (const char* text : {"", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "10.0.0.0/8x", "fd00::/129", "example.org"}) {
    const auto network = parse_network(text);
    ASSERT_FALSE(network) << text;
    EXPECT_NE(network.error().message.find(text), std::string::npos);
  }
  EXPECT_FALSE(parse_address("127.1"));
}

TEST(AddressGuard, OldSpellingsOfLoopbackResolveToWhatTheyMean) {
  for (const char* host : {"127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "localhost"}) {
    const auto addresses = resolve_host(host);
    ASSERT_TRUE(addresses) << host << ": " << addresses.error().message;
    for (const Address& address : *addresses) EXPECT_FALSE(is_public(address)) << host << " " << to_string(address);
  }
}

}  // namespace
}  // namespace courier
