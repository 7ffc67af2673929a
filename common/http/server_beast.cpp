// The Server on Boost.Beast 1.74; no other file includes it (it takes most of a minute to compile).
//
// One coroutine per connection reads a request, has it handled and writes the answer, in this order, so pipelined
// requests are answered in theirs. Every thread has a loop of its own and a connection stays on its loop; what other
// threads have to say (an answer, drain, stop) is posted there. A Reply may outlive the server: it owns its loop.
// g++ 12 miscompiles `if (!co_await x) break;` inside a loop (an illegal instruction at -O0): results are named first.
#include <utility>  // asio 1.74 uses std::exchange in its coroutines without including it

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "common/core/clock.h"
#include "common/http/answer_text.h"
#include "common/http/server.h"

static_assert(BOOST_VERSION / 100 == 1074, "Boost must be the one libcpprest was built with; two in one process crash");

namespace sluice::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kReadSize = 16 * 1024;
constexpr std::size_t kWriteSize = 256 * 1024;
constexpr auto kLinger = std::chrono::seconds(1);
constexpr auto kAcceptBackoff = std::chrono::milliseconds(100);
constexpr auto kTick = std::chrono::milliseconds(500);

class Session;

Response plain(int status, const std::string& text) { return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, text + "\n"}; }

// What all connections of a server share.
struct Shared {
  ServerLimits limits;
  Handler handler;
  Admission admission;
  Refusal refusal = plain;
  SystemClock clock;
  std::atomic<bool> lame_duck{false};
  std::atomic<bool> draining{false};
  std::atomic<std::size_t> in_flight{0};

  std::mutex mutex;
  std::condition_variable gone;
  std::size_t connections = 0;  // guarded by mutex

  bool enter() {
    const std::lock_guard lock(mutex);
    if (connections >= limits.max_connections) return false;
    ++connections;
    return true;
  }
  void leave() {
    const std::lock_guard lock(mutex);
    if (--connections == 0) gone.notify_all();
  }
};

struct Loop {
  asio::io_context context{1};
  std::set<Session*> sessions;  // only on the loop's thread, as the next two
  asio::steady_timer ticker{context};
  bool ending = false;

  std::mutex mutex;
  bool stopped = false;

  // After the last run of the loop nothing may be posted any more: the handler, the session in it and the loop would keep
  // each other alive.
  template <typename Work>
  bool post(Work work) {
    const std::lock_guard lock(mutex);
    if (stopped) return false;
    asio::post(context, std::move(work));
    return true;
  }
  template <typename Work>
  void post_last(Work work) {
    const std::lock_guard lock(mutex);
    if (std::exchange(stopped, true)) return;
    asio::post(context, std::move(work));
  }
};

using Parser = beast::http::request_parser<beast::http::string_body>;

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<Loop> loop, std::shared_ptr<Shared> shared, tcp::socket socket)
      : loop_(std::move(loop)), shared_(std::move(shared)), stream_(std::move(socket)), answered_(loop_->context) {
    error_code ignored;
    stream_.socket().set_option(tcp::no_delay(true), ignored);
    const auto end = stream_.socket().remote_endpoint(ignored);
    peer_ = end.address().to_string(ignored) + ":" + std::to_string(end.port());
  }

  asio::awaitable<void> run() {
    bool go_on = true;
    while (go_on && !cut_) go_on = co_await read_request();
    stream_.close();
  }

  // All on the loop's thread.
  void answer(Response response) {
    answer_ = std::move(response);
    answered_.cancel();
  }
  void cut() {
    cut_ = true;
    stream_.close();
    answered_.cancel();
  }
  void cut_if_idle() {
    if (idle_) cut();
  }

  // Within the call of the handler, on the loop's thread: no way through the loop is needed.
  bool in_handler() const { return handling_ == std::this_thread::get_id(); }

  Loop& loop() { return *loop_; }
  Shared& shared() { return *shared_; }

 private:
  // One request and its answer. False: close the connection.
  asio::awaitable<bool> read_request();
  asio::awaitable<bool> write(std::string_view wire);
  asio::awaitable<bool> refuse(Response response);
  asio::awaitable<void> linger();
  std::optional<Response> problem_of(const Parser& parser) const;
  std::optional<Response> problem_of(error_code failure) const;
  IncomingRequest incoming(const Parser& parser) const;

  const std::shared_ptr<Loop> loop_;  // first: what follows lives on its context
  const std::shared_ptr<Shared> shared_;
  beast::tcp_stream stream_;
  asio::steady_timer answered_;  // never expires by itself; cancelled when the answer is there
  beast::flat_buffer buffer_;
  std::optional<Response> answer_;
  std::string peer_;
  bool idle_ = false;
  bool cut_ = false;
  std::atomic<std::thread::id> handling_{};  // the thread that is in the handler, or none
};

