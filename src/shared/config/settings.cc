// SPDX-License-Identifier: ISC
#include "shared/config/settings.h"

#include <algorithm>
#include <array>

#include "shared/base/ascii.h"
#include "shared/config/api_key.h"
#include "shared/config/redis_address.h"
#include "shared/mail/domain.h"
#include "shared/net/address_range.h"

namespace restante::config {

std::optional<std::string> check_domain(std::string_view given) {
  const std::string value = mail::domain_to_ascii(given).value_or("");
  bool good = !value.empty() && value.size() <= 255 && !value.starts_with('.');
  std::size_t label = 0;
  for (char c : value) {
    const bool ldh = is_alphanumeric(c) || c == '-' || c == '_';
    label = c == '.' ? 0 : label + 1;
    good = good && (ldh || c == '.') && label <= 63;
  }
  if (good && !value.ends_with('.') && !value.contains("..")) return {};
  return "is no domain name; write example.com, several separated by spaces";
}

namespace {

using Type = Setting::Type;

constexpr unsigned kSmtpd = bit_of(Program::kSmtpd);
constexpr unsigned kApid = bit_of(Program::kApid);
constexpr unsigned kMimed = bit_of(Program::kMimed);
constexpr unsigned kAll = kSmtpd | kApid | kMimed;
constexpr std::uint64_t kKiB = 1024, kMiB = 1024 * kKiB, kGiB = 1024 * kMiB;
constexpr std::uint64_t kNotEmpty = 1;  // as the minimum of a text
constexpr std::uint64_t kSecond = 1000, kHour = 3600 * kSecond, kDay = 24 * kHour;

std::optional<std::string> check_key(std::string_view value) {
  for (char c : value) {
    if (c <= ' ' || c > '~') return "has a character that cannot stand in an HTTP header";
  }
  if (is_key_hash(value) && !parse_key_hash(value)) {
    return "has no 64 hexadecimal digits behind sha256: (restantectl key makes such a hash)";
  }
  return {};
}

std::optional<std::string> check_listen(std::string_view value) {
  if (auto parsed = parse_listen(value); !parsed) return parsed.error().what;
  return {};
}

std::optional<std::string> check_local_listen(std::string_view value) {
  if (auto parsed = parse_local_listen(value); !parsed) return parsed.error().what;
  return {};
}

// An origin as browsers write it (RFC 6454 section 6.2): compared byte by byte.
std::optional<std::string> check_origin(std::string_view value) {
  constexpr std::string_view kCharacters = "abcdefghijklmnopqrstuvwxyz0123456789-._:[]";
  if (value == "*") return {};
  if (value == "null") return "would be any page without an origin of its own; write * for all";
  const std::size_t end = value.find("://");
  const bool is_web = value.starts_with("https://") || value.starts_with("http://");
  if (!is_web || end + 3 == value.size()) {
    return "is no origin; write https://app.example.com or *, several separated by spaces";
  }
  const std::string_view host = value.substr(end + 3);
  if (host.contains('/')) return "has a path; an origin ends before it: https://app.example.com";
  if (host.find_first_not_of(kCharacters) != std::string_view::npos) {
    return "has a character that no browser sends; write it in lower case, and xn-- for other "
           "letters";
  }
  const bool https = value.starts_with("https:");
  if (host.ends_with(https ? ":443" : ":80")) return "has a port that browsers leave out";
  return {};
}

std::optional<std::string> check_network(std::string_view value) {
  if (auto parsed = net::AddressRange::parse(value); !parsed) return parsed.error().what;
  return {};
}

std::optional<std::string> check_redis(std::string_view value) {
  if (value == "private") return {};
  if (auto parsed = parse_redis_address(value); !parsed) return parsed.error().what;
  return {};
}

std::optional<std::string> check_path(std::string_view value) {
  if (value.empty() || value.starts_with('/')) return {};
  return "is no absolute path";
}

std::optional<std::string> check_paths(std::string_view value) {
  if (value.starts_with('/')) return {};
  return "is no absolute path; several are separated by spaces";
}

std::optional<std::string> check_log_to(std::string_view value) {
  if (value == "stderr" || value == "syslog" || value.starts_with('/')) return {};
  return "is none of stderr, syslog and the absolute path of a file";
}

// clang-format off
constexpr std::array kSettings = {
  Setting{"acme_directory", Type::kText, &Config::acme_directory, "/var/lib/restante/acme", 0, 0, kApid, false, check_path,
          "where an ACME client puts the challenges that the HTTP port gives out; empty: none are"},
  Setting{"api_client_connect_limit", Type::kCount, &Config::api_client_connect_limit, "1000", 0, 1048575, kApid, false, nullptr,
          "new connections a minute of one client address (IPv6: /64) to the ports of the API; 0 is no limit"},
  Setting{"api_client_connection_limit", Type::kCount, &Config::api_client_connection_limit, "100", 0, 100000, kApid, false, nullptr,
          "connections that one API worker holds at a port of one client address (IPv6: /64); 0 is no limit"},
  Setting{"api_connection_limit", Type::kCount, &Config::api_connection_limit, "1000", 1, 100000, kApid, false, nullptr,
          "connections that one API worker holds at once at a port; past it the slowest are cut"},
  Setting{"api_cors_origin", Type::kWords, &Config::api_cors_origin, "", 0, 0, kApid, false, check_origin,
          "origins whose pages may use the API in a browser, such as https://app.example.com; * is all"},
  Setting{"api_key", Type::kWords, &Config::api_key, "", 0, 0, kApid, true, check_key,
          "key that API requests carry in X-API-KEY, or its hash; several are separated by spaces"},
  Setting{"api_key_failure_limit", Type::kCount, &Config::api_key_failure_limit, "20", 0, 1048575, kApid, false, nullptr,
          "requests with a wrong key a minute and client address (IPv6: /64); 0 is no limit"},
  Setting{"api_key_file", Type::kText, &Config::api_key_file, "", 0, 0, 0, false, check_path,
          "file with more API keys, one a line"},
  Setting{"api_minimum_rate", Type::kSize, &Config::api_minimum_rate, "16K", 0, kGiB, kApid, false, nullptr,
          "bytes a second, over 30 seconds, that a client must read of an answer; 0 is no limit"},
  Setting{"api_rate_limit", Type::kCount, &Config::api_rate_limit, "100", 0, 1048575, kApid, false, nullptr,
          "API requests a minute of one key, or of one client address without one; 0 is no limit"},
  Setting{"api_timeout", Type::kDuration, &Config::api_timeout, "10s", 100, kHour, kApid, false, nullptr,
          "time for an API client to send its request, and for an idle connection"},
  Setting{"apid_workers", Type::kCount, &Config::apid_workers, "0", 0, 1024, 0, false, nullptr,
          "number of API workers; 0 is half the number of CPUs"},
  Setting{"client_blocked", Type::kWords, &Config::client_blocked, "", 0, 0, kSmtpd | kApid, false, check_network,
          "addresses and networks of clients that are refused at every port"},
  Setting{"client_log_limit", Type::kSize, &Config::client_log_limit, "1M", 0, 256 * kMiB, kSmtpd | kApid, false, nullptr,
          "bytes of the log a minute about one client address (IPv6: /64); 0 is no limit"},
  Setting{"client_store_share", Type::kCount, &Config::client_store_share, "50", 0, 100, kSmtpd, false, nullptr,
          "percent of Redis' maxmemory that mail of one client address (IPv6: /64) takes in a day; 0 is no limit"},
  Setting{"client_trusted", Type::kWords, &Config::client_trusted, "", 0, 0, kSmtpd | kApid, false, check_network,
          "addresses and networks of clients that no limit by client or sender applies to"},
  Setting{"data_memory_limit", Type::kSize, &Config::data_memory_limit, "256M", kMiB, 64 * kGiB, kSmtpd, false, nullptr,
          "bytes of messages that one SMTP worker holds at once; past it senders hear 452"},
  Setting{"domain", Type::kWords, &Config::domain, "", 0, 0, kSmtpd | kApid, false, check_domain,
          "domains that mail is taken for, separated by spaces"},
  Setting{"download_memory_limit", Type::kSize, &Config::download_memory_limit, "256M", kMiB, 64 * kGiB, kApid, false, nullptr,
          "bytes of messages that one API worker holds for those who download them"},
  Setting{"drain_timeout", Type::kDuration, &Config::drain_timeout, "30s", 0, kHour, kAll, false, nullptr,
          "time that open transactions have to end when restante stops"},
  Setting{"error_limit", Type::kCount, &Config::error_limit, "20", 1, 10000, kSmtpd, false, nullptr,
          "protocol errors in one SMTP connection until it is closed with 421"},
  Setting{"header_field_limit", Type::kCount, &Config::header_field_limit, "2000", 100, 1000000, kSmtpd, false, nullptr,
          "header fields of one message"},
  Setting{"header_size_limit", Type::kSize, &Config::header_size_limit, "256K", kKiB, 16 * kMiB, kSmtpd, false, nullptr,
          "bytes of the header of one message"},
  Setting{"hop_limit", Type::kCount, &Config::hop_limit, "100", 100, 10000, kSmtpd, false, nullptr,
          "Received fields of one message; past it the mail goes in circles"},
  Setting{"hostname", Type::kText, &Config::hostname, "", 0, 0, kSmtpd | kApid, false, check_domain,
          "name in the SMTP greeting; empty: the machine's full name, else the first domain"},
  Setting{"http_api_listen", Type::kWords, &Config::http_api_listen, "", 0, 0, 0, false, check_local_listen,
          "loopback addresses and Unix sockets where the API is served without TLS, to a reverse proxy"},
  Setting{"http_listen", Type::kWords, &Config::http_listen, "*:80", 0, 0, 0, false, check_listen,
          "addresses of the HTTP port, which redirects to HTTPS; empty: none"},
  Setting{"https_listen", Type::kWords, &Config::https_listen, "*:443", kNotEmpty, 0, 0, false, check_listen,
          "addresses of the API"},
  Setting{"log_level", Type::kChoice, &Config::log_level, "info", 0, 0, kAll, false, nullptr,
          "least important lines that are logged: error, warning, notice, info or debug"},
  Setting{"log_to", Type::kText, &Config::log_to, "stderr", kNotEmpty, 0, kAll, false, check_log_to,
          "where the log goes: stderr, syslog, or the absolute path of a file"},
  Setting{"mailbox_case", Type::kChoice, &Config::mailbox_case, "fold", 0, 0, kSmtpd | kApid, false, nullptr,
          "fold: Alice and alice are one mailbox; keep: two"},
  Setting{"mailbox_domains", Type::kChoice, &Config::mailbox_domains, "shared", 0, 0, kSmtpd | kApid, false, nullptr,
          "shared: alice is one mailbox at all domains; separate: one at each, named with its domain"},
  Setting{"mailbox_full", Type::kChoice, &Config::mailbox_full, "refuse", 0, 0, kSmtpd, false, nullptr,
          "mail to a mailbox that has reached mailbox_limit or mailbox_size_limit: refuse it with 452, or drop_oldest to make room"},
  Setting{"mailbox_limit", Type::kCount, &Config::mailbox_limit, "0", 0, 10'000'000, kSmtpd, false, nullptr,
          "messages in one mailbox; 0 is no limit"},
  Setting{"mailbox_size_limit", Type::kSize, &Config::mailbox_size_limit, "0", 0, 1024 * kGiB, kSmtpd, false, nullptr,
          "bytes of the messages of one mailbox, as they are stored; 0 is no limit"},
  Setting{"mailbox_tag", Type::kChoice, &Config::mailbox_tag, "keep", 0, 0, kSmtpd | kApid, false, nullptr,
          "keep: alice+news is a mailbox of its own; cut: it is alice"},
  Setting{"message_size_limit", Type::kSize, &Config::message_size_limit, "25M", kKiB, 64 * kMiB, kSmtpd | kMimed | kApid, false, nullptr,
          "largest message that is taken"},
  Setting{"mime_depth_limit", Type::kCount, &Config::mime_depth_limit, "100", 1, 500, kMimed, false, nullptr,
          "levels of nested parts that are parsed in one message"},
  Setting{"mime_header_limit", Type::kSize, &Config::mime_header_limit, "256K", kKiB, 16 * kMiB, kMimed, false, nullptr,
          "bytes of header that are parsed in one message or part"},
  Setting{"mime_memory_limit", Type::kSize, &Config::mime_memory_limit, "1G", 128 * kMiB, 64 * kGiB, kMimed, false, nullptr,
          "address space of one MIME parser"},
  Setting{"mime_part_limit", Type::kCount, &Config::mime_part_limit, "1000", 1, 100000, kMimed, false, nullptr,
          "parts that are parsed in one message"},
  Setting{"mime_timeout", Type::kDuration, &Config::mime_timeout, "2s", 100, 60 * kSecond, kAll, false, nullptr,
          "CPU time to parse one message; past it the message is stored unparsed"},
  Setting{"mimed_workers", Type::kCount, &Config::mimed_workers, "0", 0, 1024, kSmtpd | kApid, false, nullptr,
          "number of MIME parsers; 0 is the number of CPUs, at least 2"},
  Setting{"mta_sts", Type::kChoice, &Config::mta_sts, "none", 0, 0, kApid, false, nullptr,
          "MTA-STS policy that senders are given: none, testing or enforce; needs DNS records"},
  Setting{"page_size_limit", Type::kSize, &Config::page_size_limit, "32M", kKiB, kGiB, kApid, false, nullptr,
          "bytes of one API answer; a longer list ends early and links to the next page"},
  Setting{"proxy_allow", Type::kWords, &Config::proxy_allow, "127.0.0.0/8 ::1", 0, 0, kSmtpd | kApid, false, check_network,
          "addresses and networks of load balancers and proxies: who may connect to smtp_proxy_listen, and is believed at http_api_listen"},
  Setting{"recipient_limit", Type::kCount, &Config::recipient_limit, "100", 1, 10000, kSmtpd, false, nullptr,
          "recipients of one message"},
  Setting{"recipient_size_limit", Type::kSize, &Config::recipient_size_limit, "256M", kMiB, 1024 * kGiB, kSmtpd, false, nullptr,
          "bytes of one message times its recipients, if it has several; past it 452, and those before it stay"},
  Setting{"redis", Type::kText, &Config::redis, "localhost:6379", kNotEmpty, 0, kSmtpd | kApid, true, check_redis,
          "Redis: host:port, unix:/path, redis://user:password@host:port/database, rediss:// for TLS, sentinel://host:port,host:port/master, or private for one of our own"},
  Setting{"redis_directory", Type::kText, &Config::redis_directory, "/var/lib/restante", kNotEmpty, 0, 0, false, check_path,
          "where a private Redis keeps its data"},
  Setting{"redis_memory", Type::kSize, &Config::redis_memory, "0", 0, 64 * 1024 * kGiB, 0, false, nullptr,
          "bytes that mail in a private Redis takes; a full one refuses mail with 452; 0 is half of the memory of the machine or of the cgroup"},
  Setting{"redis_strict", Type::kChoice, &Config::redis_strict, "no", 0, 0, kSmtpd, false, nullptr,
          "yes: mail is answered 451 as long as Redis, as it is configured, could lose it"},
  Setting{"redis_timeout", Type::kDuration, &Config::redis_timeout, "5s", 50, 60 * kSecond, kSmtpd | kApid, false, nullptr,
          "time for Redis to answer; past it senders hear 451 and API clients 503"},
  Setting{"redis_tls_ca", Type::kText, &Config::redis_tls_ca, "/etc/ssl/certs/ca-certificates.crt", kNotEmpty, 0, kSmtpd | kApid, false, check_path,
          "authorities that may have signed the certificate of a Redis at rediss://, in PEM"},
  Setting{"redis_tls_certificate", Type::kText, &Config::redis_tls_certificate, "", 0, 0, kSmtpd | kApid, false, check_path,
          "certificate that is shown to a Redis at rediss://, in PEM; empty: none is"},
  Setting{"redis_tls_key", Type::kText, &Config::redis_tls_key, "", 0, 0, kSmtpd | kApid, false, check_path,
          "key of redis_tls_certificate, in PEM"},
  Setting{"retention", Type::kDuration, &Config::retention, "24h", kSecond, 365 * kDay, kSmtpd | kApid, false, nullptr,
          "age at which a mail is gone"},
  Setting{"runtime_dir", Type::kText, &Config::runtime_dir, "/run/restante", kNotEmpty, 0, kSmtpd | kApid, false, check_path,
          "directory of the shared segment and of local sockets"},
  Setting{"sandbox", Type::kChoice, &Config::sandbox, "yes", 0, 0, kAll, false, nullptr,
          "yes: workers give up every system call, file and port that they do not need; no is for debuggers"},
  Setting{"smtp_bare_newline", Type::kChoice, &Config::smtp_bare_newline, "keep", 0, 0, kSmtpd, false, nullptr,
          "a CR or LF in a message that is no line end: keep it, normalize it to CR LF or a blank, or reject the message"},
  Setting{"smtp_client_connect_limit", Type::kCount, &Config::smtp_client_connect_limit, "1000", 0, 1048575, kSmtpd, false, nullptr,
          "new SMTP connections a minute of one client address (IPv6: /64); 0 is no limit"},
  Setting{"smtp_client_connection_limit", Type::kCount, &Config::smtp_client_connection_limit, "50", 0, 1000000, kSmtpd, false, nullptr,
          "SMTP connections that one worker holds of one client address (IPv6: /64); 0 is no limit"},
  Setting{"smtp_client_message_hour_limit", Type::kCount, &Config::smtp_client_message_hour_limit, "10000", 0, 1048575, kSmtpd, false, nullptr,
          "messages an hour of one client address (IPv6: /64); 0 is no limit"},
  Setting{"smtp_client_message_limit", Type::kCount, &Config::smtp_client_message_limit, "1000", 0, 1048575, kSmtpd, false, nullptr,
          "messages a minute of one client address (IPv6: /64); 0 is no limit"},
  Setting{"smtp_client_recipient_hour_limit", Type::kCount, &Config::smtp_client_recipient_hour_limit, "30000", 0, 1048575, kSmtpd, false, nullptr,
          "recipients an hour of the messages of one client address (IPv6: /64); 0 is no limit"},
  Setting{"smtp_client_recipient_limit", Type::kCount, &Config::smtp_client_recipient_limit, "3000", 0, 1048575, kSmtpd, false, nullptr,
          "recipients a minute of the messages of one client address (IPv6: /64); 0 is no limit"},
  Setting{"smtp_client_size_hour_limit", Type::kSize, &Config::smtp_client_size_hour_limit, "4G", 0, 4 * kGiB, kSmtpd, false, nullptr,
          "bytes an hour of one client address (IPv6: /64): size of each message times its recipients; 0 is no limit"},
  Setting{"smtp_client_size_limit", Type::kSize, &Config::smtp_client_size_limit, "512M", 0, 4 * kGiB, kSmtpd, false, nullptr,
          "bytes a minute of one client address (IPv6: /64): size of each message times its recipients; 0 is no limit"},
  Setting{"smtp_connection_limit", Type::kCount, &Config::smtp_connection_limit, "10000", 1, 1000000, kSmtpd, false, nullptr,
          "SMTP connections that one worker holds at once; past it who was silent longest hears 421"},
  Setting{"smtp_listen", Type::kWords, &Config::smtp_listen, "*:25", kNotEmpty, 0, 0, false, check_listen,
          "addresses of the SMTP port"},
  Setting{"smtp_minimum_rate", Type::kSize, &Config::smtp_minimum_rate, "100", 0, kMiB, kSmtpd, false, nullptr,
          "bytes a second, over 30 seconds, that a message must come with; 0 is no limit"},
  Setting{"smtp_proxy_listen", Type::kWords, &Config::smtp_proxy_listen, "", 0, 0, 0, false, check_listen,
          "addresses of SMTP ports where a load balancer speaks first, by the PROXY protocol"},
  Setting{"smtp_rate_limit", Type::kCount, &Config::smtp_rate_limit, "50", 0, 1048575, kSmtpd, false, nullptr,
          "messages a minute, by sender address and network of the client; 0 is no limit"},
  Setting{"smtp_timeout", Type::kDuration, &Config::smtp_timeout, "5m", kSecond, kHour, kSmtpd, false, nullptr,
          "time for an SMTP client to send a command, take a reply or go on with a message"},
  Setting{"smtp_tls", Type::kChoice, &Config::smtp_tls, "required", 0, 0, kSmtpd, false, nullptr,
          "required: mail is taken over STARTTLS only; optional: also in clear"},
  Setting{"smtpd_workers", Type::kCount, &Config::smtpd_workers, "0", 0, 1024, 0, false, nullptr,
          "number of SMTP workers; 0 is the number of CPUs"},
  Setting{"tls_certificate", Type::kWords, &Config::tls_certificate, RESTANTE_SYSCONFDIR "/tls/fullchain.pem", kNotEmpty, 0, 0, false, check_paths,
          "certificate with its chain, PEM; several, one a type of key, are separated by spaces"},
  Setting{"tls_key", Type::kWords, &Config::tls_key, RESTANTE_SYSCONFDIR "/tls/privkey.pem", kNotEmpty, 0, 0, false, check_paths,
          "private key of the certificate, PEM; several in the same order"},
  Setting{"user", Type::kText, &Config::user, "restante", kNotEmpty, 0, 0, false, nullptr,
          "user that everything runs as once the ports are bound"},
  Setting{"wait_key_limit", Type::kCount, &Config::wait_key_limit, "500", 1, 100000, kApid, false, nullptr,
          "requests with one API key that one API worker holds until mail comes"},
  Setting{"wait_limit", Type::kCount, &Config::wait_limit, "1000", 1, 100000, kApid, false, nullptr,
          "requests that one API worker holds until mail comes"},
};
// clang-format on

}  // namespace

std::span<const Setting> settings() { return kSettings; }

const Setting* find_setting(std::string_view name) {
  const auto found = std::ranges::find(kSettings, name, &Setting::name);
  return found == kSettings.end() ? nullptr : &*found;
}

}  // namespace restante::config
