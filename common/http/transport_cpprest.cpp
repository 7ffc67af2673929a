// The Transport on cpprestsdk 2.10.18; no other file includes it. Upstream is archived, so its traps are fenced in here:
//  - Its connection is not safe to cancel while another pool thread works on it, and its cancellation hook is set up after
//    the request was started. Every call into it therefore runs on the pool, and one pool thread (the default) makes the
//    whole library single-threaded. Nothing ever waits on the pool: callers wait in Exchange, with their own deadline.
//  - Its only time-out is an inactivity timer, which dribbled bytes reset and which kills quiet watches: it is set far away.
//  - It adds the system's authorities to the trusted ones and parses them for each connection: see the end of this file.
//  - It follows redirects, bearer token and all: switched off.
//  - When a kept connection ends without an answer it sends the request once more, whatever the method. Only GET and HEAD may
//    be; see Body for how it is held off, and refuse_ended() for the connections that ended before anything was sent.
//  - Bodies go to our own stream buffer, which holds the library when the reader is slow. A single chunk of a chunked body
//    and the head are buffered by the library as a whole; the deadline bounds them.
//  - IPv6 literals never connect (it resolves the bracketed text): refused.
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstring>
#include <mutex>
#include <utility>

#include <cpprest/http_client.h>
#include <pplx/threadpool.h>

#include "common/http/exchange.h"
#include "common/http/tls_material.h"
#include "common/http/transport.h"
#include "common/http/url.h"

static_assert(BOOST_VERSION / 100 == 1074, "Boost must be the one libcpprest was built with; two in one process crash");

namespace sluice::http {
namespace {

namespace rest = web::http;
using std::chrono::steady_clock;

constexpr std::size_t kReadAhead = 1024 * 1024;
constexpr std::size_t kErrorBody = 64 * 1024;
constexpr auto kFarAway = std::chrono::hours(24 * 365);

std::once_flag pool_started;

void start_pool(std::size_t threads) {
  std::call_once(pool_started, [threads] { crossplat::threadpool::initialize_with_threads(std::max<std::size_t>(threads, 1)); });
}

boost::asio::io_service& pool() {
  start_pool(1);
  return crossplat::threadpool::shared_instance().service();
}

// A stream buffer of the library that can do nothing.
class Buffer : public concurrency::streams::details::streambuf_state_manager<uint8_t> {
 public:
  explicit Buffer(std::ios_base::openmode mode) : streambuf_state_manager(mode) {}
  bool can_seek() const override { return false; }
  bool has_size() const override { return false; }
  std::size_t buffer_size(std::ios_base::openmode) const override { return 0; }
  void set_buffer_size(std::size_t, std::ios_base::openmode) override {}
  std::size_t in_avail() const override { return 0; }
  pos_type getpos(std::ios_base::openmode) const override { return pos_type(off_type(-1)); }
  pos_type seekpos(pos_type, std::ios_base::openmode) override { return pos_type(off_type(-1)); }
  pos_type seekoff(off_type, std::ios_base::seekdir, std::ios_base::openmode) override { return pos_type(off_type(-1)); }
  bool acquire(uint8_t*& ptr, std::size_t& count) override {
    ptr = nullptr;
    count = 0;
    return false;
  }
  void release(uint8_t*, std::size_t) override {}

 protected:
  pplx::task<std::size_t> _putn(const uint8_t*, std::size_t) override { return pplx::task_from_result<std::size_t>(0); }
  pplx::task<int_type> _putc(uint8_t) override { return pplx::task_from_result(traits::eof()); }
  pplx::task<bool> _sync() override { return pplx::task_from_result(true); }
  pplx::task<int_type> _bumpc() override { return pplx::task_from_result(traits::eof()); }
  int_type _sbumpc() override { return traits::eof(); }
  pplx::task<int_type> _getc() override { return pplx::task_from_result(traits::eof()); }
  int_type _sgetc() override { return traits::eof(); }
  pplx::task<int_type> _nextc() override { return pplx::task_from_result(traits::eof()); }
  pplx::task<int_type> _ungetc() override { return pplx::task_from_result(traits::eof()); }
  pplx::task<std::size_t> _getn(uint8_t*, std::size_t) override { return pplx::task_from_result<std::size_t>(0); }
  std::size_t _scopy(uint8_t*, std::size_t) override { return 0; }
  uint8_t* _alloc(std::size_t) override { return nullptr; }
  void _commit(std::size_t) override {}
};

// Where the library writes an answer's body to. Only putn is ever called on a response stream.
class Sink final : public Buffer {
 public:
  explicit Sink(std::shared_ptr<Exchange> exchange) : Buffer(std::ios_base::out), exchange_(std::move(exchange)) {}

