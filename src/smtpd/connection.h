// SPDX-License-Identifier: ISC
// One client: its stream, its session and its time limits; does what the session asks for.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "shared/base/unique_fd.h"
#include "shared/config/config.h"
#include "shared/memory/scoreboard.h"
#include "shared/net/client_address.h"
#include "shared/net/client_table.h"
#include "shared/net/event_loop.h"
#include "shared/worker/client_log.h"
#include "smtpd/admission.h"
#include "smtpd/delivery.h"
#include "smtpd/protocol/session.h"
#include "smtpd/protocol/time_limits.h"
#include "smtpd/tls.h"

namespace restante::smtpd {

// What all connections of a worker work with. All of it outlives them.
struct Services {
  event_base* base;
  const config::Config& config;
  const SessionSettings& session;
  const TlsContext& tls;
  const DurabilityMonitor& durability;
  store::Writer& writer;
  Delivery& delivery;
  Admission& admission;
  worker::ClientLog& log;
  const memory::Counters& counters;
  std::span<char> buffer;         // for reading: used and emptied within one event
  std::function<void()> relieve;  // called when data_memory_limit has been passed
  // Whether a client (ClientAddress::rate_key) holds less than its share of data_memory_limit.
  std::function<bool(std::string_view client)> has_share;
  std::size_t bytes_arriving = 0;  // of messages whose end is not there yet, over all connections
  // The same, and of those that are being stored.
  [[nodiscard]] std::size_t bytes_held() const { return bytes_arriving + delivery.bytes_held(); }
};

// Who is at the other end of a new connection.
struct Peer {
  net::ClientAddress address;
  bool is_balancer;  // and says in a PROXY header who the client is
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // `gone` is called once, when the connection is at its end; then the owner lets go of it.
  Connection(Services& services, UniqueFd socket, Peer peer, std::string id,
             std::function<void(Connection&)> gone);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start();           // greets, or waits for the PROXY header first
  void drain();           // says 421 as soon as no transaction is open
  void cut(Reply reply);  // says so now and closes

  // Why this client has had its time, for expire() and its line in the log; else empty.
  [[nodiscard]] std::string_view overdue(std::chrono::milliseconds now, Occupancy occupancy);
  void expire(std::string_view why, Reply reply = Reply::kIdleTimeout) noexcept;
  [[nodiscard]] std::chrono::milliseconds silence(std::chrono::milliseconds now) const {
    return wait_limit_.silence(now);
  }

  // Bytes of the message that is arriving.
  [[nodiscard]] std::size_t arriving() const {
    return phase_ == Phase::kWaiting ? 0 : counted_as_held_;
  }

  // Bytes of the messages that are arriving or being stored.
  [[nodiscard]] std::size_t holds() const { return counted_as_held_ + delivering_; }

  // Connections that its client holds; 0 while that is not known.
  [[nodiscard]] std::uint64_t held_by_client() const {
    return client_slot_ ? client_slot_->of_client() : 0;
  }

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const net::ClientAddress& client() const { return client_; }

 private:
  enum class Phase : std::uint8_t {
    kIntroducing,  // the PROXY header is being read
    kTalking,      // bytes go to the session
    kHandshaking,  // TLS is being set up
    kWaiting,      // a delivery is under way: nothing is read
    kClosing,      // what is left to say is being sent
    kGone,
  };

  static void on_socket(int fd, short what, void* self) noexcept;
  template <class Work>
  void catching(Work work) noexcept;
  void on_event();
  void read_proxy_header();
  void begin(std::string_view early);
  void read_some();
  void continue_handshake();
  void run_session();
  // Each does one action; false: the session waits for something, or the connection is over.
  bool act(Idle);
  bool act(StartTls);
  bool act(AdmitSender);
  bool act(const AdmitRecipient& question);
  bool act(const AdmitMessage& question);
  bool act(Deliver& mail);
  bool act(Close);
  void log_refusals();
  void count_refusals();
  void log_deferral(std::string_view from, Reply reply, std::string_view reason) const;
  void note_delivery(const DeliveryReport& report, std::chrono::microseconds took) const;
  void go_on(Reply reply);
  void count_held();
  void flush();
  void watch(short what);
  [[nodiscard]] Wait waits_for() const;
  void close(std::string_view why);

  Services& services_;
  Stream stream_;
  net::ClientAddress client_;
  std::string id_;
  std::function<void(Connection&)> gone_;
  Session session_;
  net::EventPtr event_;
  short watched_ = 0;
  Phase phase_ = Phase::kTalking;
  bool is_proxied_;
  bool draining_ = false;
  std::string output_;               // what the client has not taken yet
  std::size_t counted_as_held_ = 0;  // of services_.bytes_arriving
  std::size_t delivering_ = 0;       // bytes of the message that is being stored
  std::string header_;               // what has come of the PROXY header
  std::string_view reason_;          // why it is closed, where the session does not know: a literal
  std::optional<net::ClientTable::Slot> client_slot_;
  WaitLimit wait_limit_;
  std::chrono::milliseconds since_;
};

}  // namespace restante::smtpd
