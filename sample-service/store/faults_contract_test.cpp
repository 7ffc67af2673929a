// The contract of a Store when processes are killed, connections cut and locks held: nothing that was answered is lost, and
// nothing is half there.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include "common/core/clock.h"
#include "sample-service/store/store_for_test.h"

namespace courier::testing {
namespace {

using sluice::Error;

class FaultsContract : public StoreContract {
 protected:
  // Opened by the tests, as a child process must be forked before there are threads and connections.
  void SetUp() override {}

  // Runs work(say) in a child process and kills it once it has said `lines` lines, and `microseconds` later; returns all
  // that it said.
  std::vector<std::string> killed_after(std::size_t lines, int microseconds,
                                        const std::function<void(const std::function<void(const std::string&)>&)>& work) {
    int pipe_ends[2];
    if (::pipe(pipe_ends) != 0) return {};
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(pipe_ends[0]);
      work([&](const std::string& line) {
        const std::string text = line + "\n";
        (void)!::write(pipe_ends[1], text.data(), text.size());
      });
      ::_exit(3);  // it must not come to its end
    }
    ::close(pipe_ends[1]);
    std::string said;
    char buffer[4096];
    bool killed = false;
    for (;;) {
      const auto got = ::read(pipe_ends[0], buffer, sizeof buffer);
      if (got <= 0) break;
      said.append(buffer, static_cast<std::size_t>(got));
      if (!killed && static_cast<std::size_t>(std::count(said.begin(), said.end(), '\n')) >= lines) {
        const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(microseconds);
        while (std::chrono::steady_clock::now() < until) {}
        ::kill(child, SIGKILL);
        killed = true;
      }
    }
    ::close(pipe_ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "the child ended by itself with " << status;
    std::vector<std::string> found;
    for (std::size_t begin = 0, end = 0; (end = said.find('\n', begin)) != std::string::npos; begin = end + 1)
      found.push_back(said.substr(begin, end - begin));
    return found;
  }
};
COURIER_ON_EVERY_ENGINE(FaultsContract);

TEST_P(FaultsContract, AnIntakeThatIsKilledAnywhereIsThereWithAllItsPartsOrNotAtAll) {
  constexpr int kRounds = 40;
  std::set<std::string> begun;
  std::set<std::string> answered;
  for (int round = 0; round < kRounds; ++round) {
    // It says so before and after each intake; the kill sweeps over one.
    const auto said = killed_after(3, round * 15, [&](const auto& say) {
      auto mine = open_store({.database = database.uri(), .connections = 2});
      for (int i = 0; mine && i < 100'000; ++i) {
        const std::string id = std::to_string(round) + "-" + std::to_string(i);
        say("+" + id);
        if ((*mine)->intake(once(id), message(id), "http://sink/hook", "")) say("=" + id);
      }
    });
    for (const std::string& line : said) (line[0] == '+' ? begun : answered).insert(line.substr(1));
  }
  open();
  EXPECT_GE(answered.size(), static_cast<std::size_t>(kRounds));
  std::set<std::string> stored;
  Page page{.after = "", .limit = 500};
  do {
    const auto slice = store->messages("default", page);
    ASSERT_TRUE(slice) << slice.error().message;
    for (const Message& one : slice->items) stored.insert(one.id);
    page.after = slice->next;
  } while (!page.after.empty());
  for (const std::string& id : answered) EXPECT_TRUE(stored.contains(id)) << id << " was answered and is lost";
  for (const std::string& id : stored) {
    EXPECT_EQ(only_delivery(id).state, State::Pending);
    const auto again = store->intake(once(id), message("other"), "http://sink/hook", "");
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_TRUE(again->replayed) << id;
  }
  EXPECT_EQ(store->queue(at(1'000))->outbox, static_cast<long long>(stored.size()));
  EXPECT_EQ(store->queue(at(1'000))->pending, static_cast<long long>(stored.size()));
  for (const std::string& id : begun) {
    if (stored.contains(id)) continue;
    const auto now = store->intake(once(id), message(id), "http://sink/hook", "");
    ASSERT_TRUE(now) << now.error().message;
    EXPECT_FALSE(now->replayed) << id << " was not stored, but its key was";
  }
}

TEST_P(FaultsContract, WhatAKilledWorkerHadIsLentAgainAndEachDeliveryEndsOnce) {
  constexpr int kMessages = 120;
  open();
  for (int i = 0; i < kMessages; ++i) post("m" + std::to_string(i));
  store.reset();
  std::multiset<std::string> ended;
  Time now = at(1'000);
  for (int round = 0; round < 8; ++round) {
    const auto said = killed_after(static_cast<std::size_t>(round) + 1, round * 40, [&](const auto& say) {
      auto mine = open_store({.database = database.uri(), .connections = 2});
      while (mine) {
        const auto loans = (*mine)->claim({{sink, Lane::Normal, 5}}, now, lease);
        if (!loans) continue;
        for (const Loan& loan : *loans) {
          if ((*mine)->delivered(loan)) say(loan.delivery.message);
        }
      }
    });
    ended.insert(said.begin(), said.end());
    now += lease;
  }
  open();
  for (;;) {
    const auto loans = claim(sink, now, 7);
    if (loans.empty()) break;
    for (const Loan& loan : loans) {
      ASSERT_TRUE(store->delivered(loan));
      ended.insert(loan.delivery.message);
    }
  }
  EXPECT_EQ(store->queue(now)->pending, 0);
  EXPECT_EQ(std::set(ended.begin(), ended.end()).size(), ended.size()) << "a delivery has ended twice";
  // What was committed but not said before the kill is ended too.
  for (int i = 0; i < kMessages; ++i) EXPECT_EQ(store->lookup("default", "m" + std::to_string(i))->state(), State::Delivered) << i;
}

TEST_P(FaultsContract, AMigrationThatIsKilledAnywhereIsCompletedByTheNextCourier) {
  for (int round = 0; round < 6; ++round) {
    TestDatabase fresh(GetParam());
    (void)killed_after(1, round * 500, [&](const auto& say) {
      say("starting");
      for (;;) (void)open_store({.database = fresh.uri(), .connections = 1});
    });
    auto opened = open_store({.database = fresh.uri(), .connections = 1});
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_TRUE((*opened)->intake(once("k"), message("m"), "http://sink/", ""));
  }
}

TEST_P(FaultsContract, WhatCannotBeOpenedSaysWhy) {
  const auto lost =
      open_store({.database = GetParam() == "sqlite" ? "/nowhere/at/all.db" : "postgres://courier:secret-word@127.0.0.1:1/courier"});
  ASSERT_FALSE(lost);
  EXPECT_TRUE(lost.error().is(Error::Kind::Unavailable)) << lost.error().message;
  EXPECT_EQ(lost.error().message.find("secret-word"), std::string::npos) << lost.error().message;
}

// What only one engine can suffer.
class SqliteFaults : public FaultsContract {};
INSTANTIATE_TEST_SUITE_P(Engines, SqliteFaults, ::testing::Values("sqlite"));

TEST_P(SqliteFaults, TheFileBelongsToOneProcess) {
  open();
  const auto second = open_store({.database = database.uri()});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find(database.uri()), std::string::npos) << second.error().message;
  EXPECT_NE(second.error().message.find("one process only"), std::string::npos) << second.error().message;
}

class PostgresFaults : public FaultsContract {
 protected:
  // Ends every session of the test's database, and waits until they have ended.
  void terminate_all() {
    database.admin("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '" + database.name() + "'");
  }
  std::unique_ptr<Session> another_session() {
    static Observer observer(nullptr, Duration(60'000));
    auto session = open_postgres_session(database.uri(), observer);
    EXPECT_TRUE(session) << session.error().message;
    return std::move(*session);
  }
};
std::vector<std::string> postgres_if_there() {
  return engines().size() > 1 ? std::vector<std::string>{"postgres"} : std::vector<std::string>{};
}
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PostgresFaults);
INSTANTIATE_TEST_SUITE_P(Engines, PostgresFaults, ::testing::ValuesIn(postgres_if_there()));

TEST_P(PostgresFaults, AWrongPasswordIsNamedWithoutThePassword) {
  std::string uri = database.uri();
  const std::string password = uri.substr(uri.find("courier:") + 8, uri.find('@') - uri.find("courier:") - 8);
  uri.replace(uri.find(password), password.size(), "wrong-secret");
  const auto refused = open_store({.database = uri});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("authentication failed"), std::string::npos) << refused.error().message;
  EXPECT_EQ(refused.error().message.find("wrong-secret"), std::string::npos) << refused.error().message;
  const auto garbled = open_store({.database = "postgres://courier:sec ret@host:port:port/x"});
  ASSERT_FALSE(garbled);
  EXPECT_EQ(garbled.error().message.find("sec ret"), std::string::npos) << garbled.error().message;
}

TEST_P(PostgresFaults, AllBackendsTerminatedHealsWithoutAFailedCall) {
  open();
  post("before");
  for (int round = 0; round < 3; ++round) {
    terminate_all();
    // One after the other: those that are idle are found dead and replaced before they are used.
    EXPECT_TRUE(store->ping()) << round;
    EXPECT_TRUE(store->lookup("default", "before")) << round;
    const auto stored = store->intake(once("k" + std::to_string(round)), message("m" + std::to_string(round)), "http://sink/hook", "");
    EXPECT_TRUE(stored) << stored.error().message;
    // And this one is never repeated.
    terminate_all();
    make_endpoint("e" + std::to_string(round));
  }
}

TEST_P(PostgresFaults, BackendsTerminatedUnderLoadLoseNothingThatWasAnswered) {
  open();
  std::atomic<bool> going{true};
  std::mutex mutex;
  std::set<std::string> answered;
  std::atomic<int> failed{0};
  std::vector<std::jthread> clients;
  for (int client = 0; client < 6; ++client) {
    clients.emplace_back([&, client] {
      for (int i = 0; going; ++i) {
        const std::string id = std::to_string(client) + "-" + std::to_string(i);
        // As a client does: the same key until there is an answer.
        auto stored = store->intake(once(id), message(id), "http://sink/hook", "");
        for (int tries = 0; !stored && tries < 200; ++tries) {
          ++failed;
          stored = store->intake(once(id), message(id), "http://sink/hook", "");
        }
        ASSERT_TRUE(stored) << stored.error().message;
        const std::lock_guard lock(mutex);
        answered.insert(id);
      }
    });
  }
  const auto count = [&] {
    const std::lock_guard lock(mutex);
    return answered.size();
  };
  for (int round = 1; round <= 5; ++round) {
    const auto target = count() + 30;
    while (count() < target) std::this_thread::yield();
    terminate_all();
  }
  going = false;
  clients.clear();
  const auto stored = another_session()->run({"queue", "SELECT count(*) FROM deliveries WHERE state = 0"}, {});  // however many there are
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_EQ(stored->rows.at(0).number(0), static_cast<long long>(answered.size()));
  for (const std::string& id : answered) ASSERT_TRUE(store->lookup("default", id)) << id;
}

TEST_P(PostgresFaults, ADuplicateOfARequestThatHangsIsToldToComeAgain) {
  open();
  auto hanging = another_session();
  ASSERT_TRUE(hanging->begin());
  ASSERT_TRUE(
      hanging->script("INSERT INTO idempotency (tenant, route, key, fingerprint, status, headers, body, created, expires) "
                      "VALUES ('default', 'POST /v1/messages', 'key', 'print', 202, '{}', 'hung', 1000, 99999999999999)"));
  Once impatient = once("key");
  impatient.until = clock.monotonic() + Duration(50);
  const auto busy = store->intake(impatient, message("a"), "http://sink/hook", "");
  ASSERT_FALSE(busy);
  EXPECT_TRUE(busy.error().is(Error::Kind::Conflict)) << busy.error().message;
  EXPECT_GT(busy.error().retry_after.count(), 0);
  hanging->roll_back();
  const auto stored = store->intake(impatient, message("a"), "http://sink/hook", "");
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_FALSE(stored->replayed);
}

TEST_P(PostgresFaults, ALockedTableBoundsTheWaitOfEveryCall) {
  open();
  post("a");
  const auto loans = claim(sink, at(1'000));
  auto hanging = another_session();
  ASSERT_TRUE(hanging->begin());
  ASSERT_TRUE(hanging->script("LOCK TABLE deliveries, endpoints, idempotency IN ACCESS EXCLUSIVE MODE"));
  // Each returns with an error instead of hanging; the test's own time limit says if not.
  EXPECT_FALSE(store->intake(once("b"), message("b"), "http://sink/hook", ""));
  EXPECT_FALSE(store->lookup("default", "a"));
  EXPECT_FALSE(store->delivered(loans.at(0)));
  EXPECT_FALSE(store->backlog(at(1'000)));
  hanging->roll_back();
  EXPECT_TRUE(store->delivered(loans.at(0)));
}

TEST_P(PostgresFaults, AClaimDoesNotWaitForARowThatSomebodyElseHolds) {
  open();
  post("a", at(1'000));
  post("b", at(2'000));
  auto other = another_session();
  ASSERT_TRUE(other->begin());
  ASSERT_TRUE(other->script("SELECT 1 FROM deliveries WHERE message = 'a' FOR UPDATE"));
  const auto loans = claim(sink, at(3'000), 2);
  ASSERT_EQ(loans.size(), 1U);
  EXPECT_EQ(loans[0].delivery.message, "b");
  other->roll_back();
}

TEST_P(PostgresFaults, AServerThatSaysNothingIsGivenUp) {
  // A listener that never answers: what a stopped server or a black hole looks like.
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(listener, 4), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), 0);
  const auto hung = open_store({.database = "postgres://courier@127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/courier"});
  ASSERT_FALSE(hung);
  EXPECT_TRUE(hung.error().is(Error::Kind::Unavailable)) << hung.error().message;
  ::close(listener);
}

}  // namespace
}  // namespace courier::testing
