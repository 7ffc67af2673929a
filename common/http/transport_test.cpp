#include "common/http/transport.h"

#include <chrono>
#include <future>
#include <latch>
#include <map>
#include <mutex>
#include <semaphore>

#include <gtest/gtest.h>

#include "common/http/raw_server_for_test.h"

namespace sluice::http::testing {
void run_on_transport_pool(std::function<void()> work);
}

namespace sluice::http {
namespace {

using namespace std::chrono_literals;
using testing::RawConnection;
using testing::RawServer;

std::shared_ptr<Transport> transport_to(const RawServer& server) {
  auto transport = make_transport({.url = server.url()});
  EXPECT_TRUE(transport) << transport.error().message;
  return *transport;
}

Request get(std::string target, Duration deadline = 5s) {
  Request request;
  request.target = std::move(target);
  request.deadline = deadline;
  return request;
}

std::string answer(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// The library gives a connection back a moment after the answer: returns when all that it had to do is done.
void let_the_library_finish() {
  for (int i = 0; i < 3; ++i) {
    std::promise<void> done;
    testing::run_on_transport_pool([&] { done.set_value(); });
    done.get_future().wait();
  }
}

// Answers the first request on each connection and ends it without an answer when it has read the second one.
class LosingServer {
 public:
  int arrived(const std::string& method_and_target) {
    const std::lock_guard lock(mutex_);
    return arrived_[method_and_target];
  }
  void lose_no_more() { losing_ = false; }
  std::string url() const { return server_.url(); }

 private:
  void serve(RawConnection& peer) {
    for (int number = 1;; ++number) {
      const std::string request = peer.read_request();
      if (request.empty()) return;
      {
        const std::lock_guard lock(mutex_);
        ++arrived_[request.substr(0, request.find(" HTTP/"))];
      }
      if (number == 2 && losing_) return;
      peer.write(answer(""));
    }
  }

  std::mutex mutex_;
  std::map<std::string, int> arrived_;
  std::atomic<bool> losing_{true};
  RawServer server_{[this](RawConnection& peer, int) { serve(peer); }};  // last: its threads use what stands above
};

struct Lost {
  Expected<Response> result;
  int arrived = 0;
};
// Sends such requests until one was the second on its connection.
Lost lose(LosingServer& server, Transport& transport, const std::string& method, const std::string& body) {
  for (int i = 0; i < 50; ++i) {
    (void)transport.send(get("/before"));
    let_the_library_finish();
    Request request = get("/" + std::to_string(i));
    request.method = method;
    request.body = body;
    Lost lost{transport.send(request)};
    lost.arrived = server.arrived(method + " " + request.target);
    if (!lost.result || lost.arrived > 1) return lost;
    let_the_library_finish();
  }
  return {fail(Error::Kind::Internal, "no connection was ever used twice")};
}

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

TEST(Transport, ConnectionsAreKeptAndUsedAgain) {
  RawServer server([](RawConnection& peer, int) {
    while (!peer.read_head().empty()) peer.write(answer("ok"));
  });
  auto transport = transport_to(server);
  for (int i = 0; i < 20; ++i) {
    const auto result = transport->send(get("/"));
    ASSERT_TRUE(result) << to_string(result.error());
  }
  // The library gives a connection back a moment after the answer, so a second one may be made at first.
  EXPECT_LE(server.connections(), 3);
}

TEST(Transport, AConnectionThatTheServerClosedWhileIdleIsReplaced) {
  RawServer server([](RawConnection& peer, int) {
    peer.read_head();
    peer.write(answer("ok"));
  });
  auto transport = transport_to(server);
  for (int i = 0; i < 5; ++i) {
    const auto result = transport->send(get("/"));
    ASSERT_TRUE(result) << to_string(result.error());
  }
}

TEST(Transport, WhatServersEndedWhileItWasIdleIsNotUsedForAnything) {
  for (const std::string method : {"POST", "PUT", "PATCH", "DELETE", "GET"}) {
    std::atomic<int> arrived{0};
    std::counting_semaphore<> ended{0};
    RawServer server([&](RawConnection& peer, int) {
      if (peer.read_request().empty()) return;
      ++arrived;
      peer.write(answer(""));
      peer.end();
      ended.release();
    });
    auto transport = transport_to(server);
    for (int i = 0; i < 5; ++i) {
      Request request = get("/");
      request.method = method;
      request.body = method == "POST" ? "body" : "";
      const auto result = transport->send(request);
      ASSERT_TRUE(result) << method << ": " << to_string(result.error());
      ended.acquire();
      let_the_library_finish();
    }
    EXPECT_EQ(arrived, 5) << method;
  }
}

TEST(Transport, WhatComesUnaskedOnAKeptConnectionIsNoAnswer) {
  std::counting_semaphore<> sent{0};
  RawServer server([&](RawConnection& peer, int number) {
    if (peer.read_request().empty()) return;
    peer.write(answer(std::to_string(number)));
    let_the_library_finish();
    peer.write("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    peer.end();
    sent.release();
  });
  auto transport = transport_to(server);
  for (int i = 0; i < 3; ++i) {
    Request request = get("/");
    request.method = "POST";
    const auto result = transport->send(request);
    ASSERT_TRUE(result) << to_string(result.error());
    EXPECT_EQ(result->status, 200);
    sent.acquire();
  }
}

TEST(Transport, WhatIsNoReadIsSentOnceThoughAKeptConnectionEndsWithoutAnAnswer) {
  const std::vector<std::pair<std::string, std::string>> requests{{"POST", "{}"},  {"POST", ""},   {"PUT", "{}"},
                                                                  {"PATCH", "{}"}, {"DELETE", ""}, {"DELETE", "{}"}};
  for (const auto& [method, body] : requests) {
    LosingServer server;
    const auto transport = *make_transport({.url = server.url()});
    const Lost lost = lose(server, *transport, method, body);
    ASSERT_FALSE(lost.result) << method << " arrived " << lost.arrived << " times";
    EXPECT_TRUE(lost.result.error().is(Error::Kind::Unavailable)) << to_string(lost.result.error());
    EXPECT_NE(lost.result.error().message.find("may have been received"), std::string::npos) << to_string(lost.result.error());
    EXPECT_EQ(lost.arrived, 1) << method;

    server.lose_no_more();
    let_the_library_finish();
    for (int i = 0; i < 3; ++i) {
      Request next = get("/next");
      next.method = method;
      next.body = body;
      const auto result = transport->send(next);
      EXPECT_TRUE(result) << method << ", the one after it: " << to_string(result.error());
    }
  }
}

TEST(Transport, AReadIsSentOnceMoreWhenAKeptConnectionEndsWithoutAnAnswer) {
  for (const std::string method : {"GET", "HEAD"}) {
    LosingServer server;
    const auto transport = *make_transport({.url = server.url()});
    const Lost lost = lose(server, *transport, method, "");
    ASSERT_TRUE(lost.result) << to_string(lost.result.error());
    EXPECT_EQ(lost.arrived, 2) << method;
  }
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
  testing::run_on_transport_pool([&] { done.set_value(transport->send(get("/"))); });
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

TEST(Stream, ChunksArriveOneByOneWhileTheAnswerIsOpen) {
  std::latch first(1);
  RawServer server([&](RawConnection& peer, int) {
    peer.read_head();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n");
    first.wait();  // the second is sent only once the first was delivered
    peer.write("4\r\ntwo\n\r\n0\r\n\r\n");
    peer.wait_for_close();
  });
  std::vector<std::string> chunks;
  int status = 0;
  const auto result = transport_to(server)->stream(
      get("/watch"),
      [&](const Response& head) {
        status = head.status;
        return true;
      },
      [&](std::string_view chunk) {
        chunks.emplace_back(chunk);
        if (chunks.size() == 1) first.count_down();
        return true;
      });
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_TRUE(*result);
  EXPECT_EQ(status, 200);
  EXPECT_EQ(chunks, (std::vector<std::string>{"one\n", "two\n"}));
}

TEST(Stream, TheDeadlineCountsToTheHeadOnlyAndIdleBetweenChunks) {
  RawServer server([&](RawConnection& peer, int) {
    peer.read_head();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 8; ++i) {
      if (peer.closed_within(60)) return;
      peer.write("1\r\nx\r\n");
    }
    peer.wait_for_close();
  });
  Request request = get("/watch", 200ms);
  request.idle = 400ms;
  int chunks = 0;
  const auto result = transport_to(server)->stream(
      request, [](const Response&) { return true; }, [&](std::string_view) { return ++chunks > 0; });
  EXPECT_EQ(chunks, 8);  // 480 ms of chunks, although the deadline is 200 ms
  ASSERT_FALSE(result);  // then silence
  EXPECT_TRUE(result.error().is(Error::Kind::Unavailable)) << to_string(result.error());
}

TEST(Stream, ARefusalComesWithItsBody) {
  RawServer server([](RawConnection& peer, int) {
    peer.read_head();
    peer.write("HTTP/1.1 410 Gone\r\nContent-Length: 7\r\n\r\nexpired");
    peer.wait_for_close();
  });
  Response seen;
  const auto result = transport_to(server)->stream(
      get("/watch"),
      [&](const Response& head) {
        seen = head;
        return true;
      },
      [](std::string_view) {
        ADD_FAILURE();
        return false;
      });
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(seen.status, 410);
  EXPECT_EQ(seen.body, "expired");
}

TEST(Stream, AnEndlessRefusalIsCutAt64KiB) {
  RawServer server([](RawConnection& peer, int) {
    peer.read_head();
    peer.write("HTTP/1.1 500 Broken\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (peer.write("10\r\n0123456789abcdef\r\n")) {}
  });
  Response seen;
  const auto result = transport_to(server)->stream(
      get("/watch"),
      [&](const Response& head) {
        seen = head;
        return true;
      },
      [](std::string_view) { return false; });
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(seen.status, 500);
  EXPECT_EQ(seen.body.size(), 64U * 1024);
}

TEST(Stream, ACallbackThatSaysFalseEndsItAndClosesTheConnection) {
  std::promise<void> closed;
  RawServer server([&](RawConnection& peer, int) {
    peer.read_head();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    peer.wait_for_close();
    closed.set_value();
  });
  const auto result = transport_to(server)->stream(
      get("/watch"), [](const Response&) { return true; }, [](std::string_view) { return false; });
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_FALSE(*result);
  EXPECT_EQ(closed.get_future().wait_for(5s), std::future_status::ready);
}

TEST(Stream, ASlowReaderHoldsTheServerInsteadOfFillingMemory) {
  constexpr std::size_t kChunk = 0x10000;
  constexpr int kMany = 2000;  // 125 MiB, far more than read-ahead and socket buffers together
  std::atomic<int> written{0};
  std::promise<void> stuck;
  RawServer server([&](RawConnection& peer, int) {
    peer.read_head();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "10000\r\n" + std::string(kChunk, 'x') + "\r\n";
    for (int i = 0; i < kMany; ++i, ++written) {
      pollfd writable{peer.fd(), POLLOUT, 0};
      if (written > 0 && ::poll(&writable, 1, 300) == 0) {
        stuck.set_value();
        break;
      }
      if (!peer.write(chunk)) return;
    }
    if (written == kMany) stuck.set_value();
    peer.write("0\r\n\r\n");
    peer.wait_for_close();
  });
  std::size_t received = 0;
  const auto result = transport_to(server)->stream(
      get("/watch"), [](const Response&) { return true; },
      [&](std::string_view chunk) {
        if (received == 0) stuck.get_future().wait();
        received += chunk.size();
        return true;
      });
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_LT(written, kMany / 2);
  EXPECT_EQ(received, static_cast<std::size_t>(written) * kChunk);  // nothing was lost meanwhile
}

TEST(Stream, AStopRequestEndsAQuietWatchAtOnce) {
  std::latch open(1);
  RawServer server([&](RawConnection& peer, int) {
    peer.read_head();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    peer.wait_for_close();
  });
  auto transport = transport_to(server);
  std::stop_source stop;
  auto result = std::async(std::launch::async, [&] {
    return transport->stream(
        get("/watch"), [](const Response&) { return true; },
        [&](std::string_view) {
          open.count_down();
          return true;
        },
        stop.get_token());
  });
  open.wait();
  stop.request_stop();
  ASSERT_EQ(result.wait_for(5s), std::future_status::ready);
  const auto value = result.get();
  ASSERT_FALSE(value);
  EXPECT_TRUE(value.error().is(Error::Kind::Cancelled)) << to_string(value.error());
}

}  // namespace
}  // namespace sluice::http
