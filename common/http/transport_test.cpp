#include <future>
#include <latch>

#include "common/http/transport_for_test.h"

namespace sluice::http::testing {
namespace {

void expect_late(Transport& transport, Duration deadline = 300ms) {
  const auto begin = std::chrono::steady_clock::now();
  const auto result = transport.send(get("/", deadline));
  const auto took = std::chrono::steady_clock::now() - begin;
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().is(Error::Kind::Unavailable)) << to_string(result.error());
  EXPECT_NE(result.error().message.find("in time"), std::string::npos) << result.error().message;
  EXPECT_GE(took, deadline);
  EXPECT_LT(took, 3s);
}

TEST(Transport, ARequestArrivesAsWrittenAndTheAnswerComesBack) {
  std::string seen;
  RawServer server([&](RawConnection& peer, int) {
    seen = peer.read_head();
    seen += peer.read_exactly(7);
    peer.write("HTTP/1.1 201 Created\r\nX-Kind: a\r\nContent-Length: 5\r\n\r\nhello");
    peer.wait_for_close();
  });
  Request request = get("/a/b?c=%20d&e=f");
  request.method = "PATCH";
  request.headers["Content-Type"] = "application/json-patch+json";
  request.headers["Authorization"] = "Bearer abc";
  request.body = "[1,2,3]";
  const auto result = transport_to(server)->send(request);
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->status, 201);
  EXPECT_EQ(result->body, "hello");
  EXPECT_EQ(result->headers.at("x-kind"), "a");
  EXPECT_TRUE(seen.starts_with("PATCH /a/b?c=%20d&e=f HTTP/1.1\r\n")) << seen;
  EXPECT_NE(seen.find("Content-Type:application/json-patch+json\r\n"), std::string::npos) << seen;
  EXPECT_NE(seen.find("Authorization:Bearer abc\r\n"), std::string::npos) << seen;
  EXPECT_NE(seen.find("Content-Length:7\r\n"), std::string::npos) << seen;
  EXPECT_TRUE(seen.ends_with("[1,2,3]")) << seen;
}

