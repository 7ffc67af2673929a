// The contract of a Store: endpoints with versions, tenants and their keys.
#include <thread>

#include "sample-service/store/store_for_test.h"

namespace courier::testing {
namespace {

using sluice::Error;

class EndpointsContract : public StoreContract {};
COURIER_ON_EVERY_ENGINE(EndpointsContract);

TEST_P(EndpointsContract, WhatWasStoredIsRead) {
  const Endpoint made = make_endpoint("e1", {"a", "b.c"}, EndpointState::Paused);
  const auto read = store->endpoint("default", "e1");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->url, "http://e1/hook");
  EXPECT_EQ(read->secret, "s3cret");
  EXPECT_EQ(read->topics, (std::vector<std::string>{"a", "b.c"}));
  EXPECT_EQ(read->state, EndpointState::Paused);
  EXPECT_EQ(read->max_inflight, 3);
  EXPECT_EQ(read->version, 1);
  EXPECT_EQ(read->created, at(500));
  EXPECT_TRUE(store->create_endpoint(made).error().is(Error::Kind::Exists));
  EXPECT_TRUE(store->endpoint("default", "e2").error().is(Error::Kind::NotFound));
  EXPECT_TRUE(store->endpoint("other", "e1").error().is(Error::Kind::NotFound));
}

TEST_P(EndpointsContract, AChangeNeedsTheVersionThatIsThere) {
  Endpoint endpoint = make_endpoint("e1");
  endpoint.url = "http://moved/";
  endpoint.topics = {};
  endpoint.state = EndpointState::Disabled;
  endpoint.updated = at(7'000);
  const auto changed = store->update_endpoint(endpoint);
  ASSERT_TRUE(changed) << changed.error().message;
  EXPECT_EQ(changed->version, 2);
  EXPECT_EQ(changed->url, "http://moved/");
  EXPECT_EQ(changed->topics, std::vector<std::string>{});
  EXPECT_EQ(changed->created, at(500));
  EXPECT_EQ(changed->updated, at(7'000));
  const auto stale = store->update_endpoint(endpoint);
  ASSERT_FALSE(stale);
  EXPECT_TRUE(stale.error().is(Error::Kind::Conflict)) << stale.error().message;
  EXPECT_NE(stale.error().message.find("version 2"), std::string::npos) << stale.error().message;
  endpoint.id = "e2";
  EXPECT_TRUE(store->update_endpoint(endpoint).error().is(Error::Kind::NotFound));
  EXPECT_TRUE(store->delete_endpoint("default", "e1", 1, at(8'000)).error().is(Error::Kind::Conflict));
  EXPECT_TRUE(store->delete_endpoint("default", "e1", 2, at(8'000)));
  EXPECT_TRUE(store->delete_endpoint("default", "e1", 2, at(8'000)).error().is(Error::Kind::NotFound));
}

TEST_P(EndpointsContract, OldSecretsAreKeptAndLentWithTheDelivery) {
  Endpoint endpoint = make_endpoint("e1");
  EXPECT_TRUE(endpoint.old_secrets.empty());
  endpoint.secret = "new";
  endpoint.old_secrets = {{"s3cret", at(9'000)}, {"older", at(8'000)}};
  ASSERT_TRUE(store->update_endpoint(endpoint));
  const auto read = store->endpoint("default", "e1");
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->old_secrets.size(), 2U);
  EXPECT_EQ(read->old_secrets[0].secret, "s3cret");
  EXPECT_EQ(read->old_secrets[0].until, at(9'000));
  EXPECT_EQ(store->endpoints("default", {})->items.at(0).old_secrets.size(), 2U);
  ASSERT_TRUE(store->intake(once("a"), message("a"), "", ""));
  const auto loans = claim("e1", at(1'000));
  ASSERT_EQ(loans.size(), 1U);
  EXPECT_EQ(loans[0].secret, "new");
  ASSERT_EQ(loans[0].old_secrets.size(), 2U);
  EXPECT_EQ(loans[0].old_secrets[1].secret, "older");
  EXPECT_EQ(loans[0].old_secrets[1].until, at(8'000));
}

TEST_P(EndpointsContract, OfConcurrentChangesOneWins) {
  const Endpoint endpoint = make_endpoint("e1");
  std::atomic<int> won{0};
  std::vector<std::jthread> writers;
  for (int i = 0; i < 8; ++i) {
    writers.emplace_back([&] {
      if (const auto changed = store->update_endpoint(endpoint)) ++won;
      else EXPECT_TRUE(changed.error().is(Error::Kind::Conflict)) << changed.error().message;
    });
  }
  writers.clear();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(store->endpoint("default", "e1")->version, 2);
}

TEST_P(EndpointsContract, ThereIsAMostAndAPageForEachPart) {
  for (std::size_t i = 0; i < kMaxEndpoints; ++i) make_endpoint("e" + std::to_string(100 + i));
  const auto more = store->create_endpoint({.id = "more", .tenant = "default"});
  ASSERT_FALSE(more);
  EXPECT_TRUE(more.error().is(Error::Kind::Forbidden)) << more.error().message;
  EXPECT_TRUE(store->create_endpoint({.id = "x", .tenant = "nobody"}).error().is(Error::Kind::Invalid));
  Page page{.after = "", .limit = 40};
  std::vector<std::string> ids;
  do {
    const auto slice = store->endpoints("default", page);
    ASSERT_TRUE(slice) << slice.error().message;
    for (const Endpoint& endpoint : slice->items) ids.push_back(endpoint.id);
    page.after = slice->next;
  } while (!page.after.empty());
  EXPECT_EQ(ids.size(), kMaxEndpoints);
  EXPECT_EQ(ids.front(), "e199");
  EXPECT_EQ(ids.back(), "e100");
}

TEST_P(EndpointsContract, StatisticsAreOfTheirLastRefresh) {
  make_endpoint("e1");
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(store->intake(once(id), message(id), "", ""));
  const auto loans = claim("e1", at(1'000), 2);
  ASSERT_TRUE(store->delivered(loans.at(0)));
  ASSERT_TRUE(store->give_up(loans.at(1), "no"));
  EXPECT_EQ(store->endpoint_stats("default", "e1")->pending, 0);
  StatsCount count;
  ASSERT_TRUE(store->count_stats(count, 100));
  EXPECT_TRUE(count.over);
  EXPECT_EQ(store->endpoint_stats("default", "e1")->pending, 0) << "not before the count is kept";
  ASSERT_TRUE(store->keep_stats(count, at(4'000)));
  const auto stats = store->endpoint_stats("default", "e1");
  ASSERT_TRUE(stats) << stats.error().message;
  EXPECT_EQ(stats->pending, 1);
  EXPECT_EQ(stats->delivered, 1);
  EXPECT_EQ(stats->dead, 1);
  EXPECT_EQ(stats->attempts, 2);
  EXPECT_EQ(stats->refreshed, at(4'000));
  EXPECT_TRUE(store->endpoint_stats("default", "e2").error().is(Error::Kind::NotFound));
}

TEST_P(EndpointsContract, StatisticsAreCountedPieceByPiece) {
  make_endpoint("e1");
  make_endpoint("e2");
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(store->intake(once(std::to_string(i)), message("m" + std::to_string(i)), "", ""));
  post("direct");  // has no endpoint, and is not counted for one
  for (const std::size_t most : {1U, 3U, 4U, 11U, 12U}) {
    StatsCount count;
    int pieces = 0;
    for (; !count.over; ++pieces) {
      ASSERT_TRUE(store->count_stats(count, most));
      ASSERT_LT(pieces, 20);
    }
    EXPECT_EQ(pieces, 11 / static_cast<int>(most) + 1) << most;
    ASSERT_EQ(count.endpoints.size(), 2U);
    EXPECT_EQ(count.endpoints["e1"].pending, 5) << most;
    EXPECT_EQ(count.endpoints["e2"].pending, 5) << most;
  }
  StatsCount none;
  none.over = true;
  ASSERT_TRUE(store->keep_stats(none, at(5'000)));
  EXPECT_EQ(store->endpoint_stats("default", "e1")->pending, 0);
}

TEST_P(EndpointsContract, AKeyIsItsTenantsUntilItIsRevoked) {
  ASSERT_TRUE(store->create_tenant({"acme", "Acme Ltd.", at(3)}));
  EXPECT_TRUE(store->create_tenant({"acme", "Another", at(3)}).error().is(Error::Kind::Exists));
  const std::string digest = hash_api_key("sk_123");
  EXPECT_EQ(digest.size(), 64U);
  ASSERT_TRUE(store->add_api_key({"laptop", "acme", digest, at(5)}));
  EXPECT_TRUE(store->add_api_key({"laptop", "acme", hash_api_key("other"), at(5)}).error().is(Error::Kind::Exists));
  EXPECT_TRUE(store->add_api_key({"phone", "acme", digest, at(5)}).error().is(Error::Kind::Exists));
  EXPECT_TRUE(store->add_api_key({"phone", "nobody", hash_api_key("other"), at(5)}).error().is(Error::Kind::Invalid));
  EXPECT_EQ(store->tenant_of_key(digest)->id, "acme");
  EXPECT_EQ(store->tenant_of_key(digest)->name, "Acme Ltd.");
  EXPECT_EQ(store->api_keys("acme")->at(0).id, "laptop");
  EXPECT_TRUE(store->revoke_api_key("default", "laptop").error().is(Error::Kind::NotFound));
  ASSERT_TRUE(store->revoke_api_key("acme", "laptop"));
  EXPECT_TRUE(store->tenant_of_key(digest).error().is(Error::Kind::NotFound));
}

}  // namespace
}  // namespace courier::testing
