// A database of its own for each test, on every engine there is: SQLite always, PostgreSQL when COURIER_TEST_POSTGRES names
// a server (sample-service/with-servers starts one).
#pragma once

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sample-service/store/open.h"
#include "sample-service/store/postgres_session.h"
#include "sample-service/store/sql_store.h"

namespace courier::testing {

inline std::vector<std::string> engines() {
  if (std::getenv("COURIER_TEST_POSTGRES")) return {"sqlite", "postgres"};
  return {"sqlite"};
}

inline Time at(long long milliseconds) { return Time(Duration(milliseconds)); }

// Opens it, however busy the machine is; ends the test program where that is impossible.
inline std::unique_ptr<Store> opened(const StoreOptions& options) {
  for (int tries = 20;; --tries) {
    auto store = open_store(options);
    if (store) return std::move(*store);
    if (tries == 0) {
      std::fprintf(stderr, "%s\n", store.error().message.c_str());
      std::abort();
    }
  }
}

class TestDatabase {
 public:
  explicit TestDatabase(const std::string& engine) : postgres_(engine == "postgres") {
    static std::atomic<int> number{0};
    name_ = "courier_" + std::to_string(::getpid()) + "_" + std::to_string(++number);
    if (!postgres_) {
      uri_ = (std::filesystem::path(::testing::TempDir()) / (name_ + ".db")).string();
      remove_files();
      return;
    }
    const std::string server = std::getenv("COURIER_TEST_POSTGRES");
    admin("CREATE DATABASE " + name_);
    uri_ = server.substr(0, server.rfind('/') + 1) + name_;
  }
  ~TestDatabase() {
    if (postgres_) admin("DROP DATABASE IF EXISTS " + name_ + " WITH (FORCE)");
    else remove_files();
  }
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  const std::string& uri() const { return uri_; }
  const std::string& name() const { return name_; }
  bool postgres() const { return postgres_; }

  // On another connection, of PostgreSQL.
  void admin(const std::string& sql) {
    Observer observer(nullptr, Duration(60'000));
    std::string last;
    for (int tries = 20; tries > 0; --tries) {
      auto session = open_postgres_session(std::getenv("COURIER_TEST_POSTGRES"), observer);
      const auto done = session ? (*session)->script(sql) : tl::make_unexpected(session.error());
      // "already exists": the time before, which was not answered.
      if (done || done.error().message.find("already exists") != std::string::npos) return;
      last = done.error().message;
    }
    ADD_FAILURE() << last;
  }

 private:
  void remove_files() {
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(uri_ + suffix);
  }

  const bool postgres_;
  std::string name_;
  std::string uri_;
};

class StoreContract : public ::testing::TestWithParam<std::string> {
 protected:
  StoreContract() : database(GetParam()) {}
  void SetUp() override { open(); }
  void open() {
    store.reset();
    store = opened({.database = database.uri(), .connections = 8, .clock = &clock});
  }

  static Once once(const std::string& key, const std::string& print = "print", Time now = at(1'000)) {
    return {.tenant = "default",
            .route = "POST /v1/messages",
            .key = key,
            .fingerprint = print,
            .answer = {202, {{"Location", "/v1/messages/" + key}}, "answer to " + key},
            .now = now,
            .expires = now + Duration(86'400'000)};
  }
  static Message message(const std::string& id, Time when = at(1'000), Lane lane = Lane::Normal) {
    return {.id = id,
            .tenant = "default",
            .topic = "",
            .payload = "{\"n\":\"" + id + "\"}",
            .traceparent = "00-trace",
            .lane = lane,
            .received = when};
  }
  // A message to a receiver of its own, due at `when`.
  void post(const std::string& id, Time when = at(1'000), const std::string& url = "http://sink/hook", Lane lane = Lane::Normal) {
    const auto stored = store->intake(once("key-" + id, "print", when), message(id, when, lane), url, "");
    ASSERT_TRUE(stored) << stored.error().message;
  }
  Endpoint make_endpoint(const std::string& id, std::vector<std::string> topics = {}, EndpointState state = EndpointState::Active) {
    const auto made = store->create_endpoint({.id = id,
                                              .tenant = "default",
                                              .url = "http://" + id + "/hook",
                                              .secret = "s3cret",
                                              .topics = std::move(topics),
                                              .state = state,
                                              .max_inflight = 3,
                                              .version = 1,
                                              .created = at(500),
                                              .updated = at(500)});
    EXPECT_TRUE(made) << made.error().message;
    return made.value_or(Endpoint{});
  }
  std::vector<Loan> claim(const std::string& receiver, Time now, int count = 1, Lane lane = Lane::Normal) {
    auto loans = store->claim({{receiver, lane, count}}, now, lease);
    EXPECT_TRUE(loans) << loans.error().message;
    return loans.value_or(std::vector<Loan>{});
  }
  Delivery only_delivery(const std::string& id) {
    const auto status = store->lookup("default", id);
    EXPECT_TRUE(status) << status.error().message;
    EXPECT_EQ(status->deliveries.size(), 1U);
    return status->deliveries.at(0);
  }

  sluice::ManualClock clock;  // outlives the store
  TestDatabase database;
  std::unique_ptr<Store> store;
  const Duration lease{10'000};
  const std::string sink = "default|http://sink";
};

}  // namespace courier::testing

#define COURIER_ON_EVERY_ENGINE(Suite)                                                         \
  INSTANTIATE_TEST_SUITE_P(Engines, Suite, ::testing::ValuesIn(::courier::testing::engines()), \
                           [](const auto& engine) { return engine.param; })