TEST(Transport, AFailingStatusIsAValueAndRedirectsAreNotFollowed) {
  RawServer server([](RawConnection& peer, int) {
    peer.read_head();
    peer.write("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
    peer.read_head();
    peer.write("HTTP/1.1 503 Unavailable\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno");
    peer.wait_for_close();
  });
  auto transport = transport_to(server);
  const auto first = transport->send(get("/"));
  ASSERT_TRUE(first) << to_string(first.error());
  EXPECT_EQ(first->status, 302);
  const auto second = transport->send(get("/"));
  ASSERT_TRUE(second) << to_string(second.error());
  EXPECT_EQ(second->status, 503);
  EXPECT_EQ(second->headers.at("Retry-After"), "7");
  EXPECT_EQ(second->body, "no");
}

TEST(Transport, ALargeBodyArrivesWhole) {
  const std::string body(1024 * 1024 + 7, 'b');
  std::string seen;
  RawServer server([&](RawConnection& peer, int) {
    seen = peer.read_request();
    peer.write(answer(""));
    peer.wait_for_close();
  });
  Request request = get("/");
  request.method = "POST";
  request.body = body;
  ASSERT_TRUE(transport_to(server)->send(request));
  EXPECT_TRUE(seen.ends_with("\r\n\r\n" + body)) << seen.substr(0, 500);
}

TEST(Transport, ADribbledHeadEndsAtTheDeadline) {
  RawServer server([](RawConnection& peer, int) {
    peer.read_head();
    const std::string head = "HTTP/1.1 200 OK\r\nX-Slow: " + std::string(100'000, 'x');
    for (const char c : head) {
      if (!peer.write({&c, 1}) || peer.closed_within(10)) return;
    }
  });
  expect_late(*transport_to(server));
}

TEST(Transport, ADribbledBodyEndsAtTheDeadline) {
  RawServer server([](RawConnection& peer, int) {
    peer.read_head();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (peer.write("1\r\nx\r\n") && !peer.closed_within(10)) {}
  });
  expect_late(*transport_to(server));
}

TEST(Transport, ASilentServerEndsAtTheDeadlineAndItsConnectionIsClosed) {
  std::promise<void> closed;
  RawServer server([&](RawConnection& peer, int) {
    peer.read_head();
    peer.wait_for_close();
    closed.set_value();
  });
  expect_late(*transport_to(server));
  EXPECT_EQ(closed.get_future().wait_for(5s), std::future_status::ready);
}

TEST(Transport, AnEarlyCloseIsAnErrorWhereverItHappens) {
  for (const std::string sent : {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
                                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
                                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"}) {
    RawServer server([&](RawConnection& peer, int) {
      peer.read_head();
      peer.write(sent);
    });
    const auto result = transport_to(server)->send(get("/"));
    ASSERT_FALSE(result) << sent;
    EXPECT_TRUE(result.error().is(Error::Kind::Unavailable)) << to_string(result.error());
  }
}

TEST(Transport, WhatIsNotHttpIsCorrupt) {
  for (const std::string sent :
       {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n"}) {
    RawServer server([&](RawConnection& peer, int) {
      peer.read_head();
      peer.write(sent);
      peer.wait_for_close();
    });
    const auto result = transport_to(server)->send(get("/"));
    ASSERT_FALSE(result) << sent;
    EXPECT_TRUE(result.error().is(Error::Kind::Corrupt)) << to_string(result.error());
  }
}

TEST(Transport, NobodyListeningIsUnavailableAndNamesTheAddress) {
  std::string url;
  {
    RawServer server([](RawConnection&, int) {});
    url = server.url();
  }
  const auto result = (*make_transport({.url = url}))->send(get("/version"));
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().is(Error::Kind::Unavailable)) << to_string(result.error());
  EXPECT_NE(result.error().message.find(url + "/version"), std::string::npos) << result.error().message;
}

TEST(Transport, AChunkedAnswerTornAtEveryByteIsPutTogether) {
  RawServer server([](RawConnection& peer, int) {
    peer.read_head();
    for (const char c :
         std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;ext=1\r\n \r\n5\r\nworld\r\n0\r\n\r\n")) {
      peer.write({&c, 1});
    }
    peer.wait_for_close();
  });
  const auto result = transport_to(server)->send(get("/"));
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->body, "hello world");
}

TEST(Transport, FortyMegabytesAreReadWhenAllowedAndRefusedWhenNot) {
  const std::string body(40 * 1024 * 1024, 'b');
  RawServer server([&](RawConnection& peer, int) {
    for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
      if (head.find("/chunked") == std::string::npos) {
        if (!peer.write(answer(body))) return;
        continue;
      }
      peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      for (int i = 0; i < 40; ++i) {
        if (!peer.write("100000\r\n") || !peer.write(std::string_view(body).substr(0, 0x100000)) || !peer.write("\r\n")) return;
      }
      peer.write("0\r\n\r\n");
    }
  });
  auto transport = transport_to(server);
  for (const char* target : {"/plain", "/chunked"}) {
    Request request = get(target, 30s);
    request.max_body = 64 * 1024 * 1024;
    const auto whole = transport->send(request);
    ASSERT_TRUE(whole) << to_string(whole.error());
    EXPECT_EQ(whole->body.size(), body.size());

    request.max_body = 32 * 1024 * 1024;
    const auto refused = transport->send(request);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().is(Error::Kind::Corrupt)) << to_string(refused.error());
  }
}

TEST(Transport, AStopRequestEndsAWaitingRequestAtOnce) {
  std::latch asked(1);
  RawServer server([&](RawConnection& peer, int) {
    peer.read_head();
    asked.count_down();
    peer.wait_for_close();
  });
  auto transport = transport_to(server);
  std::stop_source stop;
  auto result = std::async(std::launch::async, [&] { return transport->send(get("/", 60s), stop.get_token()); });
  asked.wait();
  stop.request_stop();
  ASSERT_EQ(result.wait_for(5s), std::future_status::ready);
  const auto value = result.get();
  ASSERT_FALSE(value);
  EXPECT_TRUE(value.error().is(Error::Kind::Cancelled)) << to_string(value.error());
}

