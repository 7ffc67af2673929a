// Which connections are used again, and what is sent once more when one of them ends.
#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <semaphore>

#include "common/http/transport_for_test.h"

namespace sluice::http::testing {
namespace {

// The library gives a connection back a moment after the answer: returns when all that it had to do is done.
void let_the_library_finish() {
  for (int i = 0; i < 3; ++i) {
    std::promise<void> done;
    run_on_transport_pool([&] { done.set_value(); });
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

}  // namespace
}  // namespace sluice::http::testing
