// SPDX-License-Identifier: ISC
// The loop of a mimed: requests in, one at a time, answers out (shared/mime_protocol.h).
#pragma once

#include <poll.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "mimed/mime.h"
#include "mimed/packet.h"
#include "shared/c_ptr.h"

namespace restante::mimed {

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
    bool full = false;  // waits for its socket to have room before it is served again
  };

  void accept_clients();
  void serve_clients();
  // One request of a client that has sent something. False: close it.
  [[nodiscard]] bool serve(Client& client);
  [[nodiscard]] bool answer(int fd, const Request& request);
  [[nodiscard]] bool answer_parsed(int fd, std::string_view raw);
  [[nodiscard]] bool answer_extracted(int fd, std::string_view raw, std::uint64_t number);

  int listener_;
  int life_;
  MimeParser& parser_;
  std::chrono::milliseconds cpu_time_;
  std::vector<Client> clients_;
  std::vector<pollfd> polled_;  // life pipe, listener, then the clients in their order
  std::vector<std::byte> packet_;
  bool accepting_ = true;
  bool draining_ = false;
};

}  // namespace restante::mimed
