// HTTP from the client's side, as an interface: everything that talks to the Kubernetes API, to Prometheus or to a webhook
// receiver does it through a Transport, so that tests put a scripted one in its place.
//
// send() and stream() block the calling thread, which must be one of ours, never a thread of the transport's own pool
// (they fail with Internal there instead of deadlocking). Both are thread-safe. A request ends at its deadline whatever
// the server does: slow headers, dribbled bodies and silent connections included. Redirects are not followed. The body is framed
// by Content-Length; Connection, Content-Length and Transfer-Encoding are not ours to set.
//
// A kept connection that the server ended before anything was sent on it is replaced. When one ends after that and before an
// answer, nobody knows whether the server acted: GET and HEAD are sent once more on another connection, all others are an error
// that says so, and whether to send them again is the caller's to decide (docs/decisions/0020-a-request-is-sent-once.md).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/error.h"
#include "common/core/time.h"

namespace sluice::http {

// Header names are compared without regard to case.
struct CaseInsensitiveLess {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const;
};
using Headers = std::map<std::string, std::string, CaseInsensitiveLess>;

struct Request {
  std::string method = "GET";
  std::string target{};  // path and query, encoded: "/api/v1/pods?limit=500"
  Headers headers{};
  std::string body{};
  Duration deadline{10'000};                // whole exchange; for stream(): until the head of the answer
  Duration idle{0};                         // stream(): longest silence between two chunks; 0 = no limit
  std::size_t max_body = 32 * 1024 * 1024;  // larger answers end with Corrupt (unary only)
};

struct Response {
  int status = 0;
  Headers headers{};
  std::string body{};
};

// Whom a transport trusts and who it is. All text is PEM, never a path, so that rotation is the caller's business.
struct Tls {
  std::string ca{};                  // only these are trusted; empty: the system's store
  std::string client_certificate{};  // chain; empty: none
  std::string client_key{};
  std::string server_name{};          // SNI and name to verify; empty: the host of the URL
  bool insecure_skip_verify = false;  // kubeconfig's insecure-skip-tls-verify
};

struct Endpoint {
  std::string url{};  // "https://10.96.0.1:443", no path needed; an IPv6 literal in brackets
  Tls tls{};
  std::string proxy{};  // "http://proxy:3128"; empty: none
};

// Called with the head of a streamed answer; false ends the stream.
using OnHead = std::function<bool(const Response& head)>;
// Called with each piece of the body as it arrives, on the calling thread of stream(); false ends the stream.
using OnChunk = std::function<bool(std::string_view chunk)>;

class Transport {
 public:
  virtual ~Transport() = default;

  // An answer of any status is a value. Errors: Unavailable (no connection, time-out, TLS), Corrupt (body too large,
  // broken framing), Cancelled (stop requested), Invalid (a URL or header that cannot be sent).
  virtual Expected<Response> send(const Request& request, std::stop_token stop = {}) = 0;

  // Returns when the server ends the stream (value: true) or a callback said false (value: false).
  // Not-2xx answers are delivered to on_head with their body (up to 64 KiB) and end the stream.
  // Back-pressure: while on_chunk runs at most 1 MiB is read ahead.
  virtual Expected<bool> stream(const Request& request, const OnHead& on_head, const OnChunk& on_chunk, std::stop_token stop = {}) = 0;
};

// The library's worker threads; the first call of the process decides and must come before any transport is made.
// Default 1, which is enough for hundreds of watches, as nothing ever blocks it, and the safe number: with one thread the
// library's connections are only ever touched by one thread (it cancels them unguarded otherwise).
void set_transport_threads(std::size_t threads);

// The Transport on cpprestsdk (transport_cpprest.cpp holds the reasons for its guard rails). Connections are pooled per
// transport. Error Invalid: a URL that cannot be used, PEM that cannot be read.
Expected<std::shared_ptr<Transport>> make_transport(const Endpoint& endpoint);

}  // namespace sluice::http
