#include "sample-service/store/migration.h"

#include <gtest/gtest.h>

#include "sample-service/store/store_for_test.h"

namespace courier::testing {
namespace {

using sluice::Error;

Migration migration(int version, Phase phase, std::string up = "", std::string down = "") {
  return {version, "m" + std::to_string(version), phase, std::move(up), std::move(down), "sum" + std::to_string(version)};
}
AppliedMigration applied(int version, Phase phase = Phase::Expand) {
  return {version, "m" + std::to_string(version), "sum" + std::to_string(version), phase};
}

std::string versions(const Expected<std::vector<Migration>>& plan) {
  if (!plan) return plan.error().message;
  std::string text;
  for (const Migration& one : *plan) text += std::to_string(one.version) + " ";
  return text;
}

TEST(Migrations, AStartAppliesWhatOnlyAdds) {
  const std::vector<Migration> known{migration(1, Phase::Expand), migration(2, Phase::Expand), migration(3, Phase::Contract)};
  EXPECT_EQ(versions(plan_start(known, {})), "1 2 ");
  EXPECT_EQ(versions(plan_start(known, {applied(1)})), "2 ");
  EXPECT_EQ(versions(plan_start(known, {applied(1), applied(2)})), "");
  EXPECT_EQ(versions(plan_start(known, {applied(1), applied(2), applied(3, Phase::Contract)})), "");
}

TEST(Migrations, AnOlderCourierRunsBesideANewerOneUntilItContracts) {
  const std::vector<Migration> known{migration(1, Phase::Expand)};
  EXPECT_EQ(versions(plan_start(known, {applied(1), applied(2), applied(3)})), "");
  const std::string refused = versions(plan_start(known, {applied(1), applied(2), applied(3, Phase::Contract)}));
  EXPECT_NE(refused.find("contract migration 3 (m3)"), std::string::npos) << refused;
}

TEST(Migrations, WhatNeedsAContractFirstSaysSo) {
  const std::vector<Migration> known{migration(1, Phase::Expand), migration(2, Phase::Contract), migration(3, Phase::Expand)};
  const std::string refused = versions(plan_start(known, {applied(1)}));
  EXPECT_NE(refused.find("migration 3 (m3)"), std::string::npos) << refused;
  EXPECT_NE(refused.find("courier migrate up"), std::string::npos) << refused;
}

TEST(Migrations, AnEditedMigrationIsRefused) {
  AppliedMigration other = applied(1);
  other.checksum = "0123456789abcdef";
  const std::string refused = versions(plan_start({migration(1, Phase::Expand)}, {other}));
  EXPECT_NE(refused.find("0123456789ab"), std::string::npos) << refused;
}

TEST(Migrations, AFileSaysItsPhaseUpAndDown) {
  const auto parsed =
      parse_migration("0007_more.sql", "-- phase: contract\n-- up\nUP @sequence@ x @without_rowid@;\n-- down\nDOWN;\n", "sqlite");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->version, 7);
  EXPECT_EQ(parsed->name, "more");
  EXPECT_EQ(parsed->phase, Phase::Contract);
  EXPECT_EQ(parsed->up, "UP INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT x WITHOUT ROWID;");
  EXPECT_EQ(parsed->down, "DOWN;\n");
  for (const auto& [name, text] : std::map<std::string, std::string>{{"more.sql", "-- phase: expand\n-- up\n-- down\n"},
                                                                     {"0001_a.sql", "-- up\n-- down\n"},
                                                                     {"0001_b.sql", "-- phase: both\n-- up\n-- down\n"},
                                                                     {"0001_c.sql", "-- phase: expand\n-- up\n"}}) {
    EXPECT_FALSE(parse_migration(name, text, "sqlite")) << name;
  }
}

TEST(Migrations, ThoseOfThisCourierAreAllReadAndNumberedFromOne) {
  for (const char* engine : {"sqlite", "postgres"}) {
    const auto known = known_migrations(engine);
    ASSERT_GE(known.size(), 2U);
    for (std::size_t i = 0; i < known.size(); ++i) {
      EXPECT_EQ(known[i].version, static_cast<int>(i) + 1);
      EXPECT_EQ(known[i].up.find('@'), std::string::npos) << known[i].name;
    }
  }
}

class MigrationContract : public ::testing::TestWithParam<std::string> {
 protected:
  MigrationContract()
      : database(GetParam()), store(connect_store({.database = database.uri(), .connections = 2})), known(known_migrations(GetParam())) {}
  std::vector<int> versions_applied() {
    auto session = store->session();
    EXPECT_TRUE(session);
    std::vector<int> found;
    const auto rows = applied_migrations(**session, GetParam());
    EXPECT_TRUE(rows) << rows.error().message;
    for (const AppliedMigration& row : *rows) found.push_back(row.version);
    return found;
  }
  Expected<void> with_session(const std::function<Expected<void>(Session&)>& work) {
    auto session = store->session();
    if (!session) return tl::make_unexpected(session.error());
    return work(**session);
  }
  Expected<Answer> post(const std::string& key) {
    return store->intake({.tenant = "default", .route = "r", .key = key, .fingerprint = "f", .answer = {}, .now = at(1), .expires = at(9)},
                         {.id = key, .tenant = "default"}, "http://sink/", "");
  }

