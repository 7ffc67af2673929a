// What a courier as a whole says of its health.
#include <future>
#include <latch>

#include "sample-service/service/service_for_test.h"

namespace courier::testing {
namespace {

TEST_F(CourierService, AStuckLoopKeepsTrafficAwayUntilItIsFree) {
  std::latch stuck(1);
  std::latch free(1);
  Extras extras;
  extras.wrap = [&](sluice::http::Handler inner) {
    return [&, inner](sluice::http::IncomingRequest in, sluice::http::ReplyPtr reply) {
      if (in.path == "/echo") {
        stuck.count_down();
        free.wait();  // what a handler must not do
      }
      inner(std::move(in), std::move(reply));
    };
  };
  start(std::move(extras));
  auto asked = std::async(std::launch::async, [&] { return ask("POST", "/echo", "x"); });
  stuck.wait();
  EXPECT_EQ(send(*admin, "GET", "/livez").status, 200);
  Response ready;
  do ready = send(*admin, "GET", "/readyz");
  while (ready.status == 200);
  EXPECT_NE(ready.body.find("event-loop: loop 0 has been busy"), std::string::npos) << ready.body;
  free.count_down();
  EXPECT_EQ(asked.get().body, "x");
  while (send(*admin, "GET", "/readyz").status != 200) {}
}

TEST_F(CourierService, ProbesAreGreenOnTheAdminPortOnly) {
  start();
  for (const char* probe : {"/startupz", "/livez", "/readyz"}) {
    EXPECT_EQ(send(*admin, "GET", probe).status, 200) << probe;
    EXPECT_EQ(get(probe).status, 404) << probe;
  }
}

TEST_F(CourierService, WhatItDependsOnIsToldToThoseWhoAskForIt) {
  start();
  const Response dependencies = send(*admin, "GET", "/healthz/dependencies");
  EXPECT_EQ(dependencies.status, 200);
  EXPECT_EQ(json::parse(dependencies.body)["dependencies"][0]["name"], "database");
  const Response verbose = send(*admin, "GET", "/readyz?verbose");
  EXPECT_EQ(verbose.status, 200);
  EXPECT_NE(verbose.body.find("[+] database: ok"), std::string::npos) << verbose.body;
  EXPECT_NE(verbose.body.find("[+] loops: ok"), std::string::npos) << verbose.body;
  EXPECT_EQ(send(*admin, "GET", "/readyz").body, "ok\n");
}

TEST_F(CourierService, ABrokerThatIsAwayIsToldAndKeepsNoTrafficAway) {
  settings.broker = "redis://127.0.0.1:1";
  start();
  Response dependencies;
  do dependencies = send(*admin, "GET", "/healthz/dependencies");
  while (dependencies.status == 200);
  const json found = json::parse(dependencies.body)["dependencies"];
  EXPECT_EQ(found[0]["name"], "broker");
  EXPECT_EQ(found[0]["ok"], false);
  EXPECT_EQ(found[1]["ok"], true) << found;
  EXPECT_EQ(send(*admin, "GET", "/readyz").status, 200);
  EXPECT_EQ(send(*admin, "GET", "/livez").status, 200);
}

TEST_F(CourierService, OneThatOnlyTakesMessagesKnowsThatItsBrokerIsThere) {
  RawServer broker([](RawConnection& peer, int) {
    while (peer.read_until("PING\r\n").ends_with("PING\r\n")) peer.write("+PONG\r\n");
  });
  settings.role = Role::Api;
  settings.broker = "redis://127.0.0.1:" + std::to_string(broker.port());
  start();
  const auto give_up = std::chrono::steady_clock::now() + 20s;
  Response dependencies;
  do dependencies = send(*admin, "GET", "/healthz/dependencies");
  while (dependencies.status != 200 && std::chrono::steady_clock::now() < give_up);
  EXPECT_EQ(dependencies.status, 200) << dependencies.body;
  EXPECT_NE(send(*admin, "GET", "/metrics").body.find("\nbroker_up 1\n"), std::string::npos);
}

TEST_F(CourierService, ADatabaseThatCannotBeOpenedIsNeverStartedWith) {
  settings.database = "/nowhere/at/all/courier.db";
  const auto refused = Service::start(settings, {}, counting_random(),
                                      [](const std::string& origin) { return sluice::http::make_transport({.url = origin}); });
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(sluice::Error::Kind::Unavailable)) << to_string(refused.error());
}

TEST_F(CourierService, WhileDrainingItIsUnreadyAliveAndServesOn) {
  settings.lame_duck = Duration(60'000);
  start();
  std::stop_source hurry;
  auto drained = std::async(std::launch::async, [&] { service->drain(hurry.get_token()); });
  while (send(*admin, "GET", "/readyz").status != 503) {}
  EXPECT_EQ(send(*admin, "GET", "/livez").status, 200);
  EXPECT_EQ(get("/").status, 200);
  hurry.request_stop();
  EXPECT_EQ(drained.wait_for(20s), std::future_status::ready);
  Request request;
  request.target = "/";
  EXPECT_FALSE(client->send(request));
}

}  // namespace
}  // namespace courier::testing