 protected:
  pplx::task<std::size_t> _putn(const uint8_t* data, std::size_t count) override {
    pplx::task_completion_event<std::size_t> written;
    const std::string_view piece(reinterpret_cast<const char*>(data), count);
    if (exchange_->push(piece, [written, count] { written.set(count); })) return pplx::task_from_result(count);
    return pplx::create_task(written);
  }

 private:
  std::shared_ptr<Exchange> exchange_;
};

// Where the library reads the body of a request from that must not be sent twice; it may be empty. When a kept connection ended
// without an answer the library rewinds the body, which nothing else does, and begins again on another connection: by then the
// request is cancelled, and it looks for that before it sends anything. To say that the body cannot be rewound would end the
// request too, but leaves a connection that was never made among the kept ones, where it spoils the next request.
class Body final : public Buffer {
 public:
  Body(std::string bytes, pplx::cancellation_token_source cancel)
      : Buffer(std::ios_base::in), bytes_(std::move(bytes)), cancel_(std::move(cancel)) {}
  bool can_seek() const override { return true; }
  pos_type seekpos(pos_type position, std::ios_base::openmode) override {
    unanswered_ = true;
    cancel_.cancel();
    return position;
  }
  // It was sent, the connection ended, and that is all that is known.
  bool unanswered() const { return unanswered_; }

 protected:
  pplx::task<std::size_t> _getn(uint8_t* to, std::size_t count) override {
    const std::size_t length = std::min(count, bytes_.size() - read_);
    std::memcpy(to, bytes_.data() + read_, length);
    read_ += length;
    return pplx::task_from_result(length);
  }