// Answers through the session's loop, from any thread.
class SessionReply final : public Reply {
 public:
  explicit SessionReply(std::shared_ptr<Session> session) : session_(std::move(session)) { ++session_->shared().in_flight; }
  ~SessionReply() override {
    if (session_) send(session_->shared().refusal(500, "the request was dropped unanswered"));
  }
  void send(Response response) override {
    const auto session = std::exchange(session_, nullptr);
    if (!session) return;
    --session->shared().in_flight;
    if (session->in_handler()) return session->answer(std::move(response));
    session->loop().post([session, response = std::move(response)]() mutable { session->answer(std::move(response)); });
  }

 private:
  std::shared_ptr<Session> session_;
};

asio::awaitable<bool> Session::write(std::string_view wire) {
  while (!wire.empty()) {
    // The time-out is per piece: a large answer may take its time, a reader that stands still may not.
    const auto piece = asio::buffer(wire.data(), std::min(wire.size(), kWriteSize));
    stream_.expires_after(shared_->limits.body_timeout);
    error_code error;
    const std::size_t written = co_await asio::async_write(stream_, piece, asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return false;
    wire.remove_prefix(written);
  }
  co_return true;
}

// Closing with unread bytes makes the kernel reset the connection, and the answer is lost with it: read a little first.
asio::awaitable<void> Session::linger() {
  error_code error;
  stream_.socket().shutdown(tcp::socket::shutdown_send, error);
  stream_.expires_after(kLinger);
  std::array<char, 4096> rest;
  while (!error) {
    const auto into = asio::buffer(rest);
    co_await stream_.async_read_some(into, asio::redirect_error(asio::use_awaitable, error));
  }
}

asio::awaitable<bool> Session::refuse(Response response) {
  const std::string wire = to_wire(response, {.keep_alive = false}, shared_->clock.now());
  const bool written = co_await write(wire);
  if (written) co_await linger();
  co_return false;
}

// What is wrong with a request that could not be read; none: the peer went away or was too slow, nothing can be said.
std::optional<Response> Session::problem_of(error_code failure) const {
  using Problem = beast::http::error;
  if (failure == Problem::header_limit || failure == Problem::buffer_overflow) {
    return shared_->refusal(431, "the request's headers are larger than " + std::to_string(shared_->limits.max_header_bytes) + " bytes");
  }
  if (failure == Problem::body_limit) {
    return shared_->refusal(413, "the request's body is larger than " + std::to_string(shared_->limits.max_body_bytes) + " bytes");
  }
  if (failure == Problem::end_of_stream || failure == Problem::partial_message) return std::nullopt;
  if (failure.category() == beast::http::make_error_code(Problem::bad_method).category()) {
    return shared_->refusal(400, "not a valid HTTP request: " + failure.message());
  }
  return std::nullopt;
}

// What the parser lets through, but two readers could understand differently (RFC 9112, 3.2, 6.1 and 11.2).
std::optional<Response> Session::problem_of(const Parser& parser) const {
  namespace bhttp = beast::http;
  const auto& head = parser.get();
  if (head.version() != 10 && head.version() != 11) return shared_->refusal(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  const auto hosts = head.count(bhttp::field::host);
  if (hosts > 1 || (hosts == 0 && head.version() == 11)) return shared_->refusal(400, "the request needs exactly one Host header");
  // The parser takes "3, 3" for 3.
  const bool listed = head[bhttp::field::content_length].find(',') != beast::string_view::npos;
  if (listed || head.count(bhttp::field::content_length) > 1) return shared_->refusal(400, "more than one Content-Length");
  if (const auto codings = head.count(bhttp::field::transfer_encoding); codings > 0) {
    if (head.version() == 10) return shared_->refusal(400, "Transfer-Encoding in HTTP/1.0");
    if (head.count(bhttp::field::content_length) > 0) return shared_->refusal(400, "both Content-Length and Transfer-Encoding");
    if (codings > 1 || !beast::iequals(head[bhttp::field::transfer_encoding], "chunked")) {
      return shared_->refusal(501, "the only transfer coding supported is 'chunked'");
    }
  }
  const auto target = head.target();
  const bool asterisk = target == "*" && head.method() == bhttp::verb::options;
  if (!asterisk && !target.starts_with("/")) return shared_->refusal(400, "the request target must be a path");
  const bool control = std::any_of(target.begin(), target.end(), [](unsigned char c) { return c <= 0x20 || c == 0x7f; });
  if (control) return shared_->refusal(400, "the request target contains a control character");
  if (const auto expect = head[bhttp::field::expect]; !expect.empty() && !beast::iequals(expect, "100-continue")) {
    return shared_->refusal(417, "the only expectation supported is '100-continue'");
  }
  return std::nullopt;
}

IncomingRequest Session::incoming(const Parser& parser) const {
  const auto& head = parser.get();
  IncomingRequest in;
  in.request.method = std::string(head.method_string());
  in.request.target = std::string(head.target());
  for (const auto& field : head) {
    std::string& value = in.request.headers[std::string(field.name_string())];
    if (!value.empty()) value += ", ";
    value += std::string(field.value());
  }
  const auto question = in.request.target.find('?');
  in.path = in.request.target.substr(0, question);
  if (question != std::string::npos) in.query = in.request.target.substr(question + 1);
  in.peer = peer_;
  in.received = shared_->clock.now();
  return in;
}

asio::awaitable<bool> Session::read_request() {
  const ServerLimits& limits = shared_->limits;
  error_code error;
  if (buffer_.size() == 0) {
    if (shared_->draining) co_return false;
    idle_ = true;
    stream_.expires_after(limits.idle_timeout);
    const auto space = buffer_.prepare(kReadSize);
    const std::size_t got = co_await stream_.async_read_some(space, asio::redirect_error(asio::use_awaitable, error));
    idle_ = false;
    if (error || cut_) co_return false;
    buffer_.commit(got);
  }

  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(limits.max_header_bytes));
  parser.body_limit(limits.max_body_bytes);
  stream_.expires_after(limits.header_timeout);
  co_await beast::http::async_read_header(stream_, buffer_, parser, asio::redirect_error(asio::use_awaitable, error));
  if (error) {
    auto problem = problem_of(error);
    if (!problem) co_return false;
    co_return co_await refuse(std::move(*problem));
  }
  if (auto problem = problem_of(parser)) co_return co_await refuse(std::move(*problem));

  IncomingRequest in = incoming(parser);
  const bool http_1_0 = parser.get().version() == 10;
  const bool head_only = parser.get().method() == beast::http::verb::head;
  const bool wants_keep_alive = parser.get().keep_alive();
  std::optional<Response> early;
  if (shared_->admission) early = shared_->admission(in);
  if (early) {
    if (!parser.is_done()) {
      // A body that came with its head is passed over. To wait for the rest of one would let whoever is refused go on sending.
      const auto body = parser.content_length_remaining();
      if (!body || *body > buffer_.size()) co_return co_await refuse(std::move(*early));
      buffer_.consume(static_cast<std::size_t>(*body));
    }
    answer_ = std::move(early);
  } else {
    if (!parser.is_done()) {
      if (parser.get().count(beast::http::field::expect) > 0 && !http_1_0 && buffer_.size() == 0) {
        const bool invited = co_await write("HTTP/1.1 100 Continue\r\n\r\n");
        if (!invited) co_return false;
      }
      const bool shorter = in.body_timeout.count() > 0 && in.body_timeout < limits.body_timeout;
      stream_.expires_after(shorter ? in.body_timeout : limits.body_timeout);
      co_await beast::http::async_read(stream_, buffer_, parser, asio::redirect_error(asio::use_awaitable, error));
      if (error) {
        auto problem = problem_of(error);
        if (!problem) co_return false;
        co_return co_await refuse(std::move(*problem));
      }
      in.request.body = std::move(parser.get().body());
    }
    stream_.expires_never();
    answer_.reset();
    auto reply = std::make_unique<SessionReply>(shared_from_this());
    handling_ = std::this_thread::get_id();
    try {
      shared_->handler(std::move(in), std::move(reply));
    } catch (...) {
      // The reply went away with the exception and answers 500.
    }
    handling_ = std::thread::id();
    while (!answer_ && !cut_) {
      answered_.expires_at(std::chrono::steady_clock::time_point::max());
      co_await answered_.async_wait(asio::redirect_error(asio::use_awaitable, error));
    }
    if (cut_) co_return false;
  }

  const bool keep_alive = wants_keep_alive && !shared_->lame_duck && !shared_->draining;
  const AnswerFraming framing{.keep_alive = keep_alive, .http_1_0 = http_1_0, .head_only = head_only};
  const std::string wire = to_wire(*answer_, framing, shared_->clock.now());
  answer_.reset();
  const bool written = co_await write(wire);
  if (!written) co_return false;
  if (!keep_alive) co_await linger();
  co_return keep_alive;
}

class BeastServer final : public Server {
 public:
  BeastServer(std::shared_ptr<Shared> shared, std::size_t threads)
      : shared_(std::move(shared)), loops_(make_loops(std::max<std::size_t>(threads, 1))) {}
  ~BeastServer() override { stop(); }

  Expected<void> listen(const ServerOptions& options) {
    error_code error;
    const auto address = asio::ip::make_address(options.address, error);
    if (error) {
      return fail(Error::Kind::Invalid, "listen address '" + options.address + "' is not an IP address; write 0.0.0.0, 127.0.0.1 or ::");
    }
    const tcp::endpoint endpoint(address, options.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(1024, error);
    if (error) {
      return fail(Error::Kind::Unavailable,
                  "cannot listen on " + options.address + " port " + std::to_string(options.port) + ": " + error.message());
    }
    port_ = acceptor_.local_endpoint(error).port();
    for (const auto& loop : loops_) guards_.emplace_back(loop->context.get_executor());
    asio::co_spawn(loops_.front()->context, accept_all(), asio::detached);
    for (std::size_t i = 0; options.on_tick && i < loops_.size(); ++i) {
      asio::co_spawn(loops_[i]->context, tick(loops_[i], i, options.on_tick), asio::detached);
    }
    for (const auto& loop : loops_) threads_.emplace_back([loop] { loop->context.run(); });
    return {};
  }

  std::uint16_t port() const override { return port_; }
  void close_after_answer() override { shared_->lame_duck = true; }
  std::size_t in_flight() const override { return shared_->in_flight; }

  void drain(Duration deadline) override {
    shared_->draining = true;
    loops_.front()->post([this] { close_acceptor(); });
    for (const auto& loop : loops_) {
      loop->post([loop] {
        const std::set<Session*> sessions = loop->sessions;
        for (Session* session : sessions) session->cut_if_idle();
      });
    }
    {
      std::unique_lock lock(shared_->mutex);
      shared_->gone.wait_for(lock, deadline, [this] { return shared_->connections == 0; });
    }
    stop();
  }

 private:
  static std::vector<std::shared_ptr<Loop>> make_loops(std::size_t count) {
    std::vector<std::shared_ptr<Loop>> loops(count);
    std::generate(loops.begin(), loops.end(), [] { return std::make_shared<Loop>(); });
    return loops;
  }

  void close_acceptor() {
    error_code ignored;
    acceptor_.close(ignored);
    backoff_.cancel();
  }

  void stop() {
    // A server that could not listen never ran its loops: what is posted to one would keep it alive for ever.
    if (threads_.empty()) return;
    for (const auto& loop : loops_) {
      loop->post_last([this, loop] {
        if (loop == loops_.front()) close_acceptor();
        loop->ending = true;
        loop->ticker.cancel();
        const std::set<Session*> sessions = loop->sessions;
        for (Session* session : sessions) session->cut();
      });
    }
    guards_.clear();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }

  static asio::awaitable<void> tick(std::shared_ptr<Loop> loop, std::size_t number, OnTick on_tick) {
    while (!loop->ending) {
      const auto due = std::chrono::steady_clock::now() + kTick;
      loop->ticker.expires_at(due);
      error_code ignored;
      co_await loop->ticker.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      if (loop->ending) break;
      const auto late = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - due);
      on_tick(number, std::max(late, Duration(0)));
    }
  }

  asio::awaitable<void> accept_all() {
    for (std::size_t next = 0; acceptor_.is_open(); next = (next + 1) % loops_.size()) {
      const auto loop = loops_[next];
      tcp::socket socket(loop->context);
      error_code error;
      co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
      if (!acceptor_.is_open()) break;
      if (error && error != asio::error::connection_aborted) {
        // Out of descriptors or memory: the connection stays in the backlog, and asking again at once would spin.
        backoff_.expires_after(kAcceptBackoff);
        error_code ignored;
        co_await backoff_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        continue;
      }
      if (!error) adopt(loop, std::move(socket));
    }
  }

  void adopt(const std::shared_ptr<Loop>& loop, tcp::socket socket) {
    if (!shared_->enter()) {
      const std::string wire = to_wire(shared_->refusal(503, "too many connections"), {.keep_alive = false}, shared_->clock.now());
      error_code ignored;
      socket.non_blocking(true, ignored);
      socket.write_some(asio::buffer(wire), ignored);
      return;
    }
    const auto session = std::make_shared<Session>(loop, shared_, std::move(socket));
    const bool posted = loop->post([loop, session, shared = shared_] {
      loop->sessions.insert(session.get());
      // The completion handler owns the session too: it is the last to let go of it, on the loop's thread.
      asio::co_spawn(
          loop->context, [session] { return session->run(); },
          [loop, session, shared](const std::exception_ptr&) {
            loop->sessions.erase(session.get());
            shared->leave();
          });
    });
    if (!posted) shared_->leave();
  }

  std::shared_ptr<Shared> shared_;
  const std::vector<std::shared_ptr<Loop>> loops_;
  std::vector<asio::executor_work_guard<asio::io_context::executor_type>> guards_;
  tcp::acceptor acceptor_{loops_.front()->context};
  asio::steady_timer backoff_{loops_.front()->context};
  std::vector<std::thread> threads_;
  std::uint16_t port_ = 0;
};

}  // namespace

Expected<std::unique_ptr<Server>> serve(const ServerOptions& options, Handler handler, Admission admission) {
  auto shared = std::make_shared<Shared>();
  shared->limits = options.limits;
  shared->handler = std::move(handler);
  shared->admission = std::move(admission);
  if (options.refusal) shared->refusal = options.refusal;
  try {
    auto server = std::make_unique<BeastServer>(std::move(shared), options.threads);
    if (const auto listening = server->listen(options); !listening) return tl::make_unexpected(listening.error());
    return server;
  } catch (const std::exception& e) { return fail(Error::Kind::Unavailable, std::string("cannot start a server: ") + e.what()); }
}

}  // namespace sluice::http
