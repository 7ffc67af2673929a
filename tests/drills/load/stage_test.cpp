// The whole of it against servers of common/http: what is written down, not how fast it is.
#include "tests/drills/load/stage.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <mutex>

#include "common/http/server.h"

namespace courier::drills {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using sluice::http::IncomingRequest;
using sluice::http::ReplyPtr;
using sluice::http::Response;

// Takes every message; its id is its key with an m before it. silent: answers nothing.
class Node {
 public:
  explicit Node(int post_status = 202, bool silent = false)
      : server_(*sluice::http::serve({.address = "127.0.0.1"}, [this, post_status, silent](const IncomingRequest& in, ReplyPtr reply) {
          const std::lock_guard lock(mutex_);
          ++asked_[in.request.method];
          if (silent) kept_.push_back(std::move(reply));
          else if (in.request.method == "GET") reply->send({200, {}, "{}"});
          else reply->send({post_status, {}, json{{"id", "m" + in.request.headers.at("Idempotency-Key")}}.dump()});
        })) {}
  ~Node() { server_.reset(); }

  Port port() const { return server_->port(); }
  int asked(const std::string& method) {
    const std::lock_guard lock(mutex_);
    return asked_[method];
  }

 private:
  std::mutex mutex_;
  std::map<std::string, int> asked_;
  std::vector<ReplyPtr> kept_;
  std::unique_ptr<sluice::http::Server> server_;
};

Port closed_port() { return Node().port(); }

class DrillStage : public ::testing::Test {
 protected:
  DrillStage() {
    stage.emplace(loop, ledger, *receiver, [this](const json& words) { said.push_back(words); });
  }
  ~DrillStage() override {
    stage.reset();
    for (const char* file : {"history", "requests"}) ::unlink((folder + file).c_str());
  }

  void tell(const json& words) {
    const auto done = stage->told(words.dump());
    ASSERT_TRUE(done) << to_string(done.error());
  }

  // Until it says something.
  json answer() {
    for (said.clear(); said.empty();) {
      stage->work(Clock::now());
      loop.wait(stage->due(Clock::now()) - Clock::now());
    }
    return said.front();
  }

