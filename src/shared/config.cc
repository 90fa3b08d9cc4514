// SPDX-License-Identifier: ISC
// Every setting of restante: the table, and the readers and writers that come from it.
#include "shared/config.h"

#include <arpa/inet.h>
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <iterator>
#include <map>
#include <optional>
#include <thread>
#include <variant>

#include <fmt/format.h>

#include "shared/redis_address.h"

namespace restante {
namespace {

using std::chrono::milliseconds;

using Member =
    std::variant<std::string Config::*, std::vector<std::string> Config::*,
                 std::uint64_t Config::*, milliseconds Config::*, SmtpTls Config::*,
                 log::Level Config::*>;

enum class Type : std::uint8_t { kText, kWords, kCount, kSize, kDuration, kChoice };

// Says what is wrong with a text or with one word of a list.
using Check = std::optional<std::string> (*)(std::string_view value);

struct Setting {
  std::string_view name;
  Type type;
  Member member;
  std::string_view default_value;
  std::uint64_t min, max;  // counts; bytes; milliseconds
  unsigned audience;       // who beside the master may see it
  bool secret;
  Check check;
  std::string_view help;
};

constexpr unsigned kSmtpd = static_cast<unsigned>(Audience::kSmtpd);
constexpr unsigned kApid = static_cast<unsigned>(Audience::kApid);
constexpr unsigned kMimed = static_cast<unsigned>(Audience::kMimed);
constexpr unsigned kAll = kSmtpd | kApid | kMimed;
constexpr std::uint64_t kKiB = 1024, kMiB = 1024 * kKiB, kGiB = 1024 * kMiB;
constexpr std::uint64_t kSecond = 1000, kHour = 3600 * kSecond, kDay = 24 * kHour;

std::optional<std::string> check_domain(std::string_view value) {
  bool good = !value.empty() && value.size() <= 255 && !value.starts_with('.');
  std::size_t label = 0;
  for (char c : value) {
    const bool ldh = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_';
    label = c == '.' ? 0 : label + 1;
    good = good && (ldh || c == '.') && label <= 63;
  }
  if (good && !value.ends_with('.') && value.find("..") == std::string_view::npos) return {};
  return "is no domain name; write example.com, several separated by spaces";
}

std::optional<std::string> check_key(std::string_view value) {
  for (char c : value) {
    if (c <= ' ' || c > '~') return "has a character that cannot stand in an HTTP header";
  }
  return {};
}

std::optional<std::string> check_listen(std::string_view value) {
  if (auto parsed = parse_listen(value); !parsed) return parsed.error().what;
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

// clang-format off
constexpr std::array kSettings = {
  Setting{"api_connection_limit", Type::kCount, &Config::api_connection_limit, "1000", 1, 100000, kApid, false, nullptr,
          "API connections that one worker holds at once"},
  Setting{"api_key", Type::kWords, &Config::api_key, "", 0, 0, kApid, true, check_key,
          "key that API requests carry in X-API-KEY; several are separated by spaces"},
  Setting{"api_key_file", Type::kText, &Config::api_key_file, "", 0, 0, 0, false, check_path,
          "file with more API keys, one a line"},
  Setting{"api_rate_limit", Type::kCount, &Config::api_rate_limit, "100", 0, 1048575, kApid, false, nullptr,
          "API requests a minute and client address (IPv6: /64); 0 is no limit"},
  Setting{"api_timeout", Type::kDuration, &Config::api_timeout, "10s", 100, kHour, kApid, false, nullptr,
          "time for an API client to send its request, and for an idle connection"},
  Setting{"apid_workers", Type::kCount, &Config::apid_workers, "0", 0, 1024, 0, false, nullptr,
          "number of API workers; 0 is half the number of CPUs"},
  Setting{"data_memory_limit", Type::kSize, &Config::data_memory_limit, "256M", kMiB, 64 * kGiB, kSmtpd, false, nullptr,
          "bytes of messages that one SMTP worker holds at once; past it senders hear 452"},
  Setting{"domain", Type::kWords, &Config::domain, "", 0, 0, kSmtpd | kApid, false, check_domain,
          "domains that mail is taken for, separated by spaces"},
  Setting{"drain_timeout", Type::kDuration, &Config::drain_timeout, "30s", 0, kHour, kAll, false, nullptr,
          "time that open transactions have to end when restante stops"},
  Setting{"error_limit", Type::kCount, &Config::error_limit, "20", 1, 10000, kSmtpd, false, nullptr,
          "protocol errors in one SMTP connection until it is closed with 421"},
  Setting{"hostname", Type::kText, &Config::hostname, "", 0, 0, kSmtpd | kApid, false, check_domain,
          "name in the SMTP greeting; empty: the machine's full name, else the first domain"},
  Setting{"http_listen", Type::kWords, &Config::http_listen, "*:80", 0, 0, 0, false, check_listen,
          "addresses of the HTTP port, which redirects to HTTPS"},
  Setting{"https_listen", Type::kWords, &Config::https_listen, "*:443", 0, 0, 0, false, check_listen,
          "addresses of the API"},
  Setting{"log_level", Type::kChoice, &Config::log_level, "info", 0, 0, kAll, false, nullptr,
          "least important lines that are logged: error, warning, notice, info or debug"},
  Setting{"message_size_limit", Type::kSize, &Config::message_size_limit, "25M", kKiB, 256 * kMiB, kSmtpd | kMimed, false, nullptr,
          "largest message that is taken"},
  Setting{"mime_depth_limit", Type::kCount, &Config::mime_depth_limit, "100", 1, 500, kMimed, false, nullptr,
          "levels of nested parts that are parsed in one message"},
  Setting{"mime_header_limit", Type::kSize, &Config::mime_header_limit, "256K", kKiB, 16 * kMiB, kMimed, false, nullptr,
          "bytes of header that are parsed in one message or part"},
  Setting{"mime_memory_limit", Type::kSize, &Config::mime_memory_limit, "1G", 128 * kMiB, 64 * kGiB, kMimed, false, nullptr,
          "address space of one MIME parser"},
  Setting{"mime_part_limit", Type::kCount, &Config::mime_part_limit, "1000", 1, 100000, kMimed, false, nullptr,
          "parts that are parsed in one message"},
  Setting{"mime_timeout", Type::kDuration, &Config::mime_timeout, "2s", 100, 60 * kSecond, kSmtpd | kMimed, false, nullptr,
          "time to parse one message; past it the message is stored unparsed"},
  Setting{"mimed_workers", Type::kCount, &Config::mimed_workers, "0", 0, 1024, kSmtpd, false, nullptr,
          "number of MIME parsers; 0 is the number of CPUs"},
  Setting{"page_size_limit", Type::kSize, &Config::page_size_limit, "32M", kKiB, kGiB, kApid, false, nullptr,
          "bytes of one API answer; a longer list ends early and links to the next page"},
  Setting{"recipient_limit", Type::kCount, &Config::recipient_limit, "100", 1, 10000, kSmtpd, false, nullptr,
          "recipients of one message"},
  Setting{"redis", Type::kText, &Config::redis, "localhost:6379", 0, 0, kSmtpd | kApid, true, check_redis,
          "Redis: host:port, unix:/path, redis://user:password@host:port/database, or private for one of our own"},
  Setting{"redis_directory", Type::kText, &Config::redis_directory, "/var/lib/restante", 0, 0, 0, false, check_path,
          "where a private Redis keeps its data"},
  Setting{"redis_timeout", Type::kDuration, &Config::redis_timeout, "5s", 50, 60 * kSecond, kSmtpd | kApid, false, nullptr,
          "time for Redis to answer; past it senders hear 451 and API clients 503"},
  Setting{"retention", Type::kDuration, &Config::retention, "24h", kSecond, 365 * kDay, kSmtpd | kApid, false, nullptr,
          "age at which a mail is gone"},
  Setting{"runtime_dir", Type::kText, &Config::runtime_dir, "/run/restante", 0, 0, kSmtpd | kApid, false, check_path,
          "directory of the shared segment and of local sockets"},
  Setting{"smtp_connection_limit", Type::kCount, &Config::smtp_connection_limit, "10000", 1, 1000000, kSmtpd, false, nullptr,
          "SMTP connections that one worker holds at once; past it clients hear 421"},
  Setting{"smtp_listen", Type::kWords, &Config::smtp_listen, "*:25", 0, 0, 0, false, check_listen,
          "addresses of the SMTP port"},
  Setting{"smtp_rate_limit", Type::kCount, &Config::smtp_rate_limit, "50", 0, 1048575, kSmtpd, false, nullptr,
          "messages a minute and sender address (null sender: client address); 0 is no limit"},
  Setting{"smtp_timeout", Type::kDuration, &Config::smtp_timeout, "5m", kSecond, kHour, kSmtpd, false, nullptr,
          "time that an SMTP client may be silent"},
  Setting{"smtp_tls", Type::kChoice, &Config::smtp_tls, "required", 0, 0, kSmtpd, false, nullptr,
          "required: mail is taken over STARTTLS only; optional: also in clear"},
  Setting{"smtpd_workers", Type::kCount, &Config::smtpd_workers, "0", 0, 1024, 0, false, nullptr,
          "number of SMTP workers; 0 is the number of CPUs"},
  Setting{"tls_certificate", Type::kText, &Config::tls_certificate, RESTANTE_SYSCONFDIR "/tls/fullchain.pem", 0, 0, 0, false, check_path,
          "certificate with its chain, PEM"},
  Setting{"tls_key", Type::kText, &Config::tls_key, RESTANTE_SYSCONFDIR "/tls/privkey.pem", 0, 0, 0, false, check_path,
          "private key of the certificate, PEM"},
  Setting{"user", Type::kText, &Config::user, "restante", 0, 0, 0, false, nullptr,
          "user that everything runs as once the ports are bound"},
};
// clang-format on

constexpr std::array<std::pair<std::string_view, SmtpTls>, 2> kTlsChoices = {
    {{"required", SmtpTls::kRequired}, {"optional", SmtpTls::kOptional}}};
constexpr std::array<std::pair<std::string_view, log::Level>, 5> kLevelChoices = {
    {{"error", log::Level::kError},
     {"warning", log::Level::kWarning},
     {"notice", log::Level::kNotice},
     {"info", log::Level::kInfo},
     {"debug", log::Level::kDebug}}};

const auto& choices(SmtpTls) { return kTlsChoices; }
const auto& choices(log::Level) { return kLevelChoices; }

// A unit after a number: how much it stands for.
struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
// The first that fits is what is written: a day is written as 24h.
constexpr std::array kTimeUnits = {Unit{"h", kHour}, Unit{"m", 60 * kSecond}, Unit{"s", kSecond},
                                   Unit{"ms", 1}, Unit{"d", kDay}};
constexpr std::array kSizeUnits = {Unit{"G", kGiB}, Unit{"M", kMiB}, Unit{"K", kKiB}, Unit{"", 1}};

std::optional<std::uint64_t> parse_with_unit(std::string_view text, std::span<const Unit> units) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end == text.data()) return {};
  const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const Unit& unit : units) {
    if (unit.name == suffix && number <= UINT64_MAX / unit.factor) return number * unit.factor;
  }
  return {};
}

