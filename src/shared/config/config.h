// SPDX-License-Identifier: ISC
// Every setting of restante, and the one table that knows its name, type, default, range and help.
//
// Precedence, lowest first: built-in default, file, environment, `-o name=value`. The parser, the
// error messages, `restante -T`, etc/restante.conf and the check of restante.conf(5) come from the
// table in settings.cc; a setting exists once it has a member here and a row there. Durations are a
// number with ms, s, m, h or d (seconds without), sizes one with K, M or G (1024).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/base/error.h"
#include "shared/base/program.h"
#include "shared/log/log.h"
#include "shared/mail/mailbox_name.h"

namespace restante::config {

enum class SmtpTls : std::uint8_t { kRequired, kOptional };
// What is done with a CR or LF in a message that is no line end.
enum class BareNewline : std::uint8_t { kKeep, kNormalize, kReject };
// What happens when mail comes to a mailbox that is full.
enum class MailboxFull : std::uint8_t { kRefuse, kDropOldest };
// Whether mail is put off while Redis could lose it.
enum class RedisStrict : std::uint8_t { kNo, kYes };
// Whether workers give up what they do not need.
enum class Sandbox : std::uint8_t { kNo, kYes };
// The policy of RFC 8461 that is published, if there is one.
enum class MtaSts : std::uint8_t { kNone, kTesting, kEnforce };

struct Config {
  std::vector<std::string> domain;   // lower case, A-labels, at least one
  std::vector<std::string> api_key;  // at least one, here or in api_key_file
  std::string api_key_file;
  std::string acme_directory;  // of the files that a certificate authority asks for; empty: none
  std::string hostname;  // the name in the greeting, in trace headers and in the MTA-STS policy
  std::string redis;     // host:port, unix:/path, redis://…, or `private`
  std::string redis_directory;
  std::uint64_t redis_memory{};  // bytes of a private Redis; 0: half of what there is
  RedisStrict redis_strict{};
  std::string redis_tls_ca, redis_tls_certificate, redis_tls_key;
  Sandbox sandbox{};
  std::vector<std::string> smtp_listen, http_listen, https_listen;  // address:port
  std::vector<std::string> smtp_proxy_listen;  // address:port, behind a load balancer
  std::vector<std::string> http_api_listen;    // loopback:port or unix:/path, behind a proxy
  std::vector<std::string> api_cors_origin;    // https://host[:port], or *
  std::vector<std::string> proxy_allow;        // addresses and networks of such balancers, proxies
  std::vector<std::string> client_blocked, client_trusted;  // addresses and networks
  SmtpTls smtp_tls{};
  BareNewline smtp_bare_newline{};
  std::vector<std::string> tls_certificate, tls_key;  // paths of PEM files, in pairs
  std::string user;
  std::string runtime_dir;
  log::Level log_level{};
  std::string log_to;  // stderr, syslog or the path of a file
  mail::MailboxCase mailbox_case{};
  mail::MailboxTag mailbox_tag{};
  mail::MailboxDomains mailbox_domains{};
  MailboxFull mailbox_full{};
  MtaSts mta_sts{};
  std::uint64_t smtpd_workers{}, apid_workers{}, mimed_workers{};  // 0: by the number of CPUs
  std::uint64_t smtp_rate_limit{}, api_rate_limit{}, api_key_failure_limit{};  // per minute; 0: off
  std::uint64_t message_size_limit{};                                          // bytes
  std::uint64_t recipient_limit{};                                             // per message
  std::uint64_t recipient_size_limit{};  // bytes: recipients x size of a message to several
  std::uint64_t mailbox_limit{}, mailbox_size_limit{};  // mails, bytes; 0: off
  std::uint64_t error_limit{};                                    // per connection
  std::uint64_t header_size_limit{};                              // bytes of a message's header
  std::uint64_t header_field_limit{};                             // fields in it
  std::uint64_t hop_limit{};                                      // … and Received among them
  std::uint64_t smtp_connection_limit{}, api_connection_limit{};  // per worker
  std::uint64_t smtp_client_connection_limit{};                   // per worker; 0: off
  std::uint64_t client_store_share{};  // percent of Redis' memory that mail of one client takes
  std::uint64_t client_log_limit{};    // bytes of the log, a minute and client; 0: off
  std::uint64_t api_client_connection_limit{};  // per worker and port; 0: off
  std::uint64_t api_client_connect_limit{};     // a minute; 0: off
  std::uint64_t api_minimum_rate{};             // bytes a second; 0: off
  // Of one client, a minute and an hour; 0: off.
  std::uint64_t smtp_client_connect_limit{};
  std::uint64_t smtp_client_message_limit{}, smtp_client_message_hour_limit{};
  std::uint64_t smtp_client_recipient_limit{}, smtp_client_recipient_hour_limit{};
  std::uint64_t smtp_client_size_limit{}, smtp_client_size_hour_limit{};  // bytes x recipients
  std::uint64_t smtp_minimum_rate{};                                      // bytes a second; 0: off
  std::uint64_t data_memory_limit{};             // bytes in flight per smtpd
  std::uint64_t download_memory_limit{};         // bytes held per apid
  std::uint64_t wait_limit{}, wait_key_limit{};  // requests held per apid
  std::uint64_t page_size_limit{};               // bytes of one API answer
  std::uint64_t mime_part_limit{}, mime_depth_limit{}, mime_header_limit{};
  std::uint64_t mime_memory_limit{};  // bytes of address space of one mimed
  std::chrono::milliseconds retention{}, smtp_timeout{}, api_timeout{}, redis_timeout{};
  std::chrono::milliseconds mime_timeout{};   // CPU time, and time on the clock, for one message
  std::chrono::milliseconds drain_timeout{};  // grace for open transactions at stop