  TestDatabase database;
  std::unique_ptr<SqlStore> store;
  std::vector<Migration> known;
};
COURIER_ON_EVERY_ENGINE(MigrationContract);

TEST_P(MigrationContract, GoesUpAndDownAndUpAgain) {
  const int newest = known.back().version;
  for (int round = 0; round < 2; ++round) {
    const auto up = with_session([&](Session& session) { return migrate_up(session, GetParam(), known, at(1)); });
    ASSERT_TRUE(up) << up.error().message;
    EXPECT_EQ(versions_applied().back(), newest);
    EXPECT_TRUE(post("k"));
    const auto down = with_session([&](Session& session) { return migrate_down(session, GetParam(), known, 1); });
    ASSERT_TRUE(down) << down.error().message;
    EXPECT_EQ(versions_applied(), std::vector<int>{1});
    EXPECT_TRUE(store->lookup("default", "k"));
    const auto nothing = with_session([&](Session& session) { return migrate_down(session, GetParam(), known, 0); });
    ASSERT_TRUE(nothing) << nothing.error().message;
    EXPECT_EQ(versions_applied(), std::vector<int>{});
  }
}

TEST_P(MigrationContract, TheOldCourierWorksOnWhatTheNewOneHasExpanded) {
  ASSERT_TRUE(with_session([&](Session& session) { return migrate_on_start(session, GetParam(), known, at(1)); }));
  ASSERT_TRUE(post("before"));
  // Statements are prepared, and their plans must outlive the change.
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(store->claim({{"default|http://nobody", Lane::Normal, 2}}, at(1'000), Duration(1'000)));
  // What the next version might bring: a column with a default, an index and a table.
  auto next = known;
  const int version = known.back().version + 1;
  next.push_back(migration(
      version, Phase::Expand,
      "ALTER TABLE deliveries ADD COLUMN region TEXT NOT NULL DEFAULT 'eu'; ALTER TABLE messages ADD COLUMN size BIGINT NOT NULL DEFAULT "
      "0; "
      "CREATE INDEX by_region ON deliveries (region); CREATE TABLE regions (id TEXT NOT NULL PRIMARY KEY);",
      "DROP TABLE regions; DROP INDEX by_region; ALTER TABLE messages DROP COLUMN size; ALTER TABLE deliveries DROP COLUMN region;"));
  ASSERT_TRUE(with_session([&](Session& session) { return migrate_on_start(session, GetParam(), next, at(2)); }));
  EXPECT_EQ(versions_applied().back(), version);

  // The sessions that were open meanwhile, and an old courier that starts now.
  const auto same = post("between");
  ASSERT_TRUE(same) << same.error().message;
  const auto loans = store->claim({{"default|http://sink", Lane::Normal, 2}}, at(1'000), Duration(1'000));
  ASSERT_TRUE(loans) << loans.error().message;
  ASSERT_EQ(loans->size(), 2U);
  EXPECT_TRUE(store->delivered(loans->at(0)));
  ASSERT_TRUE(with_session([&](Session& session) { return migrate_on_start(session, GetParam(), known, at(3)); }));

  // It cannot take back what it does not know; the new one can.
  const auto refused = with_session([&](Session& session) { return migrate_down(session, GetParam(), known, 0); });
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("migration " + std::to_string(version)), std::string::npos) << refused.error().message;
  const auto down = with_session([&](Session& session) { return migrate_down(session, GetParam(), next, known.back().version); });
  ASSERT_TRUE(down) << down.error().message;
  EXPECT_TRUE(post("after"));
}

TEST_P(MigrationContract, AContractWaitsForTheCommandAndThenKeepsTheOldOut) {
  auto next = known;
  next.push_back(migration(known.back().version + 1, Phase::Contract, "DROP TABLE delivery_stats;",
                           "CREATE TABLE delivery_stats (endpoint TEXT NOT NULL PRIMARY KEY);"));
  ASSERT_TRUE(with_session([&](Session& session) { return migrate_on_start(session, GetParam(), next, at(1)); }));
  EXPECT_EQ(versions_applied().size(), known.size());
  ASSERT_TRUE(with_session([&](Session& session) { return migrate_up(session, GetParam(), next, at(2)); }));
  EXPECT_EQ(versions_applied().size(), next.size());
  EXPECT_TRUE(with_session([&](Session& session) { return migrate_on_start(session, GetParam(), next, at(3)); }));
  const auto old = with_session([&](Session& session) { return migrate_on_start(session, GetParam(), known, at(3)); });
  ASSERT_FALSE(old);
  EXPECT_TRUE(old.error().is(Error::Kind::Invalid)) << old.error().message;
}

TEST_P(MigrationContract, AFailedOneLeavesNothingBehind) {
  ASSERT_TRUE(with_session([&](Session& session) { return migrate_on_start(session, GetParam(), known, at(1)); }));
  auto next = known;
  next.push_back(migration(known.back().version + 1, Phase::Expand, "CREATE TABLE half (id TEXT); INSERT INTO nowhere VALUES (1);"));
  const auto failed = with_session([&](Session& session) { return migrate_on_start(session, GetParam(), next, at(2)); });
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("migration " + std::to_string(next.back().version)), std::string::npos) << failed.error().message;
  EXPECT_EQ(versions_applied().size(), known.size());
  next.back().up = "CREATE TABLE half (id TEXT);";
  EXPECT_TRUE(with_session([&](Session& session) { return migrate_on_start(session, GetParam(), next, at(3)); }));
}

TEST_P(MigrationContract, ADatabaseOfSomebodyElseIsLeftAlone) {
  ASSERT_TRUE(with_session([&](Session& session) { return session.script("CREATE TABLE messages (x TEXT)"); }));
  const auto refused = with_session([&](Session& session) { return migrate_on_start(session, GetParam(), known, at(1)); });
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(Error::Kind::Invalid)) << refused.error().message;
}

}  // namespace
}  // namespace courier::testing
