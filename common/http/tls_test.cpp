#include <gtest/gtest.h>

#include <openssl/ssl.h>

#include <semaphore>

#include "common/http/certificates_for_test.h"
#include "common/http/raw_server_for_test.h"
#include "common/http/transport.h"

namespace sluice::http {
namespace {

using namespace std::chrono_literals;
using testing::Identity;
using testing::make_identity;
using testing::RawConnection;
using testing::RawServer;

// What a TLS server saw of one client.
struct Seen {
  std::string server_name;
  std::string client;  // common name of the client's certificate
  std::string version;
};

// One HTTPS answer per connection.
class TlsServer {
 public:
  TlsServer(const Identity& identity, const Identity* client_authority, int max_version = TLS1_3_VERSION)
      : context_(SSL_CTX_new(TLS_server_method())), server_([this](RawConnection& peer, int) { serve(peer); }) {
    SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_, max_version);
    if (max_version < TLS1_2_VERSION) SSL_CTX_set_security_level(context_, 0);
    BIO* bio = BIO_new_mem_buf(identity.certificate.data(), -1);
    X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    bio = BIO_new_mem_buf(identity.key.data(), -1);
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    SSL_CTX_use_certificate(context_, certificate);
    SSL_CTX_use_PrivateKey(context_, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    if (client_authority) {
      bio = BIO_new_mem_buf(client_authority->certificate.data(), -1);
      X509* authority = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
      BIO_free(bio);
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), authority);
      X509_free(authority);
      SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
  }
  ~TlsServer() { SSL_CTX_free(context_); }

  std::string url(const std::string& host = "127.0.0.1") const { return "https://" + host + ":" + std::to_string(server_.port()); }
  Seen seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  void wait_for_an_end() { ended_.acquire(); }

 private:
  void serve(RawConnection& peer) {
    SSL* tls = SSL_new(context_);
    SSL_set_fd(tls, peer.fd());
    if (SSL_accept(tls) == 1) {
      {
        const std::lock_guard lock(mutex_);
        const char* name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
        seen_.server_name = name ? name : "";
        seen_.version = SSL_get_version(tls);
        if (X509* client = SSL_get1_peer_certificate(tls)) {
          char text[128];
          X509_NAME_get_text_by_NID(X509_get_subject_name(client), NID_commonName, text, sizeof text);
          seen_.client = text;
          X509_free(client);
        }
      }
      char buffer[4096];
      if (SSL_read(tls, buffer, sizeof buffer) > 0) {
        const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret";
        SSL_write(tls, answer.data(), static_cast<int>(answer.size()));
      }
      SSL_shutdown(tls);
      peer.end();
      ended_.release();
    }
    SSL_free(tls);
  }

  SSL_CTX* context_;
  std::mutex mutex_;
  Seen seen_;
  std::counting_semaphore<> ended_{0};
  RawServer server_;  // last: its threads use what stands above
};

Expected<Response> get(const std::string& url, const Tls& tls) {
  const auto transport = make_transport({.url = url, .tls = tls});
  if (!transport) return tl::make_unexpected(transport.error());
  Request request;
  request.target = "/";
  request.deadline = 5s;
  return (*transport)->send(request);
}

class TlsTransport : public ::testing::Test {
 protected:
  void expect_refused(const Expected<Response>& result, const std::string& why) {
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().is(Error::Kind::Unavailable)) << to_string(result.error());
    EXPECT_NE(result.error().message.find(why), std::string::npos) << result.error().message;
  }

  Identity authority = make_identity("the cluster", nullptr);
  Identity stranger = make_identity("somebody else", nullptr);
  Identity server = make_identity("api", &authority, "DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1");
};

TEST_F(TlsTransport, TheGivenAuthorityIsTrusted) {
  TlsServer tls(server, nullptr);
  const auto result = get(tls.url(), {.ca = authority.certificate});
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->body, "secret");
  EXPECT_EQ(tls.seen().version, "TLSv1.3");
}

TEST_F(TlsTransport, AConnectionThatEndedWhileIdleIsReplacedBeforeAnythingIsSent) {
  TlsServer tls(server, nullptr);
  const auto transport = *make_transport({.url = tls.url(), .tls = {.ca = authority.certificate}});
  for (int i = 0; i < 5; ++i) {
    const auto result = transport->send({.method = "POST", .target = "/", .body = "{}", .deadline = 5s});
    ASSERT_TRUE(result) << to_string(result.error());
    tls.wait_for_an_end();
  }
}

TEST_F(TlsTransport, AnyOtherAuthorityIsRefusedWithTheReason) {
  TlsServer tls(server, nullptr);
  expect_refused(get(tls.url(), {.ca = stranger.certificate}), "unable to get local issuer certificate");
}

TEST_F(TlsTransport, TheSystemsAuthoritiesDoNotTrustTheCluster) {
  TlsServer tls(server, nullptr);
  expect_refused(get(tls.url(), {}), "unable to get local issuer certificate");
}

TEST_F(TlsTransport, ABundleMayHoldSeveralAuthorities) {
  TlsServer tls(server, nullptr);
  const auto result = get(tls.url(), {.ca = stranger.certificate + authority.certificate});
  EXPECT_TRUE(result) << to_string(result.error());
}

