// SPDX-License-Identifier: ISC
#include "shared/config/setting_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

namespace restante::config {
namespace {

using std::chrono::milliseconds;
using Type = Setting::Type;

constexpr std::uint64_t kKiB = 1024, kMiB = 1024 * kKiB, kGiB = 1024 * kMiB;
constexpr std::uint64_t kSecond = 1000, kHour = 3600 * kSecond, kDay = 24 * kHour;

constexpr std::array<std::pair<std::string_view, SmtpTls>, 2> kTlsChoices = {
    {{"required", SmtpTls::kRequired}, {"optional", SmtpTls::kOptional}}};
constexpr std::array<std::pair<std::string_view, MailboxFull>, 2> kFullChoices = {
    {{"refuse", MailboxFull::kRefuse}, {"drop_oldest", MailboxFull::kDropOldest}}};
constexpr std::array<std::pair<std::string_view, BareNewline>, 3> kNewlineChoices = {
    {{"keep", BareNewline::kKeep},
     {"normalize", BareNewline::kNormalize},
     {"reject", BareNewline::kReject}}};
constexpr std::array<std::pair<std::string_view, mail::MailboxCase>, 2> kCaseChoices = {
    {{"fold", mail::MailboxCase::kFold}, {"keep", mail::MailboxCase::kKeep}}};
constexpr std::array<std::pair<std::string_view, mail::MailboxTag>, 2> kTagChoices = {
    {{"keep", mail::MailboxTag::kKeep}, {"cut", mail::MailboxTag::kCut}}};
constexpr std::array<std::pair<std::string_view, mail::MailboxDomains>, 2> kDomainsChoices = {
    {{"shared", mail::MailboxDomains::kShared}, {"separate", mail::MailboxDomains::kSeparate}}};
constexpr std::array<std::pair<std::string_view, MtaSts>, 3> kMtaStsChoices = {
    {{"none", MtaSts::kNone}, {"testing", MtaSts::kTesting}, {"enforce", MtaSts::kEnforce}}};
constexpr std::array<std::pair<std::string_view, RedisStrict>, 2> kStrictChoices = {
    {{"no", RedisStrict::kNo}, {"yes", RedisStrict::kYes}}};
constexpr std::array<std::pair<std::string_view, Sandbox>, 2> kSandboxChoices = {
    {{"no", Sandbox::kNo}, {"yes", Sandbox::kYes}}};
constexpr std::array<std::pair<std::string_view, log::Level>, 5> kLevelChoices = {
    {{"error", log::Level::kError},
     {"warning", log::Level::kWarning},
     {"notice", log::Level::kNotice},
     {"info", log::Level::kInfo},
     {"debug", log::Level::kDebug}}};

const auto& choices(SmtpTls) { return kTlsChoices; }
const auto& choices(MailboxFull) { return kFullChoices; }
const auto& choices(BareNewline) { return kNewlineChoices; }
const auto& choices(mail::MailboxCase) { return kCaseChoices; }
const auto& choices(mail::MailboxTag) { return kTagChoices; }
const auto& choices(mail::MailboxDomains) { return kDomainsChoices; }
const auto& choices(MtaSts) { return kMtaStsChoices; }
const auto& choices(RedisStrict) { return kStrictChoices; }
const auto& choices(Sandbox) { return kSandboxChoices; }
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

}  // namespace

std::optional<std::string> assign_value(const Setting& setting, std::string_view value,
                                        Config& config) {
  // A NUL would end it for the C library, and a line end for the worker that is handed it.
  const bool has_control = std::ranges::any_of(
      value, [](char c) { return (c >= '\0' && c < ' ' && c != '\t') || c == '\x7f'; });
  if (has_control) return "has a control character";
  const bool is_text = setting.type == Type::kText || setting.type == Type::kWords;
  if (is_text && value.empty() && setting.min > 0) return "must not be empty";
  return std::visit(Assign{setting, value, config}, setting.member);
}

std::string value_text(const Setting& setting, const Config& config) {
  return std::visit(Format{setting, config}, setting.member);
}

}  // namespace restante::config