std::string format_with_unit(std::uint64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (value % unit.factor == 0 && value != 0) {
      return fmt::format("{}{}", value / unit.factor, unit.name);
    }
  }
  return "0";
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

const Setting* find_setting(std::string_view name) {
  const auto found = std::ranges::find(kSettings, name, &Setting::name);
  return found == kSettings.end() ? nullptr : &*found;
}

// What a bad number should have been.
std::string allowed_range(const Setting& setting) {
  const std::span<const Unit> units = setting.type == Type::kDuration
                                          ? std::span<const Unit>(kTimeUnits)
                                          : std::span<const Unit>(kSizeUnits);
  if (setting.type == Type::kCount) {
    return fmt::format("a number from {} to {}", setting.min, setting.max);
  }
  return fmt::format("a {} from {} to {}", setting.type == Type::kSize ? "size" : "duration",
                     setting.min == 0 ? "0" : format_with_unit(setting.min, units),
                     format_with_unit(setting.max, units));
}

// Puts a value where it belongs; the error says what is wrong with it, without its place.
struct Assign {
  const Setting& setting;
  std::string_view value;
  Config& config;
  using Fault = std::optional<std::string>;

  Fault operator()(std::string Config::* member) const {
    if (setting.check != nullptr && !value.empty()) {
      if (Fault fault = setting.check(value)) return fault;
    }
    config.*member = value;
    return {};
  }

