#include "sample-service/api/request_text.h"

#include <gtest/gtest.h>

namespace courier {
namespace {

TEST(Page, ACursorComesBackAsTheMarkItWasMadeOf) {
  const auto page = parse_page("limit=7&cursor=" + cursor_of("019a|x/ü"));
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->after, "019a|x/ü");
  EXPECT_EQ(page->limit, 7U);
  EXPECT_EQ(parse_page("")->limit, 50U);
  EXPECT_EQ(cursor_of(""), "");
}

TEST(Page, WhatCannotBeIsNamed) {
  for (const char* query : {"limit=0", "limit=501", "limit=", "limit=1x", "limit=-1", "limit", "cursor=", "cursor=%41", "cursor=a",
                            "offset=3", "limit=1&limit=2", "&"}) {
    EXPECT_FALSE(parse_page(query)) << query;
  }
}

TEST(Nesting, CountsBracketsButNotThoseInStrings) {
  EXPECT_FALSE(nests_deeper(R"({"a": [[1]]})", 3));
  EXPECT_TRUE(nests_deeper(R"({"a": [[1]]})", 2));
  EXPECT_FALSE(nests_deeper(R"(["[[[[", "\"[[["])", 1));
  EXPECT_FALSE(nests_deeper(R"([1],[2],[3])", 1));
  EXPECT_TRUE(nests_deeper(std::string(1'000'000, '['), kDeepest));
}

}  // namespace
}  // namespace courier
