// SPDX-License-Identifier: ISC
#include "apid/http/connection.h"

#include <microhttpd.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "apid/http/catching.h"
#include "shared/base/clock.h"

namespace restante::apid {
namespace {

using std::chrono::milliseconds;

// For a request that is on its way when the drain begins (RFC 9112 section 9.6).
constexpr milliseconds kIdleGrace{500};

}  // namespace

Connection::Connection(MHD_Connection* library, ServerContext& server, List::iterator position)
    : library_(library),
      server_(server),
      position_(position),
      fd_(MHD_get_connection_info(library, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd),
      peer_(net::describe_client(
          MHD_get_connection_info(library, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr)),
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

void Connection::enforce_deadline(milliseconds now) {
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