 private:
  const std::string bytes_;
  std::size_t read_ = 0;
  pplx::cancellation_token_source cancel_;
  std::atomic<bool> unanswered_{false};
};

// A kept connection has ended before anything was sent on it.
struct Ended final : std::exception {};

// Called by the library with the connection of each request just before it is written. What comes unasked is no answer to it; with TLS
// it may be a session ticket, which is read with the answer.
void refuse_ended(boost::asio::ip::tcp::socket& socket, bool tls) {
  if (!socket.is_open()) return;  // a new one, which is connected next
  pollfd look{socket.native_handle(), POLLIN | POLLRDHUP, 0};
  if (::poll(&look, 1, 0) <= 0) return;
  if (!tls || (look.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) throw Ended();
}

bool may_be_sent_twice(const std::string& method) { return method == "GET" || method == "HEAD"; }

constexpr std::string_view kUnanswered = "the connection ended without an answer; the request may have been received";

Error describe(const std::exception& e) {
  const std::string_view what = e.what();
  // The library tells broken framing only by the text of its exceptions.
  if (what.starts_with("Invalid")) return {Error::Kind::Corrupt, std::string(what), 0, {}};
  if (what.starts_with("Failed to read HTTP status line")) return {Error::Kind::Unavailable, std::string(kUnanswered), 0, {}};
  return {Error::Kind::Unavailable, std::string(what), 0, {}};
}

template <typename Task>
std::optional<Error> outcome(const Task& done) {
  try {
    done.get();  // complete: does not block
    return std::nullopt;
  } catch (const std::exception& e) { return describe(e); } catch (...) {
    return Error{Error::Kind::Unavailable, "the request was cut", 0, {}};
  }
}

template <typename Task>
bool had_ended(const Task& done) {
  try {
    done.get();
  } catch (const Ended&) { return true; } catch (...) {
  }
  return false;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

class CpprestTransport final : public Transport {
 public:
  CpprestTransport(Url url, std::shared_ptr<TlsMaterial> tls, const Endpoint& endpoint)
      : url_(std::move(url)), tls_(std::move(tls)), unary_(make_client(endpoint)), watch_(make_client(endpoint)) {}

  Expected<Response> send(const Request& request, std::stop_token stop) override {
    Response answer;
    bool too_large = false;
    const auto declared_too_large = [&](const Response& head) {
      const auto length = head.headers.find("Content-Length");
      unsigned long long bytes = 0;
      return length != head.headers.end() && request.method != "HEAD" &&
             std::from_chars(length->second.data(), length->second.data() + length->second.size(), bytes).ec == std::errc() &&
             bytes > request.max_body;
    };
    const auto on_head = [&](const Response& head) {
      answer = head;
      too_large = declared_too_large(head);
      return !too_large;
    };
    const auto on_piece = [&](std::string_view piece) {
      too_large = answer.body.size() + piece.size() > request.max_body;
      if (!too_large) answer.body.append(piece);
      return !too_large;
    };
    const auto done = run(unary_, request, Deadlines{.whole = true}, on_head, on_piece, stop);
    if (too_large) {
      return fail(Error::Kind::Corrupt, label(request) + ": the answer is larger than " + std::to_string(request.max_body) +
                                            " bytes; ask for less (a limit, a narrower selector)");
    }
    if (!done) return tl::make_unexpected(done.error());
    return answer;
  }

  Expected<bool> stream(const Request& request, const OnHead& on_head, const OnChunk& on_chunk, std::stop_token stop) override {
    std::optional<Response> refusal;  // a not-2xx head, until its body is complete
    const auto head_seen = [&](const Response& head) {
      if (head.status / 100 == 2) return on_head(head);
      refusal = head;
      return true;
    };
    const auto piece_seen = [&](std::string_view piece) {
      if (!refusal) return on_chunk(piece);
      refusal->body.append(piece.substr(0, kErrorBody - refusal->body.size()));
      return refusal->body.size() < kErrorBody;
    };
    const auto done = run(watch_, request, Deadlines{.whole = false}, head_seen, piece_seen, stop);
    if (refusal && (done || !done.error().is(Error::Kind::Cancelled))) return on_head(*refusal);
    return done;
  }

 private:
  struct Deadlines {
    bool whole = true;  // else: the request's deadline up to the head, its idle limit afterwards
  };

  rest::client::http_client make_client(const Endpoint& endpoint) const {
    rest::client::http_client_config config;
    config.set_timeout(kFarAway);
    config.set_max_redirects(0);
    if (!endpoint.proxy.empty()) {
      web::uri address(endpoint.proxy);
      web::web_proxy proxy(web::uri_builder(address).set_user_info("").to_uri());
      const std::string user = web::uri::decode(address.user_info());
      if (const auto colon = user.find(':'); colon != std::string::npos) {
        proxy.set_credentials(web::credentials(user.substr(0, colon), user.substr(colon + 1)));
      }
      config.set_proxy(proxy);
    }
    if (tls_) {
      config.set_ssl_context_callback([tls = tls_](boost::asio::ssl::context& context) { tls->apply(context.native_handle()); });
    }
    using Plain = boost::asio::ip::tcp::socket;
    using Secured = boost::asio::ssl::stream<Plain&>;
    // Which of the two it is given on the way to a tunnel is not told, so that kept connections through one are not looked at.
    if (!tls_) {
      config.set_nativehandle_options([](web::http::client::native_handle it) { refuse_ended(*static_cast<Plain*>(it), false); });
    } else if (endpoint.proxy.empty()) {
      config.set_nativehandle_options(
          [](web::http::client::native_handle it) { refuse_ended(static_cast<Secured*>(it)->next_layer(), true); });
    }
    return rest::client::http_client(web::uri(to_string(url_)), config);
  }

  std::string label(const Request& request) const {
    const std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
    return request.method + " " + to_string(url_) + std::string(path);
  }

  // body: null: as the library has it.
  Expected<rest::http_request> prepare(const Request& request, const std::shared_ptr<Body>& body) const {
    if (!is_token(request.method)) return fail(Error::Kind::Invalid, "'" + request.method + "' is not an HTTP method");
    const std::string& target = request.target;
    if (!target.starts_with('/') || target.starts_with("//") || target.find('#') != std::string::npos || !web::uri::validate(target)) {
      return fail(Error::Kind::Invalid,
                  label(request) + ": the target '" + target + "' cannot be sent; it must start with one '/' and be percent-encoded");
    }
    rest::http_request message(request.method);
    message.set_request_uri(web::uri(target));
    message.headers()["User-Agent"] = "sluice";
    if (body) {
      message.set_body(concurrency::streams::streambuf<uint8_t>(body).create_istream(), request.body.size());
      if (request.body.empty()) message.headers().remove("Content-Type");  // the library's
    } else if (!request.body.empty()) {
      message.set_body(std::vector<unsigned char>(request.body.begin(), request.body.end()));
    }
    for (const auto& [name, value] : request.headers) {
      const CaseInsensitiveLess less;
      for (const std::string_view framing : {"Content-Length", "Transfer-Encoding", "Connection"}) {
        if (!less(name, framing) && !less(framing, name)) {
          return fail(Error::Kind::Invalid, label(request) + ": header '" + name + "' is set by the transport; leave it out");
        }
      }
      if (!is_token(name) || std::any_of(value.begin(), value.end(), [](unsigned char c) { return c < 0x20 && c != '\t'; })) {
        return fail(Error::Kind::Invalid, label(request) + ": header '" + name + "' has a name or value that cannot be sent");
      }
      message.headers()[name] = value;
    }
    return message;
  }

  static Response head_of(const rest::http_response& response) {
    Response head;
    head.status = response.status_code();
    for (const auto& [name, value] : response.headers()) head.headers[name] = value;
    return head;
  }

  // A request on its way.
  struct Call {
    rest::client::http_client client;
    rest::http_request message;
    std::shared_ptr<Body> body;  // null: may be sent twice
    std::shared_ptr<Exchange> exchange;
    pplx::cancellation_token token;
  };

  // On the pool.
  static void start(const Call& call) {
    const auto ended = [exchange = call.exchange](const pplx::task<rest::http_response>& done) { exchange->end(outcome(done)); };
    try {
      rest::client::http_client client = call.client;
      client.request(call.message, call.token)
          .then(
              [call, ended](const pplx::task<rest::http_response>& answered) {
                if (auto error = outcome(answered)) {
                  if (had_ended(answered)) return start(call);  // that connection is gone; in the end there is a new one
                  if (call.body && call.body->unanswered()) error->message = kUnanswered;
                  return call.exchange->end(error);
                }
                const rest::http_response response = answered.get();
                if (response.status_code() / 100 == 1) {
                  return call.exchange->end(Error{Error::Kind::Corrupt, "an interim answer that was not asked for", 0, {}});
                }
                call.exchange->head(head_of(response));
                response.content_ready().then(ended, pplx::cancellation_token::none());
              },
              pplx::cancellation_token::none());
    } catch (const std::exception& e) { call.exchange->end(describe(e)); }
  }

  // Value: true: the answer ended; false: a callback ended it.
  Expected<bool> run(const rest::client::http_client& client, const Request& request, Deadlines deadlines, const OnHead& on_head,
                     const OnChunk& on_piece, const std::stop_token& stop) {
    if (pool().get_executor().running_in_this_thread()) {
      return fail(Error::Kind::Internal, label(request) + ": called on a thread of the HTTP library, which would wait for itself");
    }
    const pplx::cancellation_token_source cancel;
    const auto body = may_be_sent_twice(request.method) ? nullptr : std::make_shared<Body>(request.body, cancel);
    auto message = prepare(request, body);
    if (!message) return tl::make_unexpected(message.error());

    auto exchange = std::make_shared<Exchange>(kReadAhead);
    message->set_response_stream(concurrency::streams::streambuf<uint8_t>(std::make_shared<Sink>(exchange)).create_ostream());
    boost::asio::post(pool(), [call = Call{client, *message, body, exchange, cancel.get_token()}] { start(call); });
    // Whatever way we leave: the connection of an unfinished exchange is closed, on the pool, and nobody waits for it.
    struct Leave {
      Exchange& exchange;
      const pplx::cancellation_token_source& cancel;
      bool complete;
      ~Leave() {
        if (complete) return;
        exchange.abandon();
        boost::asio::post(pool(), [cancel = this->cancel] { cancel.cancel(); });
      }
    } leave{*exchange, cancel, false};

    std::optional<Exchange::Instant> deadline = steady_clock::now() + request.deadline;
    for (;;) {
      switch (exchange->next(deadline, stop)) {
        case Exchange::Event::Stopped: return fail(Error::Kind::Cancelled, label(request) + ": stopped");
        case Exchange::Event::Late:
          return fail(Error::Kind::Unavailable, label(request) + ": no " + (deadlines.whole ? "complete answer" : "data") +
                                                    " in time; the server is slow or the deadline too short");
        case Exchange::Event::Head:
          if (!on_head(exchange->take_head())) return false;
          break;
        case Exchange::Event::Piece:
          if (!on_piece(exchange->take_piece())) return false;
          break;
        case Exchange::Event::End: {
          leave.complete = true;
          if (const auto& error = exchange->error()) return explain(request, *error);
          return true;
        }
      }
      if (!deadlines.whole) { deadline = request.idle.count() > 0 ? std::optional(steady_clock::now() + request.idle) : std::nullopt; }
    }
  }

  Unexpected explain(const Request& request, Error error) const {
    error.message = label(request) + ": " + error.message;
    if (tls_) {
      if (const std::string failure = tls_->take_failure(); !failure.empty()) error.message += ": " + failure;
    }
    return Unexpected(std::move(error));
  }

  Url url_;
  std::shared_ptr<TlsMaterial> tls_;
  rest::client::http_client unary_;
  rest::client::http_client watch_;  // apart, so that long watches never share the pool of unary connections
};

}  // namespace

void set_transport_threads(std::size_t threads) { start_pool(threads); }

Expected<std::shared_ptr<Transport>> make_transport(const Endpoint& endpoint) {
  auto url = parse_url(endpoint.url);
  if (!url) return tl::make_unexpected(url.error());
  if (url->ipv6_literal) {
    return fail(Error::Kind::Invalid, "URL '" + endpoint.url + "': IPv6 addresses cannot be used; give a DNS name that resolves to it");
  }
  if (!endpoint.proxy.empty()) {
    const auto proxy = parse_url(endpoint.proxy, UserInfo::Allowed);
    if (!proxy) return fail("proxy", proxy.error());
    if (proxy->scheme != "http" || proxy->ipv6_literal) {
      return fail(Error::Kind::Invalid, "proxy '" + proxy->host + "': only http:// proxies with a name or an IPv4 address are supported");
    }
  }
  std::shared_ptr<TlsMaterial> tls;
  if (url->scheme == "https") {
    auto loaded = TlsMaterial::load(endpoint.tls, url->host);
    if (!loaded) return fail("URL '" + endpoint.url + "'", loaded.error());
    tls = *loaded;
  }
  try {
    pool();
    return std::make_shared<CpprestTransport>(*std::move(url), std::move(tls), endpoint);
  } catch (const std::exception& e) { return fail(Error::Kind::Invalid, "URL '" + endpoint.url + "': " + e.what()); }
}

namespace testing {
void run_on_transport_pool(std::function<void()> work) { boost::asio::post(pool(), std::move(work)); }
}  // namespace testing

}  // namespace sluice::http

// The library calls this for each new connection, before our callback can replace the store, and OpenSSL then parses the
// system's whole bundle (25 ms). Ours takes the place of OpenSSL's: a transport that wants the system's store loads it
// once, in TlsMaterial.
extern "C" int SSL_CTX_set_default_verify_paths(SSL_CTX*) { return 1; }
