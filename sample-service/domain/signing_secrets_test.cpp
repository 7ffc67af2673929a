#include "sample-service/domain/signing_secrets.h"

#include <gtest/gtest.h>

#include "sample-service/domain/signature.h"

namespace courier {
namespace {

using Secrets = std::vector<std::string>;

Time at(long long milliseconds) { return Time(Duration(milliseconds)); }

TEST(Rotation, TheOldSecretSignsUntilItsTimeIsOver) {
  std::string current = "a";
  std::vector<OldSecret> old;
  ASSERT_TRUE(rotate_secret(current, old, "b", at(1'000), Duration(500)));
  EXPECT_EQ(signing_secrets(current, old, at(1'000)), (Secrets{"b", "a"}));
  EXPECT_EQ(signing_secrets(current, old, at(1'499)), (Secrets{"b", "a"}));
  EXPECT_EQ(signing_secrets(current, old, at(1'500)), Secrets{"b"});
}

TEST(Rotation, WithoutAnOverlapTheOldOneEndsAtOnce) {
  std::string current = "a";
  std::vector<OldSecret> old;
  ASSERT_TRUE(rotate_secret(current, old, "b", at(1'000), Duration(0)));
  EXPECT_EQ(signing_secrets(current, old, at(1'000)), Secrets{"b"});
}

TEST(Rotation, ALaterOneTakesNothingBackThatWasPromised) {
  std::string current = "a";
  std::vector<OldSecret> old;
  ASSERT_TRUE(rotate_secret(current, old, "b", at(1'000), Duration(1'000)));
  ASSERT_TRUE(rotate_secret(current, old, "c", at(1'100), Duration(100)));
  EXPECT_EQ(signing_secrets(current, old, at(1'100)), (Secrets{"c", "b", "a"}));
  EXPECT_EQ(signing_secrets(current, old, at(1'300)), (Secrets{"c", "a"}));
  ASSERT_TRUE(rotate_secret(current, old, "d", at(5'000), Duration(100)));
  EXPECT_EQ(old.size(), 1U) << "what has ended is forgotten";
}

TEST(Rotation, ThereIsAMostAndItChangesNothing) {
  std::string current = "0";
  std::vector<OldSecret> old;
  for (std::size_t i = 1; i <= kMostOldSecrets; ++i)
    ASSERT_TRUE(rotate_secret(current, old, std::to_string(i), at(1'000), Duration(1'000)));
  const auto refused = rotate_secret(current, old, "more", at(1'500), Duration(1'000));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(sluice::Error::Kind::Forbidden)) << refused.error().message;
  EXPECT_EQ(current, std::to_string(kMostOldSecrets));
  EXPECT_EQ(old.size(), kMostOldSecrets);
  EXPECT_TRUE(rotate_secret(current, old, "more", at(2'000), Duration(1'000)));
}

TEST(Rotation, IsWrittenAsTextAndReadAgain) {
  const std::vector<OldSecret> old{{"whsec_YWI6Yw==", at(1'700'000'000'000)}, {"a:b", at(5)}};
  const auto read = old_secrets_of(to_text(old));
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0].secret, "whsec_YWI6Yw==");
  EXPECT_EQ(read[0].until, at(1'700'000'000'000));
  EXPECT_EQ(read[1].secret, "a:b");
  EXPECT_TRUE(old_secrets_of("").empty());
  EXPECT_EQ(old_secrets_of("nonsense 12 :x 7:good").size(), 1U);
}

TEST(Rotation, ADeliveryCarriesASignatureOfEach) {
  EXPECT_EQ(sign_with_each({"a", "b"}, "id", 7, "body"), sign("a", "id", 7, "body") + " " + sign("b", "id", 7, "body"));
  EXPECT_EQ(sign_with_each({"a"}, "id", 7, "body"), sign("a", "id", 7, "body"));
}

}  // namespace
}  // namespace courier
