// The contract of a Store: deliveries are lent, come back, and nobody is forgotten.
#include <mutex>
#include <set>
#include <thread>

#include "sample-service/store/store_for_test.h"

namespace courier::testing {
namespace {

using sluice::Error;

class DeliveriesContract : public StoreContract {};
COURIER_ON_EVERY_ENGINE(DeliveriesContract);

TEST_P(DeliveriesContract, DueOnesAreLentOldestFirstAndOnceOnly) {
  post("late", at(3'000));
  post("second", at(2'000));
  post("first", at(1'000));
  EXPECT_EQ(claim(sink, at(2'500)).at(0).delivery.message, "first");
  EXPECT_EQ(claim(sink, at(2'500)).at(0).delivery.message, "second");
  EXPECT_TRUE(claim(sink, at(2'500)).empty());
}

TEST_P(DeliveriesContract, ALoanHasAllThatADeliveryNeeds) {
  make_endpoint("hook");
  ASSERT_TRUE(store->intake(once("k"), message("m", at(1'000), Lane::Urgent), "", ""));
  const auto loans = claim("hook", at(1'000), 5, Lane::Urgent);
  ASSERT_EQ(loans.size(), 1U);
  EXPECT_EQ(loans[0].delivery.url, "http://hook/hook");
  EXPECT_EQ(loans[0].payload, "{\"n\":\"m\"}");
  EXPECT_EQ(loans[0].secret, "s3cret");
  EXPECT_EQ(loans[0].traceparent, "00-trace");
  EXPECT_EQ(loans[0].received, at(1'000));
  EXPECT_EQ(loans[0].receiver, "hook");
  EXPECT_EQ(loans[0].lease_until, at(11'000));
  EXPECT_EQ(loans[0].delivery.attempts, 1);
  EXPECT_EQ(loans[0].lane, Lane::Urgent);
}

TEST_P(DeliveriesContract, ALostLoanIsLentAgainAndTheLateWorkerIsRefused) {
  post("a");
  const Loan lost = claim(sink, at(1'000)).at(0);
  EXPECT_TRUE(claim(sink, at(10'999)).empty());
  const Loan found = claim(sink, at(11'000)).at(0);
  EXPECT_EQ(found.delivery.message, "a");
  EXPECT_GT(found.fence, lost.fence);
  EXPECT_TRUE(store->delivered(lost).error().is(Error::Kind::Conflict));
  EXPECT_TRUE(store->retry(lost, at(12'000), "late").error().is(Error::Kind::Conflict));
  EXPECT_TRUE(store->give_up(lost, "late").error().is(Error::Kind::Conflict));
  EXPECT_TRUE(store->give_back(lost, at(12'000)).error().is(Error::Kind::Conflict));
  EXPECT_EQ(*store->extend({lost}, at(99'000)), 0U);
  EXPECT_TRUE(store->delivered(found));
  EXPECT_TRUE(store->delivered(found).error().is(Error::Kind::Conflict));
  EXPECT_EQ(store->lookup("default", "a")->state(), State::Delivered);
  EXPECT_EQ(only_delivery("a").attempts, 2);
}

TEST_P(DeliveriesContract, WhatAProcessThatBeginsAloneFindsWaitsNoLongerThanAfterItsTries) {
  const Time later = at(100'000'000);  // by a clock that was set back since
  for (const char* id : {"lent", "tried", "often", "early", "fine"}) post(id, later, std::string("http://") + id);
  const auto receiver = [](const std::string& id) { return "default|http://" + id; };
  ASSERT_EQ(claim(receiver("lent"), later).size(), 1U);
  ASSERT_TRUE(store->retry(claim(receiver("tried"), later).at(0), later + Duration(1'000), "no"));
  for (int tries = 0; tries < 5; ++tries)
    ASSERT_TRUE(store->retry(claim(receiver("often"), later).at(0), tries < 4 ? later : later + Duration(60'000), "no"));
  post("soon", at(1'000), "http://soon");
  ASSERT_TRUE(store->retry(claim(receiver("soon"), at(1'000)).at(0), at(1'500), "no"));
  ASSERT_TRUE(*store->lead("relay", "the one before", later, Duration(5'000)));

  const auto sooner = store->begin_alone(at(1'000), {Duration(0), Duration(1'000), Duration(4'000)});
  ASSERT_TRUE(sooner) << sooner.error().message;
  EXPECT_EQ(*sooner, 5U);
  const auto backlog = store->backlog(at(2'000));
  ASSERT_TRUE(backlog) << backlog.error().message;
  for (const Backlog& entry : *backlog) EXPECT_EQ(entry.in_flight, 0) << entry.receiver;
  EXPECT_TRUE(claim(receiver("tried"), at(1'999)).empty());
  EXPECT_EQ(claim(receiver("tried"), at(2'000)).size(), 1U);
  EXPECT_TRUE(claim(receiver("often"), at(4'999)).empty());
  EXPECT_EQ(claim(receiver("often"), at(5'000)).at(0).delivery.attempts, 6);
  EXPECT_EQ(claim(receiver("early"), at(1'000)).size(), 1U) << "was never tried, so it is due";
  EXPECT_TRUE(claim(receiver("soon"), at(1'499)).empty()) << "nothing is due sooner than it was";
  EXPECT_EQ(claim(receiver("soon"), at(1'500)).size(), 1U);
  EXPECT_EQ(claim(receiver("lent"), at(2'000)).at(0).delivery.message, "lent");
  EXPECT_TRUE(*store->lead("relay", "this one", at(1'000), Duration(5'000)));
}

TEST_P(DeliveriesContract, AnExtendedLoanIsNotLentAgain) {
  post("a");
  const auto loans = claim(sink, at(1'000));
  EXPECT_EQ(*store->extend(loans, at(20'000)), 1U);
  EXPECT_TRUE(claim(sink, at(19'999)).empty());
  EXPECT_EQ(claim(sink, at(20'000)).size(), 1U);
}

TEST_P(DeliveriesContract, ARetryWaitsAndGivingUpEndsIt) {
  post("a");
  ASSERT_TRUE(store->retry(claim(sink, at(1'000)).at(0), at(5'000), "refused"));
  EXPECT_TRUE(claim(sink, at(4'999)).empty());
  EXPECT_EQ(only_delivery("a").last_error, "refused");
  ASSERT_TRUE(store->give_up(claim(sink, at(5'000)).at(0), "refused for good"));
  EXPECT_EQ(store->lookup("default", "a")->state(), State::Dead);
  EXPECT_EQ(store->queue(at(5'000))->pending, 0);
  EXPECT_TRUE(claim(sink, at(100'000)).empty());
}

TEST_P(DeliveriesContract, OneGivenBackIsDueAgainWithoutACountedAttempt) {
  post("a");
  const Loan loan = claim(sink, at(1'000)).at(0);
  ASSERT_TRUE(store->give_back(loan, at(1'500)));
  EXPECT_TRUE(store->give_back(loan, at(1'500)).error().is(Error::Kind::Conflict));  // counts once
  const Loan again = claim(sink, at(1'500)).at(0);
  EXPECT_EQ(again.delivery.attempts, 1);
}

TEST_P(DeliveriesContract, TheBacklogNamesWhoWaitsAndWhatIsLent) {
  ASSERT_TRUE(store->create_tenant({"acme", "Acme", at(1)}));
  make_endpoint("hook");
  make_endpoint("paused", {}, EndpointState::Paused);
  ASSERT_TRUE(store->intake(once("1"), message("m1", at(1'000)), "", ""));
  ASSERT_TRUE(store->intake(once("2"), message("m2", at(1'000), Lane::Urgent), "", ""));
  Once theirs = once("3");
  theirs.tenant = "acme";
  Message direct = message("m3", at(1'000));
  direct.tenant = "acme";
  ASSERT_TRUE(store->intake(theirs, direct, "http://sink:81/x", ""));
  post("later", at(9'000), "http://later/");
  ASSERT_EQ(claim("hook", at(1'000)).size(), 1U);

  const auto backlog = store->backlog(at(2'000));
  ASSERT_TRUE(backlog) << backlog.error().message;
  ASSERT_EQ(backlog->size(), 2U);
  EXPECT_EQ((*backlog)[0].receiver, "acme|http://sink:81");
  EXPECT_EQ((*backlog)[0].tenant, "acme");
  EXPECT_EQ((*backlog)[0].max_inflight, 0);
  EXPECT_EQ((*backlog)[1].receiver, "hook");
  EXPECT_EQ((*backlog)[1].tenant, "default");
  EXPECT_EQ((*backlog)[1].lane, Lane::Urgent);
  EXPECT_EQ((*backlog)[1].oldest, at(1'000));
  EXPECT_EQ((*backlog)[1].in_flight, 1);
  EXPECT_EQ((*backlog)[1].max_inflight, 3);
  // The lease of the lent one is over: it is waiting again, and not in flight.
  const auto later = store->backlog(at(11'000));
  ASSERT_EQ(later->size(), 4U);
  EXPECT_EQ((*later)[3].in_flight, 0);
}

TEST_P(DeliveriesContract, WhatWaitsForADeletedEndpointIsLentWithoutAUrl) {
  make_endpoint("hook");
  ASSERT_TRUE(store->intake(once("k"), message("m"), "", ""));
  ASSERT_TRUE(store->delete_endpoint("default", "hook", 0, at(2'000)));
  ASSERT_EQ(store->backlog(at(2'000))->size(), 1U);
  const auto loans = claim("hook", at(2'000));
  ASSERT_EQ(loans.size(), 1U);
  EXPECT_EQ(loans[0].delivery.url, "");
}

TEST_P(DeliveriesContract, ManyClaimersGetEachDeliveryOnce) {
  constexpr int kMessages = 200;
  for (int i = 0; i < kMessages; ++i) post("m" + std::to_string(i));
  std::mutex mutex;
  std::multiset<std::string> taken;
  std::vector<std::jthread> claimers;
  for (int i = 0; i < 4; ++i) {
    claimers.emplace_back([&] {
      for (;;) {
        const auto loans = store->claim({{sink, Lane::Normal, 7}}, at(1'000), lease);
        const std::lock_guard lock(mutex);
        ASSERT_TRUE(loans) << loans.error().message;
        if (loans->empty()) return;
        for (const Loan& loan : *loans) taken.insert(loan.delivery.message);
      }
    });
  }
  claimers.clear();
  EXPECT_EQ(taken.size(), static_cast<std::size_t>(kMessages));
  EXPECT_EQ(std::set(taken.begin(), taken.end()).size(), static_cast<std::size_t>(kMessages));
}

TEST_P(DeliveriesContract, NoticesStayUntilTheyAreForgotten) {
  make_endpoint("hook");
  ASSERT_TRUE(store->intake(once("1", "print", at(1'000)), message("a", at(1'000)), "", ""));
  ASSERT_TRUE(store->intake(once("2", "print", at(3'000)), message("b", at(3'000)), "", ""));
  const auto notices = store->outbox(at(2'000), 10);
  ASSERT_TRUE(notices) << notices.error().message;
  ASSERT_EQ(notices->size(), 2U);
  EXPECT_EQ((*notices)[0].kind, Notice::Kind::Endpoint);
  EXPECT_EQ((*notices)[0].reference, "hook@1");
  EXPECT_EQ((*notices)[1].kind, Notice::Kind::Message);
  EXPECT_EQ((*notices)[1].reference, "a");
  EXPECT_EQ(store->outbox(at(9'000), 2)->size(), 2U);
  ASSERT_TRUE(store->forget_notices({(*notices)[0].sequence, (*notices)[1].sequence}));
  EXPECT_EQ(store->queue(at(9'000))->outbox, 1);
  EXPECT_EQ(store->queue(at(9'000))->oldest_notice, at(3'000));
  ASSERT_TRUE(store->forget_notices_of({"nobody", "b"}));
  EXPECT_EQ(store->queue(at(9'000))->outbox, 0);
  EXPECT_EQ(store->queue(at(9'000))->oldest_notice, at(9'000));
}

TEST_P(DeliveriesContract, TheSweeperFindsWhatIsOverdue) {
  post("a", at(1'000));
  post("b", at(2'000));
  ASSERT_EQ(claim(sink, at(1'000)).size(), 1U);  // a is lent until 11 s
  EXPECT_EQ(*store->overdue(at(2'000), 10), std::vector<std::string>{"b"});
  EXPECT_EQ(*store->overdue(at(1'999), 10), std::vector<std::string>{});
  EXPECT_EQ(store->overdue(at(11'000), 10)->size(), 2U);
  EXPECT_EQ(store->overdue(at(11'000), 1)->size(), 1U);
  const auto queue = store->queue(at(3'000));
  ASSERT_TRUE(queue) << queue.error().message;
  EXPECT_EQ(queue->pending, 2);
  EXPECT_EQ(queue->due, 1);
  EXPECT_EQ(queue->oldest_due, at(2'000));
}

TEST_P(DeliveriesContract, ALongQueueIsNotCountedToItsEnd) {
  store.reset();
  const auto sql = connect_store({.database = database.uri()});
  const std::string numbers =
      "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < " + std::to_string(kMostCounted) + ") ";
  const auto filled = sql->session().map([&](const Pool::Lease& session) {
    return session->script(
        numbers + "INSERT INTO deliveries SELECT CAST(i AS TEXT), '', 'default', 'r', 'u', 1, 0, 0, 9000 - i % 7, 0, 0, '' FROM n;" +
        numbers + "INSERT INTO outbox (kind, reference, created) SELECT 0, CAST(i AS TEXT), 2000 + i FROM n;");
  });
  ASSERT_TRUE(filled && *filled);
  const auto queue = sql->queue(at(8'994));
  ASSERT_TRUE(queue) << queue.error().message;
  EXPECT_EQ(queue->pending, kMostCounted);
  EXPECT_EQ(queue->due, kMostCounted / 7);
  EXPECT_EQ(queue->oldest_due, at(8'994));
  EXPECT_EQ(queue->outbox, kMostCounted);
  EXPECT_EQ(queue->oldest_notice, at(2'000));
}

TEST_P(DeliveriesContract, OneIsChosenForAChoreUntilItsTimeIsOver) {
  EXPECT_TRUE(*store->lead("sweep", "a", at(1'000), Duration(5'000)));
  EXPECT_FALSE(*store->lead("sweep", "b", at(2'000), Duration(5'000)));
  EXPECT_TRUE(*store->lead("stats", "b", at(2'000), Duration(5'000)));
  EXPECT_TRUE(*store->lead("sweep", "a", at(5'000), Duration(5'000)));
  EXPECT_FALSE(*store->lead("sweep", "b", at(9'999), Duration(5'000)));
  EXPECT_TRUE(*store->lead("sweep", "b", at(10'000), Duration(5'000)));
  EXPECT_FALSE(*store->lead("sweep", "a", at(10'001), Duration(5'000)));
}

}  // namespace
}  // namespace courier::testing
