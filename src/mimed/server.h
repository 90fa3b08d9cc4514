// SPDX-License-Identifier: ISC
// The loop of a mimed: requests in, one at a time, answers out (parser/protocol.h).
#pragma once

#include <poll.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "mimed/mime.h"
#include "mimed/packet.h"
#include "shared/base/unique_fd.h"
#include "shared/parser/progress.h"

namespace restante::mimed {

// Ends the process, by SIGPROF, that has used its time of CPU since begin(): the whole time, and
// perhaps an eighth more. A timer is set only so often as that eighth, since no process uses more
// time of CPU than passes on the clock.
class CpuLimit {
 public:
  using Time = std::chrono::milliseconds;
  explicit CpuLimit(Time time) : time_(time), slack_(time / 8) {}
  void begin(Time now);

 private:
  Time time_, slack_;
  std::optional<Time> set_at_;
};

// Serves every client that connects to a listening SOCK_SEQPACKET socket, one mail of each in turn.
// A client that breaks the protocol is closed; one that does not read its answers is not served
// until it does, and holds up nobody. Mail that takes more than its CPU time ends the process.
class Server {
 public:
  // `listener` is non-blocking. Descriptors and parser outlive the server.
  Server(int listener, int life, MimeParser& parser, std::chrono::milliseconds cpu_time);

  // Until the end of the life pipe, and then until the last client has gone: an smtpd that drains
  // has mails to be parsed yet.
  void run();

 private:
  struct Client {
    UniqueFd fd;
    parser::SharedProgress progress;     // none before its Hello
    std::optional<AnswerPacket> unsent;  // it has no room for this, and is not served until it has
    std::uint64_t taken = 0;             // its requests that were taken in hand
    bool ready = false;                  // there is something to do for it

    void begin_request(std::chrono::milliseconds now);
    [[nodiscard]] bool has_sent_more() const;
    // What is unsent. False: it has gone.
    [[nodiscard]] bool send();
  };

  void accept_clients();
  void serve_clients(std::chrono::milliseconds now);
  // One packet of a client, or to it. False: close it.
  [[nodiscard]] bool serve(Client& client);
  [[nodiscard]] static bool greet(Client& client, int progress);
  [[nodiscard]] bool answer(Client& client, const Request& request);
  [[nodiscard]] std::optional<AnswerPacket> parsed(std::string_view raw);
  [[nodiscard]] std::optional<AnswerPacket> extracted(std::string_view raw, std::uint64_t number);

  int listener_;
  int life_;
  MimeParser& parser_;
  CpuLimit limit_;
  std::vector<Client> clients_;
  std::vector<pollfd> polled_;  // life pipe, listener, then the clients in their order
  std::vector<std::byte> packet_;
  bool accepting_ = true;
  bool draining_ = false;
};

}  // namespace restante::mimed