  Fault operator()(std::vector<std::string> Config::* member) const {
    std::vector<std::string> words;
    for (std::size_t at = 0; (at = value.find_first_not_of(" \t", at)) != std::string_view::npos;) {
      const std::size_t end = std::min(value.find_first_of(" \t", at), value.size());
      words.emplace_back(value.substr(at, end - at));
      if (Fault fault = setting.check(words.back())) return fault;
      at = end;
    }
    config.*member = std::move(words);
    return {};
  }

  Fault operator()(std::uint64_t Config::* member) const {
    const auto number = setting.type == Type::kSize ? parse_with_unit(value, kSizeUnits)
                                                    : parse_with_unit(value, {{Unit{"", 1}}});
    return store(number, [&](std::uint64_t good) { config.*member = good; });
  }

  Fault operator()(milliseconds Config::* member) const {
    std::string with_unit(value);
    if (!value.empty() && value.back() >= '0' && value.back() <= '9') with_unit += 's';
    return store(parse_with_unit(with_unit, kTimeUnits), [&](std::uint64_t good) {
      config.*member = milliseconds(static_cast<std::int64_t>(good));
    });
  }

  template <class Choice>
  Fault operator()(Choice Config::* member) const {
    std::string allowed;
    for (const auto& [name, choice] : choices(Choice{})) {
      if (name == value) {
        config.*member = choice;
        return {};
      }
      fmt::format_to(std::back_inserter(allowed), "{}{}", allowed.empty() ? "" : ", ", name);
    }
    return fmt::format("is not one of {}", allowed);
  }

