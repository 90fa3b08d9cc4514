// SPDX-License-Identifier: ISC
// One SMTP worker: accepts clients, holds their connections, and empties itself when told to go.
#pragma once

#include <unistd.h>

#include <chrono>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "shared/base/unique_fd.h"
#include "shared/memory/segment.h"
#include "shared/net/address_range.h"
#include "shared/net/event_loop.h"
#include "shared/parser/client.h"
#include "shared/redis/client.h"
#include "shared/store/reader.h"
#include "shared/store/redis_writer.h"
#include "shared/worker/context.h"
#include "shared/worker/heartbeat.h"
#include "smtpd/admission.h"
#include "smtpd/connection.h"
#include "smtpd/delivery.h"
#include "smtpd/durability_monitor.h"
#include "smtpd/tls.h"

namespace restante::smtpd {

class Worker {
 public:
  // The error is one line for the operator.
  [[nodiscard]] static Result<std::unique_ptr<Worker>> make(worker::Context context);
  void run();  // until drained

 private:
  Worker(worker::Context context, TlsContext tls, memory::Segment segment,
         config::RedisAddress redis);
  void begin();
  void watch_listeners();
  void accept_some(const worker::NamedFd& listener);
  [[nodiscard]] bool refuse_for_want_of_descriptors(int listener);
  void pause_listening();
  void arrive(const worker::NamedFd& listener, UniqueFd socket, const sockaddr* address);
  void welcome(UniqueFd socket, Peer peer);
  void sweep() noexcept;
  [[nodiscard]] bool make_room();
  [[nodiscard]] std::map<std::string_view, std::size_t> held_by_client() const;
  void relieve();
  [[nodiscard]] bool has_share(std::string_view client) const;
  // One for each client that holds something, and one for the next.
  [[nodiscard]] std::size_t share_of(std::size_t clients) const;
  void connection_gone(Connection& connection);
  void stop_listening();
  void hand_over();
  void drain(std::chrono::milliseconds limit);
  void stop_when_empty();

  worker::Context context_;
  TlsContext tls_;
  memory::Segment segment_;
  SessionSettings session_settings_;
  Admission admission_;  // before all that may hold a connection to the end
  net::EventLoop loop_;
  memory::Counters counters_;
  worker::Heartbeat heartbeat_;
  redis::Client redis_;
  DurabilityMonitor durability_;
  store::RedisWriter writer_;
  parser::Client mime_;
  Delivery delivery_;
  worker::ClientLog log_;
  std::vector<char> buffer_;
  Services services_;
  std::vector<net::AddressRange> balancers_;
  UniqueFd spare_;  // given up for a moment when descriptors run out
  std::vector<std::unique_ptr<net::ReadWatch>> listeners_;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
  const pid_t pid_ = getpid();  // with last_id_ a client's id
  std::uint64_t last_id_ = 0;
  std::chrono::milliseconds look_for_room_{};  // not before
  bool leaving_ = false;                       // takes no new client
  bool draining_ = false;                      // and tells those that it has
  net::Timer half_drained_, drain_limit_, drain_poll_, sweep_, listen_again_;
};

}  // namespace restante::smtpd
