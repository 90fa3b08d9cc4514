// SPDX-License-Identifier: ISC
#include "apid/http/connection.h"

#include <microhttpd.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "apid/http/catching.h"
#include "shared/base/clock.h"
#include "shared/net/bytes_acked.h"

namespace restante::apid {
namespace {

using std::chrono::milliseconds;

// For a request that is on its way when the drain begins (RFC 9112 section 9.6).
constexpr milliseconds kIdleGrace{500};

// Over which a client must read with the minimum rate.
constexpr milliseconds kRateWindow{30'000};
constexpr std::uint64_t kSmallBody = 64 * 1024;

}  // namespace

Connection::Connection(MHD_Connection* library, ServerContext& server, List::iterator position,
                       std::optional<net::ClientTable::Slot> slot)
    : library_(library),
      server_(server),
      position_(position),
      fd_(MHD_get_connection_info(library, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd),
      peer_(net::describe_client(
          MHD_get_connection_info(library, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr)),
      slot_(std::move(slot)),
      deadline_(monotonic_now() + server.timeout),
      exchange_(*this, server, peer_) {
  if (!server.tls) return;
  const MHD_ConnectionInfo* tls =
      MHD_get_connection_info(library, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  transport_.emplace(static_cast<gnutls_session_int*>(tls->tls_session), fd_, [this] {
    if (exchange_.has_begun() || is_starving_) return;
    is_starving_ = catching([this] { server_.starving.push_back(this); });
  });
}

Connection::~Connection() { std::erase(server_.starving, this); }

void Connection::wait_for_bytes() {
  is_starving_ = false;
  if (exchange_.has_begun() || is_suspended_) return;
  catching([this] {
    bytes_.emplace(server_.base, fd_, [this] {
      bytes_->stop();
      resume();
    });
    suspend();
  });
}

void Connection::end_exchange(bool sent) noexcept {
  exchange_.end(sent);
  has_answered_ = true;
  is_suspended_ = false;
  deadline_ = monotonic_now() + (server_.draining ? kIdleGrace : server_.timeout);
}

void Connection::begin_sending(milliseconds now, std::uint64_t size, milliseconds limit) {
  const std::uint64_t rate = server_.minimum_rate;
  // A small response is over, one way or the other, before the first window is.
  progress_ = {.time = now, .acked = size > kSmallBody ? net::bytes_acked(fd_).value_or(0) : 0};
  if (limit.count() > 0) return wait_until(now + limit);
  wait_until(rate == 0 ? milliseconds::max()
                       : now + server_.timeout + milliseconds{size * 1000 / rate});
}

// The kernel acknowledges what it has room for, so a client that reads nothing makes some progress
// in the first window and none in the next.
bool Connection::reads_too_slowly(milliseconds now) {
  const milliseconds window = now - progress_.time;
  if (server_.minimum_rate == 0 || window < kRateWindow || !exchange_.waits_for_reader())
    return false;
  const auto acked = net::bytes_acked(fd_);
  if (!acked) return false;  // a local proxy on a Unix socket
  const std::uint64_t came = *acked - progress_.acked;
  progress_ = {.time = now, .acked = *acked};
  return came < server_.minimum_rate * static_cast<std::uint64_t>(window.count()) / 1000;
}

void Connection::enforce_deadline(milliseconds now) {
  if (reads_too_slowly(now)) return shut_down();
  if (now < deadline_) return;
  if (exchange_.waits_for_handler()) return exchange_.time_out();
  deadline_ = now + server_.timeout;
  // When draining, the library closes only after it has read and answered what has come.
  const bool gently = server_.draining && exchange_.waits_for_request();
  ::shutdown(fd_, gently ? SHUT_RD : SHUT_RDWR);
}

void Connection::cut() {
  is_cut_ = true;
  shut_down();
}

void Connection::drain(milliseconds now) {
  const bool is_idle = has_answered_ && exchange_.waits_for_request();
  if (is_idle) deadline_ = std::min(deadline_, now + kIdleGrace);
  exchange_.end_waiting();
}

void Connection::abort() {
  exchange_.abort();
  resume();  // the library refuses to stop while connections are suspended
}

std::weak_ptr<Exchange> Connection::weak_exchange() {
  return std::shared_ptr<Exchange>(*position_, &exchange_);
}

void Connection::suspend() {
  MHD_suspend_connection(library_);
  is_suspended_ = true;
}

void Connection::resume() {
  if (!std::exchange(is_suspended_, false)) return;
  MHD_resume_connection(library_);
  server_.run_library.start_soon();
}

void Connection::shut_down() { ::shutdown(fd_, SHUT_RDWR); }

}  // namespace restante::apid
