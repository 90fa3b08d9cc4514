// SPDX-License-Identifier: ISC
// All that the workers live on: sockets, keys, shared memory, and the table of who gets what.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "master/privileges.h"
#include "master/supervisor.h"
#include "shared/config.h"
#include "shared/error.h"
#include "shared/worker_context.h"

namespace restante::master {

// Reads what the configuration names by path and is only for some eyes: the API keys of
// api_key_file go into `config.api_key`.
[[nodiscard]] Result<void> read_key_file(Config& config);

// Sealed memfds of a certificate and its key.
struct TlsFds {
  UniqueFd certificate, key;
};

// The descriptors that are made once and inherited by every generation of workers. Made in the
// order in which the members stand; what needs root comes first.
class Service {
 public:
  // Everything that may need root: ports, TLS key, runtime directory, shared segment.
  [[nodiscard]] static Result<Service> make_as_root(const Config& config, const Identity& identity);
  // What the workers' user makes: local sockets, and each role's own view of the configuration.
  [[nodiscard]] Result<void> make_as_user(const Config& config);

  // Who is started how, and inherits what. Points into this object.
  [[nodiscard]] std::vector<Role> roles(const Config& config,
                                        const std::filesystem::path& programs) const;

  // A fresh key for session tickets; the old ones stay good for two more rotations.
  void rotate_ticket_keys();

  // The port of the first listener of that name; 0 if there is none.
  [[nodiscard]] std::uint16_t port_of(std::string_view listener) const;

 private:
  Service() = default;
  [[nodiscard]] std::vector<Inherited> for_smtpd() const;
  [[nodiscard]] std::vector<Inherited> for_apid() const;

  std::vector<NamedFd> listeners_;
  std::vector<TlsFds> tls_pairs_;  // as configured, at least one
  UniqueFd segment_;
  UniqueFd ticket_keys_;
  std::vector<UniqueFd> mime_listeners_;
  UniqueFd smtpd_config_, apid_config_, mimed_config_;
};

// Whether a worker can serve with the configured certificates and keys. If not, the worker that
// tried has said why on standard error.
[[nodiscard]] Result<bool> tls_is_usable(const Config& config,
                                         const std::filesystem::path& programs);

}  // namespace restante::master