TEST_F(TlsTransport, ACertificateForAnotherNameIsRefused) {
  const Identity elsewhere = make_identity("api", &authority, "DNS:elsewhere,IP:10.0.0.1");
  TlsServer tls(elsewhere, nullptr);
  expect_refused(get(tls.url("localhost"), {.ca = authority.certificate}), "hostname mismatch");
  expect_refused(get(tls.url("127.0.0.1"), {.ca = authority.certificate}), "IP address mismatch");
}

TEST_F(TlsTransport, TheServerNameReplacesTheHostForVerificationAndIndication) {
  const Identity named = make_identity("api", &authority, "DNS:kubernetes.default.svc");
  TlsServer tls(named, nullptr);
  const auto result = get(tls.url(), {.ca = authority.certificate, .server_name = "kubernetes.default.svc"});
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(tls.seen().server_name, "kubernetes.default.svc");
}

TEST_F(TlsTransport, AnAddressIsNotSentAsServerName) {
  TlsServer tls(server, nullptr);
  ASSERT_TRUE(get(tls.url("127.0.0.1"), {.ca = authority.certificate}));
  EXPECT_EQ(tls.seen().server_name, "");
  ASSERT_TRUE(get(tls.url("localhost"), {.ca = authority.certificate}));
  EXPECT_EQ(tls.seen().server_name, "localhost");
}

TEST_F(TlsTransport, AClientCertificateIsShown) {
  const Identity me = make_identity("sluice", &authority);
  TlsServer tls(server, &authority);
  const auto result = get(tls.url(), {.ca = authority.certificate, .client_certificate = me.certificate, .client_key = me.key});
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(tls.seen().client, "sluice");
}

TEST_F(TlsTransport, AMissingClientCertificateIsAnErrorNotAnAnswer) {
  TlsServer tls(server, &authority);
  const auto result = get(tls.url(), {.ca = authority.certificate});
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().is(Error::Kind::Unavailable)) << to_string(result.error());
}

TEST_F(TlsTransport, AKeyOfAnotherCertificateIsRefusedWhenMade) {
  const Identity me = make_identity("sluice", &authority);
  const auto transport = make_transport(
      {.url = "https://a", .tls = {.ca = authority.certificate, .client_certificate = me.certificate, .client_key = server.key}});
  ASSERT_FALSE(transport);
  EXPECT_NE(transport.error().message.find("does not belong"), std::string::npos) << transport.error().message;
}

TEST_F(TlsTransport, InsecureSkipVerifyAcceptsAnything) {
  const Identity unknown = make_identity("x", &stranger, "DNS:x");
  TlsServer tls(unknown, nullptr);
  const auto result = get(tls.url(), {.insecure_skip_verify = true});
  EXPECT_TRUE(result) << to_string(result.error());
}

TEST_F(TlsTransport, Tls11IsRefused) {
  TlsServer tls(server, nullptr, TLS1_1_VERSION);
  const auto result = get(tls.url(), {.ca = authority.certificate});
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().is(Error::Kind::Unavailable)) << to_string(result.error());
}

TEST_F(TlsTransport, AServerThatNeverShakesHandsEndsAtTheDeadline) {
  RawServer silent([](RawConnection& peer, int) { peer.wait_for_close(); });
  const auto transport = make_transport({.url = silent.url("https"), .tls = {.ca = authority.certificate}});
  ASSERT_TRUE(transport);
  Request request;
  request.target = "/";
  request.deadline = 200ms;
  const auto result = (*transport)->send(request);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("in time"), std::string::npos) << result.error().message;
}

TEST_F(TlsTransport, ThroughAProxyTheTunnelIsVerifiedEndToEnd) {
  TlsServer tls(server, nullptr);
  const std::string port = tls.url().substr(tls.url().rfind(':') + 1);
  std::string asked;
  RawServer proxy([&](RawConnection& client, int) {
    asked = client.read_head();
    const int upstream = testing::connect_to(static_cast<std::uint16_t>(std::stoi(port)));
    client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    char buffer[16384];
    for (bool open = true; open;) {
      pollfd ends[2] = {{client.fd(), POLLIN, 0}, {upstream, POLLIN, 0}};
      if (::poll(ends, 2, 5000) <= 0) break;
      for (int i = 0; i < 2 && open; ++i) {
        if (ends[i].revents == 0) continue;
        const auto got = ::recv(ends[i].fd, buffer, sizeof buffer, 0);
        open = got > 0 && ::send(ends[1 - i].fd, buffer, static_cast<std::size_t>(got), MSG_NOSIGNAL) == got;
      }
    }
    ::close(upstream);
  });
  const auto transport =
      make_transport({.url = "https://kubernetes.default.svc:" + port, .tls = {.ca = authority.certificate}, .proxy = proxy.url()});
  ASSERT_TRUE(transport) << transport.error().message;
  Request request;
  request.target = "/";
  request.deadline = 5s;
  const auto result = (*transport)->send(request);
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->body, "secret");
  EXPECT_EQ(tls.seen().server_name, "kubernetes.default.svc");
  EXPECT_TRUE(asked.starts_with("CONNECT kubernetes.default.svc:" + port + " HTTP/1.1\r\n")) << asked;
}

}  // namespace
}  // namespace sluice::http
