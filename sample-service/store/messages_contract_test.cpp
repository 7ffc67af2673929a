// The contract of a Store: messages come in once, and what became of them is told.
#include <barrier>
#include <set>
#include <thread>

#include "common/core/clock.h"
#include "sample-service/store/store_for_test.h"

namespace courier::testing {
namespace {

using sluice::Error;

class MessagesContract : public StoreContract {};
COURIER_ON_EVERY_ENGINE(MessagesContract);

TEST_P(MessagesContract, ThePingSaysWhatTheStoresClockSays) {
  // Both engines run on this machine here.
  const Duration rounding(1);
  const Time before = sluice::SystemClock().now();
  const auto said = store->ping();
  const Time after = sluice::SystemClock().now();
  ASSERT_TRUE(said) << said.error().message;
  EXPECT_GE(*said, before - rounding);
  EXPECT_LE(*said, after + rounding);
}

TEST_P(MessagesContract, TheSameKeyGivesTheFirstAnswerAgainAndStoresNothing) {
  const auto first = store->intake(once("key"), message("a"), "http://sink/hook", "");
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_FALSE(first->replayed);
  Once other = once("key");
  other.answer = {202, {}, "another answer"};
  const auto again = store->intake(other, message("b"), "http://sink/hook", "");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(again->status, 202);
  EXPECT_EQ(again->body, "answer to key");
  EXPECT_EQ(again->headers, (std::map<std::string, std::string>{{"Location", "/v1/messages/key"}}));
  EXPECT_EQ(store->queue(at(1'000))->pending, 1);
  EXPECT_TRUE(store->lookup("default", "b").error().is(Error::Kind::NotFound));
}

TEST_P(MessagesContract, TheSameKeyForAnotherRequestIsRefused) {
  ASSERT_TRUE(store->intake(once("key"), message("a"), "http://sink/hook", ""));
  const auto other = store->intake(once("key", "other print"), message("b"), "http://sink/hook", "");
  ASSERT_FALSE(other);
  EXPECT_TRUE(other.error().is(Error::Kind::Exists)) << other.error().message;
  EXPECT_NE(other.error().message.find("'key'"), std::string::npos) << other.error().message;
  EXPECT_EQ(store->queue(at(1'000))->pending, 1);
}

TEST_P(MessagesContract, KeysBelongToTheirTenantAndRoute) {
  ASSERT_TRUE(store->create_tenant({"acme", "Acme", at(1)}));
  ASSERT_TRUE(store->intake(once("key"), message("a"), "http://sink/hook", ""));
  Once acme = once("key", "other print");
  acme.tenant = "acme";
  Message theirs = message("b");
  theirs.tenant = "acme";
  EXPECT_TRUE(store->intake(acme, theirs, "http://sink/hook", ""));
  Once route = once("key", "other print");
  route.route = "POST /v1/other";
  EXPECT_TRUE(store->intake(route, message("c"), "http://sink/hook", ""));
  EXPECT_TRUE(store->lookup("acme", "a").error().is(Error::Kind::NotFound));
}

TEST_P(MessagesContract, AnExpiredKeyIsAsGoodAsNew) {
  ASSERT_TRUE(store->intake(once("key", "print", at(1'000)), message("a"), "http://sink/hook", ""));
  const auto later = store->intake(once("key", "other print", at(1'000) + Duration(86'400'000)), message("b"), "http://sink/hook", "");
  ASSERT_TRUE(later) << later.error().message;
  EXPECT_FALSE(later->replayed);
}

TEST_P(MessagesContract, AFailedIntakeLeavesNoKeyBehind) {
  ASSERT_TRUE(store->intake(once("one"), message("same"), "http://sink/hook", ""));
  ASSERT_FALSE(store->intake(once("two"), message("same"), "http://sink/hook", ""));  // the id exists
  const auto again = store->intake(once("two"), message("other"), "http://sink/hook", "");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_FALSE(again->replayed);
}

TEST_P(MessagesContract, WhatTheDatabaseIsNotAskedForInTimeIsNotStored) {
  Once late = once("key");
  late.until = clock.monotonic();
  const auto refused = store->intake(late, message("a"), "http://sink/hook", "");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(Error::Kind::Unavailable)) << refused.error().message;
  EXPECT_TRUE(store->lookup("default", "a").error().is(Error::Kind::NotFound));
  late.until += Duration(1);
  const auto stored = store->intake(late, message("a"), "http://sink/hook", "");
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_FALSE(stored->replayed);
}

TEST_P(MessagesContract, ItGoesToEveryEndpointThatTakesTheTopic) {
  make_endpoint("all");
  make_endpoint("orders", {"order.paid", "order.sent"});
  make_endpoint("others", {"order"});
  make_endpoint("paused", {"order.paid"}, EndpointState::Paused);
  make_endpoint("disabled", {}, EndpointState::Disabled);
  Message paid = message("m");
  paid.topic = "order.paid";
  ASSERT_TRUE(store->intake(once("key"), paid, "", "http://fallback/"));
  const auto status = store->lookup("default", "m");
  ASSERT_TRUE(status);
  std::set<std::string> receivers;
  for (const Delivery& delivery : status->deliveries) receivers.insert(delivery.endpoint + " " + delivery.url);
  EXPECT_EQ(receivers, (std::set<std::string>{"all http://all/hook", "orders http://orders/hook", "paused http://paused/hook"}));
  EXPECT_EQ(status->message.payload, "{\"n\":\"m\"}");
  EXPECT_EQ(status->message.topic, "order.paid");
  EXPECT_EQ(status->message.traceparent, "00-trace");
}

TEST_P(MessagesContract, ANamedReceiverIsTheOnlyOneAndTheFallbackTheLast) {
  ASSERT_TRUE(store->intake(once("1"), message("fallback"), "", "http://fallback/"));
  EXPECT_EQ(only_delivery("fallback").url, "http://fallback/");
  make_endpoint("all");
  ASSERT_TRUE(store->intake(once("2"), message("named"), "http://named/", "http://fallback/"));
  EXPECT_EQ(only_delivery("named").url, "http://named/");
  ASSERT_TRUE(store->intake(once("3"), message("subscribed"), "", "http://fallback/"));
  EXPECT_EQ(only_delivery("subscribed").endpoint, "all");
}

TEST_P(MessagesContract, WithoutAReceiverOrTenantItIsRefusedAndNothingStays) {
  const auto nobody = store->intake(once("key"), message("a"), "", "");
  ASSERT_FALSE(nobody);
  EXPECT_TRUE(nobody.error().is(Error::Kind::Invalid)) << nobody.error().message;
  EXPECT_NE(nobody.error().message.find("'endpoint'"), std::string::npos) << nobody.error().message;
  Once stranger = once("key");
  stranger.tenant = "stranger";
  const auto unknown = store->intake(stranger, message("a"), "http://sink/hook", "");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("'stranger'"), std::string::npos) << unknown.error().message;
  EXPECT_TRUE(store->lookup("default", "a").error().is(Error::Kind::NotFound));
  EXPECT_TRUE(store->intake(once("key"), message("a"), "http://sink/hook", ""));
}

TEST_P(MessagesContract, RacingDuplicatesHaveOneEffectAndOneAnswer) {
  constexpr int kRacers = 16;
  constexpr int kRounds = 10;
  std::barrier start(kRacers);
  std::mutex mutex;
  std::map<int, std::set<std::string>> answers;
  std::map<int, int> fresh;
  std::vector<std::jthread> racers;
  for (int racer = 0; racer < kRacers; ++racer) {
    racers.emplace_back([&, racer] {
      for (int round = 0; round < kRounds; ++round) {
        const std::string id = std::to_string(round) + "-" + std::to_string(racer);
        Once mine = once("key-" + std::to_string(round));
        mine.answer = {202, {{"Location", id}}, "I am " + id};
        start.arrive_and_wait();
        auto answer = store->intake(mine, message(id), "http://sink/hook", "");
        // Whoever waited too long for the first one is told to come again.
        while (!answer && answer.error().is(Error::Kind::Conflict) && answer.error().retry_after.count() > 0) {
          answer = store->intake(mine, message(id), "http://sink/hook", "");
        }
        const std::lock_guard lock(mutex);
        ASSERT_TRUE(answer) << answer.error().message;
        answers[round].insert(answer->body + answer->headers["Location"]);
        fresh[round] += answer->replayed ? 0 : 1;
      }
    });
  }
  racers.clear();
  for (int round = 0; round < kRounds; ++round) {
    EXPECT_EQ(answers[round].size(), 1U) << round;
    EXPECT_EQ(fresh[round], 1) << round;
  }
  EXPECT_EQ(store->queue(at(1'000))->pending, kRounds);
  EXPECT_EQ(store->messages("default", {})->items.size(), static_cast<std::size_t>(kRounds));
}

TEST_P(MessagesContract, ListsComeInPagesNewestFirst) {
  for (int i = 1; i <= 5; ++i) post("m" + std::to_string(i));
  const auto first = store->messages("default", {.after = "", .limit = 2});
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_EQ(first->items.size(), 2U);
  EXPECT_EQ(first->items[0].id, "m5");
  const auto second = store->messages("default", {.after = first->next, .limit = 2});
  EXPECT_EQ(second->items.at(0).id, "m3");
  const auto last = store->messages("default", {.after = second->next, .limit = 2});
  ASSERT_EQ(last->items.size(), 1U);
  EXPECT_EQ(last->items[0].id, "m1");
  EXPECT_EQ(last->next, "");
}

TEST_P(MessagesContract, DeadLettersAreListedAndReplayedOnce) {
  for (const char* id : {"a", "b", "c"}) post(id);
  for (const Loan& loan : claim(sink, at(1'000), 3)) {
    if (loan.delivery.message == "b") ASSERT_TRUE(store->delivered(loan));
    else ASSERT_TRUE(store->give_up(loan, "refused"));
  }
  const auto dead = store->dead_letters("default", {.after = "", .limit = 1});
  ASSERT_TRUE(dead) << dead.error().message;
  ASSERT_EQ(dead->items.size(), 1U);
  EXPECT_EQ(dead->items[0].message, "c");
  EXPECT_EQ(dead->items[0].last_error, "refused");
  const auto rest = store->dead_letters("default", {.after = dead->next, .limit = 1});
  EXPECT_EQ(rest->items.at(0).message, "a");
  EXPECT_EQ(rest->next, "");
  EXPECT_TRUE(store->dead_letters("default", {.after = "nonsense"}).error().is(Error::Kind::Invalid));

  Once replay = once("replay-key", "print", at(5'000));
  replay.route = "POST /v1/messages/{id}/replay";
  ASSERT_TRUE(store->replay(replay, "a"));
  EXPECT_EQ(store->lookup("default", "a")->state(), State::Pending);
  EXPECT_EQ(only_delivery("a").attempts, 0);
  const auto again = store->replay(replay, "a");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->replayed);
  const auto loans = claim(sink, at(5'000), 9);
  ASSERT_EQ(loans.size(), 1U);
  EXPECT_EQ(loans[0].delivery.attempts, 1);

  replay.key = "another";
  EXPECT_TRUE(store->replay(replay, "b").error().is(Error::Kind::Invalid));  // was delivered
  EXPECT_TRUE(store->replay(replay, "zzz").error().is(Error::Kind::NotFound));
  EXPECT_TRUE(store->replay(replay, "c"));  // the key was not used up by the errors
}

TEST_P(MessagesContract, PruningForgetsTheEndedAndExpiredButNeverThePending) {
  post("done", at(1'000));
  ASSERT_TRUE(store->delivered(claim(sink, at(1'000)).at(0)));
  post("waiting", at(1'000));
  post("young", at(90'000'000));
  const auto pruned = store->prune(at(1'000) + Duration(86'400'000), at(2'000));
  ASSERT_TRUE(pruned) << pruned.error().message;
  EXPECT_EQ(pruned->keys, 2);
  EXPECT_EQ(pruned->messages, 1);
  EXPECT_FALSE(store->lookup("default", "done"));
  EXPECT_TRUE(store->lookup("default", "waiting"));
  EXPECT_TRUE(store->lookup("default", "young"));
}

}  // namespace
}  // namespace courier::testing