TEST(Transport, MoreWaitingRequestsThanPoolThreadsDoNotBlockEachOther) {
  std::latch all(50);
  RawServer server([&](RawConnection& peer, int) {
    peer.read_head();
    all.arrive_and_wait();  // nobody is answered before all have asked
    peer.write(answer("ok"));
    peer.wait_for_close();
  });
  auto transport = transport_to(server);
  std::vector<std::future<bool>> results;
  for (int i = 0; i < 50; ++i) {
    results.push_back(std::async(std::launch::async, [&] { return transport->send(get("/", 20s)).has_value(); }));
  }
  for (auto& result : results) EXPECT_TRUE(result.get());
}

TEST(Transport, OnTheLibrarysOwnThreadItRefusesInsteadOfDeadlocking) {
  RawServer server([](RawConnection& peer, int) {
    peer.read_head();
    peer.write(answer("ok"));
  });
  auto transport = transport_to(server);
  std::promise<Expected<Response>> done;
  run_on_transport_pool([&] { done.set_value(transport->send(get("/"))); });
  auto future = done.get_future();
  ASSERT_EQ(future.wait_for(10s), std::future_status::ready);
  const auto result = future.get();
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().is(Error::Kind::Internal)) << to_string(result.error());
}

TEST(Transport, WhatCannotBeSentIsRefusedBeforeSending) {
  RawServer server([](RawConnection&, int) {});
  auto transport = transport_to(server);
  std::vector<Request> wrong(7);
  wrong[0].target = "no-slash";
  wrong[1].target = "//other.host/";
  wrong[2].target = "/a b";
  wrong[3].target = "/#fragment";
  wrong[4] = get("/");
  wrong[4].method = "GET / HTTP/1.1\r\nX:";
  wrong[5] = get("/");
  wrong[5].headers["X-A"] = "b\r\nX-Injected: c";
  wrong[6] = get("/");
  wrong[6].headers["content-length"] = "5";
  for (const Request& request : wrong) {
    const auto result = transport->send(request);
    ASSERT_FALSE(result) << request.target;
    EXPECT_TRUE(result.error().is(Error::Kind::Invalid)) << to_string(result.error());
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST(Transport, AnEndpointThatCannotWorkIsRefusedWhenMade) {
  for (const Endpoint& endpoint :
       {Endpoint{.url = "127.0.0.1:80"}, Endpoint{.url = "https://[::1]:6443"},
        Endpoint{.url = "https://a", .tls = {.ca = "not a certificate"}}, Endpoint{.url = "https://a", .tls = {.client_key = "only a key"}},
        Endpoint{.url = "http://a", .proxy = "socks5://b:1080"}}) {
    const auto transport = make_transport(endpoint);
    ASSERT_FALSE(transport) << endpoint.url;
    EXPECT_TRUE(transport.error().is(Error::Kind::Invalid)) << transport.error().message;
  }
}

TEST(Transport, APlainRequestGoesThroughTheProxyWithTheFullUrl) {
  std::string seen;
  RawServer proxy([&](RawConnection& peer, int) {
    seen = peer.read_head();
    peer.write(answer("via proxy"));
    peer.wait_for_close();
  });
  const auto transport = make_transport({.url = "http://metrics.example:9090", .proxy = proxy.url()});
  ASSERT_TRUE(transport) << transport.error().message;
  const auto result = (*transport)->send(get("/api"));
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->body, "via proxy");
  EXPECT_TRUE(seen.starts_with("GET http://metrics.example:9090/api HTTP/1.1\r\n")) << seen;
}

}  // namespace
}  // namespace sluice::http::testing
