#include "common/core/base64.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

// RFC 4648, section 10.
constexpr std::pair<const char*, const char*> kVectors[] = {
    {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};

TEST(Base64, WritesAndReadsTheVectorsOfTheStandard) {
  for (const auto& [bytes, text] : kVectors) {
    EXPECT_EQ(base64(bytes), text);
    EXPECT_EQ(*from_base64(text), bytes);
    EXPECT_EQ(*from_base64_in_file(text), bytes);
    const std::string unpadded = std::string(text).substr(0, std::string(text).find('='));
    EXPECT_EQ(base64url(bytes), unpadded);
    EXPECT_EQ(*from_base64url(unpadded), bytes);
  }
}

TEST(Base64, EveryByteComesBackAndTheUrlFormNeedsNoEscapes) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(*from_base64(base64(all)), all);
  EXPECT_EQ(*from_base64_in_file(base64(all)), all);
  EXPECT_EQ(*from_base64url(base64url(all)), all);
  EXPECT_EQ(base64url(all).find_first_of("+/="), std::string::npos);
  EXPECT_EQ(base64("\xfb\xff"), "+/8=");
  EXPECT_EQ(base64url("\xfb\xff"), "-_8");
}

TEST(Base64, TheStrictFormsKnowOneWayToWriteEachText) {
  for (const char* bad : {"Zg", "Zg=", "Zg===", "Z===", "====", "Zh==", "Zm9=", "Zm9v\n", "Zm 9v", "-_8=", "Zg==Zg==", "\xff\xff\xff\xff"})
    EXPECT_FALSE(from_base64(bad)) << bad;
  for (const char* bad : {"Zg==", "Zh", "Z", "+/8", "Zm9v\n", "Zm9v="}) EXPECT_FALSE(from_base64url(bad)) << bad;
}

TEST(Base64, FilesMayBreakLinesAndLeaveThePaddingOut) {
  EXPECT_EQ(*from_base64_in_file(" YW\r\nJj\t\n"), "abc");
  EXPECT_EQ(*from_base64_in_file("Zg"), "f");
  EXPECT_EQ(*from_base64_in_file("Zg = =\n"), "f");
  EXPECT_EQ(*from_base64_in_file("Zh=="), "f") << "unused bits do not matter";
  for (const char* bad : {"!", "A", "YQ=Y", "\xff", "-_8="}) EXPECT_FALSE(from_base64_in_file(bad)) << bad;
}

TEST(Base64, ErrorsDoNotRepeatTheText) {
  for (const auto& refused : {from_base64("secret!!"), from_base64url("secret!!"), from_base64_in_file("secret!!")}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, Error::Kind::Invalid);
    EXPECT_EQ(refused.error().message.find("secret"), std::string::npos);
  }
}

}  // namespace
}  // namespace sluice
