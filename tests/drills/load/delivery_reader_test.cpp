#include "tests/drills/load/delivery_reader.h"

#include <gtest/gtest.h>

namespace courier::drills {
namespace {

const std::string kOne = "POST / HTTP/1.1\r\nHost: r\r\nwebhook-id: m1\r\nContent-Length: 7\r\n\r\n\"key-1\"";

TEST(DeliveryReader, WaitsForTheLastByteAndLeavesTheNextOneAlone) {
  const std::string wire = kOne + kOne;
  for (std::size_t bytes = 0; bytes < kOne.size(); ++bytes) {
    const auto part = read_delivery(std::string_view(wire).substr(0, bytes));
    ASSERT_TRUE(part);
    EXPECT_FALSE(*part) << bytes;
  }
  const auto whole = read_delivery(wire);
  ASSERT_TRUE(whole && *whole);
  EXPECT_EQ((*whole)->id, "m1");
  EXPECT_EQ((*whole)->key, "key-1");
  EXPECT_EQ((*whole)->bytes, kOne.size());
}

TEST(DeliveryReader, RefusesWhatIsNoDelivery) {
  for (const char* wrong :
       {"GET / HTTP/1.1\r\nwebhook-id: m\r\nContent-Length: 2\r\n\r\n\"\"", "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n\"\"",
        "POST / HTTP/1.1\r\nwebhook-id: m\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nwebhook-id: m\r\nContent-Length: 2\r\n\r\n{}",
        "POST / HTTP/1.1\r\nwebhook-id: m\r\nContent-Length: 1\r\n\r\n\"", "\r\n\r\n"}) {
    EXPECT_FALSE(read_delivery(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace courier::drills