  [[nodiscard]] mail::MailboxNaming mailbox_naming() const {
    return {mailbox_case, mailbox_tag, mailbox_domains};
  }
  // Whether `name` (any case, A-labels or U-labels) is one of ours.
  [[nodiscard]] bool has_domain(std::string_view name) const;
};

struct ListenAddress {
  std::string host;    // numeric; empty: all addresses, IPv6 and IPv4
  std::uint16_t port;  // 0: the system picks one
};

// `address:port`, `[ipv6]:port`, `:port`, `*:port` or `port`.
[[nodiscard]] Result<ListenAddress> parse_listen(std::string_view text);

// Where the API may be served in clear: a port of the loopback addresses, or a Unix socket.
struct LocalListen {
  std::string path;       // of the Unix socket, or empty:
  ListenAddress address;  // then this
};

// `unix:/path`, `127.0.0.1:port` or `[::1]:port`. The error says why no other address will do.
[[nodiscard]] Result<LocalListen> parse_local_listen(std::string_view text);

inline constexpr const char* kDefaultFile = RESTANTE_SYSCONFDIR "/restante.conf";

// Gathers settings from its sources in order of precedence and checks each where it is read, so
// that every error names its place. `finish` checks what can only be known at the end.
class Loader {
 public:
  Loader();

  // Reads the file of this name; without a name kDefaultFile, which may be missing.
  [[nodiscard]] Result<void> load_file(const std::optional<std::string>& name);
  // `text` is the content of `file`; errors name file and line.
  [[nodiscard]] Result<void> read_file(std::string_view text, std::string_view file);
  // `environ`-like "NAME=value" strings: RESTANTE_<NAME>, and DOMAIN, API_KEY, REDIS_ADDR,
  // GIN_MODE.
  [[nodiscard]] Result<void> read_environment(std::span<const char* const> variables);
  // The same with the environment of this process.
  [[nodiscard]] Result<void> read_own_environment();
  // "name=value", as after -o.
  [[nodiscard]] Result<void> set(std::string_view assignment, std::string_view place);
  // Fills in what depends on the machine (worker counts, hostname) and checks what is required.
  [[nodiscard]] Result<Config> finish() const;
  // What has been read so far, as it stands: for a worker, whose master has finished it already.
  [[nodiscard]] const Config& config() const { return config_; }
  // The same, and no copy stays behind.
  [[nodiscard]] Config extract() { return std::move(config_); }

 private:
  Config config_;
};

// The settings as a file that gives this configuration again: `name = value`, one a line. Only
// those that `reader` may see: a worker is handed only its own, so that smtpd never holds an API
// key and mimed no secret. kMaster sees all. Secrets are shown as given.
[[nodiscard]] std::string format_config(const Config& config, Program reader);

// As format_config for the master, with secrets masked: what `restante -T` prints.
[[nodiscard]] std::string describe_config(const Config& config);

// What the documentation must know of a setting.
struct SettingInfo {
  std::string_view name;
  std::string_view default_value;
  std::string_view help;
  std::string_view type;
};
[[nodiscard]] std::vector<SettingInfo> all_settings();

}  // namespace restante::config
