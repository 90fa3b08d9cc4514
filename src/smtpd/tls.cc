// SPDX-License-Identifier: ISC
#include "smtpd/tls.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>
#include <vector>

#include "shared/base/c_ptr.h"

namespace restante::smtpd {
namespace {

using BioPtr = CPtr<BIO, BIO_free>;
using X509Ptr = CPtr<X509, X509_free>;
using KeyPtr = CPtr<EVP_PKEY, EVP_PKEY_free>;

std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(code);
  ERR_clear_error();
  return reason != nullptr ? reason : "unknown reason";
}

BioPtr memory_bio(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Which of several pairs a message is about.
struct PairNumber {
  std::size_t index, count;

  [[nodiscard]] std::string of(std::string_view setting) const {
    if (count == 1) return std::string(setting);
    return fmt::format("{} ({} of {})", setting, index + 1, count);
  }
};

// The first certificate is the server's, the rest its chain (RFC 8446 section 4.4.2).
Result<void> use_certificates(SSL_CTX* context, std::string_view pem, PairNumber number) {
  const BioPtr bio = memory_bio(pem);
  const X509Ptr leaf(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (leaf == nullptr || SSL_CTX_use_certificate(context, leaf.get()) != 1) {
    return fail(ErrorKind::kConfig, "{}: cannot be used: {}", number.of("tls_certificate"),
                openssl_reason());
  }
  for (;;) {
    X509Ptr next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (next == nullptr) break;
    if (SSL_CTX_add0_chain_cert(context, next.get()) != 1) {
      return fail(ErrorKind::kConfig, "{}: bad chain: {}", number.of("tls_certificate"),
                  openssl_reason());
    }
    (void)next.release();  // the context's now
  }
  ERR_clear_error();  // the end of the file is no error
  return {};
}

int refuse_passphrase(char*, int, int, void*) noexcept { return -1; }

// The key of the certificate that was used last.
Result<void> use_key(SSL_CTX* context, std::string_view pem, PairNumber number) {
  const BioPtr bio = memory_bio(pem);
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_passphrase, nullptr));
  if (key == nullptr) {
    return fail(ErrorKind::kConfig, "{}: no private key without passphrase in it: {}",
                number.of("tls_key"), openssl_reason());
  }
  if (X509_check_private_key(SSL_CTX_get0_certificate(context), key.get()) != 1) {
    ERR_clear_error();
    return fail(ErrorKind::kConfig, "{}: does not belong to the certificate of {}",
                number.of("tls_key"), number.of("tls_certificate"));
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return fail(ErrorKind::kConfig, "{}: cannot be used: {}", number.of("tls_key"),
                openssl_reason());
  }
  return {};
}

// OpenSSL keeps one pair for each type of key, and chooses by what the client can check. A second
// one of the same type would replace the first without a word.
Result<void> use_pairs(SSL_CTX* context, std::span<const worker::TlsPair> pairs) {
  std::vector<int> types;
  for (const worker::TlsPair& pair : pairs) {
    const PairNumber number{types.size(), pairs.size()};
    if (auto used = use_certificates(context, pair.certificate, number); !used) return used;
    const EVP_PKEY* key = X509_get0_pubkey(SSL_CTX_get0_certificate(context));
    const int type = EVP_PKEY_get_base_id(key);
    if (const auto same = std::ranges::find(types, type); same != types.end()) {
      return fail(ErrorKind::kConfig,
                  "{}: its key is of type {}, as that of {} of {}; give one certificate for each "
                  "type of key",
                  number.of("tls_certificate"), EVP_PKEY_get0_type_name(key),
                  same - types.begin() + 1, pairs.size());
    }
    types.push_back(type);
    if (auto used = use_key(context, pair.key, number); !used) return used;
  }
  if (types.empty()) return fail(ErrorKind::kSystem, "no TLS certificate was handed over");
  return {};
}

std::uint64_t expiry_of(std::string_view pem) {
  const BioPtr bio = memory_bio(pem);
  const X509Ptr leaf(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  std::tm time{};
  if (leaf == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(leaf.get()), &time) != 1) return 0;
  return static_cast<std::uint64_t>(std::max<std::time_t>(0, timegm(&time)));
}

constexpr unsigned long kTicketLife = 24 * 3600;  // seconds

// 1: ready; 0: no such key, or no ticket to be had; -1: an error that ends the handshake.
int ready_ticket_key(const memory::TicketKey& key, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                     EVP_MAC_CTX* mac, bool encrypt) {
  char digest[] = "SHA256";
  auto* secret = const_cast<unsigned char*>(key.authentication.data());
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, secret, key.authentication.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_END};
  if (EVP_MAC_CTX_set_params(mac, parameters) != 1) return -1;
  return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.encryption.data(), iv,
                           encrypt ? 1 : 0) == 1
             ? 1
             : -1;
}

