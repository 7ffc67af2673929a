// The contract of a Store; SQLite is the one behind it today.
#include "sample-service/store/store.h"

#include <unistd.h>

#include <filesystem>

#include <gtest/gtest.h>

namespace courier {
namespace {

using sluice::Error;

class StoreContract : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = open_sqlite(":memory:");
    ASSERT_TRUE(opened) << opened.error().message;
    store = std::move(*opened);
  }
  Message message(const std::string& id, Time when = Time(Duration(1000))) {
    return {.id = id, .endpoint = "http://sink/", .body = "{}", .received = when, .run_after = when, .last_error = {}};
  }
  Time at(long long milliseconds) { return Time(Duration(milliseconds)); }

  std::unique_ptr<Store> store;
  const Duration lease{10'000};
};

TEST_F(StoreContract, TheSameKeyGivesTheFirstAnswerAgainAndStoresNothing) {
  const auto first = store->intake("key", "print", message("a"), "answer a");
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_FALSE(first->replayed);
  const auto again = store->intake("key", "print", message("b"), "answer b");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(again->id, "a");
  EXPECT_EQ(again->body, "answer a");
  EXPECT_EQ(*store->pending(), 1);
  EXPECT_TRUE(store->lookup("b").error().is(Error::Kind::NotFound));
}

TEST_F(StoreContract, TheSameKeyForAnotherRequestIsAConflict) {
  ASSERT_TRUE(store->intake("key", "print", message("a"), "answer"));
  const auto other = store->intake("key", "other print", message("b"), "answer");
  ASSERT_FALSE(other);
  EXPECT_TRUE(other.error().is(Error::Kind::Conflict)) << other.error().message;
  EXPECT_EQ(*store->pending(), 1);
}

TEST_F(StoreContract, AFailedIntakeLeavesNoKeyBehind) {
  ASSERT_TRUE(store->intake("one", "p", message("same"), ""));
  ASSERT_FALSE(store->intake("two", "p", message("same"), ""));   // the id exists
  EXPECT_TRUE(store->intake("two", "p", message("other"), ""));
}

TEST_F(StoreContract, DueMessagesAreLentOldestFirstAndOnceOnly) {
  ASSERT_TRUE(store->intake("1", "", message("late", at(3000)), ""));
  ASSERT_TRUE(store->intake("2", "", message("second", at(2000)), ""));
  ASSERT_TRUE(store->intake("3", "", message("first", at(1000)), ""));
  EXPECT_EQ((*store->claim(at(2500), lease))->message.id, "first");
  EXPECT_EQ((*store->claim(at(2500), lease))->message.id, "second");
  EXPECT_FALSE(*store->claim(at(2500), lease));
}

TEST_F(StoreContract, ALostLoanIsLentAgainAndTheFormerWorkerIsRefused) {
  ASSERT_TRUE(store->intake("1", "", message("a"), ""));
  const Loan lost = **store->claim(at(1000), lease);
  EXPECT_FALSE(*store->claim(at(10'999), lease));
  const Loan found = **store->claim(at(11'000), lease);
  EXPECT_EQ(found.message.id, "a");
  EXPECT_GT(found.fence, lost.fence);
  EXPECT_TRUE(store->delivered(lost).error().is(Error::Kind::Conflict));
  EXPECT_TRUE(store->delivered(found));
  EXPECT_EQ(store->lookup("a")->state, State::Delivered);
  EXPECT_EQ(store->lookup("a")->attempts, 2);
}

TEST_F(StoreContract, ARetryWaitsAndGivingUpEndsIt) {
  ASSERT_TRUE(store->intake("1", "", message("a"), ""));
  ASSERT_TRUE(store->retry(**store->claim(at(1000), lease), at(5000), "refused"));
  EXPECT_FALSE(*store->claim(at(4999), lease));
  EXPECT_EQ(store->lookup("a")->last_error, "refused");
  ASSERT_TRUE(store->give_up(**store->claim(at(5000), lease), "refused for good"));
  EXPECT_EQ(store->lookup("a")->state, State::Dead);
  EXPECT_EQ(*store->pending(), 0);
  EXPECT_FALSE(*store->claim(at(100'000), lease));
}

TEST_F(StoreContract, AMessageGivenBackIsDueAgainWithoutACountedAttempt) {
  ASSERT_TRUE(store->intake("1", "", message("a"), ""));
  ASSERT_TRUE(store->give_back(**store->claim(at(1000), lease)));
  const Loan again = **store->claim(at(1000), lease);
  EXPECT_EQ(again.message.attempts, 1);
}

TEST_F(StoreContract, PruningForgetsTheEndedButNeverThePending) {
  ASSERT_TRUE(store->intake("1", "", message("done", at(1000)), ""));
  ASSERT_TRUE(store->delivered(**store->claim(at(1000), lease)));
  ASSERT_TRUE(store->intake("2", "", message("waiting", at(1000)), ""));
  EXPECT_EQ(*store->prune(at(2000)), 3);   // two keys and one message
  EXPECT_FALSE(store->lookup("done"));
  EXPECT_TRUE(store->lookup("waiting"));
}

TEST(SqliteFile, SurvivesAndBelongsToOneProcess) {
  const std::string folder = std::filesystem::temp_directory_path() / ("courier-store-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const std::string path = folder + "/courier.db";
  {
    auto store = open_sqlite(path);
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_TRUE((*store)->intake("k", "p", {.id = "a", .endpoint = "http://sink/", .body = "1", .last_error = {}}, "answer"));
    const auto second = open_sqlite(path);
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().message.find(path), std::string::npos) << second.error().message;
  }
  auto store = open_sqlite(path);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ((*store)->lookup("a")->body, "1");
  store->reset();
  std::filesystem::remove_all(folder);
  EXPECT_FALSE(open_sqlite("/nowhere/at/all.db"));
}

}  // namespace
}  // namespace courier