  // 50 requests, as fast as may be.
  json load(json more = json::object()) {
    json plan{{"do", "load"},
              {"name", "key"},
              {"begin", seconds(Clock::now().time_since_epoch())},
              {"rate", 10'000},
              {"seconds", 0.005},
              {"writes", 0.5},
              {"reads", "messages"},
              {"deadline", 60'000},
              {"tries", 2},
              {"budgeted", true},
              {"repeats", 0},
              {"elsewhere", 0},
              {"requests", folder + "requests"}};
    plan.update(more);
    tell(plan);
    const json over = answer();
    EXPECT_EQ(over["over"], "key");
    ledger.flush();
    return over;
  }

  std::vector<json> lines(const char* file) const {
    std::vector<json> found;
    std::ifstream in(folder + file);
    for (std::string line; std::getline(in, line);) found.push_back(json::parse(line));
    return found;
  }
  std::map<std::string, int> history() const {
    std::map<std::string, int> types;
    for (const json& line : lines("history")) ++types[line["type"]];
    return types;
  }
  int requests(const std::string& field, const json& value) const {
    int found = 0;
    for (const json& line : lines("requests")) found += line.value(field, json(false)) == value ? 1 : 0;
    return found;
  }

  const std::string folder = ::testing::TempDir() + "drill_stage_" + std::to_string(::getpid()) + "_";
  std::vector<json> said;
  Loop loop;
  Ledger ledger{*LineFile::open(folder + "history"), Clock::now()};
  std::unique_ptr<Receiver> receiver = *Receiver::open(loop, ledger);
  std::optional<Stage> stage;
};

TEST_F(DrillStage, EachRequestIsAskedOnceOfNodesInTurn) {
  Node one;
  Node two;
  tell({{"do", "add"}, {"port", one.port()}});
  tell({{"do", "add"}, {"port", two.port()}});
  load();
  EXPECT_EQ(one.asked("GET") + one.asked("POST"), 25);
  EXPECT_EQ(two.asked("GET") + two.asked("POST"), 25);
  EXPECT_EQ(requests("ok", true), 50);
  EXPECT_EQ(history(), (std::map<std::string, int>{{"invoke", 25}, {"ok", 25}}));
  tell({{"do", "tell"}});
  EXPECT_EQ(said.back()["undelivered"], 25);
  EXPECT_EQ(said.back()["calls"], 0);
}

TEST_F(DrillStage, WhatADeadNodeRefusesIsTriedOnceMoreOnAnotherOne) {
  Node alive;
  tell({{"do", "add"}, {"port", closed_port()}});
  tell({{"do", "add"}, {"port", alive.port()}});
  load();
  EXPECT_EQ(requests("ok", true), 50);
  EXPECT_EQ(requests("retried", true), 25);
}

TEST_F(DrillStage, WithoutATryLeftItHasFailedAndNobodyKnows) {
  tell({{"do", "add"}, {"port", closed_port()}});
  load({{"tries", 1}});
  EXPECT_EQ(requests("why", "connection refused"), 50);
  EXPECT_EQ(history(), (std::map<std::string, int>{{"invoke", 25}, {"info", 25}}));
}

TEST_F(DrillStage, AHungNodeIsGivenUpInTimeForAnother) {
  Node hung(202, true);
  Node alive;
  tell({{"do", "add"}, {"port", hung.port()}});
  tell({{"do", "add"}, {"port", alive.port()}});
  load({{"deadline", 2'000}});
  EXPECT_EQ(requests("retried", true), 25);
  EXPECT_EQ(requests("ok", true), 50);
}

TEST_F(DrillStage, ARefusalIsAFailureThatIsKnown) {
  Node refuses(503);
  tell({{"do", "add"}, {"port", refuses.port()}});
  load({{"tries", 1}});
  EXPECT_EQ(requests("shed", true), 25);
  EXPECT_EQ(history(), (std::map<std::string, int>{{"invoke", 25}, {"fail", 25}}));
}

TEST_F(DrillStage, TheBudgetEndsRetries) {
  Node refuses(503);
  tell({{"do", "add"}, {"port", refuses.port()}});
  load({{"writes", 1}, {"seconds", 0.04}});
  const int retries = requests("retried", true);
  EXPECT_NEAR(retries, 100 + 80, 1);  // a fifth of 400, and a hundred in any case
  EXPECT_EQ(refuses.asked("POST"), 400 + retries);
  load({{"writes", 1}, {"seconds", 0.04}, {"tries", 3}, {"budgeted", false}, {"requests", "/dev/null"}});
  EXPECT_EQ(refuses.asked("POST"), 400 + retries + 3 * 400);
}

TEST_F(DrillStage, WithoutNodesEachRequestFails) {
  load();
  EXPECT_EQ(requests("why", "no node"), 50);
}

TEST_F(DrillStage, NobodyAsksANodeThatWasRemoved) {
  Node one;
  Node two;
  for (const Port port : {one.port(), two.port()}) tell({{"do", "add"}, {"port", port}});
  tell({{"do", "remove"}, {"port", one.port()}});
  load();
  EXPECT_EQ(one.asked("GET") + one.asked("POST"), 0);
  EXPECT_EQ(requests("ok", true), 50);
}

TEST_F(DrillStage, SaysWhatItCannotDo) {
  for (const char* line : {"", "{}", "[]", R"({"do": "dance"})", R"({"do": "add"})", R"({"do": "add", "port": 0})", R"({"do": "load"})",
                           R"({"do": "pace", "load": "key", "factor": 2})", R"({"do": "receiver", "conduct": "rude"})"}) {
    EXPECT_FALSE(stage->told(line)) << line;
  }
}

}  // namespace
}  // namespace courier::drills