// The callback of RFC 5077 section 4: encrypts a new ticket, or finds the key of an old one.
int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
              EVP_MAC_CTX* mac, int encrypt) noexcept {
  const auto& keys =
      *static_cast<const memory::TicketKeys*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const auto current = keys.current();
  if (!current) return 0;
  if (encrypt != 0) {
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
    std::ranges::copy(current->name, name);
    return ready_ticket_key(*current, iv, cipher, mac, true);
  }
  const auto key = keys.find(std::span<const unsigned char, 16>(name, 16));
  if (!key) return 0;
  const int ready = ready_ticket_key(*key, iv, cipher, mac, false);
  constexpr int kRenew = 2;  // good, but the client shall have a new one
  // Clients use a ticket of TLS 1.3 once (RFC 8446 appendix C.4).
  const bool is_spent = SSL_version(ssl) == TLS1_3_VERSION || key->name != current->name;
  return ready == 1 && is_spent ? kRenew : ready;
}

}  // namespace

void FreeSslContext::operator()(ssl_ctx_st* context) const noexcept { SSL_CTX_free(context); }
void FreeSsl::operator()(ssl_st* ssl) const noexcept { SSL_free(ssl); }

Result<TlsContext> TlsContext::make(std::span<const worker::TlsPair> pairs) {
  TlsContext made(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = made.get();
  if (context == nullptr) return fail(ErrorKind::kSystem, "OpenSSL: {}", openssl_reason());
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Forward secrecy always; CBC last, for senders that know nothing newer and would else come in
  // clear or not at all. Nobody needs CCM, and CCM8 has short tags. TLS 1.3 has suites of its own.
  SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!AESCCM");
  // Idle connections keep no buffers; a reply may move between two tries to write it.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  constexpr std::string_view kSessionContext = "restante smtp";
  SSL_CTX_set_session_id_context(context,
                                 reinterpret_cast<const unsigned char*>(kSessionContext.data()),
                                 static_cast<unsigned>(kSessionContext.size()));
  if (auto used = use_pairs(context, pairs); !used) return std::unexpected(used.error());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const std::uint64_t time = expiry_of(pairs[i].certificate);
    worker::FirstExpiry& first = made.first_expiry_;
    if (time != 0 && (first.time == 0 || time < first.time)) first = {i, time};
  }
  return made;
}

void TlsContext::share_tickets(memory::TicketKeys keys) {
  ticket_keys_ = std::make_unique<memory::TicketKeys>(std::move(keys));
  SSL_CTX_set_app_data(context_.get(), ticket_keys_.get());
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context_.get(), on_ticket);
  SSL_CTX_set_timeout(context_.get(), kTicketLife);
  // Mail clients make one connection after another: a second ticket would be bytes for nothing.
  SSL_CTX_set_num_tickets(context_.get(), 1);
}

Stream::Stream(UniqueFd socket) : socket_(std::move(socket)) {}

IoStatus Stream::judge_errno() {
  if (errno == EAGAIN || errno == EINTR) return IoStatus::kWantsRead;
  fault_ = errno_text();
  return IoStatus::kClosed;
}

IoStatus Stream::judge_tls(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return IoStatus::kWantsRead;
    case SSL_ERROR_WANT_WRITE:
      return IoStatus::kWantsWrite;
    case SSL_ERROR_ZERO_RETURN:
      return IoStatus::kClosed;
    case SSL_ERROR_SYSCALL:
      fault_ = errno_text();
      return IoStatus::kClosed;
    default: {
      // Many clients hang up without close_notify: no fault worth a word, but the end all the same.
      const bool hung_up =
          ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
      const std::string reason = openssl_reason();
      fault_ = hung_up ? "" : reason;
      return IoStatus::kClosed;
    }
  }
}

IoResult Stream::read(std::span<char> buffer) {
  if (ssl_ != nullptr) {
    ERR_clear_error();  // what another connection left would read as this one's
    const int got = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (got > 0) return {IoStatus::kDone, static_cast<std::size_t>(got)};
    return {judge_tls(got)};
  }
  const ssize_t got = recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (got > 0) return {IoStatus::kDone, static_cast<std::size_t>(got)};
  if (got == 0) return {IoStatus::kClosed};
  return {judge_errno()};
}

IoResult Stream::write(std::string_view bytes) {
  if (ssl_ != nullptr) {
    ERR_clear_error();
    const int size = static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX));
    const int put = SSL_write(ssl_.get(), bytes.data(), size);
    if (put > 0) return {IoStatus::kDone, static_cast<std::size_t>(put)};
    return {judge_tls(put)};
  }
  const ssize_t put = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (put >= 0) return {IoStatus::kDone, static_cast<std::size_t>(put)};
  const IoStatus status = judge_errno();
  return {status == IoStatus::kWantsRead ? IoStatus::kWantsWrite : status};
}

bool Stream::has_pending() const { return ssl_ != nullptr && SSL_pending(ssl_.get()) > 0; }

bool Stream::start_tls(const TlsContext& context) {
  ssl_.reset(SSL_new(context.get()));
  if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), socket_.get()) != 1) return false;
  SSL_set_accept_state(ssl_.get());
  return true;
}

IoStatus Stream::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  return result == 1 ? IoStatus::kDone : judge_tls(result);
}

TlsInfo Stream::tls_info() const {
  if (ssl_ == nullptr) return {};
  return {SSL_get_version(ssl_.get()), SSL_get_cipher_name(ssl_.get())};
}

void Stream::shut_down() {
  if (ssl_ == nullptr || !SSL_is_init_finished(ssl_.get())) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
}

}  // namespace restante::smtpd
