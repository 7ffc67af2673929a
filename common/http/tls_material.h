// What a client needs for TLS, parsed once: the trust store, our certificate and key, the name to expect.
//
// apply() sets all of it on an OpenSSL context of one connection. It takes the place of the library's own checks: TLS 1.2
// at least, only the given authorities, the name verified by OpenSSL (DNS names and IP addresses of the certificate's
// subjectAltName), SNI as in RFC 6066 (none for an IP address). Immutable after load() but for the last failure, which is
// guarded; thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <openssl/ssl.h>

#include "common/core/error.h"
#include "common/http/transport.h"

namespace sluice::http {

class TlsMaterial : public std::enable_shared_from_this<TlsMaterial> {
 public:
  // host: of the URL; used when tls.server_name is empty. Error Invalid: PEM that cannot be read, a key that does not
  // belong to the certificate, only one of the two.
  static Expected<std::shared_ptr<TlsMaterial>> load(const Tls& tls, const std::string& host);

  void apply(SSL_CTX* context);

  // Why the last handshake refused the server's certificate; empty: none did since the last call.
  std::string take_failure();

  ~TlsMaterial();
  TlsMaterial(const TlsMaterial&) = delete;
  TlsMaterial& operator=(const TlsMaterial&) = delete;

 private:
  TlsMaterial() = default;
  static int verify(X509_STORE_CTX* check, void* self);
  static void name_server(const SSL* connection, int where, int value);

  X509_STORE* store_ = nullptr;
  std::vector<X509*> chain_;  // the first is ours
  EVP_PKEY* key_ = nullptr;
  std::string server_name_;
  bool name_is_address_ = false;
  bool skip_verify_ = false;

  std::mutex mutex_;
  std::string failure_;
};

}  // namespace sluice::http
