#include "common/http/tls_material.h"

#include <arpa/inet.h>

#include <functional>
#include <utility>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

namespace sluice::http {
namespace {

bool is_address(const std::string& host) {
  unsigned char buffer[16];
  return inet_pton(AF_INET, host.c_str(), buffer) == 1 || inet_pton(AF_INET6, host.c_str(), buffer) == 1;
}

std::vector<X509*> read_certificates(const std::string& pem) {
  std::vector<X509*> found;
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  while (X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr)) found.push_back(certificate);
  ERR_clear_error();  // the end of the text is reported as an error
  BIO_free(bio);
  return found;
}

// Keeps the material alive as long as any connection made from the context is.
void free_owner(void*, void* owner, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<std::shared_ptr<TlsMaterial>*>(owner); }

int owner_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_owner);
  return index;
}

int keep_verdict(int verdict, X509_STORE_CTX*) { return verdict; }

}  // namespace

Expected<std::shared_ptr<TlsMaterial>> TlsMaterial::load(const Tls& tls, const std::string& host) {
  std::shared_ptr<TlsMaterial> material(new TlsMaterial);
  material->server_name_ = tls.server_name.empty() ? host : tls.server_name;
  material->name_is_address_ = is_address(material->server_name_);
  material->skip_verify_ = tls.insecure_skip_verify;

  material->store_ = X509_STORE_new();
  if (tls.ca.empty()) {
    if (!tls.insecure_skip_verify) X509_STORE_set_default_paths(material->store_);
  } else {
    const std::vector<X509*> authorities = read_certificates(tls.ca);
    for (X509* authority : authorities) {
      X509_STORE_add_cert(material->store_, authority);
      X509_free(authority);
    }
    if (authorities.empty()) {
      return fail(Error::Kind::Invalid, "TLS: the CA bundle holds no certificate; give PEM text (-----BEGIN CERTIFICATE-----)");
    }
  }

  if (tls.client_certificate.empty() != tls.client_key.empty()) {
    return fail(Error::Kind::Invalid, tls.client_key.empty() ? "TLS: a client certificate without its key; give both"
                                                             : "TLS: a client key without its certificate; give both");
  }
  if (!tls.client_certificate.empty()) {
    material->chain_ = read_certificates(tls.client_certificate);
    if (material->chain_.empty()) return fail(Error::Kind::Invalid, "TLS: the client certificate is not PEM text");
    BIO* bio = BIO_new_mem_buf(tls.client_key.data(), static_cast<int>(tls.client_key.size()));
    // An empty passphrase: OpenSSL would otherwise ask for one on the terminal.
    material->key_ = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, const_cast<char*>(""));
    BIO_free(bio);
    ERR_clear_error();
    if (!material->key_) return fail(Error::Kind::Invalid, "TLS: the client key is not an unencrypted PEM private key");
    if (X509_check_private_key(material->chain_.front(), material->key_) != 1) {
      ERR_clear_error();
      return fail(Error::Kind::Invalid, "TLS: the client key does not belong to the client certificate");
    }
  }
  return material;
}

TlsMaterial::~TlsMaterial() {
  X509_STORE_free(store_);
  for (X509* certificate : chain_) X509_free(certificate);
  EVP_PKEY_free(key_);
}

void TlsMaterial::apply(SSL_CTX* context) {
  SSL_CTX_set_ex_data(context, owner_index(), new std::shared_ptr<TlsMaterial>(shared_from_this()));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  X509_STORE_up_ref(store_);
  SSL_CTX_set_cert_store(context, store_);  // replaces the system's authorities, which are there by default
  SSL_CTX_set_cert_verify_callback(context, &TlsMaterial::verify, this);
  SSL_CTX_set_info_callback(context, &TlsMaterial::name_server);
  if (!chain_.empty()) {
    SSL_CTX_use_certificate(context, chain_.front());
    for (std::size_t i = 1; i < chain_.size(); ++i) SSL_CTX_add1_chain_cert(context, chain_[i]);
    SSL_CTX_use_PrivateKey(context, key_);
  }
}

// Stands in for OpenSSL's verification, so that one place decides: the library's callback compares names in a way that
// cannot be told another name than the URL's.
int TlsMaterial::verify(X509_STORE_CTX* check, void* self) {
  auto& material = *static_cast<TlsMaterial*>(self);
  if (material.skip_verify_) {
    X509_STORE_CTX_set_error(check, X509_V_OK);
    return 1;
  }
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(check);
  X509_STORE_CTX_set_verify_cb(check, keep_verdict);
  if (material.name_is_address_) {
    X509_VERIFY_PARAM_set1_ip_asc(param, material.server_name_.c_str());
  } else {
    X509_VERIFY_PARAM_set1_host(param, material.server_name_.c_str(), material.server_name_.size());
  }
  if (X509_verify_cert(check) == 1) return 1;
  const int reason = X509_STORE_CTX_get_error(check);
  const std::lock_guard lock(material.mutex_);
  material.failure_ = "the server's certificate for '" + material.server_name_ + "' is refused: " + X509_verify_cert_error_string(reason);
  return 0;
}

// Called before the ClientHello is written. This late, as the library sets the URL's host, be it an address, before.
void TlsMaterial::name_server(const SSL* connection, int where, int) {
  if ((where & SSL_CB_HANDSHAKE_START) == 0) return;
  auto* context = SSL_get_SSL_CTX(connection);
  const auto* owner = static_cast<std::shared_ptr<TlsMaterial>*>(SSL_CTX_get_ex_data(context, owner_index()));
  if (!owner) return;
  const TlsMaterial& material = **owner;
  auto* const hello = const_cast<SSL*>(connection);
  // The macro's parameter is not const, though the text is only copied.
  auto* const name = const_cast<char*>(material.server_name_.c_str());
  SSL_set_tlsext_host_name(hello, material.name_is_address_ ? nullptr : name);
}

std::string TlsMaterial::take_failure() {
  const std::lock_guard lock(mutex_);
  return std::exchange(failure_, {});
}

}  // namespace sluice::http
