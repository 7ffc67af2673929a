#include "sample-service/trust/token.h"

#include <gtest/gtest.h>

#include "sample-service/trust/secret_text.h"

namespace courier {
namespace {

const Time kNow = Time(Duration(1'700'000'000'000));

std::string key(const std::string& id, char fill) { return id + ":" + base64(std::string(32, fill)); }
TokenRing ring(const std::string& text) { return *TokenRing::parse(text); }
Claims claims() { return {"acme", {"messages:read", "messages:write"}, kNow, kNow + kTokenLife}; }

TEST(Token, WhatOneNodeSignsAnotherVerifiesAlone) {
  const std::string token = ring(key("a", '1')).sign(claims());
  const auto read = ring(key("a", '1')).verify(token, kNow + Duration(60'000));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->tenant, "acme");
  EXPECT_TRUE(read->may("messages:write"));
  EXPECT_FALSE(read->may("endpoints:write"));
  EXPECT_EQ(read->expires, kNow + Duration(900'000));
}

TEST(Token, LivesFor15Minutes) {
  const TokenRing one = ring(key("a", '1'));
  const std::string token = one.sign(claims());
  EXPECT_TRUE(one.verify(token, kNow + Duration(899'000)));
  const auto late = one.verify(token, kNow + Duration(900'000));
  ASSERT_FALSE(late);
  EXPECT_NE(late.error().message.find("over its time"), std::string::npos);
  EXPECT_TRUE(one.verify(token, kNow - Duration(29'000))) << "clocks differ a little";
  EXPECT_FALSE(one.verify(token, kNow - Duration(31'000)));
}

TEST(Token, KeysAreRotatedWithoutATokenBecomingInvalid) {
  const std::string old_key = key("old", '1');
  const std::string new_key = key("new", '2');
  const std::string before = ring(old_key).sign(claims());
  const std::string after = ring(new_key + "," + old_key).sign(claims());
  EXPECT_TRUE(ring(old_key + "," + new_key).verify(after, kNow)) << "a node that knows the new key but does not sign with it yet";
  EXPECT_TRUE(ring(new_key + "," + old_key).verify(before, kNow));
  EXPECT_FALSE(ring(new_key).verify(before, kNow)) << "dropped";
}

TEST(Token, EveryChangedByteIsNoticed) {
  const TokenRing one = ring(key("a", '1'));
  const std::string token = one.sign(claims());
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(one.verify(changed, kNow)) << i;
  }
  for (const std::string& cut : {token.substr(0, token.size() - 1), token + "A", token.substr(0, token.rfind('.')), std::string(),
                                 std::string(".."), std::string(5000, 'a')}) {
    EXPECT_FALSE(one.verify(cut, kNow)) << cut;
  }
}

TEST(Token, AnotherAlgorithmIsNotOurs) {
  const TokenRing one = ring(key("a", '1'));
  const std::string token = one.sign(claims());
  const std::string payload = token.substr(token.find('.'), token.rfind('.') - token.find('.'));
  const std::string none = base64url(R"({"alg":"none","typ":"JWT","kid":"a"})") + payload + ".";
  EXPECT_FALSE(one.verify(none, kNow));
}

TEST(Token, ASecretOfTheSameNameIsNotEnough) {
  EXPECT_FALSE(ring(key("a", '2')).verify(ring(key("a", '1')).sign(claims()), kNow));
  EXPECT_FALSE(TokenRing::random().verify(TokenRing::random().sign(claims()), kNow));
}

TEST(TokenRing, WrongKeysAreNamedAndTheirSecretsAreNot) {
  for (const std::string& text : {std::string(), std::string("a"), std::string(":aaaa"), std::string("a:hunter2="),
                                  key("a", '1') + "," + key("a", '2'), std::string("a b:") + base64(std::string(32, 'x'))}) {
    const auto parsed = TokenRing::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message.find("hunter2"), std::string::npos);
  }
}

TEST(Scopes, AreWordsOfAList) {
  EXPECT_EQ(to_text(*parse_scopes("messages:write  messages:read")), "messages:read messages:write");
  EXPECT_TRUE(parse_scopes("")->empty());
  EXPECT_NE(parse_scopes("messages:write root").error().message.find("'root'"), std::string::npos);
}

}  // namespace
}  // namespace courier