 private:
  template <class Store>
  Fault store(std::optional<std::uint64_t> number, Store store_it) const {
    if (!number || *number < setting.min || *number > setting.max) {
      return fmt::format("is not {}", allowed_range(setting));
    }
    store_it(*number);
    return {};
  }
};

struct Format {
  const Setting& setting;
  const Config& config;

  std::string operator()(std::string Config::* member) const { return config.*member; }
  std::string operator()(std::vector<std::string> Config::* member) const {
    return fmt::format("{}", fmt::join(config.*member, " "));
  }
  std::string operator()(std::uint64_t Config::* member) const {
    if (setting.type == Type::kSize) return format_with_unit(config.*member, kSizeUnits);
    return fmt::format("{}", config.*member);
  }
  std::string operator()(milliseconds Config::* member) const {
    return format_with_unit(static_cast<std::uint64_t>((config.*member).count()), kTimeUnits);
  }
  template <class Choice>
  std::string operator()(Choice Config::* member) const {
    for (const auto& [name, choice] : choices(Choice{})) {
      if (choice == config.*member) return std::string(name);
    }
    return {};
  }
};

std::string value_text(const Setting& setting, const Config& config) {
  return std::visit(Format{setting, config}, setting.member);
}

Result<void> assign(Config& config, std::string_view name, std::string_view value,
                    std::string_view place) {
  const Setting* setting = find_setting(name);
  if (setting == nullptr) {
    return fail(ErrorKind::kConfig, "{}: {} is no setting of restante; restante -T lists them",
                place, log::quoted(name));
  }
  if (auto fault = std::visit(Assign{*setting, value, config}, setting->member)) {
    return fail(ErrorKind::kConfig, "{}: {}: {} {}", place, name,
                setting->secret ? "the value" : log::quoted(value), *fault);
  }
  return {};
}

