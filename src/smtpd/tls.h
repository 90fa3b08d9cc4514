// SPDX-License-Identifier: ISC
// A client's bytes, in clear or through TLS.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "shared/base/error.h"
#include "shared/base/unique_fd.h"
#include "shared/memory/ticket_keys.h"
#include "shared/worker/context.h"
#include "smtpd/protocol/session.h"

struct ssl_ctx_st;
struct ssl_st;

namespace restante::smtpd {

struct FreeSslContext {
  void operator()(ssl_ctx_st* context) const noexcept;
};
struct FreeSsl {
  void operator()(ssl_st* ssl) const noexcept;
};

// What all of a worker's TLS connections share: certificates, keys and policy (TLS 1.2 and newer,
// no renegotiation, no client certificates).
class TlsContext {
 public:
  // A client gets the pair that it can check; they have keys of different types. The error says
  // which is bad.
  [[nodiscard]] static Result<TlsContext> make(std::span<const worker::TlsPair> pairs);

  // Session tickets are made with these keys, which other workers have too. Without, a worker makes
  // its own, and a client resumes only when it meets the same worker again.
  void share_tickets(memory::TicketKeys keys);

  [[nodiscard]] const worker::FirstExpiry& first_expiry() const { return first_expiry_; }

  [[nodiscard]] ssl_ctx_st* get() const { return context_.get(); }

 private:
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
  std::unique_ptr<ssl_ctx_st, FreeSslContext> context_;
  worker::FirstExpiry first_expiry_;
  std::unique_ptr<memory::TicketKeys>
      ticket_keys_;  // where it is stays the same: the context knows it
};

enum class IoStatus : std::uint8_t {
  kDone,
  kWantsRead,   // again when the socket is readable
  kWantsWrite,  // again when the socket is writable
  kClosed,      // by the client, or broken: no more use
};

struct IoResult {
  IoStatus status;
  std::size_t bytes = 0;
};

// Owns a non-blocking socket. After kClosed it is only fit to be destroyed. TLS that ends without
// close_notify and TLS that ends with it are both kClosed: never again in clear.
class Stream {
 public:
  explicit Stream(UniqueFd socket);

  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] IoResult read(std::span<char> buffer);
  // After kWantsRead or kWantsWrite the same bytes have to be offered again.
  [[nodiscard]] IoResult write(std::string_view bytes);
  // True when read() has bytes that the socket will not announce again.
  [[nodiscard]] bool has_pending() const;

  // Turns to TLS; then handshake() until kDone. False: out of memory.
  [[nodiscard]] bool start_tls(const TlsContext& context);
  [[nodiscard]] IoStatus handshake();
  // Why the last call gave kClosed, for the log; empty when the client just left.
  [[nodiscard]] const std::string& fault() const { return fault_; }
  [[nodiscard]] TlsInfo tls_info() const;
  // Says goodbye: close_notify where there is TLS.
  void shut_down();

 private:
  [[nodiscard]] IoStatus judge_tls(int result);
  [[nodiscard]] IoStatus judge_errno();

  UniqueFd socket_;
  std::unique_ptr<ssl_st, FreeSsl> ssl_;
  std::string fault_;
};

}  // namespace restante::smtpd
