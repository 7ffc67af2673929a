#include "tests/bench/courier/request_text.h"

#include <gtest/gtest.h>

namespace courier::bench {
namespace {

TEST(RequestText, NumbersEachRequestInHeadersAndBody) {
  RequestText text({"POST", "/v1/messages", {"Idempotency-Key: run-{n}"}, R"({"payload": "{n}{n}"})"});
  EXPECT_EQ(text.number(12),
            "POST /v1/messages HTTP/1.1\r\nHost: courier\r\nIdempotency-Key: run-0000000012\r\nContent-Length: 35\r\n\r\n"
            R"({"payload": "00000000120000000012"})");
  EXPECT_NE(text.number(13).find("run-0000000013\r\n"), std::string::npos);
  EXPECT_EQ(text.number(13).find("12"), std::string::npos);
}

TEST(RequestText, WithoutABodyHasNoLength) {
  EXPECT_EQ(RequestText({"GET", "/version", {}, ""}).number(1), "GET /version HTTP/1.1\r\nHost: courier\r\n\r\n");
}

}  // namespace
}  // namespace courier::bench
