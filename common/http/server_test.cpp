#include "common/http/server.h"

#include <sys/resource.h>

#include <future>
#include <latch>
#include <mutex>

#include <gtest/gtest.h>

#include "common/http/raw_server_for_test.h"

namespace sluice::http {
namespace {

using namespace std::chrono_literals;
using testing::RawConnection;

std::unique_ptr<Server> start(Handler handler, Admission admission = nullptr, ServerLimits limits = {}, std::size_t threads = 1) {
  auto server = serve({.address = "127.0.0.1", .threads = threads, .limits = limits}, std::move(handler), std::move(admission));
  EXPECT_TRUE(server) << server.error().message;
  return std::move(*server);
}

// Says what was asked.
void echo(const IncomingRequest& in, ReplyPtr reply) {
  reply->send({200, {}, in.request.method + " " + in.path + "?" + in.query + " " + in.request.body});
}

class Client : public RawConnection {
 public:
  explicit Client(const Server& server) : RawConnection(testing::connect_to(server.port())) {
    timeval limit{10, 0};  // so that a hanging server fails the test instead of hanging it
    ::setsockopt(fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  ~Client() { ::close(fd()); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Head and body of one answer.
  std::string read_answer(bool has_body = true) {
    std::string head = read_head();
    const auto at = head.find("Content-Length: ");
    if (!has_body || at == std::string::npos) return head;
    return head + read_exactly(std::stoul(head.substr(at + 16)));
  }
};

std::string status_of(const std::string& answer) { return answer.substr(0, answer.find("\r\n")); }

TEST(Server, AnswersOverAKeptConnection) {
  const auto server = start(echo);
  Client client(*server);
  for (int i = 0; i < 3; ++i) {
    client.write("POST /a/b?c=d HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
    const std::string answer = client.read_answer();
    EXPECT_EQ(status_of(answer), "HTTP/1.1 200 OK");
    EXPECT_TRUE(answer.ends_with("\r\n\r\nPOST /a/b?c=d hi")) << answer;
    EXPECT_EQ(answer.find("Connection: close"), std::string::npos) << answer;
  }
}

TEST(Server, HeadersArriveJoinedAndWithoutRegardToCase) {
  Headers seen;
  const auto server = start([&](const IncomingRequest& in, ReplyPtr reply) {
    seen = in.request.headers;
    reply->send({204, {}, ""});
  });
  Client client(*server);
  client.write("GET / HTTP/1.1\r\nhost: x\r\nX-List: a\r\nx-list: b\r\n\r\n");
  EXPECT_EQ(status_of(client.read_answer()), "HTTP/1.1 204 No Content");
  EXPECT_EQ(seen.at("X-LIST"), "a, b");
}

TEST(Server, EightPipelinedRequestsAreAnsweredInOrderThoughHandledByOthers) {
  std::mutex mutex;
  std::vector<std::thread> workers;
  const auto server = start([&](IncomingRequest in, ReplyPtr reply) {
    const std::lock_guard lock(mutex);
    workers.emplace_back([in = std::move(in), reply = std::move(reply)] { reply->send({200, {}, in.path}); });
  });
  Client client(*server);
  std::string all;
  for (int i = 0; i < 8; ++i) all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  client.write(all);
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(client.read_answer().ends_with("\r\n\r\n/" + std::to_string(i)));
  for (auto& worker : workers) worker.join();
}

TEST(Server, ARequestTornAtEveryByteIsUnderstood) {
  const auto server = start(echo);
  Client client(*server);
  const int on = 1;
  ::setsockopt(client.fd(), IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on);
  for (const char c : std::string("POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")) {
    client.write({&c, 1});
  }
  EXPECT_TRUE(client.read_answer().ends_with("POST /x? abcde"));
}

TEST(Server, SmugglingIsRefusedAndTheConnectionClosed) {
  std::atomic<int> handled{0};
  const auto server = start([&](const IncomingRequest& in, ReplyPtr reply) {
    ++handled;
    echo(in, std::move(reply));
  });
  for (const std::string head : {
           "Host: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n",
           "Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n",
           "Host: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n",
           "Host: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n",
           "Host: x\r\nContent-Length: 3, 3\r\n",
           "Host: x\r\nContent-Length: +3\r\n",
           "Host: x\r\nContent-Length: -1\r\n",
           "Host: x\r\nContent-Length: 0x3\r\n",
           "Host: x\r\nTransfer-Encoding: gzip, chunked\r\n",
           "Host: x\r\nTransfer-Encoding: xchunked\r\n",
           "Host: x\r\nTransfer-Encoding : chunked\r\n",
           "Host: x\r\nHost: y\r\n",
           "X-None: 1\r\n",
       }) {
    Client client(*server);
    client.write("POST / HTTP/1.1\r\n" + head + "\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string answer = client.read_to_end();
    EXPECT_TRUE(status_of(answer).starts_with("HTTP/1.1 400") || status_of(answer).starts_with("HTTP/1.1 501")) << head << answer;
    EXPECT_EQ(answer.find("smuggled"), std::string::npos) << head << answer;
  }
  EXPECT_EQ(handled, 0);
}

TEST(Server, WhatIsNotARequestIsRefused) {
  const auto server = start(echo);
  for (const std::string sent :
       {"\x16\x03\x01\x02garbage\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n", "GET / HTTP/1.1\nHost: x\n\n"}) {
    Client client(*server);
    client.write(sent);
    const std::string answer = client.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 505")) << sent << answer;
    EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos) << answer;
  }
}

TEST(Server, AnEndlessHeaderIsCutAtTheLimit) {
  const auto server = start(echo);
  Client client(*server);
  client.write("GET / HTTP/1.1\r\nHost: x\r\nX-Long: ");
  const std::string piece(4096, 'x');
  for (int i = 0; i < 100 && client.write(piece); ++i) {}
  EXPECT_EQ(status_of(client.read_to_end()), "HTTP/1.1 431 Request Header Fields Too Large");
}

TEST(Server, ALargeBodyIsRefusedByItsLengthBeforeItIsSent) {
  const auto server = start(echo);
  Client client(*server);
  client.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n");
  EXPECT_EQ(status_of(client.read_answer()), "HTTP/1.1 413 Content Too Large");
}

TEST(Server, ALargeChunkedBodyIsCutAtTheLimitAndTheAnswerStillArrives) {
  const auto server = start(echo);
  Client client(*server);
  client.write("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
  for (int i = 0; i < 20 && client.write(chunk); ++i) {}
  EXPECT_EQ(status_of(client.read_to_end()), "HTTP/1.1 413 Content Too Large");
}

TEST(Server, ASlowHeaderIsClosedAtItsDeadlineThoughBytesKeepComing) {
  const auto server = start(echo, nullptr, {.header_timeout = 200ms});
  Client client(*server);
  client.write("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ");
  const auto begin = std::chrono::steady_clock::now();
  while (client.write("x") && !client.closed_within(10)) { ASSERT_LT(std::chrono::steady_clock::now() - begin, 10s) << "still open"; }
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 150ms);
}

TEST(Server, ASlowBodyIsClosedAtItsDeadline) {
  const auto server = start(echo, nullptr, {.body_timeout = 200ms});
  Client client(*server);
  client.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n");
  const auto begin = std::chrono::steady_clock::now();
  while (client.write("x") && !client.closed_within(10)) { ASSERT_LT(std::chrono::steady_clock::now() - begin, 10s) << "still open"; }
}

TEST(Server, AnIdleConnectionIsClosed) {
  const auto server = start(echo, nullptr, {.idle_timeout = 100ms});
  Client client(*server);
  client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  client.read_answer();
  EXPECT_TRUE(client.closed_within(5000));
}

TEST(Server, ExpectContinueIsAnsweredBeforeTheBody) {
  const auto server = start(echo);
  Client client(*server);
  client.write("POST /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  EXPECT_EQ(client.read_head(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.write("body");
  EXPECT_TRUE(client.read_answer().ends_with("POST /e? body"));
}

TEST(Server, AdmissionAnswersBeforeTheBodyIsReadAndTheHandlerNeverSeesIt) {
  std::atomic<int> handled{0};
  const auto server = start([&](const IncomingRequest&, ReplyPtr) { ++handled; },
                            [](const IncomingRequest& head) {
                              EXPECT_EQ(head.path, "/expensive");
                              return std::optional(Response{503, {{"Retry-After", "2"}}, "overloaded"});
                            });
  Client client(*server);
  client.write("POST /expensive HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n");
  const std::string answer = client.read_answer();
  EXPECT_EQ(status_of(answer), "HTTP/1.1 503 Service Unavailable");
  EXPECT_NE(answer.find("Retry-After: 2\r\n"), std::string::npos);
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
  EXPECT_EQ(handled, 0);
}

TEST(Server, TheAdmissionHandsTheHandlerWhatItFoundOutAndShortensTheBodysTime) {
  const auto admission = [](IncomingRequest& head) -> std::optional<Response> {
    head.context = std::make_shared<std::string>("tenant of " + head.path);
    head.body_timeout = 100ms;
    return std::nullopt;
  };
  const auto server = start(
      [](const IncomingRequest& in, ReplyPtr reply) {
        reply->send({200, {}, *std::static_pointer_cast<std::string>(in.context)});
      },
      admission);
  Client client(*server);
  client.write("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_TRUE(client.read_answer().ends_with("tenant of /a"));
  client.write("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nh");
  EXPECT_TRUE(client.closed_within(5000)) << "the server's own limit is 30 s";
}

TEST(Server, ItsOwnRefusalsLookAsTheProgramWants) {
  auto server = serve({.address = "127.0.0.1",
                       .refusal =
                           [](int status, const std::string& why) {
                             return Response{status, {{"Content-Type", "application/problem+json"}}, "{\"detail\": \"" + why + "\"}"};
                           }},
                      [](const IncomingRequest&, const ReplyPtr&) {});
  ASSERT_TRUE(server) << server.error().message;
  for (const char* sent : {"GET\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
                           "GET /dropped HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"}) {
    Client client(**server);
    client.write(sent);
    const std::string answer = client.read_to_end();
    EXPECT_NE(answer.find("Content-Type: application/problem+json\r\n"), std::string::npos) << sent << answer;
  }
}

TEST(Server, ALoopThatIsBlockedTicksLate) {
  std::promise<Duration> first;
  std::promise<Duration> blocked;
  std::atomic<int> ticks{0};
  std::once_flag once;
  auto server = serve({.address = "127.0.0.1",
                       .on_tick =
                           [&](std::size_t, Duration late) {
                             const int number = ticks++;
                             if (number == 0) first.set_value(late);
                             if (late >= 200ms) std::call_once(once, [&] { blocked.set_value(late); });
                           }},
                      [&](const IncomingRequest&, ReplyPtr reply) {
                        std::this_thread::sleep_for(900ms);  // what a handler must not do
                        reply->send({200, {}, ""});
                      });
  ASSERT_TRUE(server) << server.error().message;
  first.get_future().wait();
  Client client(**server);
  client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_GE(blocked.get_future().get(), 200ms);
}

TEST(Server, ARejectionWithoutABodyKeepsTheConnection) {
  const auto server = start(echo, [](const IncomingRequest& head) {
    return head.path == "/no" ? std::optional(Response{403, {}, "no"}) : std::nullopt;
  });
  Client client(*server);
  client.write("GET /no HTTP/1.1\r\nHost: x\r\n\r\nGET /yes HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_of(client.read_answer()), "HTTP/1.1 403 Forbidden");
  EXPECT_EQ(status_of(client.read_answer()), "HTTP/1.1 200 OK");
}

// Under overload there are thousands of them, and a new connection costs more than the refusal.
TEST(Server, ARejectionWhoseBodyCameWithItsHeadKeepsTheConnection) {
  const auto server = start(echo, [](const IncomingRequest& head) {
    return head.path == "/no" ? std::optional(Response{503, {}, "no"}) : std::nullopt;
  });
  Client client(*server);
  client.write("POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\nGET / HTTP/1.1\r\n");
  const std::string refused = client.read_answer();
  EXPECT_EQ(status_of(refused), "HTTP/1.1 503 Service Unavailable");
  EXPECT_EQ(refused.find("Connection: close"), std::string::npos);
  client.write("POST /yes HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_TRUE(client.read_answer().ends_with("POST /yes? body"));
  client.write("POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\nnot all of it");
  EXPECT_NE(client.read_answer().find("Connection: close\r\n"), std::string::npos);
}

TEST(Server, HeadGetsTheLengthButNoBody) {
  const auto server = start([](const IncomingRequest&, ReplyPtr reply) { reply->send({200, {}, "12345"}); });
  Client client(*server);
  client.write("HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(client.read_head().find("Content-Length: 5\r\n"), std::string::npos);
  EXPECT_TRUE(client.read_answer().starts_with("HTTP/1.1 200 OK"));
}

TEST(Server, AnOldClientIsAnsweredAndTheConnectionClosed) {
  const auto server = start(echo);
  Client client(*server);
  client.write("GET /old HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(client.read_to_end().ends_with("GET /old? "));
}

TEST(Server, ADroppedReplyAndAThrowingHandlerAnswer500) {
  const auto server = start([](const IncomingRequest& in, const ReplyPtr&) {
    if (in.path == "/throw") throw std::runtime_error("handler");
  });
  Client client(*server);
  client.write("GET /drop HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_of(client.read_answer()), "HTTP/1.1 500 Internal Server Error");
  client.write("GET /throw HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_of(client.read_answer()), "HTTP/1.1 500 Internal Server Error");
  EXPECT_EQ(server->in_flight(), 0U);
}

TEST(Server, AnAnswerCannotInjectHeaders) {
  const auto server = start([](const IncomingRequest&, ReplyPtr reply) {
    reply->send({200, {{"X-From-User", "a\r\nSet-Cookie: evil"}, {"Content-Length", "99"}}, "ok"});
  });
  Client client(*server);
  client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = client.read_answer();
  EXPECT_EQ(status_of(answer), "HTTP/1.1 500 Internal Server Error");
  EXPECT_EQ(answer.find("Set-Cookie"), std::string::npos) << answer;
}

TEST(Server, ALargeAnswerArrivesWhole) {
  const std::string body(20 * 1024 * 1024, 'b');
  const auto server = start([&](const IncomingRequest&, ReplyPtr reply) { reply->send({200, {}, body}); });
  Client client(*server);
  client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = client.read_answer();
  EXPECT_TRUE(answer.ends_with(body.substr(0, 1000)));
  EXPECT_GT(answer.size(), body.size());
}

TEST(Server, InTheLameDuckPhaseItServesOnAndSaysClose) {
  const auto server = start(echo);
  Client before(*server);
  before.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  before.read_answer();
  server->close_after_answer();
  before.write("GET /kept HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string kept = before.read_to_end();
  EXPECT_TRUE(kept.ends_with("GET /kept? ")) << kept;
  EXPECT_NE(kept.find("Connection: close\r\n"), std::string::npos) << kept;
  Client after(*server);
  after.write("GET /new HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(after.read_to_end().ends_with("GET /new? "));
}

TEST(Server, DrainLetsTheRunningRequestEndAndRefusesNewOnes) {
  std::promise<ReplyPtr> held;
  const auto server = start([&](const IncomingRequest&, ReplyPtr reply) { held.set_value(std::move(reply)); });
  Client idle(*server);
  Client busy(*server);
  busy.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  ReplyPtr reply = held.get_future().get();
  EXPECT_EQ(server->in_flight(), 1U);
  auto drained = std::async(std::launch::async, [&] { server->drain(10s); });
  EXPECT_TRUE(idle.closed_within(5000));  // the idle one is closed at once...
  const int late = testing::connect_to(server->port());
  EXPECT_EQ(late, -1);             // ...nobody new is let in...
  reply->send({200, {}, "done"});  // ...and the running one is answered
  const std::string answer = busy.read_to_end();
  EXPECT_TRUE(answer.ends_with("done")) << answer;
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos) << answer;
  EXPECT_EQ(drained.wait_for(5s), std::future_status::ready);
}

TEST(Server, DrainCutsWhatDoesNotEndInTime) {
  std::promise<ReplyPtr> held;
  auto server = start([&](const IncomingRequest&, ReplyPtr reply) { held.set_value(std::move(reply)); });
  Client client(*server);
  client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  ReplyPtr reply = held.get_future().get();
  server->drain(50ms);
  EXPECT_TRUE(client.closed_within(5000));
  server.reset();
  reply->send({200, {}, "too late, and harmless"});
}

TEST(Server, TheConnectionLimitAnswers503AndRecovers) {
  const auto server = start(echo, nullptr, {.max_connections = 2});
  auto first = std::make_unique<Client>(*server);
  Client second(*server);
  for (Client* client : {first.get(), &second}) {
    client->write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    client->read_answer();
  }
  Client third(*server);
  EXPECT_EQ(status_of(third.read_to_end()), "HTTP/1.1 503 Service Unavailable");
  first.reset();
  std::string answer;
  do {  // until the server has seen that the first is gone
    Client again(*server);
    again.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    answer = again.read_answer();
  } while (!answer.starts_with("HTTP/1.1 200"));
}

TEST(Server, OutOfDescriptorsItWaitsAndServesWhenSomeAreFree) {
  const auto server = start(echo);
  std::vector<int> clients;
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const int used = ::dup(0);  // the lowest free number tells how many are in use
  ::close(used);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(used) + 1;
  const int client = ::socket(AF_INET, SOCK_STREAM, 0);
  setrlimit(RLIMIT_NOFILE, &tight);  // our own socket took the last: the server has none to accept with
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server->port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  RawConnection connection(client);
  connection.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  rusage begin{};
  getrusage(RUSAGE_SELF, &begin);
  pollfd waiting{client, POLLIN, 0};
  EXPECT_EQ(::poll(&waiting, 1, 500), 0) << "nothing could have been accepted";
  rusage end{};
  getrusage(RUSAGE_SELF, &end);
  const auto spent = [](const rusage& r) {
    return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1'000'000 + r.ru_utime.tv_usec + r.ru_stime.tv_usec;
  };
  EXPECT_LT(spent(end) - spent(begin), 200'000) << "it spins instead of waiting";
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(connection.read_to_end().starts_with("HTTP/1.1 200 OK"));
  ::close(client);
}

TEST(Server, ManyThreadsServeManyConnections) {
  const auto server = start(echo, nullptr, {}, 3);
  std::vector<std::thread> clients;
  std::atomic<int> right{0};
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&] {
      Client client(*server);
      for (int k = 0; k < 50; ++k) {
        client.write("GET /k HTTP/1.1\r\nHost: x\r\n\r\n");
        if (client.read_answer().ends_with("GET /k? ")) ++right;
      }
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(right, 16 * 50);
}

TEST(Server, ATakenPortAndAWrongAddressAreErrors) {
  const auto server = start(echo);
  const auto taken = serve({.address = "127.0.0.1", .port = server->port()}, echo);
  ASSERT_FALSE(taken);
  EXPECT_TRUE(taken.error().is(Error::Kind::Unavailable)) << taken.error().message;
  EXPECT_NE(taken.error().message.find(std::to_string(server->port())), std::string::npos) << taken.error().message;
  const auto wrong = serve({.address = "localhost:80"}, echo);
  ASSERT_FALSE(wrong);
  EXPECT_TRUE(wrong.error().is(Error::Kind::Invalid)) << wrong.error().message;
}

}  // namespace
}  // namespace sluice::http