// The variables of the system that restante replaces, beside RESTANTE_<NAME>.
struct Variable {
  std::string_view name, setting;
};
constexpr std::array kVariables = {Variable{"DOMAIN", "domain"}, Variable{"API_KEY", "api_key"},
                                   Variable{"REDIS_ADDR", "redis"},
                                   Variable{"GIN_MODE", "log_level"}};

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::string machine_name(const Config& config) {
  char name[HOST_NAME_MAX + 1] = {};
  if (gethostname(name, sizeof name - 1) == 0) {
    const std::string_view full(name);
    if (full.find('.') != std::string_view::npos && !check_domain(full)) return std::string(full);
  }
  return config.domain.front();
}

}  // namespace

bool Config::has_domain(std::string_view name) const {
  return std::ranges::any_of(domain, [&](const std::string& ours) {
    return ours.size() == name.size() && strncasecmp(ours.data(), name.data(), name.size()) == 0;
  });
}

Result<milliseconds> parse_duration(std::string_view text) {
  const auto number = parse_with_unit(text, kTimeUnits);
  if (!number || *number > static_cast<std::uint64_t>(INT64_MAX)) {
    return fail(ErrorKind::kConfig, "{} is no duration; write 30s, 5m or 24h", log::quoted(text));
  }
  return milliseconds(static_cast<std::int64_t>(*number));
}

Result<std::uint64_t> parse_size(std::string_view text) {
  if (const auto number = parse_with_unit(text, kSizeUnits)) return *number;
  return fail(ErrorKind::kConfig, "{} is no size; write 500K, 25M or 1G", log::quoted(text));
}

Result<ListenAddress> parse_listen(std::string_view text) {
  constexpr std::string_view kHelp = "is no address:port; write *:25, 192.0.2.1:25 or [::1]:25";
  ListenAddress address{};
  std::string_view port = text;
  if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    std::string_view host = text.substr(0, colon);
    port = text.substr(colon + 1);
    const bool brackets = host.starts_with('[') && host.ends_with(']');
    if (brackets) host = host.substr(1, host.size() - 2);
    if (host != "*") address.host = host;
    in6_addr binary{};
    const int family = brackets ? AF_INET6 : AF_INET;
    if (!address.host.empty() && inet_pton(family, address.host.c_str(), &binary) != 1) {
      return fail(ErrorKind::kConfig, "{}", kHelp);
    }
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc{} || end != port.data() + port.size()) {
    return fail(ErrorKind::kConfig, "{}", kHelp);
  }
  return address;
}

ConfigReader::ConfigReader() {
  for (const Setting& setting : kSettings) {
    // A default that does not pass its own check would be found by the unit test.
    (void)std::visit(Assign{setting, setting.default_value, config_}, setting.member);
  }
}

Result<void> ConfigReader::read_file(std::string_view text, std::string_view file) {
  std::map<std::string, int, std::less<>> lines_of;
  int number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.starts_with('#')) continue;
    const std::string place = fmt::format("{}:{}", file, number);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) {
      return fail(ErrorKind::kConfig, "{}: no '=' in {}; write name = value", place,
                  log::quoted(line));
    }
    const std::string_view name = trim(line.substr(0, equals));
    if (const auto [first, fresh] = lines_of.try_emplace(std::string(name), number); !fresh) {
      return fail(ErrorKind::kConfig, "{}: {} is set already, in line {}", place,
                  log::quoted(name), first->second);
    }
    if (auto done = assign(config_, name, trim(line.substr(equals + 1)), place); !done) return done;
  }
  return {};
}

