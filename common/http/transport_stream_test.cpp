// Answers that do not end: watches.
#include <atomic>
#include <future>
#include <latch>

#include "common/http/transport_for_test.h"

namespace sluice::http::testing {
namespace {

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
}  // namespace sluice::http::testing
