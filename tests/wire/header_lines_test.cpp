#include "tests/wire/header_lines.h"

#include <gtest/gtest.h>

namespace courier::wire {
namespace {

constexpr std::string_view kHead = "POST / HTTP/1.1\r\nHost: a:1\r\nWEBHOOK-ID:  m-1 \r\nHost: b\r\nno colon\r\nEmpty:\r\n";

TEST(HeaderLines, AreFoundWhateverTheirCase) {
  EXPECT_EQ(find_header(kHead, "webhook-id"), "m-1");
  EXPECT_EQ(find_header(kHead, "Empty"), "");
}

TEST(HeaderLines, TheFirstOfANameCounts) { EXPECT_EQ(find_header(kHead, "host"), "a:1"); }

TEST(HeaderLines, WhatIsNotAHeaderIsNotFound) {
  for (const char* name : {"POST / HTTP/1.1", "no colon", "webhook", "b", ""}) EXPECT_FALSE(find_header(kHead, name)) << name;
  for (const char* head : {"", "\r\n", "GET / HTTP/1.1", "GET / HTTP/1.1\r\n"}) EXPECT_FALSE(find_header(head, "Host")) << head;
}

TEST(HeaderLines, ALengthIsANumberAndNothingElse) {
  EXPECT_EQ(length_of("0"), 0u);
  EXPECT_EQ(length_of("300"), 300u);
  for (const char* wrong : {"", "-1", "5x", " 5", "99999999999999999999"}) EXPECT_FALSE(length_of(wrong)) << wrong;
}

}  // namespace
}  // namespace courier::wire
