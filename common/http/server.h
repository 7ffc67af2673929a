// HTTP from the server's side: a small HTTP/1.1 server with limits, for metrics, health, the console and courier.
//
// A server runs its own threads (one io_context each). A Handler is called on one of them once the whole request was read
// and answers through the Reply, now or later and from any thread; it must not block. Admission sees a request's head
// before its body is read and may refuse it early (overload, wrong token, too large), or hand the handler what it found out.
// Limits (defaults below) hold against hostile input: slow or oversized headers and bodies, both of Content-Length and
// Transfer-Encoding, duplicate Content-Length, more connections than descriptors.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/core/error.h"
#include "common/core/time.h"
#include "common/http/transport.h"

namespace sluice::http {

struct ServerLimits {
  std::size_t max_header_bytes = 16 * 1024;
  Duration header_timeout{10'000};
  std::size_t max_body_bytes = 1024 * 1024;
  Duration body_timeout{30'000};
  Duration idle_timeout{60'000};
  std::size_t max_connections = 10'000;
};

// The answer to a request that the server itself refuses (400, 408, 413, 417, 431, 500, 501, 503, 505), so that all errors of
// a program look alike. `why` is a sentence for people. Called on any of the server's threads.
using Refusal = std::function<Response(int status, const std::string& why)>;

// Called each half second on every loop of the server, with how late it came: a loop that something blocks is late.
using OnTick = std::function<void(std::size_t loop, Duration late)>;

struct ServerOptions {
  std::string address = "0.0.0.0";
  std::uint16_t port = 0;  // 0: any free one, see Server::port()
  std::size_t threads = 1;
  ServerLimits limits{};
  Refusal refusal = nullptr;  // null: plain text
  OnTick on_tick = nullptr;
};

// A request as the server hands it over: `request.target` is the raw target, `path` without the query.
struct IncomingRequest {
  Request request;
  std::string path;
  std::string query;
  std::string peer;  // "10.88.0.7:41234"
  Time received;

  // For the admission to set: what the handler should know of the request, and how long its body may take.
  std::shared_ptr<void> context{};
  Duration body_timeout{0};  // 0: ServerLimits::body_timeout, which is also the longest
};

// Answers one request, exactly once; a Reply that is dropped unanswered sends 500. Thread-safe to move between threads.
class Reply {
 public:
  virtual ~Reply() = default;
  virtual void send(Response response) = 0;
};
using ReplyPtr = std::unique_ptr<Reply>;
using Handler = std::function<void(IncomingRequest request, ReplyPtr reply)>;

// Sees method, target and headers before the body is read. An answer here is sent at once and the body is not read; the connection
// is kept if there is no body, or all of it came with the head.
using Admission = std::function<std::optional<Response>(IncomingRequest& head)>;

class Server {
 public:
  virtual ~Server() = default;  // stops at once: open connections are cut

  virtual std::uint16_t port() const = 0;

  // Lame duck: go on serving, but answer with "Connection: close".
  virtual void close_after_answer() = 0;
  // Stop listening, let running requests end until the deadline, then cut. Blocks; call from outside the server's threads.
  virtual void drain(Duration deadline) = 0;
  // Requests whose handler has not answered yet.
  virtual std::size_t in_flight() const = 0;
};

// Listens and serves. Errors: Unavailable (the address is taken or not ours), Invalid (not an address).
// A null admission admits everything.
Expected<std::unique_ptr<Server>> serve(const ServerOptions& options, Handler handler, Admission admission = nullptr);

}  // namespace sluice::http
