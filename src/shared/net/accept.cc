// SPDX-License-Identifier: ISC
#include "shared/net/accept.h"

#include <cerrno>

namespace restante::net {

Accepted accept_client(int listener) {
  Accepted client;
  client.socket.reset(accept4(listener, reinterpret_cast<sockaddr*>(&client.storage), &client.size,
                              SOCK_NONBLOCK | SOCK_CLOEXEC));
  return client;
}

bool out_of_descriptors(int error_number) {
  return error_number == EMFILE || error_number == ENFILE;
}

}  // namespace restante::net
