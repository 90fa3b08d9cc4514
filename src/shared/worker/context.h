// SPDX-License-Identifier: ISC
// All that a worker is born with. The master packs it before fork and exec, the worker unpacks it:
// this is the one place to read what crosses from one process to the other.
//
// Descriptors travel at 3 and up, named by LISTEN_FDNAMES as sd_listen_fds_with_names(3) has it.
// Configuration and TLS material are sealed memfds, so no secret is in an argument or a variable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/error.h"
#include "shared/base/unique_fd.h"
#include "shared/config/config.h"

namespace restante::worker {

// The names under which descriptors are handed over.
namespace fd_name {
inline constexpr std::string_view kSmtp = "smtp";             // listening, may come several times
inline constexpr std::string_view kSmtpProxy = "smtp_proxy";  // the same, behind a load balancer
inline constexpr std::string_view kHttp = "http";             // listening, may come several times
inline constexpr std::string_view kHttps = "https";           // listening, may come several times
inline constexpr std::string_view kHttpApi = "http_api";      // the same, behind a reverse proxy
inline constexpr std::string_view kMime = "mime";             // listening, SOCK_SEQPACKET
inline constexpr std::string_view kConfig = "config";  // memfd: format_config() for this program
inline constexpr std::string_view kTlsCertificate = "tls_certificate";  // memfd: PEM, one a pair
inline constexpr std::string_view kTlsKey = "tls_key";                  // the same, in order
inline constexpr std::string_view kTicketKeys = "ticket_keys";    // memfd: TicketKeys, smtpd only
inline constexpr std::string_view kSegment = "segment";           // the shared segment
inline constexpr std::string_view kSegmentHead = "segment_head";  // memfd: Segment::seal_head()
inline constexpr std::string_view kLog = "log";  // log::SharedFile, if the log is a file
// pipe: a byte means "others take your place", end of file "finish and go"
inline constexpr std::string_view kLife = "life";
// pipe: the worker writes its pid once it serves; with --check, what is wrong, else a FirstExpiry
inline constexpr std::string_view kReady = "ready";
}  // namespace fd_name

struct NamedFd {
  std::string name;
  UniqueFd fd;
};

// A certificate with its chain, and its key.
struct TlsPair {
  std::string certificate, key;  // PEM
};

// Of all certificates the one that expires first.
struct FirstExpiry {
  std::size_t index = 0;   // among the pairs
  std::uint64_t time = 0;  // Unix time in s; 0: none of them says so
};
[[nodiscard]] std::string format_expiry(const FirstExpiry& expiry);
[[nodiscard]] std::optional<FirstExpiry> parse_expiry(std::string_view text);

struct Context {
  config::Config config;
  std::vector<NamedFd>
      listeners;  // kSmtp, kSmtpProxy, kHttp, kHttps, kHttpApi, kMime; non-blocking
  std::vector<TlsPair> tls_pairs;  // as configured; empty where the program has no use for them
  UniqueFd segment, segment_head;
  UniqueFd ticket_keys;
  UniqueFd log_file;
  UniqueFd life;
  UniqueFd ready;
  std::uint64_t number = 0;               // among those of its kind
  std::optional<std::size_t> board_slot;  // of the scoreboard; nothing: there is none for it

  // The numbers that the master gives as arguments.
  void read_arguments(std::span<const char* const> arguments);

  // Takes over what the environment names and clears the variables. Errors are the master's fault
  // or that of someone who started the program by hand; the text says so.
  [[nodiscard]] static Result<Context> unpack();

  // The log goes where the configuration says, from its level on. To be called once.
  void use_log();

  // Tells the master that this worker serves. To be called once.
  void announce_ready();

  // The paths on which the parsers of this worker's generation listen.
  [[nodiscard]] std::vector<std::string> parser_sockets() const;

  // The first listener's descriptor of that name, or -1.
  [[nodiscard]] int listener(std::string_view name) const;
};

// The path on which mimed number `index` listens.
[[nodiscard]] std::string parser_socket(std::string_view runtime_dir, std::uint64_t index);

}  // namespace restante::worker
