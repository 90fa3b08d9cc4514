// SPDX-License-Identifier: ISC
// The table of settings: what each is called, may be, means, and who may see it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "shared/base/program.h"
#include "shared/config/config.h"

namespace restante::config {

struct Setting {
  enum class Type : std::uint8_t { kText, kWords, kCount, kSize, kDuration, kChoice };
  using Member =
      std::variant<std::string Config::*, std::vector<std::string> Config::*,
                   std::uint64_t Config::*, std::chrono::milliseconds Config::*, SmtpTls Config::*,
                   BareNewline Config::*, MailboxFull Config::*, mail::MailboxCase Config::*,
                   mail::MailboxTag Config::*, mail::MailboxDomains Config::*, MtaSts Config::*,
                   RedisStrict Config::*, Sandbox Config::*, log::Level Config::*>;
  // Says what is wrong with a text or with one word of a list.
  using Check = std::optional<std::string> (*)(std::string_view value);

  std::string_view name;
  Type type;
  Member member;
  std::string_view default_value;
  std::uint64_t min, max;  // counts; bytes; milliseconds; of a text: 1 if it must not be empty
  unsigned readers;        // the programs beside the master that may see it: a bit_of() each
  bool secret;
  Check check;
  std::string_view help;
};

constexpr unsigned bit_of(Program program) { return 1U << static_cast<unsigned>(program); }

// In alphabetical order.
[[nodiscard]] std::span<const Setting> settings();
[[nodiscard]] const Setting* find_setting(std::string_view name);

// A domain name of letters, digits, hyphens and underscores, or one with U-labels.
[[nodiscard]] std::optional<std::string> check_domain(std::string_view value);

}  // namespace restante::config
