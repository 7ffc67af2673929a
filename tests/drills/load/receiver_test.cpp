#include "tests/drills/load/receiver.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/drills/load/nodes.h"

namespace courier::drills {
namespace {

using namespace std::chrono_literals;

TEST(DrillConduct, IsForAShareOfTheDeliveries) {
  EXPECT_EQ(decide(Conduct::Ok, 1, 5, true), Conduct::Ok);
  int errors = 0;
  for (std::uint64_t i = 0; i < 100; ++i) errors += decide(Conduct::Errors, 0.3, i, false) == Conduct::Errors ? 1 : 0;
  EXPECT_EQ(errors, 30);
}

TEST(DrillConduct, RepeatsAreRefusedAndNothingElse) {
  EXPECT_EQ(decide(Conduct::Repeats, 1, 5, false), Conduct::Ok);
  EXPECT_EQ(decide(Conduct::Repeats, 1, 5, true), Conduct::Errors);
}

// A receiver and who calls it, on one loop.
class DrillReceiver : public ::testing::Test {
 protected:
  DrillReceiver() : receiver(*Receiver::open(loop, ledger)) { nodes.add(receiver->port()); }
  ~DrillReceiver() override { ::unlink(path.c_str()); }

  // Its status, or 0 and why.
  std::string deliver(const std::string& id, const std::string& key) {
    const std::string body = "\"" + key + "\"";
    std::string told;
    nodes.ask(receiver->port(),
              "POST / HTTP/1.1\r\nwebhook-id: " + id + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body,
              Clock::now() + 60s,
              [&told](const Answer& answer) { told = answer.status == 0 ? std::string(answer.why) : std::to_string(answer.status); });
    while (told.empty()) loop.wait(1s);
    return told;
  }

  const std::string path = ::testing::TempDir() + "drill_receiver_" + std::to_string(::getpid());
  Loop loop;
  Ledger ledger{*LineFile::open(path), Clock::now()};
  std::unique_ptr<Receiver> receiver;
  Nodes nodes{loop};
};

TEST_F(DrillReceiver, WhatItTakesIsDelivered) {
  ledger.ok("key-1", "m1");
  ledger.ok("key-2", "m2");
  EXPECT_EQ(deliver("m1", "key-1"), "204");
  EXPECT_EQ(deliver("m1", "key-1"), "204");
  EXPECT_EQ(deliver("m3", "key-3"), "204");
  EXPECT_EQ(receiver->calls(), 3u);
  EXPECT_EQ(ledger.undelivered(), 1u);
  EXPECT_EQ(ledger.last(), "m1");  // nobody was told of m3 yet
  ledger.ok("key-3", "m3");
  EXPECT_EQ(ledger.undelivered(), 1u);
  EXPECT_EQ(ledger.last(), "m3");
}

TEST_F(DrillReceiver, WhatItDoesNotTakeIsNot) {
  ledger.ok("key-1", "m1");
  receiver->behave(Conduct::Errors, 1);
  EXPECT_EQ(deliver("m1", "key-1"), "500");
  receiver->behave(Conduct::Drops, 1);
  EXPECT_EQ(deliver("m1", "key-1"), "connection lost: end");
  EXPECT_EQ(ledger.undelivered(), 1u);
  receiver->behave(Conduct::Repeats, 1);
  EXPECT_EQ(deliver("m1", "key-1"), "204");
  EXPECT_EQ(deliver("m1", "key-1"), "500");
  EXPECT_EQ(ledger.undelivered(), 0u);
}

TEST_F(DrillReceiver, ThatIsSilentIsGivenUp) {
  receiver->behave(Conduct::Silent, 1);
  std::string why;
  nodes.ask(receiver->port(), "POST / HTTP/1.1\r\nwebhook-id: m\r\nContent-Length: 2\r\n\r\n\"\"", Clock::now() + 60s,
            [&why](const Answer& answer) { why = answer.why; });
  while (receiver->calls() == 0) loop.wait(1s);
  nodes.work(Clock::now() + 59s);
  EXPECT_EQ(why, "");
  nodes.work(Clock::now() + 61s);
  EXPECT_EQ(why, "time out");
  EXPECT_FALSE(nodes.due());
}

TEST_F(DrillReceiver, RefusesWhatIsNoDelivery) {
  std::string told;
  nodes.ask(receiver->port(), "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n\"\"", Clock::now() + 60s,
            [&told](const Answer& answer) { told = std::to_string(answer.status); });
  while (told.empty()) loop.wait(1s);
  EXPECT_EQ(told, "400");
}

}  // namespace
}  // namespace courier::drills
