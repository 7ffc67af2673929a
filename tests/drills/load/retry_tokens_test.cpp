#include "tests/drills/load/retry_tokens.h"

#include <gtest/gtest.h>

namespace courier::drills {
namespace {

int all_of(RetryTokens& tokens) {
  int taken = 0;
  while (tokens.take()) ++taken;
  return taken;
}

TEST(RetryTokens, BeginWithTheReserve) {
  RetryTokens tokens;
  EXPECT_EQ(all_of(tokens), 100);
}

TEST(RetryTokens, EarnAFifthOfTheRequestsAndTenASecond) {
  RetryTokens tokens;
  all_of(tokens);
  for (int i = 0; i < 105; ++i) tokens.first_try(100);  // a second of them, and a little because of the fractions
  EXPECT_NEAR(all_of(tokens), 31, 1);
}

TEST(RetryTokens, AQuietHourSavesNothingUp) {
  RetryTokens tokens;
  for (int i = 0; i < 3600; ++i) tokens.first_try(1);
  EXPECT_EQ(all_of(tokens), 100);
}

}  // namespace
}  // namespace courier::drills