Result<void> ConfigReader::read_environment(std::span<const char* const> variables) {
  for (const std::string_view variable : variables) {
    const std::size_t equals = std::min(variable.find('='), variable.size());
    const std::string_view name = variable.substr(0, equals);
    std::string_view value = trim(variable.substr(std::min(equals + 1, variable.size())));
    std::string setting;
    if (name.starts_with("RESTANTE_")) setting = lower(name.substr(9));
    for (const Variable& original : kVariables) {
      if (original.name == name && !value.empty()) setting = original.setting;
    }
    if (setting.empty()) continue;
    if (name == "GIN_MODE") {
      if (value != "debug" && value != "release") {
        return fail(ErrorKind::kConfig, "environment GIN_MODE: {} is not one of debug, release",
                    log::quoted(value));
      }
      if (value == "release") value = "info";
    }
    const std::string place = fmt::format("environment {}", name);
    if (auto done = assign(config_, setting, value, place); !done) return done;
  }
  return {};
}

Result<void> ConfigReader::set(std::string_view assignment, std::string_view place) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos) {
    return fail(ErrorKind::kConfig, "{}: no '=' in {}; write name=value", place,
                log::quoted(assignment));
  }
  return assign(config_, trim(assignment.substr(0, equals)), trim(assignment.substr(equals + 1)),
                place);
}

Result<Config> ConfigReader::finish() const {
  Config config = config_;
  if (config.domain.empty()) {
    return fail(ErrorKind::kConfig,
                "domain is not set: write domain = example.com into the configuration file, or set "
                "DOMAIN in the environment");
  }
  if (config.api_key.empty() && config.api_key_file.empty()) {
    return fail(ErrorKind::kConfig,
                "api_key is not set: write api_key = followed by the output of openssl rand -hex "
                "24 into the configuration file, or set API_KEY in the environment");
  }
  for (std::string& name : config.domain) name = lower(name);
  const std::uint64_t cpus = std::max(1U, std::thread::hardware_concurrency());
  if (config.smtpd_workers == 0) config.smtpd_workers = cpus;
  if (config.mimed_workers == 0) config.mimed_workers = cpus;
  if (config.apid_workers == 0) config.apid_workers = std::max<std::uint64_t>(1, cpus / 2);
  if (config.hostname.empty()) config.hostname = machine_name(config);
  return config;
}

std::string format_config(const Config& config, Audience audience) {
  std::string text;
  for (const Setting& setting : kSettings) {
    const unsigned reader = static_cast<unsigned>(audience);
    if (audience != Audience::kMaster && (setting.audience & reader) == 0) continue;
    fmt::format_to(std::back_inserter(text), "{} = {}\n", setting.name,
                   value_text(setting, config));
  }
  return text;
}

std::string describe_config(const Config& config) {
  std::string text;
  for (const Setting& setting : kSettings) {
    std::string value = value_text(setting, config);
    if (setting.secret && value.find_first_of("@") != std::string::npos) value = "(not shown)";
    if (setting.type == Type::kWords && setting.secret && !value.empty()) value = "(not shown)";
    fmt::format_to(std::back_inserter(text), "{} = {}\n", setting.name, value);
  }
  return text;
}

std::vector<SettingInfo> all_settings() {
  constexpr std::array<std::string_view, 6> kTypeNames = {"text", "words",    "number",
                                                          "size", "duration", "choice"};
  std::vector<SettingInfo> infos;
  for (const Setting& setting : kSettings) {
    infos.push_back({setting.name, setting.default_value, setting.help,
                     kTypeNames[static_cast<std::size_t>(setting.type)]});
  }
  return infos;
}

}  // namespace restante
