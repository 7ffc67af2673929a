#include "tests/wire/answer_reader.h"

#include <gtest/gtest.h>

#include <string>

namespace courier::wire {
namespace {

TEST(AnswerReader, WaitsForTheLastByteAndLeavesTheNextAnswerAlone) {
  const std::string one = "HTTP/1.1 202 Accepted\r\nDate: now\r\ncontent-length:  5\r\n\r\nhello";
  const std::string wire = one + "HTTP/1.1 200 OK\r\n";
  for (std::size_t bytes = 0; bytes < one.size(); ++bytes) {
    const auto part = read_answer(std::string_view(wire).substr(0, bytes));
    ASSERT_TRUE(part);
    EXPECT_FALSE(*part) << bytes;
  }
  const auto whole = read_answer(wire);
  ASSERT_TRUE(whole && *whole);
  EXPECT_EQ((*whole)->status, 202);
  EXPECT_EQ((*whole)->bytes, one.size());
  EXPECT_EQ((*whole)->body_bytes, 5u);
  EXPECT_FALSE((*whole)->closes);
}

TEST(AnswerReader, SeesThatTheConnectionEnds) {
  const auto answer = read_answer("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nconnection: Close\r\n\r\n");
  ASSERT_TRUE(answer && *answer);
  EXPECT_TRUE((*answer)->closes);
}

TEST(AnswerReader, NeedsNoLengthWhereThereIsNoBody) {
  const auto answer = read_answer("HTTP/1.1 204 No Content\r\n\r\n");
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->bytes, 27u);
}

TEST(AnswerReader, RefusesWhatItCannotFrame) {
  for (const char* wrong : {"SSH-2.0-x\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n", "\r\n\r\n"}) {
    EXPECT_FALSE(read_answer(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace courier::wire
